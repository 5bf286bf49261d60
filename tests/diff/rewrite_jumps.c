/* SPDX-License-Identifier: MIT */
/* Ways to a call that are not from the beginning: into the call itself, in single steps, through text that is changed, with gs in use. */
#include "rewrite_util.h"

#include <asm/prctl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

typedef long (*fn_t)(void);

static uint8_t *function(const char *name)
{
	return (uint8_t *)(uintptr_t)dlsym(RTLD_DEFAULT, name);
}

/* Call *fn* with eax set, as `syscall; ret` wants it. */
static long enter(const uint8_t *fn, long nr)
{
	long ret;

	__asm__ volatile("call *%1" : "=a"(ret) : "r"(fn), "a"(nr) : "rcx", "r11", "memory", "cc");
	return ret;
}

static void into_the_call(void)
{
	uint8_t *fn = function("getppid"), orig[64];
	int at = -1;

	if (in_file((uintptr_t)fn, orig, sizeof(orig)))
		return;
	for (int i = 0; i < 60 && at < 0; i++)
		if (orig[i] == 0x0f && orig[i + 1] == 0x05)
			at = i;
	printf("the call is %s there\n", at >= 0 && fn[at] == 0x0f && fn[at + 1] == 0x05 ? "still" : "not");
	printf("getppid %d, getpid %d, error %ld\n", enter(fn + at, SYS_getppid) == getppid(), enter(fn + at, SYS_getpid) == getpid(),
	       enter(fn + at, 100000));
}

/* --- single steps --- */

static uintptr_t trace_from, trace_to;
static long steps[64];
static int n_steps;

static void on_trap(int sig, siginfo_t *si, void *uc)
{
	uintptr_t ip = (uintptr_t)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];

	(void)sig, (void)si;
	if (ip >= trace_from && ip < trace_to && n_steps < 64)
		steps[n_steps++] = (long)(ip - trace_from);
	if (!text_of(ip) && n_steps < 64)
		steps[n_steps++] = -1;
}

static void in_steps(const char *name)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO}, old;
	uint8_t *fn = function(name);
	long ret;

	trace_from = (uintptr_t)fn;
	trace_to = trace_from + 32;
	n_steps = 0;
	sigaction(SIGTRAP, &sa, &old);
	__asm__ volatile("sub $256, %%rsp\n\tpushf\n\torl $0x100, (%%rsp)\n\tpopf\n\tcall *%1\n\tpushf\n\tandl $~0x100, (%%rsp)\n\tpopf\n\tadd $256, %%rsp"
			 : "=a"(ret) : "r"(fn), "0"(0L) : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
	sigaction(SIGTRAP, &old, NULL);
	printf("%s in steps: %s:", name, ret == getppid() || ret == getpid() || ret == (long)getuid() ? "right" : "wrong");
	for (int i = 0; i < n_steps; i++)
		printf(" %ld", steps[i]);
	printf("\n");
}

/* --- text that is changed --- */

static void own_code(void)
{
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const uint8_t code[] = {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3};
	int bad = 0;

	memcpy(p, code, sizeof(code));
	for (int i = 0; i < 200; i++)
		bad += ((fn_t)(uintptr_t)p)() != getpid();
	p[1] = SYS_getppid;
	for (int i = 0; i < 200; i++)
		bad += ((fn_t)(uintptr_t)p)() != getppid();
	printf("code of its own: %d wrong, %s\n", bad, p[0] == 0xb8 ? "as written" : "changed");
	munmap(p, 4096);
}

static void library_code(void)
{
	static const uint8_t forty_two[] = {0xb8, 42, 0, 0, 0, 0xc3};
	uint8_t *fn = function("getppid"), *page = (uint8_t *)((uintptr_t)fn & ~4095ul), before[16], orig[16];
	fn_t f = (fn_t)(uintptr_t)fn;

	memcpy(before, fn, sizeof(before));
	if (in_file((uintptr_t)fn, orig, sizeof(orig)) || mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC))
		return;
	memcpy(fn, forty_two, sizeof(forty_two));
	printf("hooked: %ld\n", f());
	memcpy(fn, before, sizeof(before));
	printf("put back: %d\n", f() == getppid());
	memcpy(fn, orig, sizeof(orig));
	printf("the file's: %d\n", f() == getppid());
	mprotect(page, 8192, PROT_READ | PROT_EXEC);
	printf("and again: %d\n", f() == getppid() && getppid() >= 0);
}

/* --- gs --- */

static int all_right(void)
{
	char c;
	int fd = open("/dev/zero", O_RDONLY), r = getpid() > 0 && getppid() >= 0 && read(fd, &c, 1) == 1 && lseek(fd, 0, SEEK_CUR) == 0;

	close(fd);
	return r;
}

static void with_gs(void)
{
	static long area[4] = {11, 22, 33, 44};
	unsigned long base;
	long v;

	syscall(SYS_arch_prctl, ARCH_SET_GS, area);
	__asm__ volatile("mov %%gs:8, %0" : "=r"(v));
	printf("gs %ld, calls %d\n", v, all_right());
	syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
	printf("kept: %d\n", base == (unsigned long)area);
	if (fork() == 0) {
		__asm__ volatile("mov %%gs:16, %0" : "=r"(v));
		_exit(v == 33 && all_right() ? 7 : 1);
	}
	int st;
	wait(&st);
	printf("child %d\n", WEXITSTATUS(st));
	if (getauxval(AT_HWCAP2) & 2) {
		__asm__ volatile("wrgsbase %0" ::"r"(area + 1));
		__asm__ volatile("mov %%gs:8, %0" : "=r"(v));
		printf("wrgsbase %ld, calls %d\n", v, all_right());
		__asm__ volatile("wrgsbase %0" ::"r"(0x7f9000000000ul)); /* looks like a slot; nothing need be there */
		printf("strange %d\n", all_right());
		__asm__ volatile("wrgsbase %0" ::"r"(0ul));
	} else {
		printf("wrgsbase 33, calls 1\nstrange 1\n");
	}
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0ul);
	printf("without %d\n", all_right());
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	find_texts();
	into_the_call();
	in_steps("getppid");
	in_steps("getuid");
	own_code();
	library_code();
	with_gs();
	return 0;
}
