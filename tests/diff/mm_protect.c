/* SPDX-License-Identifier: MIT */
/* mprotect(2), pkey_mprotect(2), msync(2), mincore(2), brk(2), stack and MAP_GROWSDOWN. */
#include "mm_util.h"

#include <sys/resource.h>

static void test_mprotect(void)
{
	char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
	int ro = open("/bin/sh", O_RDONLY);
	char *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);

	memset(p, 1, 8 * PAGE);
	say("odd", mprotect(p + 1, PAGE, PROT_READ));
	say("length 0", mprotect(p, 0, PROT_READ));
	say("unknown protection", mprotect(p, PAGE, 0x40));
	say("both ways", mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
	say("up", mprotect(p, PAGE, PROT_READ | PROT_GROWSUP));
	say("down, plain memory", mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
	say("huge length", mprotect(p, -PAGE, PROT_READ));
	say("nothing", mprotect((void *)0x200000, PAGE, PROT_READ));
	say("writable, of a file open for reading", mprotect(q, PAGE, RW));
	say("executable", mprotect(q, PAGE, PROT_READ | PROT_EXEC));
	munmap(p + 4 * PAGE, PAGE);
	say("across a hole", mprotect(p, 8 * PAGE, PROT_READ));
	touch("before the hole", p + 3 * PAGE, 1);
	touch("behind the hole", p + 5 * PAGE, 1);
	say("from a hole", mprotect(p + 4 * PAGE, 2 * PAGE, PROT_READ));
	say("none", mprotect(p, PAGE, PROT_NONE));
	touch("none", p, 0);
	say("write only", mprotect(p, PAGE, PROT_WRITE));
	touch("write only", p, 1);
	say("pkey -1", syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1));
	touch("pkey -1", p, 1);
	say("pkey 5", syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 5));
	say("pkey_free", syscall(SYS_pkey_free, 7));
	say("pkey_alloc flags", syscall(SYS_pkey_alloc, 1, 0));
	say("pkey_alloc rights", syscall(SYS_pkey_alloc, 0, 100));
}

static void test_exec(void)
{
	unsigned char *p = mmap(NULL, PAGE, RW, ANON, -1, 0);

	memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6); /* mov $42, %eax; ret */
	mprotect(p, PAGE, PROT_READ | PROT_EXEC);
	printf("called: %d\n", ((int (*)(void))p)());
}

static void test_msync(void)
{
	int fd = scratch(3 * PAGE);
	char *p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);

	p[0] = 9;
	say("sync", msync(p, PAGE, MS_SYNC));
	say("async", msync(p, 3 * PAGE, MS_ASYNC));
	say("invalidate", msync(p, 3 * PAGE, MS_INVALIDATE));
	say("no flag", msync(p, PAGE, 0));
	say("both", msync(p, PAGE, MS_SYNC | MS_ASYNC));
	say("unknown", msync(p, PAGE, 8));
	say("odd", msync(p + 1, PAGE, MS_SYNC));
	say("length 0", msync(p, 0, MS_SYNC));
	say("huge length", msync(p, (size_t)-1, MS_SYNC));
	munmap(p + PAGE, PAGE);
	say("hole", msync(p, 3 * PAGE, MS_SYNC));
	say("hole, async", msync(p, 3 * PAGE, MS_ASYNC));
	say("nothing", msync((void *)0x200000, PAGE, MS_SYNC));
	mlock(p, PAGE);
	say("invalidate locked", msync(p, PAGE, MS_INVALIDATE));
}

