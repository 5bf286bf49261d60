/* SPDX-License-Identifier: MIT */
/* mlock(2), mlock2(2), mlockall(2), munlock(2): limits, errors, VmLck; MAP_LOCKED. */
#include "mm_util.h"

#include <sys/resource.h>

static long locked_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	long kb = -1;

	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %ld", &kb);
	fclose(f);
	return kb;
}

static void limit(rlim_t n)
{
	struct rlimit rl;

	getrlimit(RLIMIT_MEMLOCK, &rl);
	rl.rlim_cur = n;
	say("limit", setrlimit(RLIMIT_MEMLOCK, &rl));
}

static void drop_caps(void)
{
	/* no capabilities, so that limits count */
	struct {
		uint32_t version;
		int pid;
	} h = {0x20080522, 0};
	uint32_t d[6] = {0};

	say("capset", syscall(SYS_capset, &h, d));
}

int main(void)
{
	char *p = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0), *q;
	unsigned char vec[64];
	int st;

	setbuf(stdout, NULL);
	drop_caps();
	limit(16 * PAGE);
	printf("%ld kB\n", locked_kb());
	say("lock 4 pages", mlock(p, 4 * PAGE));
	printf("%ld kB\n", locked_kb());
	mincore(p, 4 * PAGE, vec);
	printf("there: %d %d\n", vec[0] & 1, vec[3] & 1);
	say("again", mlock(p + PAGE, 4 * PAGE));
	printf("%ld kB\n", locked_kb());
	say("bytes", mlock(p + 10 * PAGE + 100, 10));
	printf("%ld kB\n", locked_kb());
	say("over the limit", mlock(p + 20 * PAGE, 20 * PAGE));
	say("length 0", mlock(p, 0));
	say("wraps", mlock(p, -PAGE));
	say("nothing there", mlock((void *)0x200000, PAGE));
	say("unlock nothing", munlock((void *)0x200000, PAGE));
	say("unlock", munlock(p + PAGE, PAGE));
	printf("%ld kB\n", locked_kb());
	munmap(p + 2 * PAGE, PAGE);
	printf("unmapped: %ld kB\n", locked_kb());
	say("across a hole", mlock(p, 4 * PAGE));
	say("unlock across a hole", munlock(p, 4 * PAGE));
	say("mlock2 onfault", syscall(SYS_mlock2, p + 30 * PAGE, 2 * PAGE, 1));
	mincore(p + 30 * PAGE, 2 * PAGE, vec);
	printf("there: %d\n", vec[0] & 1);
	say("mlock2 unknown flag", syscall(SYS_mlock2, p, PAGE, 2));
	say("munlockall", munlockall());
	printf("%ld kB\n", locked_kb());
	q = mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0);
	say("no access", mlock(q, PAGE));
	munlockall();
	q = map("MAP_LOCKED", NULL, 2 * PAGE, RW, ANON | MAP_LOCKED, -1, 0);
	printf("%ld kB\n", locked_kb());
	map("MAP_LOCKED over the limit", NULL, 64 * PAGE, RW, ANON | MAP_LOCKED, -1, 0);
	q = mremap(q, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	say("mremap over the limit", q == MAP_FAILED ? -1 : 0);
	if (!fork()) {
		printf("a child has %ld kB\n", locked_kb());
		_exit(0);
	}
	wait(&st);
	say("mlockall 0", mlockall(0));
	say("mlockall onfault alone", mlockall(4));
	say("mlockall unknown", mlockall(8));
	say("mlockall over the limit", mlockall(MCL_CURRENT));
	say("mlockall future", mlockall(MCL_FUTURE));
	say("munlockall", munlockall());
	limit(0);
	say("limit 0", mlock(p, PAGE));
	say("limit 0, length 0", mlock(p, 0));
	say("limit 0, mlockall", mlockall(MCL_CURRENT));
	say("limit 0, munlock", munlock(p, PAGE));
	map("limit 0, MAP_LOCKED", NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0);
	return 0;
}
