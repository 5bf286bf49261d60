/* SPDX-License-Identifier: MIT */
/*
 * The stub: the host program in whose processes guest code runs. It starts as the zygote, which makes ready stubs on
 * the sentry's command; in a stub it only carries signals to the sentry and executes what the sentry orders. It holds
 * no secrets and enforces nothing: the filter and the sentry do.
 */
#include "layout.h"
#include "names.h"
#include "site.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#pragma GCC visibility push(hidden) /* one image at a fixed address: no indirection through tables */
long stub_syscall(long nr, long a0, long a1, long a2, long a3, long a4, long a5);
long stub_clone(const struct stub_order *o, long nr);
_Noreturn void stub_resume(void *uc);
void stub_handler(int sig, void *info, void *uc);
void stub_restorer(void);
void stub_signal(long sig, void *info, void *uc);
void stub_child(void *uc, uint64_t nonce, long how);
_Noreturn void stub_main(uint64_t *sp);
extern char stub_text_end[], stub_fast_section_end[], stub_data_end[], stub_site[], stub_native[];

#define SYS(nr, a0, a1, a2, a3, a4, a5)                                                                                \
	stub_syscall(nr, (long)(a0), (long)(a1), (long)(a2), (long)(a3), (long)(a4), (long)(a5))
#define SYS3(nr, a0, a1, a2) SYS(nr, a0, a1, a2, 0, 0, 0)
#define SYS2(nr, a0, a1) SYS(nr, a0, a1, 0, 0, 0, 0)
#define SYS1(nr, a0) SYS(nr, a0, 0, 0, 0, 0, 0)

enum {
	PR_SET_PDEATHSIG = 1,
	PR_SET_DUMPABLE = 4,
	PR_SET_NAME = 15,
	KILL = 9,
	ECANCELED = 125,
	PROT_NONE = 0,
	PROT_READ = 1,
	PROT_RW = 3,
	MAP_SHARED = 1,
	MAP_PRIVATE = 2,
	MAP_FIXED = 0x10,
	MAP_ANONYMOUS = 0x20,
	MAP_NORESERVE = 0x4000,
	MAP_FIXED_NOREPLACE = 0x100000,
	CLONE_PARENT = 0x8000,
	SIGCHLD = 17,
	AT_NULL = 0,
	AT_PAGESZ = 6,
	AT_HWCAP2 = 26,
	AT_EXECFN = 31,
	AT_SYSINFO_EHDR = 33,
	ARCH_SET_GS = 0x1001,
	ARCH_GET_FS = 0x1003,
	ARCH_GET_GS = 0x1004,
	SOL_SOCKET = 1,
	SCM_RIGHTS = 1,
};

#define PAGE 4096ull
#define TASK_END 0x7ffffffff000ull
#define VDSO_BEFORE (16 * PAGE) /* its data pages lie before it */
#define VDSO_AFTER (4 * PAGE)
#define SA_FLAGS (4u /* SIGINFO */ | 0x04000000u /* RESTORER */ | 0x08000000u /* ONSTACK */ | 0x10000000u /* RESTART   \
													   */)

/* Set up in the zygote, then made read-only. */
struct globals {
	uint64_t fsgsbase, fast;
	struct sock_fprog watch; /* what the sentry orders to be put over the first filter */
	struct stub_setup setup;
};
static struct globals globals __attribute__((aligned(4096)));

static _Noreturn void die(long code)
{
	for (;;)
		SYS1(__NR_exit_group, code);
}

static struct slot *slot_of(const void *p)
{
	uint64_t off = (uint64_t)p - STUB_SLOTS;

	return (struct slot *)(STUB_SLOTS + (off & ~(SLOT_SIZE - 1)));
}

static uint64_t get_base(long op)
{
	uint64_t v = 0;

	if (globals.fsgsbase) {
		if (op == ARCH_GET_FS)
			__asm__ volatile("rdfsbase %0" : "=r"(v));
		else
			__asm__ volatile("rdgsbase %0" : "=r"(v));
	} else {
		SYS2(__NR_arch_prctl, op, &v);
	}
	return v;
}

/*
 * The host's kernel adds 0 to the word first: that fails where it may not be written, and makes a page that was to be copied.
 * Nobody waits at the other word, and no old value is -1.
 */
