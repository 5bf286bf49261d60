/* SPDX-License-Identifier: MIT */
/* Forks, sleeps that begin anew, handlers that change where a call goes on, unwinding out of calls: through the library's call sites. */
#include "rewrite_util.h"

#include <errno.h>
#include <execinfo.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

extern char **environ;
static volatile int hits;

static void count(int sig)
{
	(void)sig;
	hits++;
}

static void set(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	sigaction(sig, &sa, NULL);
}

static int status(pid_t pid)
{
	int st;

	return waitpid(pid, &st, 0) == pid && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static int on_clone(void *arg)
{
	return getpid() > 0 && getppid() == *(pid_t *)arg ? 5 : 6;
}

static void children(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	char *argv[] = {(char *)"true", NULL};
	pid_t me = getpid(), pid = fork();

	if (!pid)
		_exit(getppid() == me && getpid() != me ? 3 : 1);
	printf("fork %d\n", status(pid));
	pid = vfork();
	if (!pid)
		_exit(getppid() == me && (int)syscall(SYS_getpid) != me ? 4 : 1);
	printf("vfork %d\n", status(pid));
	pid = clone(on_clone, stack + sizeof(stack), SIGCHLD, &me);
	printf("clone %d\n", status(pid));
	pid = clone(on_clone, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &me);
	printf("clone VM %d\n", status(pid));
	printf("spawn %d", posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
	printf(" %d\n", status(pid));
	printf("still %d\n", getpid() == me);
}

static void sleeps(void)
{
	struct itimerval it = {{0, 0}, {0, 20000}};
	struct timespec ts = {0, 80000000}, rem;
	char c = 0;
	int p[2];
	pid_t pid;

	hits = 0;
	set(SIGALRM, count, SA_RESTART);
	if (pipe(p))
		return;
	setitimer(ITIMER_REAL, &it, NULL);
	pid = fork();
	if (!pid) {
		nanosleep(&ts, NULL);
		_exit(write(p[1], "y", 1) != 1);
	}
	printf("read restarted: %zd", read(p[0], &c, 1));
	printf(" %c, handled %d\n", c, hits);
	status(pid);
	set(SIGALRM, count, 0);
	setitimer(ITIMER_REAL, &it, NULL);
	printf("read torn: %zd", read(p[0], &c, 1));
	printf(" %s\n", strerror(errno));
	setitimer(ITIMER_REAL, &it, NULL);
	printf("nanosleep torn: %d", nanosleep(&(struct timespec){1, 0}, &rem));
	printf(" %s, %s left\n", strerror(errno), rem.tv_sec == 0 && rem.tv_nsec > 0 ? "some" : "all");
	setitimer(ITIMER_REAL, &it, NULL);
	printf("poll torn: %d", poll(NULL, 0, 5000));
	printf(" %s\n", strerror(errno));
	close(p[0]);
	close(p[1]);
}

static sigjmp_buf out;

static void jump_out(int sig)
{
	(void)sig;
	siglongjmp(out, 9);
}

static void change(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si;
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RAX] = -EXDEV;
}

static void handlers(void)
{
	struct sigaction sa = {.sa_sigaction = change, .sa_flags = SA_SIGINFO};
	struct itimerval it = {{0, 0}, {0, 20000}};
	int r = sigsetjmp(out, 1);

	if (!r) {
		set(SIGALRM, jump_out, 0);
		setitimer(ITIMER_REAL, &it, NULL);
		for (;;)
			pause();
	}
	printf("jumped %d\n", r);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	printf("changed %d", pause());
	printf(" %s\n", strerror(errno));
}

/* --- unwinding --- */

static volatile int in_main, in_call;
static uintptr_t main_at, call_at;

static void unwind(int sig)
{
	void *frames[64];
	int n = backtrace(frames, 64);

	(void)sig;
	for (int i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)frames[i];

		in_main |= at >= main_at && at < main_at + 4096;
		in_call |= at >= call_at && at < call_at + 256;
	}
}

static __attribute__((noinline)) void unwinding(void)
{
	struct itimerval it = {{0, 0}, {0, 20000}};
	void *frames[4];

	main_at = (uintptr_t)unwinding;
	call_at = (uintptr_t)dlsym(RTLD_DEFAULT, "pause");
	backtrace(frames, 4); /* loads what it needs */
	set(SIGALRM, unwind, 0);
	setitimer(ITIMER_REAL, &it, NULL);
	pause();
	printf("unwound through the call %d, to its caller %d\n", in_call, in_main);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	children();
	sleeps();
	handlers();
	unwinding();
	return 0;
}
