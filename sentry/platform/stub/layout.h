/* SPDX-License-Identifier: MIT */
/*
 * What the stub and the sentry agree on: the address-space layout, the slots, the bell and its answers. Freestanding;
 * it is included by both. Everything in a slot can be overwritten by the guest at any time: the sentry copies once and
 * checks.
 */
#pragma once

/* Offsets for the assembly. */
#define SLOT_FAST_STATE 0
#define SLOT_FAST_PENDING 4
#define SLOT_NR 8
#define SLOT_ARGS 16
#define SLOT_IP 64
#define SLOT_CPU 88
#define SLOT_POLLER_ON 128
#define SLOT_POLLER_CPU 132
#define SLOT_MODE 136
#define SLOT_SIGPENDING 140
#define SLOT_IDENT 144
#define SLOT_SIGMASK 192
#define SLOT_SAVED 704
#define SLOT_FAST_STACK_TOP 2496

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/*
 * Addresses. A native call of the guest names an address below GUEST_MAX and a length below STUB_LEN_MAX, so that the
 * sum cannot reach STUB_FLOOR; the filter needs the high words alone for that.
 */
#define STUB_GUEST_MIN 0x10000ull
#define STUB_GUEST_MAX 0x7e0000000000ull
#define STUB_LEN_MAX 0x10000000000ull
#define STUB_FLOOR 0x7f0000000000ull /* nothing of the guest's is at or above */
#define STUB_TEXT 0x7f8000000000ull
#define STUB_TEXT_SIZE 0x10000ull   /* code; a call whose ip is in it comes from the stub */
#define STUB_FAST 0x7f8000020000ull /* stub_site, where rewritten call sites go */
#define STUB_DATA 0x7f8000100000ull
#define STUB_SLOTS 0x7f9000000000ull
#define STUB_VIEWS 0x7fa000000000ull /* of image files: slot n has the places from n * SLOT_VIEWS on */

/* Slots: one for each guest thread of an address space. */
#define SLOT_SIZE 0x8000ull
#define SLOT_COUNT 32768u
#define SLOTS_SIZE (SLOT_SIZE * SLOT_COUNT)
#define SLOT_STACK 0x2000ull /* offset of the alternate stack; it ends at SLOT_SIZE */

/* Host descriptors of a stub: 0 is the zygote's socket until start-up is over; injected ones are numbered from here. */
#define STUB_SOCKET 0
#define STUB_FD_FIRST 8u
/* The first of them are for files that the guest may see from end to end: the stub's code maps them privately without being asked. */
#define STUB_FD_WHOLE_END 32u
#define STUB_FD_LAST 959u /* or what RLIMIT_NOFILE allows */

/* The bell: a number that is no system call on x86-64. Only its meaning from inside the stub's text is the bell. */
#define STUB_BELL 0x7fb
/* The host signal that interrupts a guest thread. */
#define STUB_SIG_INTERRUPT 12 /* SIGUSR2 */

/* First argument of the bell. The others are: ucontext, siginfo, fs base, gs base, nonce. */
enum bell_kind {
	BELL_SIGNAL = 1, /* a trapped call, a fault, an interrupt; the signal number is in bits 8..15 */
	BELL_DONE = 2,	 /* the ordered calls are done; results are in the slot */
	BELL_THREAD = 3, /* a new thread, or the child of a fork, stands ready */
	BELL_FAST = 4,	 /* the same as BELL_CALL */
	BELL_CALL = 5,	 /* a system call, whose request is in the slot */
	BELL_FAILED = 6, /* the order that THEN_RESUME_IF was about failed; its result stands where the siginfo does otherwise */
};
#define BELL_KIND(arg) ((unsigned)(arg)&0xff)
#define BELL_SIGNO(arg) ((unsigned)((arg) >> 8) & 0xff)

/* Answers to the bell. A negative one means that the sentry is gone. At and above STUB_FD_FIRST: orders, with a
 * descriptor. */
#define BELL_RESUME 0
#define BELL_ORDERS 1