static long compare_exchange(struct slot *s, uint64_t addr, uint32_t old, uint32_t new)
{
	const uint32_t add_0_if_minus_1 = 1u << 28 | 0xfff;
	long r = SYS(__NR_futex, &s->n_orders, 5 | 128 /* WAKE_OP, private */, 0, 0, addr, add_0_if_minus_1);

	if (r < 0)
		return r;
	__atomic_compare_exchange_n((uint32_t *)addr, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

/* Execute the orders in the slot; returns the result that rax_from names. */
static long run_orders(struct slot *s)
{
	volatile struct slot *v = s;
	uint32_t n = v->n_orders, from = v->rax_from;
	struct stub_order *list = n > STUB_ORDER_MAX ? (struct stub_order *)s->window : s->orders;
	uint64_t base = 0;
	long rax = 0, failed = 0;

	for (uint32_t i = 0; i < n && i < STUB_LONG_MAX; i++) {
		struct stub_order *o = &list[i];
		long nr = (long)((volatile struct stub_order *)o)->nr, r;

		if (nr & (ORDER_BASE | ORDER_FROM_BASE)) {
			r = failed || ((nr & ORDER_MAY_FAIL) && base + o->args[0] + o->args[1] > STUB_GUEST_MAX) ? -ECANCELED
				   : SYS(nr & 0xffff, o->args[0] + (nr & ORDER_FROM_BASE ? base : 0), o->args[1], o->args[2],
					     o->args[3], o->args[4], o->args[5]);
			failed |= r < 0 && r >= -4095 && !(nr & ORDER_MAY_FAIL);
			if (nr & ORDER_BASE)
				base = (uint64_t)r;
		} else if (nr == ORDER_THREAD || nr == ORDER_FORK)
			r = stub_clone(o, nr);
		else if (nr == ORDER_CMPXCHG)
			r = compare_exchange(s, o->args[0], (uint32_t)o->args[1], (uint32_t)o->args[2]);
		else
			r = SYS(nr, o->args[0], o->args[1], o->args[2], o->args[3], o->args[4], o->args[5]);
		((volatile struct stub_order *)o)->result = r;
		if (i == from)
			rax = r;
	}
	return rax;
}

/* Ring, and do what the sentry says until it lets the guest go on. */
static void serve(struct slot *s, long kind, void *info, void *uc, uint64_t nonce)
{
	uint64_t fs = get_base(ARCH_GET_FS), gs = get_base(ARCH_GET_GS);
	long r = SYS(STUB_BELL, kind, uc, info, fs, gs, nonce);

	while (r != BELL_RESUME) {
		uint32_t then;
		long rax;

		if (r < 0)
			die(1); /* the sentry is gone */
		rax = run_orders(s);
		then = ((volatile struct slot *)s)->then;
		if (then == THEN_EXIT)
			SYS1(__NR_exit, 0);
		while (then == THEN_PARK)
			SYS(__NR_futex, &globals, 128 /* FUTEX_WAIT_PRIVATE */, *(volatile uint32_t *)&globals, 0, 0, 0);
		if (then == THEN_RESUME_RAX)
			*(volatile uint64_t *)((char *)uc + STUB_UC_RAX_OFFSET) = (uint64_t)rax;
		if (then == THEN_RESUME_IF && rax < 0 && rax >= -4095) {
			r = SYS(STUB_BELL, BELL_FAILED, uc, rax, get_base(ARCH_GET_FS), get_base(ARCH_GET_GS), 0);
			continue;
		}
		if (then != THEN_RING)
			return;
		r = SYS(STUB_BELL, BELL_DONE, uc, info, fs, gs, 0);
	}
}

void stub_signal(long sig, void *info, void *uc)
{
	struct slot *s = slot_of(uc);

	if (!site_signal(s, &sig, uc))
		serve(s, BELL_SIGNAL | sig << 8, info, uc, 0);
}

/* gs leads the fast entry to the slot. */
static void set_gs(struct slot *s)
{
	if (globals.fast)
		__asm__ volatile("wrgsbase %0" : : "r"(s));
}

struct altstack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

static long set_altstack(struct slot *s)
{
	struct altstack ss = {.sp = (uint64_t)s + SLOT_STACK, .size = SLOT_SIZE - SLOT_STACK};

	return SYS2(__NR_sigaltstack, &ss, 0);
}

/* First C code of an ordered thread or forked process: it owns its slot now. Returns when the guest shall run. */
void stub_child(void *uc, uint64_t nonce, long how)
{
	struct slot *s = slot_of(uc);

	if (how == ORDER_FORK) {
		SYS3(__NR_close_range, 0, ~0u, 0);
		SYS2(__NR_prctl, PR_SET_PDEATHSIG, KILL);
	} else {
		if (set_altstack(s) < 0)
			die(1);
		set_gs(s);
	}
	serve(s, BELL_THREAD, 0, uc, nonce);
}

/* --- the zygote -------------------------------------------------------------------------------- */

struct iov {
	void *base;
	uint64_t len;
};

struct msg {
	void *name;
	uint32_t namelen, pad;
	struct iov *iov;
	uint64_t iovlen;
	void *control;
	uint64_t controllen;
	uint64_t flags;
};

struct cmsg {
	uint64_t len;
	int32_t level, type;
	int32_t fd, pad;
};

static long send_fd(const void *data, uint64_t len, long fd)
{
	struct iov iov = {(void *)(uintptr_t)data, len};
	struct cmsg c = {.len = 20, .level = SOL_SOCKET, .type = SCM_RIGHTS, .fd = (int32_t)fd};
	struct msg m = {.iov = &iov, .iovlen = 1};

	if (fd >= 0) {
		m.control = &c;
		m.controllen = sizeof(c);
	}
	return SYS3(__NR_sendmsg, STUB_SOCKET, &m, 0);
}

static long recv_fd(void *data, uint64_t len, int *fd)
{
	struct iov iov = {data, len};
	struct cmsg c = {0};
	struct msg m = {.iov = &iov, .iovlen = 1, .control = &c, .controllen = sizeof(c)};
	long r = SYS3(__NR_recvmsg, STUB_SOCKET, &m, 0);

	*fd = r > 0 && m.controllen >= 20 && c.type == SCM_RIGHTS ? c.fd : -1;
	return r;
}

struct ksigaction {
	void (*handler)(int, void *, void *);
	uint64_t flags;
	void (*restorer)(void);
	uint64_t mask;
};

static void set_handlers(void)
{
	static const uint8_t signals[] = {4, 5, 7, 8, 11, 31, STUB_SIG_INTERRUPT}; /* ILL TRAP BUS FPE SEGV SYS */
	struct ksigaction sa = {stub_handler, SA_FLAGS, stub_restorer, ~0ull};

	for (unsigned i = 0; i < sizeof(signals); i++)
		if (SYS(__NR_rt_sigaction, signals[i], &sa, 0, 8, 0, 0) < 0)
			die(2);
}

/* A new stub: child of the zygote, brother of it by CLONE_PARENT. It ends in the signal handler, held by the sentry. */
static _Noreturn void be_stub(int slots_fd)
{
	struct sock_fprog prog = {(uint16_t)globals.setup.n_insns, (struct sock_filter *)globals.setup.insns};
	struct slot *s = (struct slot *)STUB_SLOTS;
	struct stub_born born = {0};
	long fd;

	SYS2(__NR_prctl, PR_SET_PDEATHSIG, KILL);
	fd = SYS(__NR_mmap, STUB_SLOTS, SLOTS_SIZE, PROT_RW, MAP_SHARED | MAP_FIXED, slots_fd, 0);
	if (fd < 0)
		die(3);
	if (set_altstack(s) < 0)
		die(4);
	SYS1(__NR_set_tid_address, &s->ctid);
	set_gs(s);
	born.pid = (int32_t)SYS1(__NR_getpid, 0);
	fd = SYS3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, globals.setup.notify_flags, &prog);
	if (fd < 0)
		born.error = (int32_t)-fd;
	send_fd(&born, sizeof(born), fd);
	if (fd < 0)
		die(5);
	SYS3(__NR_close_range, 0, ~0u, 0);
	SYS2(__NR_prctl, PR_SET_DUMPABLE, 1);
	__asm__ volatile("ud2");
	die(6);
}

static void unmap_range(uint64_t from, uint64_t to)
{
	if (from < to)
		SYS2(__NR_munmap, from, to - from);
}

static uint64_t page_up(const char *p)
{
	return ((uint64_t)p + PAGE - 1) & ~(PAGE - 1);
}

static void fill(uint64_t from, uint64_t to)
{
	if (from < to)
		SYS(__NR_mmap, from, to - from, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

/* The same without the pages around the vdso, which are then taken one by one where they are free. */
static void fill_around(uint64_t from, uint64_t to, uint64_t vdso)
{
	const uint64_t low = vdso - VDSO_BEFORE, high = vdso + VDSO_AFTER;

	if (!vdso || high <= from || low >= to) {
		fill(from, to);
		return;
	}
	fill(from, low);
	for (uint64_t a = low; a < high; a += PAGE)
		fill(a, a + PAGE);
	fill(high, to);
}

/*
 * Whatever address the kernel chooses must be below STUB_GUEST_MAX, also when RLIMIT_STACK could not push its choices
 * down: take all that is above.
 */
static void fill_rest(uint64_t vdso)
{
	fill_around(STUB_GUEST_MAX, STUB_TEXT, vdso);
	fill_around(page_up(stub_text_end), STUB_FAST, vdso);
	fill_around(page_up(stub_fast_section_end), STUB_DATA, vdso);
	fill_around(page_up(stub_data_end), TASK_END, vdso); /* the slots too: they are mapped over it */
}

/* Unmap all but the stub itself and the vdso with its data pages, wherever the kernel put them. */
static void unmap_rest(uint64_t vdso, uint64_t sp, uint64_t stack_top)
{
	unmap_range(sp & ~(PAGE - 1), stack_top);
	if (vdso && vdso < STUB_FLOOR) {
		unmap_range(0, vdso - VDSO_BEFORE);
		unmap_range(vdso + VDSO_AFTER, STUB_FLOOR);
		unmap_range(STUB_SLOTS, TASK_END);
	} else if (vdso >= STUB_SLOTS) {
		unmap_range(0, STUB_FLOOR);
		unmap_range(STUB_SLOTS, vdso - VDSO_BEFORE);
		unmap_range(vdso + VDSO_AFTER, TASK_END);
	} else {
		unmap_range(0, STUB_FLOOR);
		unmap_range(STUB_SLOTS, TASK_END);
	}
	fill_rest(vdso);
}

static void say_hello(uint64_t vdso)
{
	long probe = SYS(__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stub_hello h = {
		.magic = STUB_HELLO_MAGIC,
		.text_end = (uint64_t)stub_text_end,
		.vdso = vdso,
		.probe = (uint64_t)probe,
		.fsgsbase = globals.fsgsbase,
		.fast_entry = globals.fast ? (uint64_t)stub_site : 0,
		.native = (uint64_t)stub_native,
		.watch_prog = (uint64_t)&globals.watch,
	};

	if (probe > 0)
		SYS2(__NR_munmap, probe, PAGE);
	if (send_fd(&h, sizeof(h), -1) < 0)
		die(7);
}

/* Read-only in all stubs, over what fill_rest() has taken. Without it slot.names stays 0. */
static void map_names(int fd)
{
	if (fd < 0)
		return;
	if (SYS(__NR_mmap, STUB_NAMES, sizeof(struct names_table), PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) < 0)
		die(9);
	SYS1(__NR_close, fd);
}

static int has_rdpid(void)
{
	uint32_t a = 7, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 22 & 1;
}

_Noreturn void stub_main(uint64_t *sp)
{
	uint64_t *p = sp, vdso = 0, execfn = 0;
	int fd;

	p += 1 + *p + 1; /* argv */
	while (*p++)
		;
	for (; p[0] != AT_NULL; p += 2) {
		if (p[0] == AT_SYSINFO_EHDR)
			vdso = p[1];
		else if (p[0] == AT_EXECFN)
			execfn = p[1];
		else if (p[0] == AT_HWCAP2)
			globals.fsgsbase = p[1] >> 1 & 1;
	}
	globals.fast = globals.fsgsbase && has_rdpid();
	SYS2(__NR_prctl, PR_SET_NAME, "picket-stub");
	SYS2(__NR_prctl, PR_SET_DUMPABLE, 0); /* it has no filter: the sentry may look into stubs alone */
	unmap_rest(vdso, (uint64_t)sp, (execfn | (PAGE - 1)) + 1);
	say_hello(vdso);
	if (recv_fd(&globals.setup, sizeof(globals.setup), &fd) != sizeof(globals.setup) ||
		globals.setup.n_insns > STUB_FILTER_MAX || globals.setup.n_watch > STUB_WATCH_MAX)
		die(8);
	map_names(fd);
	globals.watch = (struct sock_fprog){(uint16_t)globals.setup.n_watch, (struct sock_filter *)globals.setup.watch};
	site_init();
	set_handlers();
	SYS3(__NR_mprotect, &globals, sizeof(globals), PROT_READ);
	SYS3(__NR_mprotect, stub_how, STUB_HOW_SIZE, PROT_READ);
	for (;;) {
		char cmd;
		long r = recv_fd(&cmd, 1, &fd);

		if (r <= 0)
			die(0);
		if (cmd == STUB_CMD_NEW && fd >= 0) {
			r = SYS(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0, 0);
			if (r == 0)
				be_stub(fd);
			if (r < 0) {
				struct stub_born born = {.error = (int32_t)-r};

				send_fd(&born, sizeof(born), -1);
			}
		}
		if (fd >= 0)
			SYS1(__NR_close, fd);
	}
}
