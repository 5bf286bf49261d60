/* SPDX-License-Identifier: MIT */
/*
 * seccomp(2) for guests: filters of their own, run in the sentry before a call is served. A process that has one is watched
 * (syscall_work.h), so that the calls it otherwise makes natively are seen too.
 *
 * A task's chain of filters only grows at its end, and each filter holds those before it: what a task has read stays valid while it
 * lives, also when another thread replaces it by a longer one (SECCOMP_FILTER_FLAG_TSYNC). Changes are made under siglock.
 */
#pragma once

#include "kernel/seccomp_bpf.h"
#include "kernel/task.h"

struct guest_syscall;
struct seccomp_listener;
struct file;

#define SECCOMP_CACHE_CALLS 512

struct seccomp_filter {
	struct refs refs; /* tasks that have it last in their chain, and filters behind it */
	struct kernel *kernel;
	struct seccomp_filter *prev; /* held */
	struct seccomp_listener *listener; /* held, or NULL */
	unsigned count;	      /* filters of the chain up to here */
	unsigned cost;	      /* its length as Linux counts it, and that of the chain */
	unsigned chain_cost;
	bool wait_killable;
	bool watches; /* the whole chain: it may refuse calls that guests otherwise make natively */
	uint64_t allowed[SECCOMP_CACHE_CALLS / 64]; /* calls that the whole chain always allows */
	struct seccomp_prog prog;
};

/* prctl(PR_SET_SECCOMP), seccomp(SECCOMP_SET_MODE_STRICT). 0 or -EINVAL. */
int seccomp_set_strict(struct task *t);
/* seccomp(SECCOMP_SET_MODE_FILTER) with the guest's struct sock_fprog at *addr*: 0, a descriptor, a thread's number, or an error. */
int64_t seccomp_set_filter(struct task *t, uint32_t flags, uint64_t addr);

/* clone: *c* gets the mode and filters of *t*. siglock of t's group held. */
void seccomp_inherit(struct task *t, struct task *c);
/* The task has ended. Idempotent. No locks held. */
void seccomp_exit(struct task *t);

/*
 * The filter that every first program of the sandbox and of a session begins with (a container's profile): k->seccomp. Before the platform
 * is made, which is told by *no_waitv* that the filter never allows futex_waitv(2). 0, -EINVAL for what Linux would not accept, -ENOMEM.
 */
int seccomp_set_profile(struct kernel *k, const struct sock_filter *insns, unsigned n, bool *no_waitv);
/* Put *t*, which has no address space yet, under it. 0, or what execve(2) under the filter would fail with. Idempotent. */
int seccomp_begin(struct task *t);
/* Must calls be seen that *t* would otherwise make natively? */
bool seccomp_watches(const struct task *t);
/* Does *t* have filters that all allow *nr* whatever its arguments are? */
bool seccomp_lets_pass(const struct task *t, uint64_t nr);

/* SECCOMP_MODE_*, and the number of filters, of any task. */
int seccomp_mode(const struct task *t);
unsigned seccomp_n_filters(struct task *t);

/*
 * May *t* make the call *c*? False: it is not to be made; *ret* is its result (unless a signal is pending, or the task has ended). A full
 * entry; a tracer may change *c*. May sleep.
 */
bool seccomp_enter(struct task *t, struct guest_syscall *c, int64_t *ret);

/*
 * The same inside a light entry, as far as number, arguments and ip are enough. SECCOMP_FULL: the call must come again with all
 * registers.
 */
enum seccomp_light { SECCOMP_MAKE, SECCOMP_REFUSED, SECCOMP_FULL };
enum seccomp_light seccomp_enter_light(struct task *t, const struct guest_syscall *c, int64_t *ret);

/* --- seccomp_notify.c: supervisors ---------------------------------------------------------------------------------------------- */

int seccomp_listener_create(struct task *t, struct seccomp_listener **ret, struct file **ret_file);
void seccomp_listener_put(struct seccomp_listener *l);
/* No task has the filter any more. */
void seccomp_listener_unused(struct seccomp_listener *l);
/* Ask the supervisor. True: the call is made all the same (SECCOMP_USER_NOTIF_FLAG_CONTINUE); else *ret is its result. */
bool seccomp_ask(struct task *t, struct seccomp_filter *f, const struct seccomp_data *data, int64_t *ret);
