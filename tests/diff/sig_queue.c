/* SPDX-License-Identifier: MIT */
/* Queues of signals: order, values, limits; who may say what in rt_sigqueueinfo(2) and kin; errnos of sending. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int n_seen, seen[64], vals[64], codes[64], pids[64];

static void on(int s, siginfo_t *i, void *u)
{
	if (n_seen < 64) {
		seen[n_seen] = s;
		vals[n_seen] = i->si_value.sival_int;
		codes[n_seen] = i->si_code;
		pids[n_seen++] = i->si_pid == getpid();
	}
}

static void show(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerrorname_np(errno) : "");
}

static void all(int how)
{
	sigset_t s;

	sigfillset(&s);
	sigprocmask(how, &s, NULL);
}

static void print_seen(const char *what)
{
	printf("%s:", what);
	for (int i = 0; i < n_seen; i++)
		printf(" %d/%d/%d/%d", seen[i] >= SIGRTMIN ? 100 + seen[i] - SIGRTMIN : seen[i], vals[i], codes[i], pids[i]);
	printf("\n");
	n_seen = 0;
}

static int queue(int sig, int v)
{
	return sigqueue(getpid(), sig, (union sigval){.sival_int = v});
}

static void order(void)
{
	struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};

	sigfillset(&sa.sa_mask);
	for (int s = 1; s < 65; s++)
		if (s != SIGKILL && s != SIGSTOP && s != 32 && s != 33)
			sigaction(s, &sa, NULL);
	all(SIG_BLOCK);
	queue(SIGRTMIN + 2, 1);
	queue(SIGRTMIN, 2);
	queue(SIGRTMIN + 2, 3);
	queue(SIGRTMAX, 4);
	queue(SIGUSR2, 5);
	queue(SIGUSR2, 6);
	queue(SIGUSR1, 7);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMIN);
	kill(getpid(), SIGRTMIN + 1);
	kill(getpid(), SIGHUP);
	raise(SIGSEGV);
	all(SIG_UNBLOCK);
	print_seen("order");
}

static void each(void)
{
	int ok = 0;

	for (int s = 1; s < 65; s++) {
		if (s == SIGKILL || s == SIGSTOP || s == 32 || s == 33)
			continue;
		n_seen = 0;
		raise(s);
		ok += n_seen == 1 && seen[0] == s;
	}
	n_seen = 0;
	printf("each: %d\n", ok);
}

static long raw(int pid, int sig, siginfo_t *i)
{
	return syscall(SYS_rt_sigqueueinfo, pid, sig, i);
}

static long traw(int pid, int tid, int sig, siginfo_t *i)
{
	return syscall(SYS_rt_tgsigqueueinfo, pid, tid, sig, i);
}

static void *other_thread(void *arg)
{
	siginfo_t i = {.si_code = SI_TKILL};

	/* To the process by its number, which is not this thread's. */
	show("thread: tkill code to own process", raw(getpid(), SIGUSR1, &i));
	show("thread: tkill code to itself", traw(getpid(), (int)syscall(SYS_gettid), SIGUSR1, &i));
	show("thread: tkill code to leader", traw(getpid(), getpid(), SIGUSR1, &i));
	i.si_code = SI_QUEUE;
	show("thread: queue code to leader", traw(getpid(), getpid(), SIGUSR1, &i));
	return NULL;
}

