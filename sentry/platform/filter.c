/* SPDX-License-Identifier: MIT */
/*
 * The stub's filter, as raw BPF: libseccomp cannot compare the instruction pointer. One linear program, ordered by how
 * often a call is made. Every comparison that lets a call through natively is written out here; the default is to ask.
 *
 *   ALLOW       touches only the caller's own memory below GUEST_MAX, or waits on a futex
 *   USER_NOTIF  number and arguments go to the sentry, which answers
 *   TRAP        calls that need all registers: SIGSYS into the stub's handler
 *   KILL        from the stub's own text, what the stub never does
 *
 * The second program (filter_build_watch()) is put over the first where the sentry must see every call: it turns ALLOW of the
 * first into TRAP, for what does not come from the stub's text. It can only take away.
 */
#include "platform/internal.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define NR_FUTEX_WAITV 449
#define MAX_LABELS 112
#define MAX_FIXUPS 240

struct builder {
	struct sock_filter *insn;
	unsigned n, max;
	unsigned n_labels, n_fixups;
	unsigned label[MAX_LABELS];
	struct {
		unsigned insn, label;
		bool on_true;
	} fixup[MAX_FIXUPS];
	bool overflow;
};

static void emit(struct builder *b, struct sock_filter f)
{
	if (b->n >= b->max) {
		b->overflow = true;
		return;
	}
	b->insn[b->n++] = f;
}

static unsigned new_label(struct builder *b)
{
	if (b->n_labels >= MAX_LABELS) {
		b->overflow = true;
		return 0;
	}
	return b->n_labels++;
}

static void place(struct builder *b, unsigned label)
{
	b->label[label] = b->n;
}

static void jump(struct builder *b, uint16_t op, uint32_t k, unsigned label, bool on_true)
{
	if (b->n_fixups >= MAX_FIXUPS) {
		b->overflow = true;
		return;
	}
	b->fixup[b->n_fixups].insn = b->n;
	b->fixup[b->n_fixups].label = label;
	b->fixup[b->n_fixups++].on_true = on_true;
	emit(b, (struct sock_filter)BPF_JUMP(BPF_JMP | op | BPF_K, k, 0, 0));
}

static void jump_eq(struct builder *b, uint32_t k, unsigned label)
{
	jump(b, BPF_JEQ, k, label, true);
}

static void jump_ne(struct builder *b, uint32_t k, unsigned label)
{
	jump(b, BPF_JEQ, k, label, false);
}

static void jump_ge(struct builder *b, uint32_t k, unsigned label)
{
	jump(b, BPF_JGE, k, label, true);
}

static void jump_gt(struct builder *b, uint32_t k, unsigned label)
{
	jump(b, BPF_JGT, k, label, true);
}

static void jump_any_bit(struct builder *b, uint32_t k, unsigned label)
{
	jump(b, BPF_JSET, k, label, true);
}

static void load(struct builder *b, size_t off)
{
	emit(b, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)off));
}

static void load_nr(struct builder *b)
{
	load(b, offsetof(struct seccomp_data, nr));
}

static void load_low(struct builder *b, unsigned arg)
{
	load(b, offsetof(struct seccomp_data, args) + 8 * arg);
}

static void load_high(struct builder *b, unsigned arg)
{
	load(b, offsetof(struct seccomp_data, args) + 8 * arg + 4);
}

static void and_mask(struct builder *b, uint32_t k)
{
	emit(b, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, k));
}

