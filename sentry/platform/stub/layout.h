/* SPDX-License-Identifier: MIT */
/*
 * What the stub and the sentry agree on: the address-space layout, the slots, the bell and its answers. Freestanding;
 * it is included by both. Everything in a slot can be overwritten by the guest at any time: the sentry copies once and
 * checks.
 */
#pragma once

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
#define STUB_FAST 0x7f8000020000ull /* the fast entry: its plain calls are the guest's own, not the stub's */
#define STUB_DATA 0x7f8000100000ull
#define STUB_SLOTS 0x7f9000000000ull

/* Slots: one for each guest thread of an address space. */
#define SLOT_SIZE 0x8000ull
#define SLOT_COUNT 32768u
#define SLOTS_SIZE (SLOT_SIZE * SLOT_COUNT)
#define SLOT_STACK 0x2000ull /* offset of the alternate stack; it ends at SLOT_SIZE */

/* Host descriptors of a stub: 0 is the zygote's socket until start-up is over; injected ones are numbered from here. */
#define STUB_SOCKET 0
#define STUB_FD_FIRST 8u
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
	BELL_FAST = 4,	 /* the fast entry's request is being served, and it has spun long enough */
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
	THEN_RESUME_RAX, /* the same, with the result of orders[rax_from] in rax */
	THEN_EXIT,	 /* end this host thread */
	THEN_PARK,	 /* sleep until the process ends */
};

/* Pseudo numbers: clone, with the child's first steps. args: flags, stack, ucontext of the child, ctid, descriptor,
 * nonce. */
#define ORDER_THREAD 0x1000
#define ORDER_FORK 0x1001
/* No call: compare and exchange a word. args: address, old, new; the result is the word before, or a negative errno. */
#define ORDER_CMPXCHG 0x1002

struct stub_order {
	uint64_t nr;
	uint64_t args[6];
	int64_t result;
};
#define STUB_ORDER_MAX 6

/*
 * The fast entry (stub/entry.S): store the request, REQ; a poller takes it (BUSY) and answers (REPLY, or SLOW: make the
 * call plainly). A stub that has spun long enough takes REQ back to IDLE and makes the call plainly, or turns BUSY into
 * BUSY_BELL and rings.
 */
#define FAST_IDLE 0
#define FAST_REQ 1
#define FAST_BUSY 2
#define FAST_BUSY_BELL 3
#define FAST_REPLY 4
#define FAST_SLOW 5

struct slot {
	/* The fast entry: the state word, the request, and the reply, on lines of their own. */
	_Alignas(64) uint32_t fast_state;
	uint32_t fast_pending; /* an interrupt came in the middle: trap at the end */
	_Alignas(64) struct {
		uint64_t nr, args[6];
		uint32_t cpu, pad;
	} fast;
	_Alignas(64) struct {
		int64_t ret;
	} reply;
	/* Owned by the sentry. */
	_Alignas(64) uint32_t poller_on; /* a poller looks at this slot */
	uint32_t poller_cpu;
	uint32_t ctid; /* CLONE_CHILD_CLEARTID: 0 when the host thread is gone */
	/* Orders. */
	_Alignas(64) uint32_t n_orders;
	uint32_t then;
	uint32_t rax_from;
	uint32_t pad;
	struct stub_order orders[STUB_ORDER_MAX];
	_Alignas(64) uint8_t window[1024];
};
_Static_assert(sizeof(struct slot) <= SLOT_STACK, "a slot's control part ends below its stack");

/* Offsets for the assembly. */
#define SLOT_FAST_PENDING 4
#define SLOT_FAST 64
#define SLOT_FAST_CPU 120
#define SLOT_REPLY 128
#define SLOT_POLLER_ON 192
#define SLOT_POLLER_CPU 196
_Static_assert(offsetof(struct slot, fast_pending) == SLOT_FAST_PENDING && offsetof(struct slot, fast) == SLOT_FAST &&
		       offsetof(struct slot, fast.cpu) == SLOT_FAST_CPU && offsetof(struct slot, reply) == SLOT_REPLY &&
		       offsetof(struct slot, poller_on) == SLOT_POLLER_ON &&
		       offsetof(struct slot, poller_cpu) == SLOT_POLLER_CPU,
	"entry.S knows these");

/* From the zygote, once. */
struct stub_hello {
	uint64_t magic;
	uint64_t text_end;
	uint64_t vdso;	     /* AT_SYSINFO_EHDR, or 0 */
	uint64_t probe;	     /* where the kernel put a mapping without a hint */
	uint64_t fast_entry; /* address of the fast entry; 0 where the processor lacks rdgsbase or rdpid */
	uint64_t fast_call;  /* ip of its plain call */
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
