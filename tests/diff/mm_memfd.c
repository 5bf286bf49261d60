/* SPDX-License-Identifier: MIT */
/* memfd_create(2): seals against mappings, fork, exec of one, truncation under a mapping. */
#include "mm_util.h"

#include <sys/stat.h>

static void test_future_write(void)
{
	int fd = memfd_create("future", MFD_ALLOW_SEALING);
	char *p, *q, c;

	ftruncate(fd, 2 * PAGE);
	p = map("before", NULL, PAGE, RW, MAP_SHARED, fd, 0);
	say("seal writes", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	say("seal future writes", fcntl(fd, F_ADD_SEALS, 0x10));
	p[0] = 5;
	pread(fd, &c, 1, 0);
	printf("%d\n", c);
	say("write", write(fd, "x", 1));
	map("writable now", NULL, PAGE, RW, MAP_SHARED, fd, 0);
	q = map("readable", NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	p[0] = 6;
	printf("%d\n", q[0]);
	q = map("private", NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	q[0] = 9;
	printf("%d %d\n", p[0], q[0]);
	printf("seals %x\n", fcntl(fd, F_GET_SEALS));
}

static void test_shrink(void)
{
	int fd = memfd_create("shrink", MFD_ALLOW_SEALING);
	char *p;

	ftruncate(fd, 4 * PAGE);
	p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	memset(p, 3, 4 * PAGE);
	ftruncate(fd, PAGE + 10);
	touch("kept", p + PAGE + 5, 0);
	touch("cut within the page", p + PAGE + 20, 0);
	touch("cut off", p + 2 * PAGE, 0);
	fallocate(fd, 0, 0, 3 * PAGE);
	touch("back, empty", p + 2 * PAGE, 0);
	fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE);
	touch("punched", p, 0);
	say("seal shrinking", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	say("shrink", ftruncate(fd, 1));
}

static void test_fork(void)
{
	int fd = memfd_create("fork", 0), st;
	volatile char *p;

	ftruncate(fd, PAGE);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	if (!fork()) {
		p[0] = 1;
		pwrite(fd, "\2", 1, 1);
		ftruncate(fd, 3 * PAGE);
		_exit(0);
	}
	wait(&st);
	struct stat s;
	fstat(fd, &s);
	printf("%d %d size %ld\n", p[0], p[1], (long)s.st_size);
}

static void test_exec(void)
{
	int in = open("/bin/true", O_RDONLY), fd = memfd_create("prog", MFD_CLOEXEC | MFD_ALLOW_SEALING), st;
	static char buf[1 << 16];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		write(fd, buf, (size_t)n);
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	fflush(stdout);
	if (!fork()) {
		fexecve(fd, (char *[]){"prog", NULL}, (char *[]){NULL});
		_exit(99);
	}
	wait(&st);
	printf("exec: %x\n", st);
}

int main(void)
{
	setbuf(stdout, NULL);
	catch_faults();
	test_future_write();
	test_shrink();
	test_fork();
	test_exec();
	return 0;
}
