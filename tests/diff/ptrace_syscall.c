/* SPDX-License-Identifier: MIT */
/* ptrace(2): system call stops; calls changed, skipped, emulated and restarted; what the kernel makes natively otherwise is seen as well. */
#include "ptrace_util.h"

#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/user.h>
#include <time.h>

#define GETREGS 12
#define SETREGS 13
#define SYSEMU 31

/* Calls with arguments and results that are the same everywhere, memory calls among them. */
static void calls(void)
{
	static int word;
	struct timespec ts = {0, 1000};
	char *m = mmap((void *)0x200000000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	mprotect(m, 4096, PROT_READ);
	madvise(m, 8192, MADV_DONTNEED);
	mremap(m, 8192, 4096, 0);
	munmap(m, 4096);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0);
	syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts, NULL, 0);
	sched_yield();
	syscall(SYS_close, 77);
	syscall(SYS_read, 0, 8, 100);
	syscall(SYS_nanosleep, &ts, NULL);
	syscall(9999, 1, 2, 3, 4, 5, 6);
	syscall(-7L, 1, 2, 3);
	syscall(SYS_kill, 0, 0);
	syscall(SYS_brk, 8);
	syscall(SYS_exit_group, 6);
}

static void trace(void)
{
	pid_t p = traced(calls, PTRACE_O_TRACESYSGOOD);
	struct ptrace_syscall_info info;
	int st;

	printf("-- trace\n");
	for (;;) {
		long n;

		pt(PTRACE_SYSCALL, p, 0, 0);
		st = wait_for(p);
		if (!WIFSTOPPED(st))
			break;
		memset(&info, 0, sizeof(info));
		n = pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(info), (unsigned long)&info);
		if (WSTOPSIG(st) != (SIGTRAP | 0x80)) {
			printf("signal %d op %d\n", WSTOPSIG(st), info.op);
		} else if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
			struct user_regs_struct r;

			pt(GETREGS, p, 0, (unsigned long)&r);
			printf("%ld: nr %llu args %llx %llx %llx rax %lld same %d\n", n, info.entry.nr,
			       info.entry.args[0] < 0x300000000 ? info.entry.args[0] : 1,
			       info.entry.args[1] < 0x300000000 ? info.entry.args[1] : 1,
			       info.entry.args[2] < 0x300000000 ? info.entry.args[2] : 1, (long long)r.rax,
			       r.orig_rax == info.entry.nr && r.rip == info.instruction_pointer && r.rsp == info.stack_pointer);
		} else {
			long long v = info.exit.rval;

			printf("%ld: op %d ret %lld error %d\n", n, info.op, v > 0x300000000 ? 1 : v, info.exit.is_error);
		}
	}
	printf("end %x\n", (unsigned)st);
}

static int to_call(pid_t p, long req)
{
	pt(req, p, 0, 0);
	return wait_for(p);
}

static void one_getpid(void)
{
	long r = syscall(SYS_getpid, 1, 2, 3), e = errno;

	_exit(r == 4242 ? 1 : r == -1 && e == ENOSYS ? 2 : r == getppid() ? 3 : r == -1 && e == EXDEV ? 4 : 5);
}

enum how { SKIP, SKIP_VALUE, CHANGE_NR, CHANGE_RESULT, EMULATE, NOTHING };

static void change(const char *name, enum how how)
{
	pid_t p = traced(one_getpid, PTRACE_O_TRACESYSGOOD);
	struct user_regs_struct r;
	int st;

	to_call(p, how == EMULATE ? SYSEMU : PTRACE_SYSCALL);
	pt(GETREGS, p, 0, (unsigned long)&r);
	printf("%s: call %lld rax %lld;", name, r.orig_rax, r.rax);
	if (how == SKIP || how == SKIP_VALUE)
		r.orig_rax = -1;
	if (how == CHANGE_NR)
		r.orig_rax = SYS_getppid;
	if (how == SKIP_VALUE || how == EMULATE)
		r.rax = 4242;
	pt(SETREGS, p, 0, (unsigned long)&r);
	if (how != EMULATE) {
		st = to_call(p, PTRACE_SYSCALL);
		pt(GETREGS, p, 0, (unsigned long)&r);
		if (how == CHANGE_RESULT) {
			r.rax = -EXDEV;
			pt(SETREGS, p, 0, (unsigned long)&r);
		}
		printf(" stop %x orig %lld;", (unsigned)st, r.orig_rax);
	}
	pt(PTRACE_CONT, p, 0, 0);
	st = wait_for(p);
	printf(" end %x\n", (unsigned)st);
}

static void on_alarm(int s)
{
}

static int restart_flags;

static void sleeper(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = restart_flags};
	int fd[2];
	char c;
	long r;

	sigaction(SIGUSR1, &sa, NULL);
	if (pipe(fd))
		_exit(99);
	syscall(SYS_getppid);
	r = read(fd[0], &c, 1);
	_exit(r == -1 && errno == EINTR ? 1 : 2);
}

static void restarts(int flags, int deliver)
{
	struct user_regs_struct r;
	pid_t p;
	int st;

	restart_flags = flags;
	p = traced(sleeper, PTRACE_O_TRACESYSGOOD);
	do {
		to_call(p, PTRACE_SYSCALL);
		pt(GETREGS, p, 0, (unsigned long)&r);
	} while (r.orig_rax != SYS_read);
	pt(PTRACE_SYSCALL, p, 0, 0);
	usleep(20000);
	kill(p, SIGUSR1);
	st = wait_for(p);
	pt(GETREGS, p, 0, (unsigned long)&r);
	printf("restart %x %d: stop %x orig %lld rax %lld;", (unsigned)flags, deliver, (unsigned)st, r.orig_rax, r.rax);
	pt(PTRACE_SYSCALL, p, 0, 0);
	st = wait_for(p);
	pt(GETREGS, p, 0, (unsigned long)&r);
	printf(" stop %x orig %lld rax %lld;", (unsigned)st, r.orig_rax, r.rax);
	pt(PTRACE_SYSCALL, p, 0, deliver ? SIGUSR1 : 0);
	st = wait_for(p);
	pt(GETREGS, p, 0, (unsigned long)&r);
	printf(" stop %x orig %lld rax %lld\n", (unsigned)st, r.orig_rax, r.rax);
	kill(p, SIGKILL);
	wait_for(p);
}

static void plain_trap(void)
{
	pid_t p = traced(one_getpid, 0);
	struct ptrace_syscall_info info = {0};
	int st = to_call(p, PTRACE_SYSCALL);
	siginfo_t si;
	long r;

	r = pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(info), (unsigned long)&info);
	printf("without TRACESYSGOOD: %x, info %ld op %d\n", (unsigned)st, r, info.op);
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	printf("signo %d code %d\n", si.si_signo, si.si_code);
	pt(PTRACE_KILL, p, 0, 0);
	wait_for(p);
}

int main(void)
{
	trace();
	change("nothing", NOTHING);
	change("skip", SKIP);
	change("skip with a value", SKIP_VALUE);
	change("another call", CHANGE_NR);
	change("another result", CHANGE_RESULT);
	change("emulate", EMULATE);
	restarts(0, 1);
	restarts(SA_RESTART, 1);
	restarts(0, 0);
	plain_trap();
	return 0;
}