static void rules(void)
{
	siginfo_t i;
	pthread_t t;
	pid_t child = fork();
	int st, pfd;

	if (!child) {
		pause();
		_exit(0);
	}
	memset(&i, 0, sizeof(i));
	i.si_code = SI_USER;
	show("user code to child", raw(child, SIGCONT, &i));
	show("user code to self", raw(getpid(), SIGUSR1, &i));
	i.si_code = SI_TKILL;
	show("tkill code to child", raw(child, SIGCONT, &i));
	i.si_code = SI_KERNEL;
	show("kernel code to child", raw(child, SIGCONT, &i));
	i.si_code = SI_QUEUE;
	show("queue code to child", raw(child, SIGCONT, &i));
	i.si_code = -100;
	show("unknown code", raw(child, SIGCONT, &i));
	((char *)&i)[100] = 1;
	show("unknown code with more", raw(child, SIGCONT, &i));
	i.si_code = SI_QUEUE;
	show("known code with more", raw(child, SIGCONT, &i));
	show("bad pointer", raw(child, SIGCONT, (void *)8));
	show("bad signal", raw(child, 65, &i));
	show("signal 0", raw(child, 0, &i));
	show("nobody, bad signal", raw(999999, 65, &i));
	show("kill nobody, bad signal", kill(999999, 65));
	show("kill bad signal", kill(getpid(), 65));
	show("kill negative signal", kill(getpid(), -1));
	show("kill group, bad signal", kill(0, 65));
	show("kill no group", kill(-999999, 0));
	show("tgkill 0", syscall(SYS_tgkill, 0, 1, 0));
	show("tgkill nobody", syscall(SYS_tgkill, getpid(), 999999, 0));
	show("tgkill wrong group", syscall(SYS_tgkill, child, getpid(), 0));
	show("tgkill bad signal", syscall(SYS_tgkill, getpid(), getpid(), 65));
	show("tkill negative", syscall(SYS_tkill, -1, 0));
	show("tgsigqueueinfo 0", traw(0, 0, SIGUSR1, &i));
	show("tgsigqueueinfo child", traw(child, child, SIGCONT, &i));

	pfd = (int)syscall(434, child, 0);
	i.si_signo = SIGUSR2;
	show("pidfd other number", syscall(424, pfd, SIGCONT, &i, 0));
	i.si_signo = SIGCONT;
	show("pidfd", syscall(424, pfd, SIGCONT, &i, 0));
	i.si_code = SI_USER;
	show("pidfd user code", syscall(424, pfd, SIGCONT, &i, 0));
	show("pidfd no info", syscall(424, pfd, 0, NULL, 0));
	show("pidfd flags", syscall(424, pfd, 0, NULL, 0x100));
	show("pidfd bad signal", syscall(424, pfd, 65, NULL, 0));
	show("pidfd of a file", syscall(424, 0, 0, NULL, 0));
	show("pidfd none", syscall(424, -1, 0, NULL, 0));
	kill(child, SIGKILL);
	siginfo_t w;
	waitid(P_PID, (id_t)child, &w, WEXITED | WNOWAIT);
	show("pidfd zombie", syscall(424, pfd, SIGCONT, NULL, 0));
	show("kill zombie", kill(child, SIGCONT));
	waitpid(child, &st, 0);
	show("pidfd gone", syscall(424, pfd, SIGCONT, NULL, 0));
	n_seen = 0;
	pthread_create(&t, NULL, other_thread, NULL);
	pthread_join(t, NULL);
	n_seen = 0;
}

static void limit(void)
{
	struct rlimit r = {3, 3}, old;
	int n = 0;

	getrlimit(RLIMIT_SIGPENDING, &old);
	if (fork()) {
		int st;

		wait(&st);
		return;
	}
	setrlimit(RLIMIT_SIGPENDING, &r);
	all(SIG_BLOCK);
	while (n < 10 && !queue(SIGRTMIN, n))
		n++;
	show("queue over the limit", queue(SIGRTMIN + 1, 0));
	printf("few %d\n", n <= 3);
	show("kill over the limit", kill(getpid(), SIGRTMIN + 3));
	show("usual signal over the limit", kill(getpid(), SIGUSR1));
	all(SIG_UNBLOCK);
	printf("got %d\n", n_seen == n + 2);
	fflush(stdout);
	_exit(0);
}

static void actions(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = 0x400 | 0x20 | SA_RESTART | SA_NODEFER}, old;
	struct {
		void *h;
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} k = {0};

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR1, NULL, &old);
	printf("flags %x\n", old.sa_flags);
	show("KILL", syscall(SYS_rt_sigaction, SIGKILL, &k, NULL, 8));
	show("KILL, look", syscall(SYS_rt_sigaction, SIGKILL, NULL, &k, 8));
	show("0", syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
	show("65", syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
	show("size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
	show("fault", syscall(SYS_rt_sigaction, 65, (void *)8, NULL, 8));
	show("mask how", syscall(SYS_rt_sigprocmask, 7, &k.mask, NULL, 8));
	show("mask look how", syscall(SYS_rt_sigprocmask, 7, NULL, &k.mask, 8));
	show("mask size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &k.mask, 16));
	show("mask fault", syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)8, NULL, 8));
	show("pending size", syscall(SYS_rt_sigpending, &k.mask, 16));
	show("suspend size", syscall(SYS_rt_sigsuspend, &k.mask, 4));
	show("suspend fault", syscall(SYS_rt_sigsuspend, (void *)8, 8));
	k.mask = ~0ul;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &k.mask, NULL, 8);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &k.mask, 8);
	printf("mask %lx\n", k.mask);
	k.mask = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &k.mask, NULL, 8);
	struct timespec bad = {0, -1}, zero = {0, 0};
	siginfo_t i;
	show("timedwait bad time", syscall(SYS_rt_sigtimedwait, &k.mask, &i, &bad, 8));
	show("timedwait none", syscall(SYS_rt_sigtimedwait, &k.mask, &i, &zero, 8));
	show("timedwait size", syscall(SYS_rt_sigtimedwait, &k.mask, &i, &zero, 4));
	show("timedwait fault", syscall(SYS_rt_sigtimedwait, (void *)8, &i, &zero, 8));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	order();
	each();
	rules();
	limit();
	actions();
	return 0;
}
