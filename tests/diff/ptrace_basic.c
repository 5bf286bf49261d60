/* SPDX-License-Identifier: MIT */
/* ptrace(2): requests on a stopped tracee, their results and errors. */
#include "ptrace_util.h"

#include <elf.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/user.h>

static long data_word = 0x1122334455667788;
static const long text_word = 0x0102030405060708;

static pid_t tracee(void (*fn)(void))
{
	pid_t p;

	fflush(stdout);
	p = fork();

	if (!p) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		if (fn)
			fn();
		_exit(data_word == 42 ? 7 : 0);
	}
	show_status("first stop", wait_for(p));
	return p;
}

static void memory(pid_t p)
{
	unsigned long v = 0;
	char path[64];

	show("peek", pt(PTRACE_PEEKDATA, p, (unsigned long)&data_word, (unsigned long)&v));
	printf("%lx\n", v);
	show("peek text", pt(PTRACE_PEEKTEXT, p, (unsigned long)&text_word, (unsigned long)&v));
	printf("%lx\n", v);
	show("peek unaligned", pt(PTRACE_PEEKDATA, p, (unsigned long)&data_word + 1, (unsigned long)&v));
	show("peek nothing", pt(PTRACE_PEEKDATA, p, 8, (unsigned long)&v));
	show("peek to nowhere", pt(PTRACE_PEEKDATA, p, (unsigned long)&data_word, 8));
	show("poke", pt(PTRACE_POKEDATA, p, (unsigned long)&data_word, 42));
	show("poke read-only", pt(PTRACE_POKETEXT, p, (unsigned long)&text_word, 0x99));
	show("peek again", pt(PTRACE_PEEKTEXT, p, (unsigned long)&text_word, (unsigned long)&v));
	printf("%lx, here %lx\n", v, text_word);
	show("poke code", pt(PTRACE_POKETEXT, p, (unsigned long)&tracee, 0xcccccccccccccccc));
	show("peek code", pt(PTRACE_PEEKTEXT, p, (unsigned long)&tracee, (unsigned long)&v));
	printf("%lx, here %d\n", v, *(volatile unsigned char *)&tracee == 0xcc);
	show("poke nothing", pt(PTRACE_POKEDATA, p, 8, 1));
	snprintf(path, sizeof(path), "/proc/%d/status", p);
	FILE *f = fopen(path, "r");
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "State:", 6))
			fputs(line, stdout);
		else if (!strncmp(line, "TracerPid:", 10))
			printf("tracer is %s\n", atoi(line + 10) == getpid() ? "me" : line);
	if (f)
		fclose(f);
}

