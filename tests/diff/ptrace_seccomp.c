/* SPDX-License-Identifier: MIT */
/* ptrace(2): PTRACE_EVENT_SECCOMP of a filter's SECCOMP_RET_TRACE, and rseq(2) as a tracer sees it. */
#include "ptrace_util.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/user.h>

static void filter(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 77),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 88),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(f) / sizeof(f[0]), f};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(99);
}

static pid_t start(unsigned long options)
{
	pid_t p;

	fflush(stdout);
	p = fork();
	if (!p) {
		long r;

		pt(PTRACE_TRACEME, 0, 0, 0);
		syscall(SYS_tkill, getpid(), SIGSTOP);
		filter();
		r = syscall(SYS_getuid);
		if (r == -1 && errno == ENOSYS)
			_exit(1);
		if (r == 4242)
			_exit(2);
		r = syscall(SYS_sched_yield);
		_exit(r ? 4 : 3);
	}
	wait_for(p);
	pt(PTRACE_SETOPTIONS, p, 0, options);
	pt(PTRACE_CONT, p, 0, 0);
	return p;
}

static int report(pid_t p)
{
	struct ptrace_syscall_info info = {0};
	struct user_regs_struct r;
	unsigned long msg = 0;
	int st = wait_for(p);
	siginfo_t si;
	long n;

	if (!WIFSTOPPED(st)) {
		printf("end %x\n", (unsigned)st);
		return 0;
	}
	pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
	pt(12, p, 0, (unsigned long)&r);
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	n = pt(PTRACE_GET_SYSCALL_INFO, p, sizeof(info), (unsigned long)&info);
	printf("stop %x message %lu call %lld rax %lld code %x info %ld op %d nr %llu data %u\n", (unsigned)st, msg, r.orig_rax, r.rax,
	       (unsigned)si.si_code, n, info.op, info.op == PTRACE_SYSCALL_INFO_SECCOMP ? info.seccomp.nr : 0,
	       info.op == PTRACE_SYSCALL_INFO_SECCOMP ? info.seccomp.ret_data : 0);
	return 1;
}

static void skip(pid_t p, long value)
{
	struct user_regs_struct r;

	pt(12, p, 0, (unsigned long)&r);
	r.orig_rax = -1;
	r.rax = value;
	pt(13, p, 0, (unsigned long)&r);
}

int main(void)
{
	struct ptrace_rseq_configuration c;
	pid_t p;

	printf("-- no tracer for it\n");
	report(start(0));
	printf("-- events\n");
	p = start(PTRACE_O_TRACESECCOMP);
	while (report(p))
		pt(PTRACE_CONT, p, 0, 0);
	printf("-- skipped\n");
	p = start(PTRACE_O_TRACESECCOMP);
	report(p);
	skip(p, 4242);
	pt(PTRACE_CONT, p, 0, 0);
	report(p);
	printf("-- with system call stops\n");
	p = start(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
	for (int i = 0; i < 5 && report(p); i++)
		pt(PTRACE_SYSCALL, p, 0, 0);
	kill(p, SIGKILL);
	wait_for(p);
	p = start(PTRACE_O_TRACESECCOMP);
	wait_for(p);
	printf("rseq %ld", pt(PTRACE_GET_RSEQ_CONFIGURATION, p, sizeof(c), (unsigned long)&c));
	printf(" size %u signature %x registered %d\n", c.rseq_abi_size, c.signature, c.rseq_abi_pointer != 0);
	printf("rseq short %ld\n", pt(PTRACE_GET_RSEQ_CONFIGURATION, p, 8, (unsigned long)&c));
	kill(p, SIGKILL);
	wait_for(p);
	return 0;
}
