/* SPDX-License-Identifier: MIT */
/* seccomp(2): what is accepted, and the verdicts. */
#include "seccomp_util.h"

static void arguments(void)
{
	uint32_t a[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF,
		SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 0x12340000};
	struct seccomp_notif_sizes sizes;
	struct sock_filter ok[] = {RET(SECCOMP_RET_ALLOW)};
	struct sock_fprog p = {1, ok};

	SHOW("operation", syscall(SYS_seccomp, 99, 0, NULL));
	SHOW("strict flags", syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
	SHOW("strict argument", syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, ok));
	for (int i = 0; i < 9; i++)
		SHOW("action", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &a[i]));
	SHOW("action flags", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, a));
	SHOW("action fault", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 8));
	SHOW("sizes", syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
	printf("%d %d %d\n", sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data);
	SHOW("sizes flags", syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 1, &sizes));
	SHOW("sizes fault", syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, 8));
	SHOW("flags", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1u << 20, &p));
	SHOW("tsync and listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 9, &p));
	SHOW("killable without listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 32, &p));
	SHOW("null", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
	p.len = 0;
	SHOW("empty", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
	p.len = 4097;
	SHOW("long", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
	p.len = 1;
	p.filter = (void *)8;
	SHOW("fault", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
	SHOW("prctl mode", prctl(PR_SET_SECCOMP, 3, &p));
	SHOW("prctl null", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
	VALUE("mode", prctl(PR_GET_SECCOMP));
	p.filter = ok;
	CHILD("no right", {
		syscall(SYS_capset, (uint32_t[]){0x20080522, 0}, (uint32_t[6]){0});
		SHOW("without no_new_privs", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
		nnp();
		SHOW("with", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
		VALUE("mode", prctl(PR_GET_SECCOMP));
	});
}

static void program(const char *what, struct sock_filter *f, unsigned n)
{
	pid_t a = fork();

	if (!a) {
		SHOW(what, set_filter_n(0, f, n));
		_exit(0);
	}
	reap(a);
}
#define PROGRAM(what, ...)                                                                                             \
	do {                                                                                                           \
		struct sock_filter f_[] = {__VA_ARGS__};                                                               \
		program(what, f_, sizeof(f_) / sizeof(f_[0]));                                                         \
	} while (0)

static void programs(void)
{
	static struct sock_filter big[4096];
	int n;

	PROGRAM("no return", LOAD(nr));
	PROGRAM("offset", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET(SECCOMP_RET_ALLOW));
	PROGRAM("last word", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60), RET(SECCOMP_RET_ALLOW));
	PROGRAM("unaligned", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM("half word", BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("byte", BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("indirect", BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("ldx msh", BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("len", BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("ldx len", BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("jump out", BPF_STMT(BPF_JMP | BPF_JA, 1), RET(SECCOMP_RET_ALLOW));
	PROGRAM("jump to the end", BPF_STMT(BPF_JMP | BPF_JA, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("jump back", BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RET(SECCOMP_RET_ALLOW));
	PROGRAM("true out", BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("false out", BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), RET(SECCOMP_RET_ALLOW));
	PROGRAM("div 0", BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("div 2", BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM("mod", BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM("xor", BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 2), RET(SECCOMP_RET_ALLOW));
	PROGRAM("shift 32", BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET(SECCOMP_RET_ALLOW));
	PROGRAM("shift 31", BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), RET(SECCOMP_RET_ALLOW));
	PROGRAM("memory 16", BPF_STMT(BPF_ST, 16), RET(SECCOMP_RET_ALLOW));
	PROGRAM("unset memory", BPF_STMT(BPF_LD | BPF_MEM, 3), RET(SECCOMP_RET_ALLOW));
	PROGRAM("set memory", BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), RET(SECCOMP_RET_ALLOW));
	PROGRAM("memory set on one way", BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3),
		RET(SECCOMP_RET_ALLOW));
	PROGRAM("return x", BPF_STMT(BPF_RET | BPF_X, 0));
	PROGRAM("return a", BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_A, 0));
	PROGRAM("unknown", BPF_STMT(0xffff, 0), RET(SECCOMP_RET_ALLOW));
	PROGRAM("extended", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0xfffff000), RET(SECCOMP_RET_ALLOW));
	PROGRAM("any return", RET(0x12345678));

	for (int i = 0; i < 4096; i++)
		big[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	CHILD("total", {
		for (n = 0; n < 20; n++)
			if (set_filter_n(0, big, 4096))
				break;
		printf("%d large ones, then %s\n", n, strerrorname_np(errno));
		for (n = 0; n < 20000; n++)
			if (set_filter_n(0, big, 1))
				break;
		printf("%d small ones, then %s\n", n, strerrorname_np(errno));
	});
}

static siginfo_t seen;
static long rax_seen, ip_delta;
static void on_sys(int s, siginfo_t *si, void *uc)
{
	ucontext_t *u = uc;

	seen = *si;
	rax_seen = u->uc_mcontext.gregs[REG_RAX];
	ip_delta = (char *)u->uc_mcontext.gregs[REG_RIP] - (char *)si->si_call_addr;
	u->uc_mcontext.gregs[REG_RAX] = 4711;
}

static void verdicts(void)
{
	struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
	struct sock_filter f[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_ERRNO | EBADF), WHEN(SYS_getgid, SECCOMP_RET_ERRNO | 0),
		WHEN(SYS_geteuid, SECCOMP_RET_ERRNO | 0xffff), WHEN(SYS_getegid, SECCOMP_RET_TRAP | 77),
		WHEN(SYS_getppid, SECCOMP_RET_TRACE | 5), WHEN(SYS_getpgrp, SECCOMP_RET_LOG), WHEN(SYS_getsid, SECCOMP_RET_KILL_PROCESS),
		WHEN(SYS_getpgid, 0x12340000), WHEN(SYS_times, SECCOMP_RET_KILL_THREAD), WHEN(SYS_sync, SECCOMP_RET_USER_NOTIF),
		WHEN(0x12345, SECCOMP_RET_ERRNO | ENOTTY), RET(SECCOMP_RET_ALLOW)};

	CHILD("verdicts", {
		sigaction(SIGSYS, &sa, NULL);
		SHOW("set", SET_FILTER(0, f));
		VALUE("mode", prctl(PR_GET_SECCOMP));
		VALUE("errno", syscall(SYS_getuid));
		VALUE("errno 0", syscall(SYS_getgid));
		errno = 0;
		printf("errno beyond: %ld %d\n", syscall(SYS_geteuid), errno);
		VALUE("trap", syscall(SYS_getegid));
		printf("rax %ld signo %d code %d errno %d nr %d arch %x ip %ld\n", rax_seen, seen.si_signo, seen.si_code, seen.si_errno,
		       seen.si_syscall, seen.si_arch, ip_delta);
		VALUE("trace without a tracer", syscall(SYS_getppid));
		VALUE("log", syscall(SYS_getpgrp) > 0);
		VALUE("no supervisor", syscall(SYS_sync));
		VALUE("no such call", syscall(0x12345));
		VALUE("no such call", syscall(0x12346));
	});
	CHILD("kill process", SET_FILTER(0, f); syscall(SYS_getsid, 0));
	CHILD("unknown verdict", SET_FILTER(0, f); syscall(SYS_getpgid, 0));
	CHILD("kill the only thread", SET_FILTER(0, f); syscall(SYS_times, 0));
	CHILD("trap without a handler", SET_FILTER(0, f); syscall(SYS_getegid));
	CHILD("trap, ignored", signal(SIGSYS, SIG_IGN); SET_FILTER(0, f); syscall(SYS_getegid));
	CHILD("trap, blocked", {
		sigset_t s;

		sigaction(SIGSYS, &sa, NULL);
		sigemptyset(&s);
		sigaddset(&s, SIGSYS);
		sigprocmask(SIG_BLOCK, &s, NULL);
		SET_FILTER(0, f);
		syscall(SYS_getegid);
	});
}

static void stacking(void)
{
	struct sock_filter allow[] = {RET(SECCOMP_RET_ALLOW)};
	struct sock_filter e1[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_ERRNO | 1), RET(SECCOMP_RET_ALLOW)};
	struct sock_filter e2[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_ERRNO | 2), RET(SECCOMP_RET_ALLOW)};
	struct sock_filter kill_it[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_KILL_PROCESS), RET(SECCOMP_RET_ALLOW)};
	struct sock_filter killt[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_KILL_THREAD), RET(SECCOMP_RET_ALLOW)};
	struct sock_filter log_it[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_LOG), RET(SECCOMP_RET_ALLOW)};
	struct sock_filter no_more[] = {LOAD(nr), WHEN(SYS_seccomp, SECCOMP_RET_ERRNO | EPERM), RET(SECCOMP_RET_ALLOW)};

	CHILD("stack", {
		SET_FILTER(0, e1);
		SET_FILTER(0, e2);
		VALUE("the later of equals", syscall(SYS_getuid));
		SET_FILTER(0, log_it);
		VALUE("log is weaker", syscall(SYS_getuid));
		SET_FILTER(0, allow);
		VALUE("allow too", syscall(SYS_getuid));
		SET_FILTER(0, no_more);
		SHOW("no more", SET_FILTER(0, kill_it));
		SHOW("strict now", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	});
	CHILD("kill is stronger", SET_FILTER(0, kill_it); SET_FILTER(0, e1); syscall(SYS_getuid));
	CHILD("so is this", SET_FILTER(0, killt); SET_FILTER(0, e1); syscall(SYS_getuid));
}

static void computing(void)
{
	/* errno = ((args[0] * 3 + args[1]) / args[2]) ^ 5, by way of the scratch memory */
	struct sock_filter f[] = {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0), RET(SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(2)), BPF_STMT(BPF_ST, 1), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(1)),
		BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)), BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 3),
		BPF_STMT(BPF_LDX | BPF_MEM, 15), BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), BPF_STMT(BPF_LDX | BPF_MEM, 1),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 5),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0)};
	/* what the upper halves and the ip look like */
	struct sock_filter g[] = {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsid, 1, 0), RET(SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0) + 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x11112222, 1, 0),
		RET(SECCOMP_RET_ERRNO | 1), LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		RET(SECCOMP_RET_ERRNO | 2), BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 64, 1, 0),
		RET(SECCOMP_RET_ERRNO | 3), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(5)), BPF_STMT(BPF_ALU | BPF_NEG, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0xfffffff0, 1, 0), RET(SECCOMP_RET_ERRNO | 4), BPF_STMT(BPF_LDX | BPF_IMM, 33),
		BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0), BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_IMM, 0), BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 0),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0)};

	CHILD("computed", {
		SET_FILTER(0, f);
		printf("%s\n", strerrorname_np(syscall(SYS_getpriority, 10, 4, 2) ? errno : 0));
		printf("%s\n", strerrorname_np(syscall(SYS_getpriority, 7, 3, 3) ? errno : 0));
		syscall(SYS_getpriority, 7, 3, 0);
	});
	CHILD("looked at", {
		SET_FILTER(0, g);
		printf("%s\n", strerrorname_np(syscall(SYS_getsid, 0x1111222233334444, 0, 0, 0, 0, 1) ? errno : 0));
		printf("%s\n", strerrorname_np(syscall(SYS_getsid, 0x1111222333334444, 0, 0, 0, 0, 1) ? errno : 0));
	});
}