static void registers(pid_t p)
{
	struct user_regs_struct regs, again;
	struct user_fpregs_struct fp;
	unsigned long v;
	static unsigned char big[16384];
	struct iovec iov = {&regs, sizeof(regs)};

	show("getregs", pt(PTRACE_GETREGS, p, 0, (unsigned long)&regs));
	printf("cs %llx ss %llx ds %llx es %llx fs %llx gs %llx orig_rax %lld rax %lld flags %d\n", regs.cs, regs.ss, regs.ds,
	       regs.es, regs.fs, regs.gs, regs.orig_rax, regs.rax, regs.eflags & 0x100 ? 1 : 0);
	show("getregs to nowhere", pt(PTRACE_GETREGS, p, 0, 8));
	regs.r15 = 0x1234;
	show("setregs", pt(PTRACE_SETREGS, p, 0, (unsigned long)&regs));
	show("setregs from nowhere", pt(PTRACE_SETREGS, p, 0, 8));
	iov.iov_base = &again;
	show("getregset", pt(PTRACE_GETREGSET, p, NT_PRSTATUS, (unsigned long)&iov));
	printf("len %zu same %d\n", iov.iov_len, !memcmp(&regs, &again, sizeof(regs)));
	iov.iov_len = 16;
	show("getregset short", pt(PTRACE_GETREGSET, p, NT_PRSTATUS, (unsigned long)&iov));
	printf("len %zu\n", iov.iov_len);
	iov.iov_len = 13;
	show("getregset odd", pt(PTRACE_GETREGSET, p, NT_PRSTATUS, (unsigned long)&iov));
	iov.iov_len = sizeof(big);
	iov.iov_base = big;
	show("getregset unknown", pt(PTRACE_GETREGSET, p, 0x7777, (unsigned long)&iov));
	show("getregset nowhere", pt(PTRACE_GETREGSET, p, NT_PRSTATUS, 8));
	show("getregset fp", pt(PTRACE_GETREGSET, p, NT_PRFPREG, (unsigned long)&iov));
	printf("len %zu\n", iov.iov_len);
	iov.iov_len = sizeof(big);
	show("getregset xstate", pt(PTRACE_GETREGSET, p, NT_X86_XSTATE, (unsigned long)&iov));
	printf("enough %d, multiple of 8 %d\n", iov.iov_len >= 832, iov.iov_len % 8 == 0);
	show("setregset xstate", pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (unsigned long)&iov));
	iov.iov_len = 576;
	show("setregset xstate short", pt(PTRACE_SETREGSET, p, NT_X86_XSTATE, (unsigned long)&iov));
	regs.r14 = 0x4321;
	iov = (struct iovec){&regs, 24};
	show("setregset short", pt(PTRACE_SETREGSET, p, NT_PRSTATUS, (unsigned long)&iov));
	printf("len %zu\n", iov.iov_len);
	pt(PTRACE_GETREGS, p, 0, (unsigned long)&again);
	printf("r15 %llx r14 %llx\n", again.r15, again.r14);
	show("getfpregs", pt(PTRACE_GETFPREGS, p, 0, (unsigned long)&fp));
	printf("mxcsr %x cwd %x\n", fp.mxcsr, fp.cwd);
	fp.xmm_space[0] = 0xabcdef;
	show("setfpregs", pt(PTRACE_SETFPREGS, p, 0, (unsigned long)&fp));
	memset(&fp, 0, sizeof(fp));
	pt(PTRACE_GETFPREGS, p, 0, (unsigned long)&fp);
	printf("xmm0 %x\n", fp.xmm_space[0]);
	fp.mxcsr = 0xffffffff;
	show("setfpregs bad", pt(PTRACE_SETFPREGS, p, 0, (unsigned long)&fp));
	show("peekuser", pt(PTRACE_PEEKUSR, p, offsetof(struct user_regs_struct, r15), (unsigned long)&v));
	printf("%lx\n", v);
	show("peekuser odd", pt(PTRACE_PEEKUSR, p, 3, (unsigned long)&v));
	show("peekuser far", pt(PTRACE_PEEKUSR, p, sizeof(struct user) + 16, (unsigned long)&v));
	show("peekuser between", pt(PTRACE_PEEKUSR, p, offsetof(struct user, u_ar0), (unsigned long)&v));
	printf("%lx\n", v);
	show("peekuser debug", pt(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg), (unsigned long)&v));
	printf("%lx\n", v);
	show("pokeuser", pt(PTRACE_POKEUSR, p, offsetof(struct user_regs_struct, r13), 77));
	show("pokeuser cs", pt(PTRACE_POKEUSR, p, offsetof(struct user_regs_struct, cs), 0));
	show("pokeuser ss", pt(PTRACE_POKEUSR, p, offsetof(struct user_regs_struct, ss), 0x10));
	show("pokeuser fs_base", pt(PTRACE_POKEUSR, p, offsetof(struct user_regs_struct, fs_base), 1ul << 63));
	show("pokeuser odd", pt(PTRACE_POKEUSR, p, 5, 0));
	show("pokeuser far", pt(PTRACE_POKEUSR, p, sizeof(struct user) + 16, 0));
	show("pokeuser between", pt(PTRACE_POKEUSR, p, offsetof(struct user, u_ar0), 0));
	show("debug address", pt(PTRACE_POKEUSR, p, offsetof(struct user, u_debugreg), (unsigned long)&data_word));
	show("debug 4", pt(PTRACE_POKEUSR, p, offsetof(struct user, u_debugreg[4]), 1));
	show("debug kernel", pt(PTRACE_POKEUSR, p, offsetof(struct user, u_debugreg), 0xffffffff81000000ul));
	pt(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg), (unsigned long)&v);
	printf("%d\n", v == (unsigned long)&data_word);
	show("arch_prctl", pt(30, p, (unsigned long)&v, 0x1003));
	pt(PTRACE_GETREGS, p, 0, (unsigned long)&regs);
	printf("%d\n", v == regs.fs_base);
	show("singleblock-like unknown", pt(0x7777, p, 0, 0));
}

static void signals(pid_t p)
{
	struct {
		unsigned long off;
		unsigned flags;
		int nr;
	} peek = {0, 0, 4};
	siginfo_t si[4];
	unsigned long mask = 0, v;
	int st;

	show("getsiginfo", pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)si));
	printf("signo %d code %d mine %d\n", si->si_signo, si->si_code, si->si_pid == p);
	show("getsiginfo to nowhere", pt(PTRACE_GETSIGINFO, p, 0, 8));
	show("getsigmask size", pt(PTRACE_GETSIGMASK, p, 4, (unsigned long)&mask));
	show("getsigmask", pt(PTRACE_GETSIGMASK, p, 8, (unsigned long)&mask));
	printf("%lx\n", mask);
	mask = 1ul << (SIGUSR2 - 1) | 1ul << (SIGKILL - 1);
	show("setsigmask", pt(PTRACE_SETSIGMASK, p, 8, (unsigned long)&mask));
	pt(PTRACE_GETSIGMASK, p, 8, (unsigned long)&mask);
	printf("%lx\n", mask);
	show("setsigmask nowhere", pt(PTRACE_SETSIGMASK, p, 8, 8));
	kill(p, SIGUSR2);
	syscall(SYS_tkill, p, SIGUSR2);
	show("peeksiginfo", pt(PTRACE_PEEKSIGINFO, p, (unsigned long)&peek, (unsigned long)si));
	printf("signo %d code %d\n", si->si_signo, si->si_code);
	peek.flags = 1;
	show("peeksiginfo shared", pt(PTRACE_PEEKSIGINFO, p, (unsigned long)&peek, (unsigned long)si));
	printf("signo %d code %d\n", si->si_signo, si->si_code);
	peek.off = 1;
	show("peeksiginfo end", pt(PTRACE_PEEKSIGINFO, p, (unsigned long)&peek, (unsigned long)si));
	peek.flags = 2;
	show("peeksiginfo flags", pt(PTRACE_PEEKSIGINFO, p, (unsigned long)&peek, (unsigned long)si));
	peek.flags = 0;
	peek.nr = -1;
	show("peeksiginfo negative", pt(PTRACE_PEEKSIGINFO, p, (unsigned long)&peek, (unsigned long)si));
	show("setoptions unknown", pt(PTRACE_SETOPTIONS, p, 0, 0x4000));
	show("setoptions", pt(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD));
	show("geteventmsg", pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&v));
	printf("%lu\n", v);
	show("listen not seized", pt(PTRACE_LISTEN, p, 0, 0));
	show("interrupt not seized", pt(PTRACE_INTERRUPT, p, 0, 0));
	show("cont with a bad signal", pt(PTRACE_CONT, p, 0, 65));
	show("detach with a bad signal", pt(PTRACE_DETACH, p, 0, 100));
	/* Injection: a signal with another number than it stopped for. */
	show("cont with SIGURG", pt(PTRACE_CONT, p, 0, SIGURG));
	st = wait_for(p);
	show_status("end", st);
}

