/* SPDX-License-Identifier: MIT */
/* wait4(2), waitid(2): options, stops and continuations, reparenting, vfork, exec from a thread, the end of threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static volatile sig_atomic_t n_chld;

static void on_chld(int s, siginfo_t *si, void *uc)
{
	n_chld++;
}

static void show(const char *what, long r, int st)
{
	printf("%s: %s", what, r > 0 ? "child" : r == 0 ? "nothing" : strerrorname_np(errno));
	if (r > 0)
		printf(" %s %d", WIFEXITED(st) ? "exit" : WIFSIGNALED(st) ? "signal" : WIFSTOPPED(st) ? "stop" : "cont",
		       WIFEXITED(st) ? WEXITSTATUS(st) : WIFSIGNALED(st) ? WTERMSIG(st) : WIFSTOPPED(st) ? WSTOPSIG(st) : 0);
	printf("\n");
}

static void show_id(const char *what, int options, pid_t pid)
{
	siginfo_t si;
	int r;

	memset(&si, 0, sizeof(si));
	r = waitid(P_PID, (id_t)pid, &si, options);
	printf("%s: %s code %d status %d pid %d\n", what, r ? strerrorname_np(errno) : "ok", si.si_code, si.si_status,
	       si.si_pid == pid);
}

static void basics(void)
{
	pid_t pid = fork();
	int st = 0;

	if (!pid)
		_exit(7);
	show_id("WNOWAIT", WEXITED | WNOWAIT, pid);
	show_id("WNOWAIT again", WEXITED | WNOWAIT, pid);
	show_id("stopped only", WSTOPPED | WNOHANG, pid);
	show("wait4", waitpid(pid, &st, 0), st);
	show("again", waitpid(pid, &st, 0), st);
	show("bad option", waitpid(pid, &st, 0x100), st);
	show_id("no kind", WNOHANG, pid);
	show("__WCLONE", waitpid(-1, &st, __WCLONE), st);
}

static void *spin(void *arg)
{
	volatile unsigned long *n = arg;

	for (;;)
		++*n;
}

static void stops(void)
{
	pid_t pid = fork();
	int st = 0;

	if (!pid) {
		static unsigned long n;
		pthread_t t;

		pthread_create(&t, NULL, spin, &n);
		for (;;)
			pause();
	}
	usleep(50000);
	kill(pid, SIGSTOP);
	show_id("stop, WNOWAIT", WSTOPPED | WNOWAIT, pid);
	show("stop", waitpid(pid, &st, WUNTRACED), st);
	show("reported once", waitpid(pid, &st, WUNTRACED | WNOHANG), st);
	kill(pid, SIGTERM); /* waits until it goes on */
	usleep(20000);
	show("still stopped", waitpid(pid, &st, WNOHANG), st);
	kill(pid, SIGCONT);
	show("term", waitpid(pid, &st, 0), st);

	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	show_id("stop", WSTOPPED, pid);
	kill(pid, SIGCONT);
	show_id("cont, WNOWAIT", WCONTINUED | WNOWAIT, pid);
	show("cont", waitpid(pid, &st, WCONTINUED), st);
	show("cont once", waitpid(pid, &st, WCONTINUED | WNOHANG), st);
	for (int i = 0; i < 200; i++) { /* the last word counts */
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
	}
	usleep(20000);
	kill(pid, SIGUSR1);
	do
		waitpid(pid, &st, 0);
	while (!WIFEXITED(st) && !WIFSIGNALED(st));
	show("after many", 1, st);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &st, WUNTRACED);
	kill(pid, SIGKILL);
	show("killed while stopped", waitpid(pid, &st, WUNTRACED), st);
}

