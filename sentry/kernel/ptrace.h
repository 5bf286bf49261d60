/* SPDX-License-Identifier: MIT */
/*
 * Tracing: who traces whom, stops and events. ptrace(2); docs/ptrace.md.
 *
 * A tracee stops in its own worker, in a full entry: its registers are the platform's copy (gthread_get_regs()) and belong to the tracer
 * while it is stopped. Who traces is guarded by tasklist_lock, the stop by the tracee's siglock. A request *freezes* the
 * stopped tracee: even SIGKILL does not let it go on before the request is over, so that orders can be given to its thread.
 */
#pragma once

#include "kernel/signal.h"
#include "lib/list.h"

#include <linux/ptrace.h>
#include <stdbool.h>
#include <stdint.h>

struct task;
struct wait_args;
struct wait_result;
struct gthread;
struct thread_group;

/* ptrace_state.flags */
#define PT_PTRACED 1u
#define PT_SEIZED 2u

/* ptrace_state.jobctl: what TIF_TRAP stands for */
#define JOBCTL_TRAP_STOP 1u   /* stop as soon as possible (SEIZE of a stopped process, INTERRUPT, a new child of a seized one) */
#define JOBCTL_TRAP_NOTIFY 2u /* a seized tracee: job control has changed */
#define JOBCTL_EXEC 4u	      /* a new program is to start: its event, and the end of execve(2) */
#define JOBCTL_TRAPS (JOBCTL_TRAP_STOP | JOBCTL_TRAP_NOTIFY | JOBCTL_EXEC)
#define JOBCTL_LISTENING 8u   /* stopped, but not for requests (PTRACE_LISTEN) */

/* ptrace_state.resume */
#define RESUME_SYSCALL 1u
#define RESUME_SYSEMU 2u
#define RESUME_STEP 4u

struct ptrace_state { /* in struct task */
	struct list_head tracees, link;	 /* tasklist_lock; link in the tracer's tracees */
	_Atomic uint32_t flags, options; /* PT_*, PTRACE_O_*; flags 0: not traced */
	/* siglock */
	uint32_t jobctl;
	bool frozen;
	int code;    /* of the stop; when it is over the signal to go on with */
	bool waited, resumed; /* somebody has waited for this stop; code is the signal */
	bool has_info;
	struct ksiginfo info; /* of the stop */
	uint64_t message;
	/* of the tracee; the tracer's while it is stopped */
	_Atomic uint32_t resume; /* a new tracer sets it too */
	bool entered_tf; /* this entry came while it was set by us: a trap may be ours */
	bool forced_tf; /* the trap flag was set by us */
	uint64_t exec_message;
	uint64_t dr[8];	    /* the debug registers it was given; obeyed by single steps (ptrace_debug.c) */
	uint64_t watched[4]; /* last values at dr[0..3] */
};

void ptrace_init(struct task *t);
/* May *t* trace or look into *target* by its real ids (PTRACE_MODE_ATTACH_REALCREDS)? */
bool ptrace_may_attach(struct task *t, struct task *target);
/* May *t* read and write the memory of its tracee, which may have run a program since that is none of the tracer's business? */
bool ptrace_may_touch(struct task *t, struct task *tracee);
/* The memory of *target*, held, if *t* may attach (else: inspect) it. NULL: it has none, or *t* may not. */
struct mm *ptrace_mm_get(struct task *t, struct task *target, bool attach);

/* PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE (*options* with it). */
int ptrace_traceme(struct task *t);
int ptrace_attach(struct task *t, struct task *target, bool seize, uint32_t options);
/*
 * The tracee of *t* stopped for a request, frozen; -ESRCH. Without *stopped* any tracee of *t*, not frozen. ptrace_thaw() ends it.
 */