static void inject(void)
{
	sigset_t s;
	siginfo_t si;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &s, NULL);
	raise(SIGUSR1); /* becomes SIGRTMIN, which is blocked */
	printf("waited %d", sigwaitinfo(&s, &si) == SIGRTMIN);
	printf(" code %d from tracer %d\n", si.si_code, si.si_pid == getppid());
	raise(SIGUSR1); /* suppressed */
	raise(SIGUSR2); /* its siginfo is changed */
	fflush(stdout);
}

static void on_usr2(int s, siginfo_t *si, void *uc)
{
	printf("handler %d code %d value %d\n", s, si->si_code, si->si_value.sival_int);
}

static void inject_body(void)
{
	struct sigaction sa = {.sa_sigaction = on_usr2, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR2, &sa, NULL);
	inject();
}

static void injection(void)
{
	pid_t p = tracee(inject_body);
	siginfo_t si;
	int st;

	pt(PTRACE_CONT, p, 0, 0);
	show_status("usr1", st = wait_for(p));
	pt(PTRACE_CONT, p, 0, SIGRTMIN);
	show_status("usr1 again", st = wait_for(p));
	pt(PTRACE_CONT, p, 0, 0);
	show_status("usr2", st = wait_for(p));
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	printf("code %d\n", si.si_code);
	si.si_code = -77;
	si.si_value.sival_int = 99;
	show("setsiginfo", pt(PTRACE_SETSIGINFO, p, 0, (unsigned long)&si));
	pt(PTRACE_CONT, p, 0, SIGUSR2);
	show_status("end", wait_for(p));
}

static void nobody(void)
{
	int st;
	pid_t p;

	show("peek of nobody", pt(PTRACE_PEEKDATA, 999999, 0, 0));
	show("attach to nobody", pt(PTRACE_ATTACH, 999999, 0, 0));
	show("attach to self", pt(PTRACE_ATTACH, getpid(), 0, 0));
	fflush(stdout);
	p = fork();
	if (!p) {
		pause();
		_exit(0);
	}
	show("peek of a child", pt(PTRACE_PEEKDATA, p, 0, 0));
	show("cont of a child", pt(PTRACE_CONT, p, 0, 0));
	show("interrupt of a child", pt(PTRACE_INTERRUPT, p, 0, 0));
	show("kill of a child", pt(PTRACE_KILL, p, 0, 0));
	show("seize with address", pt(PTRACE_SEIZE, p, 1, 0));
	show("seize with options", pt(PTRACE_SEIZE, p, 0, 0x4000));
	show("attach", pt(PTRACE_ATTACH, p, 0, 0));
	show("attach twice", pt(PTRACE_ATTACH, p, 0, 0));
	show_status("attached", wait_for(p));
	show("cont", pt(PTRACE_CONT, p, 0, 0));
	show("peek while it runs", pt(PTRACE_PEEKDATA, p, 0, (unsigned long)&st));
	show("kill", pt(PTRACE_KILL, p, 0, 0));
	show_status("killed", wait_for(p));
	show("kill again", pt(PTRACE_KILL, p, 0, 0));
	show("traceme", 0);
	p = fork();
	if (!p) {
		int a = ptrace(PTRACE_TRACEME, 0, 0, 0), b = ptrace(PTRACE_TRACEME, 0, 0, 0);

		_exit(a == 0 && b == -1 && errno == EPERM ? 5 : 6);
	}
	show_status("traceme twice", wait_for(p));
}

int main(void)
{
	pid_t p = tracee(NULL);

	memory(p);
	registers(p);
	signals(p);
	injection();
	nobody();
	return 0;
}
