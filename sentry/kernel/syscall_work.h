/* SPDX-License-Identifier: MIT */
/*
 * Work at a system call's entry and exit: tracing and the guest's own seccomp filters. On the normal path it costs the look at
 * task.work. With a bit set every call is served with all registers at hand: one that came light is answered with -ENOSYS and
 * comes again as a full entry, before the guest runs an instruction of its own.
 */
#pragma once

#include "kernel/task.h"

/* task.work */
#define SYSCALL_WORK_TRACE 1u	/* a tracer wants to see calls, or steps */
#define SYSCALL_WORK_SECCOMP 2u /* the guest has filters of its own */
#define SYSCALL_WORK_TRACED 4u	/* there is a tracer; calls that come light need no more for that */

/* Set bits of *t*'s word. The calls that the guest makes natively otherwise are seen from its next return to the guest on. */
void task_set_work(struct task *t, uint32_t bits);
void task_clear_work(struct task *t, uint32_t bits);
/*
 * Let the sentry see every call of *t*'s group from now on, in this program and those it will execute, and in its children:
 * a limit or the like needs it. It cannot be taken back.
 */
void task_watch_group(struct task *t);

/* Inside a full entry of *t*: put the second filter into force if it is wanted (TIF_WATCH). */
void task_watch(struct task *t);
/* For exec: the new address space of *t*, before it starts. 0 or a negative errno. */
int task_watch_exec(struct task *t, struct gthread *th);

/*
 * Serve the call t->syscall_nr of a full entry with the work that is set. The registers of the thread are settled when it
 * returns (t->th may be another one after exec); the result is also returned, for restart codes.
 */
int64_t syscall_with_work(struct task *t);
/* The call that the registers of a thread stand before. */
void syscall_of_regs(const struct guest_regs *r, struct guest_syscall *c);
/* entry.c: the call is not made now, and comes as a full entry next. What a light one returns; nothing may have been done. */
int64_t task_come_again(struct task *t);
/* entry.c: the call itself. */
int64_t syscall_dispatch(struct task *t, const struct guest_syscall *c);

/*
 * futex(2) operations that the host serves: let the guest's thread make the call natively, from the one instruction where it
 * may. Only inside a full entry. native_finish() is called by its next entry and gives the result.
 */
int64_t native_futex(struct task *t, uint64_t nr, const uint64_t *args); /* futex(2) or futex_waitv(2) */
bool native_futex_op(uint64_t op);
int64_t native_finish(struct task *t);