static void ret(struct builder *b, uint32_t action)
{
	emit(b, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static bool resolve(struct builder *b)
{
	for (unsigned i = 0; i < b->n_fixups; i++) {
		unsigned at = b->fixup[i].insn, to = b->label[b->fixup[i].label];

		if (to <= at || to - at - 1 > 255)
			return false;
		if (b->fixup[i].on_true)
			b->insn[at].jt = (uint8_t)(to - at - 1);
		else
			b->insn[at].jf = (uint8_t)(to - at - 1);
	}
	return !b->overflow;
}

/* Go to *other* unless argument *addr* is below GUEST_MAX and argument *len* below STUB_LEN_MAX: the sum is below the
 * stub. */
static void guest_range(struct builder *b, unsigned addr, unsigned len, unsigned other)
{
	load_high(b, addr);
	jump_ge(b, STUB_GUEST_MAX >> 32, other);
	load_high(b, len);
	jump_ge(b, STUB_LEN_MAX >> 32, other);
}

/* Waiting and waking without priority inheritance. */
static void native_futex(struct builder *b, unsigned ask, uint32_t action)
{
	unsigned next = new_label(b), yes = new_label(b);

	jump_ne(b, __NR_futex, next);
	load_low(b, 1);
	and_mask(b, ~(128u | 256u)); /* FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME */
	jump_eq(b, 0, yes);	     /* WAIT */
	jump_eq(b, 1, yes);	     /* WAKE */
	jump_eq(b, 9, yes);	     /* WAIT_BITSET */
	jump_eq(b, 10, yes);	     /* WAKE_BITSET */
	jump_eq(b, 3, yes);	     /* REQUEUE */
	jump_eq(b, 4, yes);	     /* CMP_REQUEUE */
	jump_ne(b, 5, ask);	     /* WAKE_OP */
	place(b, yes);
	ret(b, action);
	place(b, next);
}

/* Private anonymous memory below the stub, without flags that lock, grow or take huge pages. */
static void native_mmap(struct builder *b, unsigned other, uint32_t action)
{
	const uint32_t harmless = 0x02 | 0x20 | 0x10 /* FIXED */ | 0x40 /* 32BIT */ | 0x800 | 0x1000 /* ignored */ |
				  0x4000 /* NORESERVE */ | 0x8000 /* POPULATE */ | 0x10000 /* NONBLOCK */ |
				  0x20000 /* STACK */ | 0x100000 /* FIXED_NOREPLACE */;
	unsigned next = new_label(b);

	jump_ne(b, __NR_mmap, next);
	guest_range(b, 0, 1, other);
	load_low(b, 3);
	jump_any_bit(b, ~harmless, other);
	and_mask(b, 0x22);
	jump_ne(b, 0x22, other);
	ret(b, action);
	place(b, next);
}

static void native_munmap(struct builder *b, unsigned other, uint32_t action)
{
	unsigned next = new_label(b);

	jump_ne(b, __NR_munmap, next);
	guest_range(b, 0, 1, other);
	ret(b, action);
	place(b, next);
}

static void native_mprotect(struct builder *b, unsigned other, uint32_t action)
{
	unsigned next = new_label(b);

	jump_ne(b, __NR_mprotect, next);
	guest_range(b, 0, 1, other);
	load_low(b, 2);
	jump_any_bit(b, ~7u, other); /* PROT_GROWSDOWN, PROT_GROWSUP and unknown bits */
	ret(b, action);
	place(b, next);
}

/* Advice about one's own pages; not REMOVE (writes to files), MERGEABLE, HWPOISON, SOFT_OFFLINE. */
static void native_madvise(struct builder *b, unsigned other, uint32_t action)
{
	unsigned next = new_label(b), yes = new_label(b);

	jump_ne(b, __NR_madvise, next);
	guest_range(b, 0, 1, other);
	load_low(b, 2);
	jump_gt(b, 25, other); /* COLLAPSE is the last */
	jump_ge(b, 14, yes);   /* HUGEPAGE and later */
	jump_ge(b, 12, other); /* MERGEABLE, UNMERGEABLE */
	jump_ge(b, 10, yes);   /* DONTFORK, DOFORK */
	jump_eq(b, 8, yes);    /* FREE */
	jump_ge(b, 5, other);
	place(b, yes);
	ret(b, action);
	place(b, next);
}

/* X = the accumulator, to compare the next value with. */
static void to_x(struct builder *b)
{
	emit(b, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
}

/*
 * Go to *other* if mremap's new length is above the old one. The host is never asked to grow a mapping, not by the stub's
 * code either: that would show what else lies in the host file behind it. The sentry does it otherwise (mm/grow.c).
 */
static void no_growth(struct builder *b, unsigned other)
{
	unsigned yes = new_label(b);

	load_high(b, 1);
	to_x(b);
	load_high(b, 2);
	jump(b, BPF_JGT | BPF_X, 0, other, true);
	jump(b, BPF_JEQ | BPF_X, 0, yes, false);
	load_low(b, 1);
	to_x(b);
	load_low(b, 2);
	jump(b, BPF_JGT | BPF_X, 0, other, true);
	place(b, yes);
}

static void native_mremap(struct builder *b, unsigned other, uint32_t action)
{
	unsigned next = new_label(b);

	jump_ne(b, __NR_mremap, next);
	guest_range(b, 0, 1, other);
	load_high(b, 2);
	jump_ge(b, STUB_LEN_MAX >> 32, other);
	load_low(b, 3);
	jump_any_bit(b, ~1u, other); /* MREMAP_MAYMOVE alone: the fifth argument is not used */
	no_growth(b, other);
	ret(b, action);
	place(b, next);
}

/* The thread pointer of the caller; the other bases are answered by the sentry, for whom gs may be the slot's address.
 */
static void native_set_fs(struct builder *b, unsigned other, uint32_t action)
{
	unsigned next = new_label(b);

	jump_ne(b, __NR_arch_prctl, next);
	load_low(b, 0);
	jump_ne(b, 0x1002, other);
	ret(b, action);
	place(b, next);
}

static void trap_bases(struct builder *b, unsigned trap)
{
	unsigned next = new_label(b), ask = new_label(b);

	jump_ne(b, __NR_arch_prctl, next);
	load_low(b, 0);
	jump(b, BPF_JGE, 0x1001, ask, false);
	jump(b, BPF_JGT, 0x1004, trap, false);
	place(b, ask);
	ret(b, SECCOMP_RET_USER_NOTIF);
	place(b, next);
}

static void when(struct builder *b, uint32_t nr, uint32_t action)
{
	unsigned next = new_label(b);

	jump_ne(b, nr, next);
	ret(b, action);
	place(b, next);
}

/*
 * Anonymous memory as ordered. With a descriptor the sentry compares the arguments, but for private mappings, below the stub, of a
 * file that the guest may see from end to end: whoever forges one gets another view of what it can read anyway.
 */
static void stub_mmap(struct builder *b, unsigned kill)
{
	unsigned file = new_label(b), ask = new_label(b);

	load_low(b, 3);
	jump_any_bit(b, 0x40000 | 0x2000 | 0x100, kill); /* HUGETLB, LOCKED, GROWSDOWN */
	jump(b, BPF_JSET, 0x20, file, false);
	ret(b, SECCOMP_RET_ALLOW);
	place(b, file);
	and_mask(b, 0xf);
	jump_ne(b, 0x02, ask);
	guest_range(b, 0, 1, ask);
	load_high(b, 4);
	jump_ne(b, 0, ask);
	load_low(b, 4);
	jump(b, BPF_JGE, STUB_FD_FIRST, ask, false);
	jump_ge(b, STUB_FD_WHOLE_END, ask);
	ret(b, SECCOMP_RET_ALLOW);
	place(b, ask);
	ret(b, SECCOMP_RET_USER_NOTIF);
}

/* What the stub's own code does. A guest that jumps there gets no more than this. */
static void stub_calls(struct builder *b)
{
	static const uint32_t own[] = {__NR_rt_sigreturn, __NR_munmap, __NR_mprotect, __NR_madvise,
		__NR_msync, __NR_mincore, __NR_remap_file_pages, __NR_close, __NR_close_range, __NR_sigaltstack, __NR_exit, __NR_exit_group, __NR_rseq,
		__NR_membarrier};
	unsigned next, kill = new_label(b);

	when(b, STUB_BELL, SECCOMP_RET_USER_NOTIF);
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		when(b, own[i], SECCOMP_RET_ALLOW);
	when(b, __NR_clone, SECCOMP_RET_USER_NOTIF);
	when(b, __NR_seccomp, SECCOMP_RET_USER_NOTIF); /* the watching filter, as ordered */

	next = new_label(b);
	jump_ne(b, __NR_mremap, next);
	no_growth(b, kill);
	ret(b, SECCOMP_RET_ALLOW);
	place(b, next);

	next = new_label(b);
	jump_ne(b, __NR_mmap, next);
	stub_mmap(b, kill);
	place(b, next);

	next = new_label(b); /* arch_prctl, only to find the bases where rdfsbase is missing */
	jump_ne(b, __NR_arch_prctl, next);
	load_low(b, 0);
	jump(b, BPF_JGE, 0x1001, kill, false);
	jump_gt(b, 0x1004, kill);
	ret(b, SECCOMP_RET_ALLOW);
	place(b, next);

	next = new_label(b); /* prctl(PR_SET_PDEATHSIG, SIGKILL), prctl(PR_SET_DUMPABLE, 1) */
	jump_ne(b, __NR_prctl, next);
	load_low(b, 0);
	{
		unsigned dumpable = new_label(b);

		jump_eq(b, PR_SET_DUMPABLE, dumpable);
		jump_ne(b, PR_SET_PDEATHSIG, kill);
		load_low(b, 1);
		jump_ne(b, SIGKILL, kill);
		ret(b, SECCOMP_RET_ALLOW);
		place(b, dumpable);
		load_low(b, 1);
		jump_ne(b, 1, kill);
		ret(b, SECCOMP_RET_ALLOW);
	}
	place(b, next);

	jump_ne(b, __NR_sendmsg, kill); /* of the listener, at birth; the socket is closed behind it for ever */
	load_low(b, 0);
	jump_ne(b, STUB_SOCKET, kill);
	ret(b, SECCOMP_RET_ALLOW);
	place(b, kill);
	ret(b, SECCOMP_RET_KILL_PROCESS);
}

/* Calls of the guest that need all registers or orders. */
static const uint16_t full_calls[] = {__NR_mmap, __NR_mprotect, __NR_munmap, __NR_brk, __NR_rt_sigreturn, __NR_sigaltstack, __NR_mremap,
	__NR_msync, __NR_madvise, __NR_shmat, __NR_clone, __NR_fork, __NR_vfork, __NR_execve, __NR_exit, __NR_shmdt,
	__NR_remap_file_pages, __NR_exit_group, __NR_execveat, __NR_pkey_mprotect, 435 /* clone3 */, __NR_mincore, __NR_mlock,
	__NR_mlockall, __NR_mlock2, __NR_futex, __NR_io_setup, __NR_io_destroy};

/*
 * A question can be answered with "carry it out", also by a sentry that was taken over, and the stub has no other filter. So what opens much of
 * the host's kernel to somebody without rights or files is no question.
 */
static const uint16_t never_hosted[] = {__NR_unshare, __NR_setns, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_bpf, __NR_keyctl, __NR_add_key,
	__NR_request_key, __NR_userfaultfd, __NR_perf_event_open, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_socketpair,
	__NR_init_module, __NR_finit_module, __NR_kexec_load, __NR_kexec_file_load, __NR_name_to_handle_at, __NR_open_by_handle_at,
	425 /* io_uring_setup */, 426, 427, 428 /* open_tree */, 429, 430, 431, 432, 433, 442 /* mount_setattr */};

static void trap_never_hosted(struct builder *b, unsigned trap)
{
	unsigned next = new_label(b), ask = new_label(b);

	for (unsigned i = 0; i < ARRAY_SIZE(never_hosted); i++)
		jump_eq(b, never_hosted[i], trap);
	jump_ne(b, __NR_socket, next);
	load_low(b, 0);
	jump_eq(b, AF_INET, ask);
	jump_ne(b, AF_INET6, trap);
	place(b, ask);
	ret(b, SECCOMP_RET_USER_NOTIF);
	place(b, next);
}

/* Calls whose arguments are all in registers, which the sentry looks at and the host then carries out. */
bool filter_may_continue(uint32_t nr)
{
	return nr == __NR_rseq || nr == __NR_membarrier;
}

/* Calls that the guest makes natively, or that need all registers, never come by the slot. */
void filter_light_map(uint64_t map[LIGHT_MAP])
{
	static const uint16_t others[] = {NR_FUTEX_WAITV, __NR_sched_yield, __NR_arch_prctl, __NR_rseq, __NR_membarrier};

	for (unsigned i = 0; i < LIGHT_MAP; i++)
		map[i] = UINT64_MAX;
	for (unsigned i = 0; i < ARRAY_SIZE(full_calls); i++)
		map[full_calls[i] / 64] &= ~(1ull << full_calls[i] % 64);
	for (unsigned i = 0; i < ARRAY_SIZE(never_hosted); i++)
		map[never_hosted[i] / 64] &= ~(1ull << never_hosted[i] % 64);
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		map[others[i] / 64] &= ~(1ull << others[i] % 64);
}

/* *action* for what the guest may do without the sentry, else go to *other*; the number is loaded. */
static void native_calls(struct builder *b, unsigned other, uint32_t action, bool waitv)
{
	native_futex(b, other, action);
	native_mmap(b, other, action);
	native_munmap(b, other, action);
	native_mprotect(b, other, action);
	native_madvise(b, other, action);
	native_mremap(b, other, action);
	native_set_fs(b, other, action);
	when(b, __NR_sched_yield, action);
	if (waitv)
		when(b, NR_FUTEX_WAITV, action);
}

bool platform_call_is_native(uint32_t nr)
{
	static const uint16_t native[] = {__NR_futex, __NR_mmap, __NR_munmap, __NR_mprotect, __NR_madvise, __NR_mremap, __NR_arch_prctl,
		__NR_sched_yield, NR_FUTEX_WAITV};

	for (unsigned i = 0; i < ARRAY_SIZE(native); i++)
		if (native[i] == nr)
			return true;
	return false;
}

unsigned filter_build(struct sock_filter *prog, unsigned max, bool waitv)
{
	struct builder b = {.insn = prog, .max = max};
	unsigned not_allowed = new_label(&b), outside = new_label(&b), trap = new_label(&b), arch_ok = new_label(&b);

	load(&b, offsetof(struct seccomp_data, arch));
	jump_eq(&b, AUDIT_ARCH_X86_64, arch_ok);
	ret(&b, SECCOMP_RET_KILL_PROCESS);
	place(&b, arch_ok);

	load_nr(&b);
	native_calls(&b, not_allowed, SECCOMP_RET_ALLOW, waitv);

	place(&b, not_allowed);
	load(&b, offsetof(struct seccomp_data, instruction_pointer) + 4);
	jump_eq(&b, UINT32_MAX, trap); /* the vsyscall page, where an interrupted question could not be repeated */
	jump_ne(&b, STUB_TEXT >> 32, outside);
	load(&b, offsetof(struct seccomp_data, instruction_pointer));
	jump_ge(&b, STUB_TEXT_SIZE, outside);
	load_nr(&b);
	stub_calls(&b);

	place(&b, outside);
	load_nr(&b);
	trap_bases(&b, trap);
	for (unsigned i = 0; i < ARRAY_SIZE(full_calls); i++)
		jump_eq(&b, full_calls[i], trap);
	if (!waitv)
		jump_eq(&b, NR_FUTEX_WAITV, trap);
	trap_never_hosted(&b, trap);
	ret(&b, SECCOMP_RET_USER_NOTIF);
	place(&b, trap);
	ret(&b, SECCOMP_RET_TRAP);
	return resolve(&b) ? b.n : 0;
}

unsigned filter_build_watch(struct sock_filter *prog, unsigned max, uint64_t native_ip)
{
	struct builder b = {.insn = prog, .max = max};
	unsigned guest = new_label(&b), first = new_label(&b), other = new_label(&b);

	load(&b, offsetof(struct seccomp_data, instruction_pointer) + 4);
	jump_ne(&b, STUB_TEXT >> 32, guest);
	load(&b, offsetof(struct seccomp_data, instruction_pointer));
	jump(&b, BPF_JGE, STUB_TEXT_SIZE, first, false);
	jump_ne(&b, (uint32_t)native_ip, guest);
	load_nr(&b);
	jump_eq(&b, __NR_futex, first);
	jump_eq(&b, NR_FUTEX_WAITV, first);
	place(&b, guest);
	load_nr(&b);
	native_calls(&b, other, SECCOMP_RET_TRAP, true);
	place(&b, other);
	place(&b, first);
	ret(&b, SECCOMP_RET_ALLOW);
	return resolve(&b) ? b.n : 0;
}
