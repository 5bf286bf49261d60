/* SPDX-License-Identifier: MIT */
/* ptrace(2): single steps over calls, into and out of handlers; breakpoints; debug registers. */
#include "ptrace_util.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/user.h>

static volatile long watched;

static struct user_regs_struct regs(pid_t p)
{
	struct user_regs_struct r;

	pt(PTRACE_GETREGS, p, 0, (unsigned long)&r);
	return r;
}

void code(void);
extern char code_syscall[], code_yield[], code_map[], code_int3[], code_end[], code_store[];
__asm__(".text\n.globl code, code_syscall, code_yield, code_map, code_int3, code_end, code_store\n"
	"code: nop\n nop\n mov $39, %eax\n"
	"code_syscall: syscall\n nop\n mov $24, %eax\n"
	"code_yield: syscall\n nop\n mov $11, %eax\n mov $0x200000000, %rdi\n mov $4096, %esi\n"
	"code_map: syscall\n nop\n xor %ebx, %ebx\n"
	"code_int3: int3\n nop\n"
	"code_store: movq $5, watched(%rip)\n nop\n"
	"code_end: nop\n nop\n nop\n ret\n");

static const char *place(unsigned long rip)
{
	static char buf[32];

	if (rip < (unsigned long)code || rip > (unsigned long)code_end + 4)
		return "elsewhere";
	snprintf(buf, sizeof(buf), "code+%lu", rip - (unsigned long)code);
	return buf;
}

/* Run to *addr* by a breakpoint of our own. */
static void run_to(pid_t p, void *addr)
{
	unsigned long old = 0;
	struct user_regs_struct r;
	int st;

	pt(PTRACE_PEEKTEXT, p, (unsigned long)addr, (unsigned long)&old);
	pt(PTRACE_POKETEXT, p, (unsigned long)addr, (old & ~0xfful) | 0xcc);
	pt(PTRACE_CONT, p, 0, 0);
	st = wait_for(p);
	r = regs(p);
	printf("run to: %x rip %s\n", (unsigned)st, place(r.rip));
	r.rip = (unsigned long)addr;
	pt(PTRACE_SETREGS, p, 0, (unsigned long)&r);
	pt(PTRACE_POKETEXT, p, (unsigned long)addr, old);
}

static void steps(void)
{
	pid_t p = traced(code, 0);
	siginfo_t si;

	printf("-- steps\n");
	run_to(p, code);
	for (int i = 0; i < 20; i++) {
		int st;
		struct user_regs_struct r;

		pt(PTRACE_SINGLESTEP, p, 0, 0);
		st = wait_for(p);
		if (!WIFSTOPPED(st)) {
			printf("end %x\n", (unsigned)st);
			return;
		}
		r = regs(p);
		pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
		printf("%x %s code %d addr %d tf %d\n", (unsigned)st, place(r.rip), si.si_code,
		       si.si_addr == (void *)r.rip ? 1 : si.si_addr ? 2 : 0, r.eflags & 0x100 ? 1 : 0);
	}
	pt(PTRACE_KILL, p, 0, 0);
	wait_for(p);
}

static void handler(int s)
{
	watched++;
}

static void with_handler(void)
{
	signal(SIGUSR1, handler);
	code();
}

static void handlers(void)
{
	pid_t p = traced(with_handler, 0);
	siginfo_t si;
	int st, n;

	printf("-- handlers\n");
	run_to(p, code);
	pt(PTRACE_SINGLESTEP, p, 0, SIGUSR1);
	st = wait_for(p);
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	printf("into: %x at its start %d code %d tf %d\n", (unsigned)st, regs(p).rip == (unsigned long)handler, si.si_code,
	       regs(p).eflags & 0x100 ? 1 : 0);
	for (n = 0; n < 60; n++) {
		pt(PTRACE_SINGLESTEP, p, 0, 0);
		st = wait_for(p);
		if (!WIFSTOPPED(st) || !strcmp(place(regs(p).rip), "code+0"))
			break;
	}
	printf("back after less than 60 steps %d: %x %s\n", n < 60, (unsigned)st, place(regs(p).rip));
	pt(PTRACE_SINGLESTEP, p, 0, 0);
	st = wait_for(p);
	printf("on: %x %s\n", (unsigned)st, place(regs(p).rip));
	printf("detach %ld\n", pt(PTRACE_DETACH, p, 0, 0));
	printf("end %x\n", (unsigned)wait_for(p)); /* the int3 ends it */
}

static void set_debug(pid_t p, unsigned nr, unsigned long v)
{
	long r = pt(PTRACE_POKEUSR, p, offsetof(struct user, u_debugreg) + 8 * nr, v);

	if (r)
		printf("debug register %u: %s\n", nr, strerror(errno));
}

static void hardware(void)
{
	pid_t p = traced(code, 0);
	siginfo_t si;
	int st;

	printf("-- debug registers\n");
	run_to(p, code);
	set_debug(p, 0, (unsigned long)code_yield);
	set_debug(p, 7, 1);
	pt(PTRACE_CONT, p, 0, 0);
	st = wait_for(p);
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	printf("breakpoint: %x %d code %d dr6 %lx\n", (unsigned)st, regs(p).rip == (unsigned long)code_yield, si.si_code,
	       ptrace(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg[6]), 0) & 0xf);
	set_debug(p, 7, 0);
	set_debug(p, 0, (unsigned long)&watched);
	set_debug(p, 7, 1 | 1 << 16 | 2 << 18);
	pt(PTRACE_CONT, p, 0, 0);
	st = wait_for(p);
	printf("int3: %x %s\n", (unsigned)st, place(regs(p).rip));
	pt(PTRACE_CONT, p, 0, 0);
	st = wait_for(p);
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	printf("write: %x behind it %d code %d dr6 %lx value %ld\n", (unsigned)st, regs(p).rip > (unsigned long)code_store,
	       si.si_code, ptrace(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg[6]), 0) & 0xf,
	       ptrace(PTRACE_PEEKDATA, p, &watched, 0));
	set_debug(p, 7, 0);
	pt(PTRACE_CONT, p, 0, 0);
	printf("end %x\n", (unsigned)wait_for(p));
}

int main(void)
{
	steps();
	handlers();
	hardware();
	return 0;
}