/* What follows the orders. */
enum order_then {
	THEN_RING,	 /* ring BELL_DONE */
	THEN_RESUME,	 /* go on in the guest */
	THEN_RESUME_IF,	 /* the same, but ring BELL_FAILED if orders[rax_from] has failed */
	THEN_RESUME_RAX, /* go on with the result of orders[rax_from] in rax */
	THEN_EXIT,	 /* end this host thread */
	THEN_PARK,	 /* sleep until the process ends */
};

/* Pseudo numbers: clone, with the child's first steps. args: flags, stack, ucontext of the child, ctid, descriptor,
 * nonce. */
#define ORDER_THREAD 0x1000
#define ORDER_FORK 0x1001
/* No call: compare and exchange a word. args: address, old, new; the result is the word before, or a negative errno. */
#define ORDER_CMPXCHG 0x1002

/*
 * Bits of an order's number, for lists of mappings: its result is the base; its first argument counts from the base. Where one of
 * these fails, the later ones are not made (-ECANCELED).
 */
#define ORDER_BASE 0x10000
#define ORDER_FROM_BASE 0x20000
#define ORDER_MAY_FAIL 0x40000 /* with the latter: the others are made all the same */

struct stub_order {
	uint64_t nr;
	uint64_t args[6];
	int64_t result;
};
#define STUB_ORDER_MAX 6
/* A longer list lies in the window. */
#define STUB_LONG_MAX 72

/*
 * The fast path (docs/fastpath.md, stub/entry.S): store the request, REQ; a poller answers (REPLY, or SLOW: it would sleep, and has
 * done nothing: ring for it). A stub that has spun long enough takes REQ back to IDLE and rings BELL_CALL; without a poller it does so
 * at once. The answer is in the slot's request before that is answered, by BELL_RESUME.
 */
#define FAST_IDLE 0
#define FAST_REQ 1
#define FAST_REPLY 4
#define FAST_SLOW 5

/* slot.mode: what stub_site may do. 0: every call is made plainly. */
#define FAST_ANSWER 1u /* answer by itself */
#define FAST_RING 2u   /* put the call into the slot and ask */

#define SLOT_WINDOW 4608u /* bytes */
#define SLOT_FAST_STACK 1536u
#define SLOT_SEGS 4

/* Bytes [from, to) of a segment's part of the window that the sentry has written. */
struct slot_out {
	uint16_t from, to;
};

/* Who the thread is, in its own namespaces: what the calls of these names return. */
struct slot_ident {
	uint32_t pid, tid, ppid, uid, euid, gid, egid, pgrp;
};

/* A file that pread(2) may be answered from. */
#define SLOT_VIEWS 2u
#define VIEW_SPAN 0x10000000ull
#define VIEW_SLOTS 256u /* the first so many slots have some */
struct slot_view {
	uint32_t fd_plus_1; /* 0: none */
	uint32_t pad;
	uint64_t base, size;
};

/* sigaltstack(2): what a question is answered. size 0: there is none. */
struct slot_altstack {
	uint64_t sp, size;
	uint32_t flags, pad;
};

struct slot {
	/* The request: one line. The answer takes the place of the first argument. */
	_Alignas(128) uint32_t fast_state;
	uint32_t fast_pending; /* an interrupt came in the middle: trap at the end */
	uint32_t nr;
	uint16_t str_len[2]; /* of the request's strings, terminators included, in the order of their segments */
	union {
		uint64_t args[6];
		int64_t ret;
	};
	/* And the one beside it. */
	uint64_t ip; /* S: of the system call instruction */
	struct slot_out out[SLOT_SEGS]; /* by the sentry, with the answer */
	uint32_t cpu; /* where the stub runs */

	/* Owned by the sentry. */
	_Alignas(64) uint32_t poller_on; /* a poller looks at this slot */
	uint32_t poller_cpu;
	uint32_t mode;	     /* FAST_ANSWER, FAST_RING */
	uint32_t sigpending; /* some signal is pending for the thread or its process */
	struct slot_ident ident;
	uint32_t names; /* its context in the table of names (names.h), 0: it has none */
	uint32_t ctid; /* CLONE_CHILD_CLEARTID: 0 when the host thread is gone */
	uint64_t sig_default; /* bit signo-1: its action is all zeros */
	/* By both: the blocked signals, while FAST_ANSWER is on. */
	_Alignas(64) uint64_t sigmask;
	uint64_t view_calls, view_bytes; /* what the stub has read by itself */

