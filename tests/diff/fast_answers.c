/* SPDX-License-Identifier: MIT */
/* Identities and signal masks through a rewritten call site: they say what the sentry says, at any time. */
#define _GNU_SOURCE
#include "fast_util.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	int nr;
} ids[] = {{"getpid", SYS_getpid}, {"gettid", SYS_gettid}, {"getppid", SYS_getppid}, {"getuid", SYS_getuid}, {"geteuid", SYS_geteuid},
	{"getgid", SYS_getgid}, {"getegid", SYS_getegid}};

static int wrong;

static void same(const char *when)
{
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		long a = fast(ids[i].nr), b = syscall(ids[i].nr);

		if (a != b) {
			printf("%s: %s: %ld, not %ld\n", when, ids[i].name, a, b);
			wrong++;
		}
	}
}

static void *thread(void *arg)
{
	same("thread");
	return fast(SYS_gettid) == getpid() ? arg : NULL;
}

static void in_child(const char *when, void (*fn)(void))
{
	pid_t p = fork();
	int st;

	if (p == 0) {
		same(when);
		fn();
		same(when);
		fflush(stdout);
		_exit(wrong != 0);
	}
	waitpid(p, &st, 0);
	printf("%s: %d\n", when, WEXITSTATUS(st));
}

static void nothing(void) {}
static void new_ids(void)
{
	syscall(SYS_setresgid, 0, 0, 0);
	same("setresgid");
	syscall(SYS_setresuid, 0, 0, 0);
}

static void orphan(void)
{
	pid_t parent = getpid(), p = fork();

	if (p == 0) {
		long was = fast(SYS_getppid);

		if (was != parent)
			_exit(1);
		while (fast(SYS_getppid) == parent)
			sched_yield();
		same("orphan");
		fflush(stdout);
		_exit(0);
	}
	_exit(0);
}

static void user_ns(void)
{
	if (unshare(CLONE_NEWUSER))
		printf("unshare: %d\n", errno);
}

static uint64_t mask(int how, uint64_t set)
{
	uint64_t old = 0;

	if (fast(SYS_rt_sigprocmask, how, &set, &old, 8))
		printf("rt_sigprocmask failed\n");
	return old;
}

static uint64_t slow_mask(void)
{
	uint64_t old = 0;

	syscall(SYS_rt_sigprocmask, 0, NULL, &old, 8);
	return old;
}

static volatile int hits;
static void on_signal(int sig) { hits += sig; }

#define BIT(s) (1ull << ((s)-1))

static void masks(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	uint64_t pending, set = 0, all = ~0ull;
	long r;

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	mask(SIG_SETMASK, 0);
	mask(SIG_BLOCK, BIT(SIGUSR1));
	printf("block %lx %lx\n", mask(SIG_BLOCK, BIT(SIGUSR2)), slow_mask());
	mask(SIG_SETMASK, all);
	printf("all %lx\n", slow_mask());
	mask(SIG_SETMASK, BIT(SIGUSR1));
	raise(SIGUSR1);
	syscall(SYS_rt_sigpending, &pending, 8);
	printf("pending %lx hits %d\n", pending, hits);
	mask(SIG_BLOCK, BIT(SIGUSR2));
	printf("still %d\n", hits);
	kill(getpid(), SIGUSR2);
	printf("mask %lx\n", slow_mask());
	mask(SIG_UNBLOCK, BIT(SIGUSR1));
	printf("one %d\n", hits);
	mask(SIG_SETMASK, 0);
	printf("both %d\n", hits);
	hits = 0;
	kill(getpid(), SIGUSR1);
	printf("now %d\n", hits);
	r = fast(SYS_rt_sigprocmask, 7, &set, NULL, 8);
	printf("bad how %ld\n", r);
	r = fast(SYS_rt_sigprocmask, 7, NULL, &set, 8);
	printf("no set, bad how %ld\n", r);
	r = fast(SYS_rt_sigprocmask, 0, &set, NULL, 4);
	printf("bad size %ld\n", r);
	r = fast(SYS_rt_sigprocmask, 0, 8, NULL, 8);
	printf("bad set %ld\n", r);
	r = fast(SYS_rt_sigprocmask, 0, NULL, 8, 8);
	printf("bad old %ld\n", r);
	set = BIT(SIGUSR2);
	r = fast(SYS_rt_sigprocmask, SIG_SETMASK, &set, 8, 8);
	printf("bad old, good set %ld mask %lx\n", r, slow_mask());
	mask(SIG_SETMASK, 0);
	set = BIT(SIGTERM);
	r = fast(SYS_rt_sigprocmask, SIG_BLOCK, &set, &set, 8);
	printf("in place %ld %lx\n", r, set);
	printf("%lx\n", mask(SIG_SETMASK, 0));
}