int ptrace_freeze(struct task *t, struct task *target, bool stopped);
void ptrace_thaw(struct task *target);
/* A stopped tracee of the group, frozen and held, whose thread takes orders; NULL: none. Given back by ptrace_thaw() and task_put(). */
struct task *ptrace_borrow(struct thread_group *tg);
/* Go on with *signo* (0: none); ends the freezing. */
void ptrace_resume(struct task *target, uint32_t resume, int signo);
/* PTRACE_DETACH; ends the freezing. */
void ptrace_detach(struct task *target, int signo);
int ptrace_interrupt(struct task *target);
int ptrace_listen(struct task *target); /* frozen */

/* --- the tracee's side; full entries of its own, registers loaded by gthread_set_regs() ------------------------------------------ */

static inline bool ptrace_event_wanted(const struct ptrace_state *pt, unsigned event)
{
	return pt->flags && (pt->options & 1u << event);
}

/* Before a signal is acted on. The signal to act on (*info* is then its), 0: none. */
int ptrace_signal(struct task *t, int signo, struct ksiginfo *info);
/* A stop that is no signal's: SIGTRAP with *code* << 8. Returns the signal to go on with. */
int ptrace_notify(struct task *t, int code, uint64_t message);
/* Stop for PTRACE_EVENT_* if the tracer wants it. */
void ptrace_event(struct task *t, unsigned event, uint64_t message);
/* TIF_TRAP, or TIF_STOP of a traced task. */
void ptrace_trap(struct task *t);
/* The stops around a system call. False: the task is being killed. */
void ptrace_syscall_stop(struct task *t, bool entry);
/* A step is over that the processor does not tell: a call, the start of a handler. */
void ptrace_step_done(struct task *t);
/* On the way into and out of the guest, with registers: the trap flag of single steps. */
bool ptrace_enter(struct task *t); /* the registers were changed */
void ptrace_leave(struct task *t);
/* A fault of the guest: true when it was only a step of the debug registers' and nothing is to be told. */
bool ptrace_swallow_trap(struct task *t, struct ksiginfo *info);
uint64_t ptrace_tid_for_tracer(struct task *t, int tid);

/* Debug registers (ptrace_debug.c): remember the values that are watched; has one of them hit? */
void ptrace_debug_arm(struct task *t);
bool ptrace_debug_check(struct task *t, bool step);
int ptrace_debug_set(struct task *t, unsigned nr, uint64_t value);
uint64_t ptrace_debug_get(const struct task *t, unsigned nr);
/* Do its debug registers ask for anything? */
static inline bool ptrace_debug_active(const struct ptrace_state *pt)
{
	return pt->dr[7] & 0xff;
}

/* --- hooks ------------------------------------------------------------------------------------------------------------------ */

/* fork: which event the new task is (0: none); the child, before others see it, is traced too (tasklist_lock held). */
unsigned ptrace_fork_event(struct task *t, uint64_t flags, int exit_signal);
void ptrace_fork(struct task *t, struct task *child);
/* exec: the new program stands ready, but has not started. *old_tid*: the caller's number before. */
void ptrace_exec(struct task *t, int old_tid);
/* The leader that exec has replaced is traced no more. tasklist_lock held. */
void ptrace_forget_locked(struct task *t);
/* The task exits: its tracees are free, or die with it. No locks. */
void ptrace_exit(struct task *t);
/* A zombie's tracer is told; one whose tracer has gone is released, or its own parent told. No locks. */
void ptrace_tell_death(struct task *t);
void ptrace_zombie_free(struct task *t);
/* A stop of the group begins or ends, with siglock held; and SIGKILL. */
void ptrace_jobctl_changed(struct task *t);
void ptrace_killed(struct task *t);
/* wait4(2): the tracees of the caller's threads. As scan() in wait.c; tasklist_lock held. */
int ptrace_wait_scan(struct task *t, const struct wait_args *w, struct wait_result *res, struct thread_group **notify);
/* tasklist_lock held: is *leader* traced by its own parent's process, by somebody else, or not? */
bool ptrace_by_parent(const struct task *leader);
bool ptrace_by_other(const struct task *leader);