extern char behind_call[];
static long __attribute__((noinline)) call_here(long nr)
{
	long r;

	asm volatile("syscall\n.globl behind_call\nbehind_call:" : "=a"(r) : "0"(nr), "D"(0) : "rcx", "r11", "memory");
	return r;
}

static void address(void)
{
	uint32_t low = (uint32_t)(uintptr_t)behind_call, high = (uint32_t)((uintptr_t)behind_call >> 32);
	struct sock_filter f[] = {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsid, 1, 0), RET(SECCOMP_RET_ALLOW),
		LOAD(instruction_pointer), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 1, 0), RET(SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 1, 0), RET(SECCOMP_RET_ERRNO | 2), RET(SECCOMP_RET_ERRNO | 99)};

	CHILD("the address", {
		SET_FILTER(0, f);
		printf("here %ld\n", call_here(SYS_getsid));
		printf("elsewhere %ld\n", syscall(SYS_getsid, 0) < 0 ? -(long)errno : 0);
	});
}

/* Calls that need not be seen otherwise. */
static void everything(void)
{
	struct sock_filter f[] = {LOAD(nr), WHEN(SYS_mmap, SECCOMP_RET_ERRNO | EXDEV), WHEN(SYS_munmap, SECCOMP_RET_ERRNO | EDOM),
		WHEN(SYS_mprotect, SECCOMP_RET_ERRNO | EBUSY), WHEN(SYS_madvise, SECCOMP_RET_ERRNO | ENOTTY),
		WHEN(SYS_mremap, SECCOMP_RET_ERRNO | EPIPE), WHEN(SYS_futex, SECCOMP_RET_ERRNO | ENFILE),
		WHEN(SYS_sched_yield, SECCOMP_RET_ERRNO | ESRCH), WHEN(SYS_arch_prctl, SECCOMP_RET_ERRNO | ECHILD),
		WHEN(SYS_brk, SECCOMP_RET_ERRNO | ENOLCK), WHEN(SYS_fork, SECCOMP_RET_ERRNO | ENOSPC), RET(SECCOMP_RET_ALLOW)};
	static char page[8192] __attribute__((aligned(4096)));
	static int word;

	CHILD("all calls are seen", {
		SET_FILTER(0, f);
		SHOW("mmap", syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		SHOW("munmap", syscall(SYS_munmap, page, 4096));
		SHOW("mprotect", syscall(SYS_mprotect, page, 4096, PROT_READ));
		SHOW("madvise", syscall(SYS_madvise, page, 4096, MADV_DONTNEED));
		SHOW("mremap", syscall(SYS_mremap, page, 4096, 4096, 0));
		SHOW("futex", syscall(SYS_futex, &word, 1, 1, NULL));
		SHOW("sched_yield", syscall(SYS_sched_yield));
		SHOW("arch_prctl", syscall(SYS_arch_prctl, 0x1003, page));
		SHOW("brk", syscall(SYS_brk, 0));
		SHOW("fork", syscall(SYS_fork));
	});
}

static void strict(void)
{
	CHILD("strict", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); write(1, "still writes\n", 13); syscall(SYS_exit, 3));
	CHILD("strict, a call", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); getppid(); write(1, "no\n", 3));
	CHILD("strict, exit_group", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); _exit(0));
	CHILD("strict by seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL); prctl(PR_GET_SECCOMP));
	CHILD("strict, mmap", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	      syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); write(1, "no\n", 3));
}

static void status(const char *what)
{
	char line[200];
	FILE *f = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "Seccomp", 7) || !strncmp(line, "NoNewPrivs", 10))
			printf("%s %s", what, line);
	fclose(f);
}

static void shown(void)
{
	struct sock_filter allow[] = {RET(SECCOMP_RET_ALLOW)};

	status("before");
	CHILD("status", nnp(); SET_FILTER(0, allow); SET_FILTER(0, allow); status("with two"));
}

int main(void)
{
	struct rlimit none = {0, 0};

	setvbuf(stdout, NULL, _IOLBF, 0);
	setrlimit(RLIMIT_CORE, &none);
	arguments();
	programs();
	verdicts();
	stacking();
	computing();
	address();
	everything();
	strict();
	shown();
	return 0;
}
