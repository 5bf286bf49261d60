/* SPDX-License-Identifier: MIT */
/* madvise(2): what each advice does that can be seen, and errors; process_madvise(2). */
#include "mm_util.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static int present(char *p)
{
	unsigned char v;

	return mincore(p, 1, &v) ? -1 : v & 1;
}

static void test_all(void)
{
	static const int all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 99, -1, 1000};
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0), what[40];

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(what, sizeof(what), "advice %d", all[i]);
		say(what, madvise(p, 4 * PAGE, all[i]));
	}
	say("odd", madvise(p + 1, PAGE, MADV_DONTNEED));
	say("length 0", madvise(p, 0, MADV_DONTNEED));
	say("length 0, unknown", madvise(p, 0, 99));
	say("huge length", madvise(p, (size_t)-1, MADV_DONTNEED));
	say("wraps", madvise(p, -PAGE, MADV_DONTNEED));
	munmap(p + PAGE, PAGE);
	p[3 * PAGE] = 4;
	say("hole", madvise(p, 4 * PAGE, MADV_DONTNEED));
	printf("behind the hole: %d\n", p[3 * PAGE]);
	say("mergeable with a hole", madvise(p, 4 * PAGE, MADV_MERGEABLE));
	say("populate with a hole", madvise(p, 4 * PAGE, MADV_POPULATE_READ));
}

static void test_contents(void)
{
	int fd = scratch(4 * PAGE);
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0), *f = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), c = 1;
	char *q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0), *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	madvise(p, 4 * PAGE, MADV_NOHUGEPAGE);
	memset(p, 1, 4 * PAGE);
	say("dontneed", madvise(p + PAGE, PAGE, MADV_DONTNEED));
	printf("%d %d %d\n", p[0], p[PAGE], p[2 * PAGE]);
	q[0] = 99;
	say("dontneed, private file", madvise(q, PAGE, MADV_DONTNEED));
	printf("%d\n", q[0]);
	s[0] = 5;
	say("dontneed, shared", madvise(s, PAGE, MADV_DONTNEED));
	printf("%d\n", s[0]);
	say("remove, shared memory", madvise(s, PAGE, MADV_REMOVE));
	printf("%d\n", s[0]);
	say("remove, private", madvise(p, PAGE, MADV_REMOVE));
	say("remove, file", madvise(f + PAGE, PAGE, MADV_REMOVE));
	pread(fd, &c, 1, PAGE + 10);
	printf("%d %d %d, file %d\n", f[0], f[PAGE], f[2 * PAGE], c);
	madvise(p, 4 * PAGE, MADV_DONTNEED);
	say("populate read", madvise(p, PAGE, MADV_POPULATE_READ));
	say("populate write", madvise(p + 2 * PAGE, PAGE, MADV_POPULATE_WRITE));
	printf("%d %d %d\n", present(p), present(p + PAGE), present(p + 2 * PAGE));
	mprotect(p, PAGE, PROT_READ);
	say("populate write, read-only", madvise(p, PAGE, MADV_POPULATE_WRITE));
	mprotect(p, PAGE, PROT_NONE);
	say("populate read, none", madvise(p, PAGE, MADV_POPULATE_READ));
	ftruncate(fd, PAGE);
	say("populate beyond the end", madvise(f, 4 * PAGE, MADV_POPULATE_READ));
	say("free, file", madvise(f, PAGE, MADV_FREE));
	say("free", madvise(p + 2 * PAGE, PAGE, MADV_FREE));
	mlock(p + 3 * PAGE, PAGE);
}

static void test_fork(void)
{
	char *p = mmap(NULL, 3 * PAGE, RW, ANON, -1, 0), *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int st;

	memset(p, 6, 3 * PAGE);
	say("wipeonfork", madvise(p, PAGE, MADV_WIPEONFORK));
	say("dontfork", madvise(p + PAGE, PAGE, MADV_DONTFORK));
	say("wipeonfork, shared", madvise(s, PAGE, MADV_WIPEONFORK));
	if (!fork()) {
		touch("wiped", p, 0);
		touch("not there", p + PAGE, 0);
		touch("inherited", p + 2 * PAGE, 0);
		_exit(0);
	}
	wait(&st);
	printf("parent: %d %d %d\n", p[0], p[PAGE], p[2 * PAGE]);
	say("keeponfork", madvise(p, PAGE, MADV_KEEPONFORK));
	say("dofork", madvise(p + PAGE, PAGE, MADV_DOFORK));
	if (!fork()) {
		printf("child: %d %d %d\n", p[0], p[PAGE], p[2 * PAGE]);
		_exit(0);
	}
	wait(&st);
}

static void test_process(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
	struct {
		void *p;
		size_t n;
	} iov[2] = {{p, 2 * PAGE}, {p + 2 * PAGE, PAGE}};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	memset(p, 1, 4 * PAGE);
	say("cold", syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 0));
	say("pageout", syscall(SYS_process_madvise, fd, iov, 2, MADV_PAGEOUT, 0));
	say("willneed", syscall(SYS_process_madvise, fd, iov, 1, MADV_WILLNEED, 0));
	say("flags", syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 1));
	say("not a pidfd", syscall(SYS_process_madvise, 0, iov, 2, MADV_COLD, 0));
	say("bad descriptor", syscall(SYS_process_madvise, 999, iov, 2, MADV_COLD, 0));
	say("bad vector", syscall(SYS_process_madvise, fd, 8, 2, MADV_COLD, 0));
	say("too many", syscall(SYS_process_madvise, fd, iov, 2000, MADV_COLD, 0));
	iov[0].p = p + 1;
	say("odd", syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 0));
	iov[0].p = p;
	munmap(p + 2 * PAGE, PAGE);
	say("second not there", syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 0));
	say("first not there", syscall(SYS_process_madvise, fd, iov + 1, 1, MADV_COLD, 0));
}

int main(void)
{
	setbuf(stdout, NULL);
	catch_faults();
	test_all();
	test_contents();
	test_fork();
	test_process();
	return 0;
}
