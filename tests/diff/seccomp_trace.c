/* SPDX-License-Identifier: MIT */
/* SECCOMP_RET_TRACE: a tracer is asked about calls, and may change them. */
#include "seccomp_util.h"
#include <sys/ptrace.h>
#include <sys/user.h>

static struct sock_filter f[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_TRACE | 42), WHEN(SYS_getgid, SECCOMP_RET_ERRNO | EXDEV),
	RET(SECCOMP_RET_ALLOW)};

/* Run to the next stop; its status. */
static int next(pid_t pid, int request, int sig)
{
	int st;

	ptrace(request, pid, 0, sig);
	waitpid(pid, &st, 0);
	return st;
}

static void tell(const char *what, pid_t pid, int st)
{
	unsigned long msg = 0;

	if (!WIFSTOPPED(st)) {
		printf("%s: end %d\n", what, WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st));
		return;
	}
	ptrace(PTRACE_GETEVENTMSG, pid, 0, &msg);
	printf("%s: signal %d event %d message %lu\n", what, WSTOPSIG(st), st >> 16, st >> 16 ? msg : 0);
}

static pid_t start(long options)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		nnp();
		SET_FILTER(0, f);
		for (int i = 0; i < 3; i++) {
			errno = 0;
			st = syscall(SYS_getuid);
			printf("getuid: %s\n", st < 0 ? strerrorname_np(errno) : st == getppid() ? "the parent's number" : st == 4711 ? "4711" : "ok");
		}
		_exit(7);
	}
	waitpid(pid, &st, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, options);
	return pid;
}

static void set(pid_t pid, long nr, long rax)
{
	struct user_regs_struct r;

	ptrace(PTRACE_GETREGS, pid, 0, &r);
	r.orig_rax = nr;
	r.rax = rax;
	ptrace(PTRACE_SETREGS, pid, 0, &r);
}

int main(void)
{
	struct user_regs_struct r;
	pid_t pid;
	int st;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pid = start(PTRACE_O_TRACESECCOMP);
	st = next(pid, PTRACE_CONT, 0);
	tell("asked", pid, st);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("nr %lld rax %lld\n", r.orig_rax, r.rax);
	st = next(pid, PTRACE_CONT, 0);
	tell("asked again", pid, st);
	set(pid, SYS_getppid, -ENOSYS);
	st = next(pid, PTRACE_CONT, 0);
	tell("asked again", pid, st);
	set(pid, -1, 4711);
	tell("then", pid, next(pid, PTRACE_CONT, 0));

	pid = start(0);
	tell("nobody wants to know", pid, next(pid, PTRACE_CONT, 0));

	/* the filters see what the tracer has made of it */
	pid = start(PTRACE_O_TRACESECCOMP);
	next(pid, PTRACE_CONT, 0);
	set(pid, SYS_getgid, -ENOSYS);
	st = next(pid, PTRACE_CONT, 0);
	tell("changed into one that is refused", pid, st);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	tell("killed", pid, st);

	/* entry stop, seccomp stop, exit stop */
	pid = start(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
	for (int i = 0; i < 12; i++) {
		st = next(pid, PTRACE_SYSCALL, 0);
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		if (r.orig_rax != SYS_getuid)
			continue;
		tell("stop", pid, st);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	return 0;
}
