/* SPDX-License-Identifier: MIT */
/* The signal frame: layout, extended state, changed and hostile ones; alternate stacks; ways out of a handler. */
#include <errno.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <cpuid.h>
#include <immintrin.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static char alt[65536] __attribute__((aligned(64)));

static void show(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerrorname_np(errno) : "");
}

static int inside(const void *p)
{
	return (const char *)p >= alt && (const char *)p < alt + sizeof(alt);
}

/* --- layout --- */

static void on_layout(int s, siginfo_t *i, void *v)
{
	ucontext_t *u = v;
	uint32_t *sw = (uint32_t *)((char *)u->uc_mcontext.fpregs + 464);
	uint64_t *xh = (uint64_t *)((char *)u->uc_mcontext.fpregs + 512);
	greg_t *g = u->uc_mcontext.gregs;
	stack_t ss;

	printf("uc flags %lx link %p\n", u->uc_flags, (void *)u->uc_link);
	printf("stack %d %x %zu\n", inside(u->uc_stack.ss_sp), u->uc_stack.ss_flags, u->uc_stack.ss_size);
	printf("info behind uc %ld, fp aligned %lu, uc %lu\n", (long)((char *)i - (char *)u), (unsigned long)u->uc_mcontext.fpregs % 64,
	       (unsigned long)u % 16);
	printf("magic1 %x ext %u features %lx size %u\n", sw[0], sw[1], *(unsigned long *)(sw + 2), sw[4]);
	printf("magic2 %x\n", *(uint32_t *)((char *)u->uc_mcontext.fpregs + sw[4]));
	printf("xcomp %lx\n", (unsigned long)xh[1]);
	printf("csgsfs %llx err %llx trapno %llx cr2 %llx oldmask %llx\n", (unsigned long long)g[REG_CSGSFS], (unsigned long long)g[REG_ERR],
	       (unsigned long long)g[REG_TRAPNO], (unsigned long long)g[REG_CR2], (unsigned long long)g[REG_OLDMASK]);
	printf("mask %lx\n", *(unsigned long *)&u->uc_sigmask);
	sigaltstack(NULL, &ss);
	printf("altstack now %x, on it %d\n", ss.ss_flags, inside(&ss));
}

static void layout(void)
{
	struct sigaction sa = {.sa_sigaction = on_layout, .sa_flags = SA_SIGINFO};
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};

	printf("minsigstksz %lu\n", getauxval(51));
	sigaddset(&sa.sa_mask, SIGHUP);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sigaltstack(&ss, NULL);
	sa.sa_flags |= SA_ONSTACK;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	ss.ss_flags = SS_AUTODISARM;
	sigaltstack(&ss, NULL);
	raise(SIGUSR1);
	sigaltstack(NULL, &ss);
	printf("after: %x %zu\n", ss.ss_flags, ss.ss_size);
	ss.ss_flags = SS_DISABLE;
	sigaltstack(&ss, NULL);
	raise(SIGUSR1);
}

/* --- sigaltstack --- */

static void on_alt(int s)
{
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)}, bad = {.ss_sp = alt, .ss_flags = 5};

	show("change while on it", sigaltstack(&ss, NULL));
	show("bad while on it", sigaltstack(&bad, NULL));
	show("look", sigaltstack(NULL, &ss));
	printf("flags %x\n", ss.ss_flags);
}

static void altstacks(void)
{
	struct sigaction sa = {.sa_handler = on_alt, .sa_flags = SA_ONSTACK};
	stack_t ss = {.ss_sp = alt, .ss_size = 2047}, old;

	show("small", sigaltstack(&ss, NULL));
	ss.ss_flags = 4;
	show("flags", sigaltstack(&ss, NULL));
	ss.ss_flags = SS_ONSTACK;
	ss.ss_size = sizeof(alt);
	show("ONSTACK", sigaltstack(&ss, &old));
	printf("old %p %x %zu\n", old.ss_sp, old.ss_flags, old.ss_size);
	show("fault", sigaltstack((void *)8, NULL));
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	ss = (stack_t){.ss_sp = alt, .ss_size = sizeof(alt), .ss_flags = SS_AUTODISARM};
	show("AUTODISARM", sigaltstack(&ss, NULL));
	raise(SIGUSR1);
	ss.ss_flags = SS_DISABLE;
	show("disable", sigaltstack(&ss, NULL));
	sigaltstack(NULL, &old);
	printf("old %p %x %zu\n", old.ss_sp, old.ss_flags, old.ss_size);
}

