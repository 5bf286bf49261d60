/* SPDX-License-Identifier: MIT */
/*
 * Random tracing: fuzz_ptrace SECONDS SEED. Two kinds of episodes take turns:
 *
 * - a brawl: processes with several threads trace, signal, stop, continue and kill each other at random, fork, exec and
 *   exit. At the end all are killed, and all must be gone soon, traced or not.
 * - a storm: one tracer seizes the threads of a process that others stop, continue and signal; after PTRACE_INTERRUPT there has to be a stop.
 *
 * The process itself only starts episodes and waits; nobody signals or traces it. Its time is up: it tells who is left, and how.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 32
#define PATIENCE 30 /* seconds, of a busy machine */
#define BRAWL_MS 300

static struct {
	_Atomic int tids[SLOTS];
	_Atomic int n_procs, over;
	_Atomic unsigned long calls, stops;
} *shared;

static const char *self;
static unsigned seed;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void nap(unsigned us)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

static unsigned rnd(uint64_t *s, unsigned n)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return (unsigned)((*s >> 20) % n);
}

static uint64_t new_state(unsigned salt)
{
	return 0x9e3779b97f4a7c15ull * (seed + 1) ^ (uint64_t)salt << 32 ^ salt * 2654435761u ^ 0x1234567;
}

static int tid(void)
{
	return (int)syscall(SYS_gettid);
}

/* --- the brawl ---------------------------------------------------------------------------------------------------------------- */

static const int signals[] = {SIGSTOP, SIGCONT, SIGCONT, SIGUSR1, SIGUSR2, SIGCHLD, SIGTSTP, SIGTRAP};
static const long resumes[] = {PTRACE_CONT, PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP, PTRACE_LISTEN, PTRACE_DETACH, 31 /* SYSEMU */};

static int any_signal(uint64_t *s)
{
	unsigned k = rnd(s, 60);

	return k == 0 ? SIGKILL : k == 1 ? SIGTERM : signals[k % 8];
}

static int any_tid(uint64_t *s)
{
	return atomic_load(&shared->tids[rnd(s, SLOTS)]);
}

static void on_signal(int signo)
{
	(void)signo;
}

static void *actor(void *arg);

static void start_thread(uint64_t *s)
{
	pthread_t th;

	if (!pthread_create(&th, NULL, actor, (void *)(uintptr_t)(rnd(s, 1u << 30) | 1)))
		pthread_detach(th);
}

static void start_process(uint64_t *s)
{
	unsigned salt = rnd(s, 1u << 30) | 1, how = rnd(s, 4);
	pid_t pid;

	if (atomic_fetch_add(&shared->n_procs, 1) >= 60)
		return;
	pid = how == 0 ? vfork() : fork();
	if (pid)
		return;
	if (how == 0) {
		execl("/proc/self/exe", self, "exit", (char *)NULL);
		_exit(1);
	}
	if (how == 1)
		ptrace(PTRACE_TRACEME, 0, 0, 0);
	actor((void *)(uintptr_t)salt);
	_exit(0);
}

static void request(uint64_t *s, int target)
{
	struct user_regs_struct regs;
	siginfo_t info;
	char buf[512];
	unsigned long v;

	switch (rnd(s, 14)) {
	case 0:
		ptrace(PTRACE_GETREGS, target, 0, &regs);
		break;
	case 1:
		if (!ptrace(PTRACE_GETREGS, target, 0, &regs))
			ptrace(PTRACE_SETREGS, target, 0, &regs);
		break;
	case 2:
		ptrace(PTRACE_PEEKDATA, target, &seed, 0);
		break;
	case 3:
		ptrace(PTRACE_POKEDATA, target, &seed, (long)seed);
		break;
	case 4:
		ptrace(PTRACE_GETSIGINFO, target, 0, &info);
		break;
	case 5:
		ptrace(PTRACE_GETEVENTMSG, target, 0, &v);
		break;
	case 6:
		ptrace(PTRACE_SETOPTIONS, target, 0, rnd(s, 256) & ~1u);
		break;
	case 7:
		ptrace(PTRACE_INTERRUPT, target, 0, 0);
		break;
	case 8:
		ptrace((enum __ptrace_request)0x420e, target, sizeof(buf), buf); /* GET_SYSCALL_INFO */
		break;
	default:
		ptrace((enum __ptrace_request)resumes[rnd(s, 7)], target, 0, rnd(s, 3) ? 0 : any_signal(s));
		break;
	}
}

static void wait_any(uint64_t *s, bool block)
{
	int st, r, opts = __WALL | (rnd(s, 2) ? WUNTRACED | WCONTINUED : 0);

	r = waitpid(-1, &st, opts | (block ? 0 : WNOHANG));
	if (r <= 0)
		return;
	if (WIFSTOPPED(st)) {
		atomic_fetch_add(&shared->stops, 1);
		for (unsigned n = rnd(s, 3); n > 0; n--)
			request(s, r);
		if (rnd(s, 8))
			ptrace((enum __ptrace_request)resumes[rnd(s, 7)], r, 0, rnd(s, 4) ? WSTOPSIG(st) & 0x3f : 0);
	}
}

