/* SPDX-License-Identifier: MIT */
/* mremap(2): files, shared memory, DONTUNMAP, doubling, errors; remap_file_pages(2). */
#include "mm_util.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static char *remap(const char *what, void *p, size_t old, size_t len, int flags, void *to)
{
	char *r = mremap(p, old, len, flags, to);

	printf("%s: %s\n", what, r == MAP_FAILED ? strerrorname_np(errno) : "ok");
	return r;
}

static void test_errors(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0), *free_place = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);

	munmap(free_place, 8 * PAGE);
	remap("odd address", p + 1, PAGE, PAGE, 0, NULL);
	remap("new length 0", p, PAGE, 0, MREMAP_MAYMOVE, NULL);
	remap("old length 0 of private", p, 0, PAGE, MREMAP_MAYMOVE, NULL);
	remap("unknown flag", p, PAGE, PAGE, 8, NULL);
	remap("fixed without maymove", p, PAGE, PAGE, MREMAP_FIXED, free_place);
	remap("fixed to an odd place", p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, free_place + 1);
	remap("fixed onto itself", p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE);
	remap("fixed too high", p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x7ffffffff000);
	remap("dontunmap without maymove", p, PAGE, PAGE, MREMAP_DONTUNMAP, NULL);
	remap("dontunmap and grow", p, PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, NULL);
	remap("nothing there", free_place, PAGE, 2 * PAGE, MREMAP_MAYMOVE, NULL);
	remap("nothing there, shrink", free_place, 2 * PAGE, PAGE, 0, NULL);
	remap("longer than the mapping", p, 64 * PAGE, 65 * PAGE, MREMAP_MAYMOVE, NULL);
	remap("no room to grow", p, PAGE, 2 * PAGE, 0, NULL);
	remap("same size", p, PAGE, PAGE, 0, NULL);
	remap("bytes, same pages", p, 10, 20, 0, NULL);
}

static void test_dontunmap(void)
{
	char *p = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0), *q;

	p[0] = 42;
	q = remap("dontunmap", p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	printf("there %d, here %d\n", q[0], p[0]);
	p[0] = 3;
	printf("there %d, here %d\n", q[0], p[0]);
	q = remap("fixed", q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	printf("%d %d\n", q == p, p[0]);
}

/* Growing, moving and growing again: it stays one mapping. */
static void test_often(void)
{
	char *place = mmap(NULL, 256 * PAGE, PROT_NONE, ANON, -1, 0), *p = mmap(NULL, PAGE, RW, ANON, -1, 0);
	size_t n = 1;
	int sum = 0;

	for (int i = 0; i < 6; i++) {
		memset(p + (n - 1) * PAGE, (int)n, PAGE);
		p = mremap(p, n * PAGE, (n + 3) * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + (i % 2 ? 0 : 128) * PAGE);
		if (p == MAP_FAILED)
			say("grow", -1);
		n += 3;
		memset(p + (n - 2) * PAGE, 1, PAGE);
	}
	for (size_t i = 0; i < n; i++)
		sum += p[i * PAGE];
	printf("%zu pages, sum %d\n", n, sum);
	p = remap("move the whole", p, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 64 * PAGE);
	p = remap("shrink and move", p, n * PAGE, (n - 4) * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 200 * PAGE);
	p = remap("leave it mapped", p, (n - 4) * PAGE, (n - 4) * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	sum = 0;
	for (size_t i = 0; i < n - 4; i++)
		sum += p[i * PAGE];
	printf("sum %d\n", sum);
}

static void test_file(void)
{
	int fd = scratch(6 * PAGE);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE), *guard, *q, c;

	guard = mmap(p + 2 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	q = remap("no room", p, 2 * PAGE, 4 * PAGE, 0, NULL);
	q = remap("grow a shared file", p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, NULL);
	printf("%d %d %d %d\n", q[0], q[PAGE], q[2 * PAGE], q[3 * PAGE]);
	q[3 * PAGE] = 99;
	pread(fd, &c, 1, 4 * PAGE);
	printf("the file has %d\n", c);
	touch("old place", p, 0);
	q = remap("beyond the end", q, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, NULL);
	touch("last of the file", q + 4 * PAGE, 0);
	touch("behind", q + 5 * PAGE, 0);
	q = remap("shrink", q, 8 * PAGE, PAGE, 0, NULL);
	touch("shrunk", q, 0);
	touch("cut off", q + PAGE, 0);
	q = remap("a second view", q, 0, 2 * PAGE, MREMAP_MAYMOVE, NULL);
	printf("%d %d\n", q[0], q[PAGE]);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	p[0] = 55;
	q = remap("grow a private file", p, PAGE, 3 * PAGE, MREMAP_MAYMOVE, NULL);
	printf("%d %d %d\n", q[0], q[PAGE], q[2 * PAGE]);
	close(fd);
	q = remap("grow it when closed", q, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, NULL);
	printf("%d %d\n", q[0], q[3 * PAGE]);
	fd = open("/bin/sh", O_RDONLY);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	q = remap("grow a program", p, PAGE, 8 * PAGE, MREMAP_MAYMOVE, NULL);
	char buf[16];
	pread(fd, buf, 16, 5 * PAGE);
	printf("same: %d %d\n", !memcmp(q + 5 * PAGE, buf, 16), !memcmp(q, "\177ELF", 4));
	(void)guard;
}

static void test_shared(void)
{
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *q;

	p[0] = 7;
	q = remap("move shared memory", p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		  mmap(NULL, 2 * PAGE, PROT_NONE, ANON, -1, 0));
	printf("%d\n", q[0]);
	q = remap("grow shared memory", q, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, NULL);
	touch("old part", q, 0);
	touch("new part", q + 3 * PAGE, 0);
}

static void test_memfd(void)
{
	int fd = memfd_create("x", 0);
	char *p, *q;

	ftruncate(fd, PAGE);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	p[0] = 1;
	ftruncate(fd, 4 * PAGE);
	q = remap("grow with the file", p, PAGE, 4 * PAGE, MREMAP_MAYMOVE, NULL);
	q[3 * PAGE] = 8;
	pread(fd, q + PAGE, 1, 3 * PAGE);
	printf("%d %d\n", q[0], q[PAGE]);
}

static void test_remap_pages(void)
{
	int fd = scratch(4 * PAGE);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), *q = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);

	say("remap_file_pages", syscall(SYS_remap_file_pages, p, PAGE, 0, 3, 0));
	printf("%d %d\n", p[0], p[PAGE]);
	char *s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 4; i++)
		s[i * PAGE] = 10 + i;
	say("of shared memory", syscall(SYS_remap_file_pages, s, PAGE, 0, 2, 0));
	say("the other way", syscall(SYS_remap_file_pages, s + 2 * PAGE, PAGE, 0, 0, 0));
	printf("%d %d %d %d\n", s[0], s[PAGE], s[2 * PAGE], s[3 * PAGE]);
	say("with a protection", syscall(SYS_remap_file_pages, p, PAGE, 1, 3, 0));
	say("of private memory", syscall(SYS_remap_file_pages, q, PAGE, 0, 0, 0));
	say("of nothing", syscall(SYS_remap_file_pages, 0x200000, PAGE, 0, 0, 0));
	say("length 0", syscall(SYS_remap_file_pages, p, 0, 0, 0, 0));
}

int main(void)
{
	setbuf(stdout, NULL);
	catch_faults();
	test_errors();
	test_dontunmap();
	test_often();
	test_file();
	test_shared();
	test_memfd();
	test_remap_pages();
	return 0;
}