	/* Orders. */
	_Alignas(64) uint32_t n_orders;
	uint32_t then;
	uint32_t rax_from;
	uint32_t pad;
	struct stub_order orders[STUB_ORDER_MAX];

	/* The stub's alone: the guest's registers while stub_site works, and its stack. */
	_Alignas(64) uint64_t saved[17]; /* site.h */
	uint32_t fast_phase;		 /* enum fast_phase */
	uint32_t pad2;
	uint64_t spare[3];
	/* The sentry's again. */
	struct slot_altstack altstack;
	struct slot_view views[SLOT_VIEWS];
	_Alignas(64) uint8_t fast_stack[SLOT_FAST_STACK];
	_Alignas(64) uint8_t window[SLOT_WINDOW];
};
_Static_assert(sizeof(struct stub_order) * STUB_LONG_MAX <= SLOT_WINDOW, "long lists fit");
_Static_assert(sizeof(struct slot) <= SLOT_STACK, "a slot's control part ends below its stack");

_Static_assert(offsetof(struct slot, fast_pending) == SLOT_FAST_PENDING && offsetof(struct slot, nr) == SLOT_NR &&
		       offsetof(struct slot, args) == SLOT_ARGS && offsetof(struct slot, ip) == SLOT_IP &&
		       offsetof(struct slot, cpu) == SLOT_CPU && offsetof(struct slot, poller_on) == SLOT_POLLER_ON &&
		       offsetof(struct slot, poller_cpu) == SLOT_POLLER_CPU && offsetof(struct slot, mode) == SLOT_MODE &&
		       offsetof(struct slot, sigpending) == SLOT_SIGPENDING &&
		       offsetof(struct slot, ident) == SLOT_IDENT && offsetof(struct slot, sigmask) == SLOT_SIGMASK &&
		       offsetof(struct slot, saved) == SLOT_SAVED &&
		       offsetof(struct slot, fast_stack) + SLOT_FAST_STACK == SLOT_FAST_STACK_TOP,
	"entry.S knows these");

/* From the zygote, once. */
struct stub_hello {
	uint64_t magic;
	uint64_t text_end;
	uint64_t vdso;	     /* AT_SYSINFO_EHDR, or 0 */
	uint64_t probe;	     /* where the kernel put a mapping without a hint */
	uint64_t fast_entry; /* address of stub_site; 0 where the processor lacks rdgsbase or rdpid */
	uint64_t fsgsbase;   /* rdfsbase may be used */
	uint64_t native;     /* a system call instruction for the guest, and a trap behind it (entry.S) */
	uint64_t watch_prog; /* struct sock_fprog of the watching filter */
};
#define STUB_HELLO_MAGIC 0x31627574735f6b70ull

/* To the zygote: once the filter, then one command byte (with the slots' descriptor) for each stub. */
#define STUB_FILTER_MAX 256u
#define STUB_WATCH_MAX 128u
struct stub_setup {
	uint64_t n_insns;
	uint64_t insns[STUB_FILTER_MAX];
	uint64_t n_watch;
	uint64_t watch[STUB_WATCH_MAX]; /* the second filter, installed on order */
	uint32_t notify_flags; /* of seccomp(2) */
	uint32_t pad;
};
#define STUB_CMD_NEW 'n'

/* From a new stub: its pid, with the listener as SCM_RIGHTS; listener < 0: minus the errno. */
struct stub_born {
	int32_t pid;
	int32_t error;
};

/* The kernel's signal frame as the stub needs it; the sentry has its own description in arch/x86_64/sigframe.h. */
#define STUB_UC_RAX_OFFSET 144 /* ucontext.uc_mcontext.rax */
#define STUB_UC_RIP_OFFSET 168
#endif
