/* SPDX-License-Identifier: MIT */
/* What the files of kernel/ share among themselves. */
#pragma once

#include "kernel/task.h"

struct guest_entry;

/* task.c */
struct task *task_alloc(struct kernel *k);
struct thread_group *tg_alloc(struct kernel *k, struct sighand *sighand); /* takes over the reference of sighand */
struct sighand *sighand_copy(struct sighand *from);			  /* NULL: all default */
void sighand_put(struct sighand *s);
/* The same for a change that the task asked for: with more privileges than before it is not dumpable any more. */
void task_cred_commit(struct task *t, struct cred *c);

/* fork.c */
struct vfork_saved;
/*
 * Give the host thread of a vfork child back to its parent, with the child's number as the result. Inside a full entry. False: the
 * child plays on nobody's thread, or its parent has been killed meanwhile: the thread is its own.
 */
bool vfork_give_back(struct task *child);
/* *t* is being killed. One whose host thread a vfork child plays on dies without it. siglock held. */
void vfork_killed(struct task *t);
/* The stub has died: both halves end. Returns the parent, whose reference is the caller's, or NULL. */
struct task *vfork_forget(struct task *child);
/* *child* has a memory of its own now, or none: whoever waits for that goes on. */
void vfork_complete(struct task *child);

/* exit.c */
/*
 * Leave: close everything, tell the parent, let the children go. Idempotent, on the task's own worker (or in
 * thread_gone()). code is in wait(2)'s encoding.
 */
void task_exit(struct task *t, int code);
/* Begin the end of the whole group: the others are killed. Returns the code that counts. */
int group_exit_begin(struct task *t, int code);
/* wait.c: has *c* gone on since it was last asked? *keep*: it is asked again. Takes siglock. */
bool group_take_cont(struct thread_group *c, bool keep);
/* The zombie *tg* is its parent's (or its tracer's) to wait for: tell. No locks. */
void group_tell_parent(struct thread_group *tg);
/* End this task's entry for good: hands a vfork parent its thread back, or ends the host thread. Full entries only. */
void task_leave_host_thread(struct task *t);
/* Kill all threads of *t*'s group but itself and wait until they are gone (exec). */
int group_kill_others(struct task *t);

/* signal.c */
void sigpending_flush(struct sigpending *p);
void signal_recalc(struct task *t); /* siglock held */
/* The disposition of *signo* changed: what is ignored now is dropped from the queues. siglock held. */
void signal_drop_ignored(struct thread_group *tg, int signo);
/* The action that is to run now: SA_RESETHAND takes the handler away. siglock held. */
struct ksigaction sigaction_take(struct thread_group *tg, int signo);
/* Handler to default, the rest stays. siglock held. */
void sigaction_reset(struct thread_group *tg, int signo);
/* Next deliverable signal. Returns 0 when none. siglock held. */
int signal_dequeue(struct task *t, ksigset mask, struct ksiginfo *info);
/* Wake or interrupt so that *t* looks at its flags. siglock held. */
void task_kick(struct task *t);
/* Let *t*'s new host thread run. What was sent to the task while it had none is looked at before its first instruction. */
int task_start(struct task *t);
void signal_force(struct task *t, const struct ksiginfo *info); /* a fault: default action if blocked or ignored */
void signal_set_mask(struct task *t, ksigset mask);
void signal_flush_handlers(struct thread_group *tg); /* exec: handlers to default */
void tg_kill_later_free(struct thread_group *tg);
void group_kill_locked(struct thread_group *tg, int code);
/* The same; kill: its stub ends at once. Not needed where the only thread is the caller's own: it ends the stub behind its last words. */
void group_end_locked(struct thread_group *tg, int code, bool kill);

/* deliver.c */
/*
 * Act on pending work of a task in a full entry, before it goes back to the guest. *ret: result of the call being left
 * (may be a restart code) when t->in_syscall. Registers are set. Returns false when the task has exited.
 */
bool task_work(struct task *t, int64_t ret);
/* rt_sigreturn: registers, mask and extended state from the frame. */
int64_t signal_return(struct task *t);

/* entry.c */
extern const struct platform_client kernel_platform_client;