/* --- state that comes back --- */

static void on_change(int s, siginfo_t *i, void *v)
{
	ucontext_t *u = v;

	u->uc_mcontext.gregs[REG_R12] = 0x1234;
	u->uc_mcontext.fpregs->_xmm[5].element[0] = 77;
	u->uc_mcontext.fpregs->mxcsr |= 0x6000;
	sigaddset(&u->uc_sigmask, SIGWINCH);
}

static void changed(void)
{
	struct sigaction sa = {.sa_sigaction = on_change, .sa_flags = SA_SIGINFO};
	uint64_t r12;
	uint32_t x, mxcsr;
	sigset_t m;

	sigaction(SIGUSR2, &sa, NULL);
	__asm__ volatile("mov $1, %%r12\n\tpxor %%xmm5, %%xmm5\n\tsyscall\n\tmov %%r12, %0\n\tmovd %%xmm5, %1"
			 : "=r"(r12), "=r"(x)
			 : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR2)
			 : "r12", "xmm5", "rcx", "r11", "memory");
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	sigprocmask(SIG_BLOCK, NULL, &m);
	printf("r12 %lx xmm5 %u mxcsr %x mask %d\n", (unsigned long)r12, x, mxcsr & 0x6000, sigismember(&m, SIGWINCH));
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	sigemptyset(&m);
	sigprocmask(SIG_SETMASK, &m, NULL);
}

static void on_clobber(int s)
{
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" ::: "memory");
}

__attribute__((target("avx512f"))) static int wide512(void)
{
	uint64_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8];
	uint16_t k;

	__asm__ volatile("vmovdqu64 %2, %%zmm17\n\tmov $0x5a5a, %%eax\n\tkmovw %%eax, %%k3\n\tmov $39, %%eax\n\tsyscall\n\t"
			 "mov %%eax, %%edi\n\tmov $62, %%eax\n\tmov $10, %%esi\n\tsyscall\n\tvmovdqu64 %%zmm17, %0\n\tkmovw %%k3, %%eax\n\tmov %%ax, %1"
			 : "=m"(out), "=m"(k)
			 : "m"(in)
			 : "rax", "rcx", "r11", "rdi", "rsi", "memory");
	return !memcmp(in, out, sizeof(in)) && k == 0x5a5a;
}

__attribute__((target("avx"))) static int wide256(void)
{
	uint64_t in[4] = {1, 2, 3, 4}, out[4];

	__asm__ volatile("vmovdqu %1, %%ymm7\n\tmov $39, %%eax\n\tsyscall\n\tmov %%eax, %%edi\n\tmov $62, %%eax\n\tmov $10, %%esi\n\tsyscall\n\t"
			 "vmovdqu %%ymm7, %0"
			 : "=m"(out)
			 : "m"(in)
			 : "rax", "rcx", "r11", "rdi", "rsi", "memory");
	return !memcmp(in, out, sizeof(in));
}

static void wide(void)
{
	signal(SIGUSR1, on_clobber);
	printf("avx %d\n", __builtin_cpu_supports("avx") ? wide256() : 1);
	printf("avx512 %d\n", __builtin_cpu_supports("avx512f") ? wide512() : 1);
}

/* --- ways out --- */

static sigjmp_buf jb;
static ucontext_t back;
static volatile int n;

static void on_jump(int s)
{
	n++;
	siglongjmp(jb, n);
}

static void on_swap(int s)
{
	setcontext(&back);
}

static void ways_out(void)
{
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
	struct sigaction sa = {.sa_handler = on_jump, .sa_flags = SA_ONSTACK};
	volatile int once = 0;
	sigset_t m;

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	if (sigsetjmp(jb, 1) < 5)
		*(volatile int *)8 = 1;
	printf("jumped %d\n", n);
	sa.sa_handler = on_swap;
	sigaction(SIGUSR1, &sa, NULL);
	getcontext(&back);
	if (!once++)
		raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &m);
	printf("swapped %d, blocked %d\n", once, sigismember(&m, SIGUSR1));
}

