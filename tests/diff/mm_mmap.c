/* SPDX-License-Identifier: MIT */
/* mmap(2): every form and each errno; munmap(2); what a touch past the end of a file raises. */
#include "mm_util.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

static void test_errors(void)
{
	int fd = scratch(3 * PAGE), wo, pfd[2], dir = open("/", O_RDONLY), path = open("/bin/sh", O_PATH), ro;
	char *p = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);

	wo = open("/dev/null", O_WRONLY);
	ro = open("/bin/sh", O_RDONLY);
	pipe(pfd);
	map("length 0", NULL, 0, RW, ANON, -1, 0);
	map("length 0 of a file", NULL, 0, RW, MAP_SHARED, fd, 0);
	map("huge length", NULL, (size_t)-1, RW, ANON, -1, 0);
	map("length above all", NULL, 1ul << 48, RW, ANON, -1, 0);
	map("no type", NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0);
	map("type 4", NULL, PAGE, RW, MAP_ANONYMOUS | 4, -1, 0);
	map("no type, file", NULL, PAGE, RW, 0, fd, 0);
	map("odd offset", NULL, PAGE, RW, MAP_SHARED, fd, 100);
	map("odd offset, anonymous", NULL, PAGE, RW, ANON, -1, 100);
	map("bad descriptor", NULL, PAGE, RW, MAP_SHARED, 999, 0);
	map("-1", NULL, PAGE, RW, MAP_PRIVATE, -1, 0);
	map("anonymous with a descriptor", NULL, PAGE, RW, ANON, 999, 0);
	map("O_PATH", NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0);
	map("pipe", NULL, PAGE, PROT_READ, MAP_PRIVATE, pfd[0], 0);
	map("pipe's writing end", NULL, PAGE, PROT_READ, MAP_PRIVATE, pfd[1], 0);
	map("directory", NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0);
	map("socket", NULL, PAGE, RW, MAP_SHARED, socket(AF_UNIX, SOCK_STREAM, 0), 0);
	map("eventfd", NULL, PAGE, RW, MAP_SHARED, eventfd(0, 0), 0);
	map("write-only", NULL, PAGE, PROT_WRITE, MAP_SHARED, wo, 0);
	map("/dev/null", NULL, PAGE, PROT_READ, MAP_SHARED, open("/dev/null", O_RDWR), 0);
	map("/dev/zero", NULL, PAGE, PROT_READ, MAP_SHARED, open("/dev/zero", O_RDWR), 0);
	map("/dev/zero, private", NULL, PAGE, RW, MAP_PRIVATE, open("/dev/zero", O_RDONLY), 0);
	map("/proc/self/maps", NULL, PAGE, PROT_READ, MAP_PRIVATE, open("/proc/self/maps", O_RDONLY), 0);
	map("read-only, shared and writable", NULL, PAGE, RW, MAP_SHARED, ro, 0);
	map("read-only, private and writable", NULL, PAGE, RW, MAP_PRIVATE, ro, 0);
	map("negative offset", NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, -(long)PAGE);
	map("last offset", NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0x7ffffffffffff000);
	map("validate, unknown flag", NULL, PAGE, RW, MAP_SHARED_VALIDATE | 0x2000000, fd, 0);
	map("validate, sync", NULL, PAGE, RW, MAP_SHARED_VALIDATE | 0x80000, fd, 0);
	map("validate", NULL, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0);
	map("fixed, odd", p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	map("fixed, odd, file", p + 1, PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0);
	map("fixed, too high", (void *)0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	map("fixed, too high, file", (void *)0xffff800000000000, PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0);
	map("noreplace on something", p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	map("noreplace on something, file", p, PAGE, RW, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
	munmap(p, PAGE);
	printf("noreplace on nothing: %d\n", mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p);
	map("growsdown of a file", NULL, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0);
	map("growsdown, shared", NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
	map("huge pages", NULL, 2 << 20, RW, ANON | MAP_HUGETLB, -1, 0);
	map("huge pages of 64 KiB", NULL, 2 << 20, RW, ANON | MAP_HUGETLB | 16 << 26, -1, 0);
	map("huge pages of a file", NULL, 2 << 20, RW, MAP_PRIVATE | MAP_HUGETLB, fd, 0);
	map("hint beyond all", (void *)0x7fffffffe000, 16 * PAGE, RW, ANON, -1, 0);
	map("odd hint", (void *)0x100001, PAGE, RW, ANON, -1, 0);
	p = map("32 bit", NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);
	printf("low: %d\n", (uintptr_t)p < 1ul << 32);
	p = map("32 bit, file", NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_32BIT, fd, 0);
	printf("low: %d\n", (uintptr_t)p < 1ul << 32);
	map("noreserve", NULL, 1ul << 40, RW, ANON | MAP_NORESERVE, -1, 0);
	map("unknown protection", NULL, PAGE, 0x100 | PROT_READ, ANON, -1, 0);
	say("munmap odd", munmap(p + 1, PAGE));
	say("munmap 0", munmap(p, 0));
	say("munmap high", munmap((void *)0x7ffffffff000, PAGE));
	say("munmap high, nothing there", munmap((void *)0x7ffffffe0000, PAGE));
	say("munmap nothing", munmap((void *)0x200000, PAGE));
}

static void test_file(void)
{
	int fd = scratch(2 * PAGE + 100);
	char *p = map("three pages and one", NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), *q, buf[8] = "";

	touch("first", p, 0);
	touch("third", p + 2 * PAGE + 50, 0);
	touch("behind the end, same page", p + 2 * PAGE + 200, 0);
	touch("page behind the end", p + 3 * PAGE, 0);
	touch("write there", p + 3 * PAGE + 5, 1);
	memcpy(p + PAGE, "shared", 6);
	pread(fd, buf, 6, PAGE);
	printf("the file has: %s\n", buf);
	pwrite(fd, "WROTE", 5, PAGE);
	printf("the mapping has: %.6s\n", p + PAGE);
	q = map("private", NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	touch("private behind", q + 3 * PAGE, 0);
	memcpy(q + PAGE, "mine", 4);
	pread(fd, buf, 6, PAGE);
	printf("the file still has: %s\n", buf);
	ftruncate(fd, PAGE);
	touch("cut off", p + PAGE, 0);
	touch("cut off, private and copied", q + PAGE, 0);
	touch("not cut off", p, 0);
	ftruncate(fd, 8 * PAGE);
	touch("grown again", p + PAGE, 0);
	touch("grown beyond what it was", p + 3 * PAGE, 1);
	say("unmap the middle", munmap(p + PAGE, PAGE));
	touch("hole", p + PAGE, 0);
	touch("behind the hole", p + 2 * PAGE, 0);
	p = map("far behind the end", NULL, PAGE, RW, MAP_SHARED, fd, 100 * PAGE);
	touch("there", p, 0);
	ftruncate(fd, 101 * PAGE);
	touch("after growing", p, 1);
	p = map("none", NULL, PAGE, PROT_NONE, MAP_SHARED, fd, 0);
	touch("none", p, 0);
	p = map("read", NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	touch("write to read-only", p, 1);
	close(fd);
	touch("after close", p, 0);
}

/* A file of the image, which lies in a larger host file. */
static void test_image_file(void)
{
	int fd = open("/etc/passwd", O_RDONLY);
	struct stat st;
	char *p;
	size_t end;

	fstat(fd, &st);
	end = ((size_t)st.st_size + PAGE - 1) & ~(PAGE - 1);
	p = map("more than there is", NULL, end + 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	touch("first", p, 0);
	touch("last byte of the last page", p + end - 1, 0);
	touch("behind", p + end, 0);
	touch("far behind", p + end + 3 * PAGE, 0);
	p = map("shared", NULL, end + PAGE, PROT_READ, MAP_SHARED, fd, 0);
	touch("first", p, 0);
	touch("behind", p + end, 0);
	say("make it writable", mprotect(p, PAGE, RW));
	p = map("behind the end", NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, (off_t)end);
	touch("behind the end", p, 0);
}

static void test_shared(void)
{
	volatile char *p = map("shared anonymous", NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile char *q = map("private", NULL, PAGE, RW, ANON, -1, 0);
	volatile char *z = map("/dev/zero", NULL, PAGE, RW, MAP_SHARED, open("/dev/zero", O_RDWR), 0);
	int st;

	p[0] = q[0] = z[0] = 1;
	if (!fork()) {
		p[0] = q[0] = z[0] = 2;
		p[PAGE] = 9;
		_exit(0);
	}
	wait(&st);
	printf("shared %d %d private %d zero %d\n", p[0], p[PAGE], q[0], z[0]);
}

static void test_fixed(void)
{
	int fd = scratch(2 * PAGE);
	char *p = map("room", NULL, 8 * PAGE, RW, ANON, -1, 0);

	memset(p, 5, 8 * PAGE);
	map("file over it", p + 2 * PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
	printf("%d %d %d %d\n", p[PAGE], p[2 * PAGE], p[3 * PAGE], p[4 * PAGE]);
	map("anonymous over that", p + 3 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	printf("%d %d %d %d\n", p[PAGE], p[2 * PAGE], p[3 * PAGE], p[4 * PAGE]);
	map("shared over that", p + 4 * PAGE, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	printf("%d %d %d %d\n", p[PAGE], p[2 * PAGE], p[3 * PAGE], p[4 * PAGE]);
	map("populate", p, PAGE, RW, ANON | MAP_FIXED | MAP_POPULATE, -1, 0);
	map("populate a file", p, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd, PAGE);
	printf("%d\n", p[0]);
}

int main(void)
{
	setbuf(stdout, NULL);
	catch_faults();
	test_errors();
	test_file();
	test_image_file();
	test_shared();
	test_fixed();
	return 0;
}