static void reparenting(void)
{
	struct sigaction sa = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigset_t s;
	pid_t mid;
	int st = 0, fds[2];
	char c;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigaction(SIGCHLD, &sa, NULL);
	pipe(fds);
	mid = fork();
	if (!mid) {
		if (!fork()) {
			read(fds[0], &c, 1);
			printf("orphan's parent is the subreaper: %d\n", getppid() == (int)strtol(getenv("ME"), NULL, 10));
			_exit(9);
		}
		if (!fork())
			_exit(8); /* a zombie that is inherited */
		usleep(50000);
		_exit(0);
	}
	show("middle", waitpid(mid, &st, 0), st);
	show("inherited zombie", waitpid(-1, &st, 0), st);
	write(fds[1], "", 1);
	show("orphan", waitpid(-1, &st, 0), st);
	show("nobody", waitpid(-1, &st, 0), st);

	/* An inherited zombie is announced. */
	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigprocmask(SIG_BLOCK, &s, NULL);
	mid = fork();
	if (!mid) {
		if (!fork())
			_exit(3);
		usleep(50000);
		_exit(0);
	}
	waitpid(mid, &st, 0);
	n_chld = 0;
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	printf("SIGCHLD %d\n", (int)n_chld);
	show("its zombie", waitpid(-1, &st, WNOHANG), st);

	/* Who ignores SIGCHLD has no zombies, and waits until all are gone. */
	signal(SIGCHLD, SIG_IGN);
	mid = fork();
	if (!mid) {
		usleep(50000);
		_exit(0);
	}
	show("ignoring", waitpid(mid, &st, 0), st);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void *exec_thread(void *arg)
{
	execl("/proc/self/exe", "x", (const char *)arg, NULL);
	_exit(99);
}

static void *exit_thread(void *arg)
{
	usleep((useconds_t)(long)arg);
	_exit(5);
}

static void *loop_threads(void *arg)
{
	for (;;) {
		pthread_attr_t a;
		pthread_t t;

		pthread_attr_init(&a);
		pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
		pthread_create(&t, &a, (void *(*)(void *))getpid, NULL);
		pthread_attr_destroy(&a);
	}
}

static void *one_exec(void *arg)
{
	usleep(1000);
	return exec_thread("exec");
}

static void threads(void)
{
	static unsigned long n;
	pthread_t t;
	pid_t pid;
	int st = 0, bad = 0;

	pid = fork();
	if (!pid) {
		for (int i = 0; i < 4; i++)
			pthread_create(&t, NULL, spin, &n);
		pthread_create(&t, NULL, exec_thread, "exec");
		for (;;)
			pause();
	}
	show("exec from a thread", waitpid(pid, &st, 0), st);
	pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, exec_thread, "exec");
		syscall(SYS_exit, 1); /* the leader alone */
	}
	show("exec behind a dead leader", waitpid(pid, &st, 0), st);
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			pthread_create(&t, NULL, loop_threads, NULL);
			pthread_create(&t, NULL, loop_threads, NULL);
			one_exec(NULL);
		}
		waitpid(pid, &st, 0);
		bad += !WIFEXITED(st) || WEXITSTATUS(st) != 42;
	}
	printf("exec among new threads: %d bad\n", bad);
	bad = 0;
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			for (int j = 0; j < 3; j++)
				pthread_create(&t, NULL, one_exec, NULL);
			for (;;)
				pause();
		}
		waitpid(pid, &st, 0);
		bad += !WIFEXITED(st) || WEXITSTATUS(st) != 42;
	}
	printf("three execs at once: %d bad\n", bad);
	bad = 0;
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			pthread_create(&t, NULL, exit_thread, (void *)100L);
			pthread_create(&t, NULL, exit_thread, (void *)100L);
			usleep(100);
			syscall(SYS_exit, 5);
		}
		waitpid(pid, &st, 0);
		bad += !WIFEXITED(st) || WEXITSTATUS(st) != 5;
	}
	printf("exit against exit_group: %d bad\n", bad);
	pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, exit_thread, (void *)600000L);
		syscall(SYS_exit, 1);
	}
	usleep(50000);
	show("a dead leader is no zombie yet", waitpid(pid, &st, WNOHANG), st);
	show("the process is", waitpid(pid, &st, 0), st);
}

static void vforks(void)
{
	volatile int shared = 0;
	struct timespec ts = {0, 20000000};
	char *argv[] = {"x", "exec", NULL};
	pid_t pid;
	int st = 0, bad = 0;

	pid = vfork();
	if (!pid) {
		shared = 1;
		nanosleep(&ts, NULL);
		_exit(3);
	}
	printf("vfork: shared %d\n", shared);
	show("vfork child", waitpid(pid, &st, 0), st);
	pid = vfork();
	if (!pid) {
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	show("vfork child killed", waitpid(pid, &st, 0), st);
	pid = vfork();
	if (!pid) {
		execl("/nonexistent", "x", NULL);
		_exit(errno == ENOENT ? 4 : 1);
	}
	show("failed exec", waitpid(pid, &st, 0), st);
	pid = fork();
	if (!pid) { /* whose vfork child signals it */
		signal(SIGUSR1, SIG_DFL);
		if (!vfork()) {
			kill(getppid(), SIGUSR1);
			nanosleep(&ts, NULL);
			_exit(0);
		}
		_exit(1);
	}
	show("vfork parent ended by a signal", waitpid(pid, &st, 0), st);
	for (int i = 0; i < 30; i++) {
		if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ))
			bad++;
		else if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st) || WEXITSTATUS(st) != 42)
			bad++;
	}
	printf("posix_spawn: %d bad\n", bad);
}

static void *take_usr1(void *arg)
{
	sigset_t s;
	int sig;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	for (;;)
		if (!sigwait(&s, &sig) && sig == SIGUSR1)
			_exit(6);
}

static void group_signals(void)
{
	struct rusage ru;
	pthread_t t;
	sigset_t s;
	pid_t pid;
	int st;

	pid = fork();
	if (!pid) {
		sigemptyset(&s);
		sigaddset(&s, SIGUSR1);
		pthread_sigmask(SIG_BLOCK, &s, NULL);
		pthread_create(&t, NULL, take_usr1, NULL);
		usleep(20000);
		kill(getpid(), SIGUSR1);
		for (;;)
			pause();
	}
	show("sigwait in a thread", waitpid(pid, &st, 0), st);
	getrusage(RUSAGE_CHILDREN, &ru);
	printf("children's time is theirs: %d\n", ru.ru_utime.tv_sec < 30);
}

int main(int argc, char **argv)
{
	char me[16];

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1 && !strcmp(argv[1], "exec"))
		return getpid() == syscall(SYS_gettid) ? 42 : 43;
	snprintf(me, sizeof(me), "%d", getpid());
	setenv("ME", me, 1);
	basics();
	stops();
	reparenting();
	threads();
	vforks();
	group_signals();
	return 0;
}