/* sigsuspend and the like take the mask of the slot, and give it back there. */
static void waits(void)
{
	struct timespec ts = {0, 0};
	siginfo_t info;
	uint64_t none = 0;
	pid_t p;

	mask(SIG_SETMASK, BIT(SIGUSR1) | BIT(SIGUSR2));
	hits = 0;
	kill(getpid(), SIGUSR1);
	fast(SYS_rt_sigsuspend, &none, 8);
	printf("suspend %d %lx\n", hits, mask(SIG_BLOCK, 0));
	kill(getpid(), SIGUSR2);
	printf("timedwait %ld\n", fast(SYS_rt_sigtimedwait, &(uint64_t){BIT(SIGUSR2)}, &info, &ts, 8));
	mask(SIG_SETMASK, BIT(SIGUSR1));
	p = fork();
	if (p == 0) {
		printf("child %lx %lx\n", mask(SIG_BLOCK, 0), slow_mask());
		fflush(stdout);
		_exit(0);
	}
	waitpid(p, NULL, 0);
	p = vfork();
	if (p == 0) {
		mask(SIG_SETMASK, BIT(SIGHUP));
		if (fast(SYS_getpid) != syscall(SYS_getpid))
			wrong++;
		_exit(slow_mask() == BIT(SIGHUP) ? 0 : 1);
	}
	waitpid(p, (int *)&hits, 0);
	printf("vfork %d mask %lx pid %d\n", hits, mask(SIG_BLOCK, 0), fast(SYS_getpid) == syscall(SYS_getpid));
	hits = 0;
	mask(SIG_SETMASK, 0);
}

static void show_alt(const char *what)
{
	stack_t a = {0}, b = {0};
	long r = fast(SYS_sigaltstack, NULL, &a), q = syscall(SYS_sigaltstack, NULL, &b);

	printf("%s: %ld %ld flags %x size %zu same %d\n", what, r, q, a.ss_flags, a.ss_size,
		a.ss_sp == b.ss_sp && a.ss_flags == b.ss_flags && a.ss_size == b.ss_size);
}

static void on_alt(int sig) { show_alt("in handler"); }

static void *alt_thread(void *arg)
{
	show_alt("thread");
	return NULL;
}

static void altstack(void)
{
	static char mem[65536];
	stack_t ss = {.ss_sp = mem, .ss_size = sizeof(mem)}, off = {.ss_flags = SS_DISABLE};
	struct sigaction sa = {.sa_handler = on_alt, .sa_flags = SA_ONSTACK};
	unsigned cpu = ~0u, node = ~0u;
	pthread_t th;
	pid_t p;

	show_alt("none");
	sigaltstack(&ss, NULL);
	show_alt("set");
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	show_alt("after");
	pthread_create(&th, NULL, alt_thread, NULL);
	pthread_join(th, NULL);
	fflush(stdout);
	p = fork();
	if (p == 0) {
		show_alt("child");
		fflush(stdout);
		_exit(0);
	}
	waitpid(p, NULL, 0);
	ss.ss_flags = (int)(1u << 31);
	sigaltstack(&ss, NULL);
	show_alt("autodisarm");
	raise(SIGUSR1);
	show_alt("and after");
	printf("bad %ld %ld\n", fast(SYS_sigaltstack, NULL, 8), fast(SYS_sigaltstack, 8, NULL));
	sigaltstack(&off, NULL);
	show_alt("off");
	printf("getcpu %ld", fast(SYS_getcpu, &cpu, &node, NULL));
	printf(" %d %u, bad %ld\n", cpu < 4096, node, fast(SYS_getcpu, 8, NULL, NULL));
	printf("nothing %ld\n", fast(SYS_getcpu, NULL, NULL, NULL));
}

/* Signals from another thread while masks change all the time: each arrives once, none while it is blocked. */
static volatile int stop, sent, blocked, bad;
static void count(int sig)
{
	if (blocked)
		bad++;
	hits++;
}