static void look(int target)
{
	char path[64], buf[256];
	struct iovec here = {buf, 8}, there = {&seed, 8};
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", target);
	f = fopen(path, "r");
	if (f) {
		if (!fread(buf, 1, sizeof(buf), f))
			buf[0] = 0;
		fclose(f);
	}
	process_vm_readv(target, &here, 1, &there, 1, 0);
}

static void act(uint64_t *s)
{
	int target = any_tid(s);

	atomic_fetch_add(&shared->calls, 1);
	switch (rnd(s, 40)) {
	case 0:
		start_process(s);
		break;
	case 1:
		start_thread(s);
		break;
	case 2:
		if (!rnd(s, 6))
			execl("/proc/self/exe", self, "brawl", seed ? "1" : "0", (char *)NULL);
		break;
	case 3:
		if (!rnd(s, 8))
			_exit(3);
		if (!rnd(s, 2))
			syscall(SYS_exit, 0);
		break;
	case 4:
		wait_any(s, !rnd(s, 6));
		break;
	case 5:
		look(target);
		break;
	case 6:
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		break;
	case 7:
	case 8:
		if (target > 1)
			ptrace(PTRACE_ATTACH, target, 0, 0);
		break;
	case 9:
	case 10:
	case 11:
		if (target > 1 && !ptrace(PTRACE_SEIZE, target, 0, rnd(s, 256) & ~1u) && rnd(s, 2))
			ptrace(PTRACE_INTERRUPT, target, 0, 0);
		break;
	case 12:
	case 13:
	case 14:
		if (target > 1)
			syscall(SYS_tkill, target, any_signal(s));
		break;
	case 15:
		if (target > 1)
			kill(target, any_signal(s));
		break;
	case 16:
		nap(rnd(s, 3000));
		break;
	case 17:
		sched_yield();
		break;
	case 18:
		if (!rnd(s, 10))
			kill(0, rnd(s, 2) ? SIGCONT : SIGSTOP); /* the brawl's own group */
		break;
	case 19:
	case 20:
		if (target > 1)
			request(s, target);
		break;
	default:
		wait_any(s, false);
		nap(rnd(s, 200));
		break;
	}
}

static void *actor(void *arg)
{
	uint64_t s = new_state((unsigned)(uintptr_t)arg);
	unsigned slot = rnd(&s, SLOTS);

	atomic_store(&shared->tids[slot], tid());
	for (unsigned i = 0; i < 2000 && !atomic_load(&shared->over); i++)
		act(&s);
	return NULL;
}

static int brawl(unsigned salt)
{
	uint64_t s = new_state(salt);

	for (int i = 1; i < 65; i++)
		if (i == SIGUSR1 || i == SIGUSR2)
			signal(i, on_signal);
	for (int i = 0; i < 2; i++)
		start_thread(&s);
	actor((void *)(uintptr_t)(rnd(&s, 1u << 30) | 1));
	return 0;
}

/* --- the storm ---------------------------------------------------------------------------------------------------------------- */

static void *busy(void *arg)
{
	unsigned slot = (unsigned)(uintptr_t)arg;

	atomic_store(&shared->tids[slot], tid());
	for (unsigned i = 0;; i++) {
		if (slot == 2)
			syscall(SYS_getppid);
		else
			nap(i % 300);
	}
	return NULL;
}

static void victim(void)
{
	pthread_t th;

	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	/* of a step that is told only when its tracer has gone */
	sigaction(SIGTRAP, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_NODEFER}, NULL);
	for (uintptr_t i = 1; i < 3; i++)
		pthread_create(&th, NULL, busy, (void *)i);
	busy(NULL);
}

/* Stops and continues the victim until it is killed. */
static void weather(int pid, unsigned salt)
{
	uint64_t s = new_state(salt);
	static const int some[] = {SIGSTOP, SIGCONT, SIGUSR1, SIGTSTP};

	for (;;) {
		int t = any_tid(&s);

		if (rnd(&s, 2) || t <= 1)
			kill(pid, some[rnd(&s, 4)]);
		else
			syscall(SYS_tkill, t, some[rnd(&s, 4)]);
		nap(rnd(&s, 400));
	}
}

static int await(int t, int *st, const char *what)
{
	double end = now() + PATIENCE;
	int r;

	while (!(r = waitpid(t, st, __WALL | WNOHANG))) {
		if (now() > end) {
			printf("no stop of %d: %s\n", t, what);
			fflush(stdout);
			return -1;
		}
		nap(50);
	}
	if (r != t || !WIFSTOPPED(*st)) {
		printf("%s: wait says %d, status %#x, errno %d\n", what, r, *st, errno);
		fflush(stdout);
		return -1;
	}
	return 0;
}