/* --- faults --- */

static volatile int f_code, f_signo;
static void *volatile f_addr;
static volatile long f_trap, f_err;

static void on_fault(int s, siginfo_t *i, void *v)
{
	ucontext_t *u = v;

	f_signo = s;
	f_code = i->si_code;
	f_addr = i->si_addr;
	f_trap = u->uc_mcontext.gregs[REG_TRAPNO];
	f_err = u->uc_mcontext.gregs[REG_ERR];
	siglongjmp(jb, 1);
}

static void fault(const char *name, void (*fn)(void), const void *expect)
{
	f_signo = 0;
	if (!sigsetjmp(jb, 1))
		fn();
	printf("%s: signal %d code %d addr %s trap %ld err %lx\n", name, f_signo, f_code, f_addr == expect ? "ok" : f_addr ? "else" : "0",
	       f_trap, f_err);
}

static char *ro, *file;

static void do_null(void)
{
	*(volatile int *)16 = 1;
}

static void do_ro(void)
{
	*(volatile char *)ro = 1;
}

static void do_read_none(void)
{
	(void)*(volatile char *)(ro + 4096);
}

static void do_exec(void)
{
	((void (*)(void))ro)();
}

static void do_bus(void)
{
	*(volatile char *)(file + 4096) = 1;
}

static void do_div(void)
{
	volatile int a = 1, b = 0;

	a = a / b;
}

static void do_sse(void)
{
	uint32_t m = 0x1f80 & ~0x200u;
	volatile double a = 1, b = 0;

	__asm__ volatile("ldmxcsr %0" : : "m"(m));
	a = a / b;
}

static void do_x87(void)
{
	uint16_t cw = 0x37f & ~4;

	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(cw));
}

static void do_ill(void)
{
	__asm__ volatile("ud2");
}

static void do_int3(void)
{
	__asm__ volatile("int3");
}

static void do_trap_flag(void)
{
	__asm__ volatile("pushf\n\torq $0x100, (%%rsp)\n\tpopf\n\tnop\n\tnop" ::: "memory");
}

static void do_gp(void)
{
	*(volatile int *)0x8000000000000000ull = 1;
}

static void do_hlt(void)
{
	__asm__ volatile("hlt");
}

static void do_align(void)
{
	char b[8];

	__asm__ volatile("pushf\n\torq $0x40000, (%%rsp)\n\tpopf\n\tmovl $1, (%0)\n\tpushf\n\tandq $~0x40000, (%%rsp)\n\tpopf"
			 :
			 : "r"((char *)((uintptr_t)(b + 4) & ~3ull) + 1)
			 : "memory");
}

static void on_align(int s, siginfo_t *i, void *v)
{
	__asm__ volatile("pushf\n\tandq $~0x40000, (%%rsp)\n\tpopf" ::: "memory");
	_exit(i->si_code + 10 * (i->si_addr == NULL));
}

static void faults(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	int fd = memfd_create("f", 0);

	for (int i = 0; i < 5; i++)
		sigaction(sigs[i], &sa, NULL);
	ro = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(ro + 4096, 4096, PROT_NONE);
	ftruncate(fd, 100);
	file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fault("null", do_null, (void *)16);
	fault("read only", do_ro, ro);
	fault("no access", do_read_none, ro + 4096);
	fault("exec", do_exec, ro);
	fault("beyond the file", do_bus, file + 4096);
	fault("division", do_div, NULL);
	fault("sse", do_sse, NULL);
	uint32_t m = 0x1f80;
	__asm__ volatile("ldmxcsr %0" : : "m"(m));
	fault("x87", do_x87, NULL);
	__asm__ volatile("fninit");
	fault("ud2", do_ill, do_ill);
	fault("int3", do_int3, NULL);
	fault("single step", do_trap_flag, NULL);
	__asm__ volatile("pushf\n\tandq $~0x100, (%%rsp)\n\tpopf" ::: "memory");
	fault("not canonical", do_gp, NULL);
	fault("privileged", do_hlt, NULL);
	fflush(stdout);
	if (!fork()) {
		sa.sa_sigaction = on_align;
		sigaction(SIGBUS, &sa, NULL);
		do_align();
		_exit(99);
	}
	int st;
	wait(&st);
	printf("alignment %d\n", WIFEXITED(st) ? WEXITSTATUS(st) : -1);
}