static void *sender(void *arg)
{
	pid_t pid = getpid(), tid = *(pid_t *)arg;

	for (int i = 0; i < 300; i++) {
		syscall(SYS_tgkill, pid, tid, SIGRTMIN);
		sent++;
		while (hits + 20 < sent && !stop)
			sched_yield();
	}
	stop = 1;
	return NULL;
}

static void storm(void)
{
	struct sigaction sa = {.sa_handler = count};
	pid_t tid = (pid_t)syscall(SYS_gettid);
	pthread_t t;
	uint64_t all = ~0ull;

	sigaction(SIGRTMIN, &sa, NULL);
	hits = 0;
	pthread_create(&t, NULL, sender, &tid);
	while (!stop) {
		mask(SIG_BLOCK, all);
		blocked = 1;
		for (volatile int i = 0; i < 50; i++)
			;
		blocked = 0;
		mask(SIG_UNBLOCK, all);
	}
	pthread_join(t, NULL);
	mask(SIG_SETMASK, 0);
	printf("storm: %d of %d, %d while blocked\n", hits, sent, bad);
}

/* A signal of the process goes to the one thread that has it open, whoever changed what. */
static volatile int ready, done;
static void *blocker(void *arg)
{
	mask(SIG_SETMASK, ~0ull);
	ready = 1;
	while (!done)
		fast(SYS_getppid);
	return NULL;
}

static void process_signals(void)
{
	struct sigaction sa = {.sa_handler = count};
	pthread_t t;

	sigaction(SIGUSR1, &sa, NULL);
	hits = bad = 0;
	pthread_create(&t, NULL, blocker, NULL);
	while (!ready)
		sched_yield();
	for (int i = 0; i < 50; i++) {
		int was = hits;

		if (i & 1)
			mask(SIG_BLOCK, BIT(SIGUSR1));
		kill(getpid(), SIGUSR1);
		if (i & 1)
			mask(SIG_UNBLOCK, BIT(SIGUSR1));
		if (hits != was + 1)
			bad++;
	}
	done = 1;
	pthread_join(t, NULL);
	printf("process signals: %d, late %d\n", hits, bad);
}

/* Actions: what is asked is what was set, by whichever thread. */
static int actions_differ(void)
{
	int n = 0;

	for (int sig = 0; sig <= 65; sig++) {
		uint64_t a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 4};

		n += fast(SYS_rt_sigaction, sig, NULL, a, 8) != syscall(SYS_rt_sigaction, sig, NULL, b, 8) && sig && sig < 65;
		n += memcmp(a, b, sizeof(a)) != 0;
	}
	return n;
}

static void *set_action(void *arg)
{
	uint64_t act[4] = {1, 0, 0, 0};

	fast(SYS_rt_sigaction, SIGURG, act, NULL, 8);
	return (void *)(long)actions_differ();
}

static void actions(void)
{
	uint64_t act[4] = {0}, *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int n = actions_differ();
	pthread_t t;
	void *r;

	pthread_create(&t, NULL, set_action, NULL);
	pthread_join(t, &r);
	fast(SYS_rt_sigaction, SIGURG, NULL, act, 8);
	printf("actions %d %ld %d handler %lu\n", n, (long)r, actions_differ(), act[0]);
	act[0] = 0;
	fast(SYS_rt_sigaction, SIGURG, act, act, 8);
	printf("was %lu, %d\n", act[0], actions_differ());
	printf("bad: %ld %ld %ld %ld\n", fast(SYS_rt_sigaction, 65, NULL, act, 8), fast(SYS_rt_sigaction, 0, NULL, act, 8),
	       fast(SYS_rt_sigaction, SIGHUP, NULL, ro, 8), fast(SYS_rt_sigaction, SIGHUP, NULL, act, 4));
}

int main(int argc, char **argv)
{
	pthread_t t;
	void *r;

	fast_begin();
	if (argc > 1) {
		same("exec");
		printf("exec actions %d\n", actions_differ());
		printf("exec mask %lx\n", mask(SIG_BLOCK, 0));
		return wrong;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	same("first");
	pthread_create(&t, NULL, thread, &t);
	pthread_join(t, &r);
	printf("thread %d\n", r == NULL);
	in_child("child", nothing);
	in_child("ids", new_ids);
	in_child("user namespace", user_ns);
	in_child("orphan", orphan);
	masks();
	actions();
	altstack();
	waits();
	storm();
	process_signals();
	mask(SIG_SETMASK, BIT(SIGWINCH));
	if (!wrong)
		execl("/proc/self/exe", argv[0], "x", NULL);
	return 1;
}