/* One thread of the victim is seized, let go on and interrupted a few times, and let go. */
static int hold(uint64_t *s, int t)
{
	static const long how[] = {PTRACE_CONT, PTRACE_SYSCALL, PTRACE_LISTEN, PTRACE_SINGLESTEP};
	static const char *const names[] = {"cont", "syscall", "listen", "step"};
	unsigned k = 4;
	int st;

	if (ptrace(PTRACE_SEIZE, t, 0, 0)) {
		printf("seize %d: errno %d\n", t, errno);
		fflush(stdout);
		return -1;
	}
	for (unsigned i = rnd(s, 20) + 1; i > 0; i--) {
		ptrace(PTRACE_INTERRUPT, t, 0, 0);
		if (await(t, &st, k < 4 ? names[k] : "seize"))
			return -1;
		atomic_fetch_add(&shared->stops, 1);
		k = rnd(s, 4);
		if (ptrace((enum __ptrace_request)how[k], t, 0, 0) && k == 2) {
			k = 0;
			ptrace(PTRACE_CONT, t, 0, 0);
		}
		if (rnd(s, 2))
			nap(rnd(s, 300));
	}
	ptrace(PTRACE_INTERRUPT, t, 0, 0);
	if (await(t, &st, k < 4 ? names[k] : "seize"))
		return -1;
	ptrace(PTRACE_DETACH, t, 0, 0);
	return 0;
}

static int storm(unsigned salt)
{
	uint64_t s = new_state(salt);
	int pid = fork(), sky, r = 0;
	double end;

	if (pid == 0)
		victim();
	while (!atomic_load(&shared->tids[0]) || !atomic_load(&shared->tids[2]) || !atomic_load(&shared->tids[1]))
		nap(200);
	sky = fork();
	if (sky == 0)
		weather(pid, salt + 1);
	for (end = now() + 0.4; now() < end && !r;)
		r = hold(&s, atomic_load(&shared->tids[rnd(&s, 3)]));
	kill(sky, SIGKILL);
	kill(pid, SIGKILL);
	for (end = now() + PATIENCE; now() < end; nap(500))
		if (waitpid(-1, NULL, __WALL | WNOHANG) < 0)
			return r ? 1 : 0;
	printf("the victim does not die\n");
	fflush(stdout);
	return 1;
}

/* --- episodes ------------------------------------------------------------------------------------------------------------------ */

static void tell_rest(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	char path[300], line[300];
	FILE *f;

	while (d && (e = readdir(d))) {
		DIR *tasks;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/task", e->d_name);
		tasks = opendir(path);
		for (struct dirent *te; tasks && (te = readdir(tasks));) {
			if (te->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/status", e->d_name, te->d_name);
			f = fopen(path, "r");
			while (f && fgets(line, sizeof(line), f))
				if (!strncmp(line, "State", 5) || !strncmp(line, "Tgid", 4) || !strncmp(line, "Pid", 3) ||
				    !strncmp(line, "PPid", 4) || !strncmp(line, "TracerPid", 9) || !strncmp(line, "SigPnd", 6) ||
				    !strncmp(line, "ShdPnd", 6)) {
					line[strcspn(line, "\n")] = 0;
					printf("%s  ", line);
				}
			printf("\n");
			if (f)
				fclose(f);
		}
		if (tasks)
			closedir(tasks);
	}
	if (d)
		closedir(d);
}

/* All that is in the group is killed, and must be gone soon. */
static int clear(int pgid, int *status, bool kill_it)
{
	double end = now() + PATIENCE * 3;
	int r, st;

	while (now() < end) {
		if (kill_it)
			kill(-pgid, SIGKILL);
		while ((r = waitpid(-1, &st, WNOHANG)) > 0)
			if (r == pgid)
				*status = st;
		if (r < 0 && errno == ECHILD)
			return 0;
		nap(1000);
	}
	printf("not gone:\n");
	tell_rest();
	return 1;
}

static int episode(unsigned n)
{
	bool fight = n % 3;
	int pid, status = 0, r;

	memset(shared->tids, 0, sizeof(shared->tids));
	atomic_store(&shared->n_procs, 0);
	atomic_store(&shared->over, 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		if (!fight)
			_exit(storm(n * 16 + 5));
		for (unsigned i = 0; i < 3; i++)
			if (fork() == 0)
				_exit(brawl(n * 16 + i));
		nap(BRAWL_MS * 1000);
		_exit(0);
	}
	setpgid(pid, pid);
	if (fight)
		nap(BRAWL_MS * 1000);
	atomic_store(&shared->over, fight);
	r = clear(pid, &status, fight);
	if (!r && !fight && status) {
		printf("storm: status %#x\n", status);
		r = 1;
	}
	if (r)
		printf("episode %u, seed %u\n", n, seed);
	return r;
}

int main(int argc, char **argv)
{
	double end;
	unsigned n = 0;

	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	if (argc > 1 && !strcmp(argv[1], "brawl")) {
		/* a new program has its own table, and lives for a moment */
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		atomic_store(&shared->n_procs, 50);
		alarm(1);
		return brawl((unsigned)getpid());
	}
	if (argc != 3)
		return 2;
	seed = (unsigned)atoi(argv[2]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (end = now() + atoi(argv[1]); now() < end; n++)
		if (episode(n))
			return 1;
	printf("episodes %u, calls %lu, stops %lu\n", n, atomic_load(&shared->calls), atomic_load(&shared->stops));
	return 0;
}