/* --- hostile frames, in children --- */

static void on_evil_rip(int s, siginfo_t *i, void *v)
{
	((ucontext_t *)v)->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000ll;
}

static void on_evil_fp(int s, siginfo_t *i, void *v)
{
	((ucontext_t *)v)->uc_mcontext.fpregs = (void *)0x10001;
}

static void on_evil_mxcsr(int s, siginfo_t *i, void *v)
{
	((ucontext_t *)v)->uc_mcontext.fpregs->mxcsr = 0xffffffff;
}

static void on_evil_flags(int s, siginfo_t *i, void *v)
{
	((ucontext_t *)v)->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 0x4000 | 0x20000;
	((ucontext_t *)v)->uc_mcontext.gregs[REG_EFL] &= ~0x200ll;
}

static void on_no_magic(int s, siginfo_t *i, void *v)
{
	*(uint32_t *)((char *)((ucontext_t *)v)->uc_mcontext.fpregs + 464) = 0;
}

static void on_no_fp(int s, siginfo_t *i, void *v)
{
	((ucontext_t *)v)->uc_mcontext.fpregs = NULL;
}

static void on_altstack_bad(int s, siginfo_t *i, void *v)
{
	((ucontext_t *)v)->uc_stack = (stack_t){.ss_sp = alt, .ss_size = 100, .ss_flags = 0};
}

static void evil(const char *name, void (*h)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = h, .sa_flags = SA_SIGINFO};
	int st;

	fflush(stdout);
	if (!fork()) {
		signal(SIGSEGV, SIG_DFL);
		sigaction(SIGUSR1, &sa, NULL);
		raise(SIGUSR1);
		stack_t ss;
		sigaltstack(NULL, &ss);
		_exit(ss.ss_flags & 2 ? 7 : 8);
	}
	wait(&st);
	printf("%s: %s %d\n", name, WIFSIGNALED(st) ? "signal" : "exit", WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st));
}

static void no_room(int on_alt)
{
	struct sigaction sa = {.sa_handler = on_clobber, .sa_flags = SA_ONSTACK};
	int st;

	fflush(stdout);
	if (!fork()) {
		char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		stack_t ss = {.ss_sp = p + 4096, .ss_size = 2048};

		signal(SIGSEGV, SIG_DFL);
		if (on_alt)
			sigaltstack(&ss, NULL);
		sigaction(SIGUSR1, &sa, NULL);
		if (!on_alt) {
			mprotect(p, 8192, PROT_NONE);
			__asm__ volatile("mov %0, %%rsp\n\tmov $39, %%eax\n\tsyscall\n\tmov %%eax, %%edi\n\tmov $62, %%eax\n\tmov $10, %%esi\n\tsyscall\n\tud2"
					 :
					 : "r"(p + 4096));
		}
		raise(SIGUSR1);
		_exit(9);
	}
	wait(&st);
	printf("no room %d: %s %d\n", on_alt, WIFSIGNALED(st) ? "signal" : "exit", WIFSIGNALED(st) ? WTERMSIG(st) : WEXITSTATUS(st));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	layout();
	altstacks();
	changed();
	wide();
	ways_out();
	faults();
	stack_t ss = {.ss_flags = SS_DISABLE};
	sigaltstack(&ss, NULL);
	evil("rip", on_evil_rip);
	evil("fpstate", on_evil_fp);
	evil("mxcsr", on_evil_mxcsr);
	evil("flags", on_evil_flags);
	evil("no magic", on_no_magic);
	evil("no fpstate", on_no_fp);
	evil("small altstack", on_altstack_bad);
	no_room(0);
	no_room(1);
	return 0;
}