static void test_mincore(void)
{
	unsigned char vec[3000];
	char *p = mmap(NULL, 3000 * PAGE, RW, ANON, -1, 0), *s;

	madvise(p, 3000 * PAGE, MADV_NOHUGEPAGE);
	p[0] = p[2 * PAGE] = p[2500 * PAGE] = 1;
	memset(vec, 77, sizeof(vec));
	say("mincore", mincore(p, 3000 * PAGE, vec));
	printf("%d %d %d %d %d\n", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[2499] & 1, vec[2500] & 1);
	say("odd", mincore(p + 1, PAGE, vec));
	say("length 0", mincore(p, 0, vec));
	say("bytes", mincore(p, 1, vec));
	say("bad vector", mincore(p, PAGE, (void *)0x200000));
	say("huge length", mincore(p, (size_t)-1, vec));
	munmap(p + PAGE, PAGE);
	say("hole", mincore(p, 3 * PAGE, vec));
	s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s[PAGE] = 1;
	say("shared", mincore(s, 2 * PAGE, vec));
	printf("%d %d\n", vec[0] & 1, vec[1] & 1);
}

static void test_brk(void)
{
	char *a = sbrk(0);
	struct rlimit rl = {1 << 20, 1 << 20};
	int st;

	printf("grow %d\n", brk(a + 10 * PAGE));
	a[10 * PAGE - 1] = 3;
	printf("moved %d\n", (char *)sbrk(0) == a + 10 * PAGE);
	printf("back %d\n", brk(a));
	touch("given back", (char *)(((uintptr_t)a + PAGE - 1) & ~(PAGE - 1)) + 9 * PAGE, 0);
	printf("grow %d\n", brk(a + 10 * PAGE));
	touch("zero again", a + 10 * PAGE - 1, 0);
	printf("too low leaves it %d\n", (char *)syscall(SYS_brk, 4096) == a + 10 * PAGE);
	printf("too far leaves it %d\n", (char *)syscall(SYS_brk, -4096ul) == a + 10 * PAGE);
	if (!fork()) {
		setrlimit(RLIMIT_DATA, &rl);
		printf("over RLIMIT_DATA leaves it %d\n", (char *)syscall(SYS_brk, a + (4 << 20)) == a + 10 * PAGE);
		_exit(0);
	}
	wait(&st);
}

/* Pages of [stack] or of a growing mapping are added by touching below. */
static void test_growsdown(void)
{
	char *area = mmap(NULL, 4096 * PAGE, PROT_NONE, ANON, -1, 0), *p;

	munmap(area, 4096 * PAGE);
	p = map("growsdown", area + 4000 * PAGE, 2 * PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	touch("page below", p - PAGE, 1);
	touch("far below", p - 100 * PAGE, 1);
	printf("between is there: %d, below is not: %d\n", is_mapped(p - 50 * PAGE, PAGE), !is_mapped(p - 101 * PAGE, PAGE));
	touch("too far for the limit", p - 3000 * PAGE, 1);
	mmap(p - 600 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	touch("in the gap to another", p - 500 * PAGE, 1);
	touch("just outside the gap", p - 600 * PAGE + 257 * PAGE, 1);
	say("mprotect down", mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
	touch("all of it is read-only", p - 50 * PAGE, 1);
	munmap(p - 600 * PAGE, 700 * PAGE);
	touch("gone", p - PAGE, 1);
}

static int deep(int n)
{
	volatile char room[1 << 16];

	room[0] = (char)n;
	return n ? deep(n - 1) + room[0] - (char)n : 0;
}

static void test_stack(void)
{
	struct rlimit rl;
	int st;

	printf("7 MB deep: %d\n", deep(112));
	getrlimit(RLIMIT_STACK, &rl);
	if (rl.rlim_max == RLIM_INFINITY || rl.rlim_max >= 64 << 20) {
		if (!fork()) {
			rl.rlim_cur = 64 << 20;
			setrlimit(RLIMIT_STACK, &rl);
			printf("32 MB deep after raising the limit: %d\n", deep(512));
			_exit(0);
		}
		wait(&st);
		printf("status %x\n", st);
	}
	if (!fork()) {
		signal(SIGSEGV, SIG_DFL);
		deep(1 << 20);
		_exit(0);
	}
	wait(&st);
	printf("endless: signal %d\n", WTERMSIG(st));
}

int main(void)
{
	setbuf(stdout, NULL);
	catch_faults();
	test_mprotect();
	test_exec();
	test_msync();
	test_mincore();
	test_brk();
	test_growsdown();
	test_stack();
	return 0;
}
