/* SPDX-License-Identifier: MIT */
/* The tracer's side: beginning and end of tracing, requests on a stopped tracee. */
#include "kernel/ptrace.h"
#include "kernel/jobctl.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "kernel/user_ns.h"
#include "kernel/wait.h"
#include "mm/mm.h"

#include <linux/sched.h>
#include <string.h>
#include <sys/wait.h>

void ptrace_init(struct task *t)
{
	list_init(&t->pt.tracees);
	list_init(&t->pt.link);
}

/* Its cred_lock held. Is its memory open to all who may look at the task, or has *me* rights over the program's namespace? */
static bool memory_open(const struct cred *me, const struct task *target)
{
	const struct user_ns *owner = target->mm && target->mm->user_ns ? target->mm->user_ns : target->kernel->user_ns;

	return target->tg->dumpable || cred_ns_capable(me, owner, CAP_SYS_PTRACE);
}

/* ptrace(2), "Ptrace access mode checking": *me* acts by the given ids, and *caps* of its capabilities count. */
static bool access_allowed(const struct cred *me, uint32_t uid, uint32_t gid, uint64_t caps, struct task *target)
{
	LOCK_SCOPE(&target->cred_lock);
	const struct cred *c = target->cred;
	bool capable = cred_ns_capable(me, c->user_ns, CAP_SYS_PTRACE);

	if (!capable && (uid != c->euid || uid != c->suid || uid != c->uid || gid != c->egid || gid != c->sgid || gid != c->gid))
		return false;
	if (!memory_open(me, target))
		return false;
	/* Not one with capabilities that the caller lacks; those of a namespace below count for nothing here. */
	return capable || (c->user_ns == me->user_ns && !(c->cap_permitted & ~caps));
}

bool ptrace_may_attach(struct task *t, struct task *target)
{
	const struct cred *me = t->cred;

	return t->tg == target->tg || access_allowed(me, me->uid, me->gid, me->cap_permitted, target);
}

bool task_may_inspect(struct task *t, struct task *target)
{
	const struct cred *me = t->cred;

	return t->tg == target->tg || access_allowed(me, me->fsuid, me->fsgid, me->cap_effective, target);
}

bool ptrace_may_touch(struct task *t, struct task *tracee)
{
	LOCK_SCOPE(&tracee->cred_lock);

	return memory_open(t->cred, tracee);
}

struct mm *ptrace_mm_get(struct task *t, struct task *target, bool attach)
{
	struct mm *mm;

	/* First the memory, then the right: an exec exchanges credentials before memory, so what was taken is what is judged. */
	mm = task_mm_get(target);
	if (!mm || (attach ? ptrace_may_attach(t, target) : task_may_inspect(t, target)))
		return mm;
	mm_put(mm);
	return NULL;
}

/* --- links ------------------------------------------------------------------------------------------------------------- */

/* tasklist_lock and the tracee's siglock held. */
static void link_locked(struct task *target, struct task *tracer, uint32_t flags, uint32_t options)
{
	task_get(tracer);
	target->ptracer = tracer;
	list_add_tail(&target->pt.link, &tracer->pt.tracees);
	target->pt.options = options;
	target->pt.flags = PT_PTRACED | flags;
	target->pt.resume = 0;
	atomic_fetch_or(&target->work, SYSCALL_WORK_TRACED);
}

/* Let a stopped tracee go on. siglock held. */
static void wake_traced(struct task *target)
{
	if (target->state == TASK_TRACED)
		target->state = TASK_RUNNING;
	platform_wake(&target->waker);
}

static void wake_traced_with(struct task *target, int signo)
{
	if (target->state == TASK_TRACED) {
		target->pt.code = signo;
		target->pt.resumed = true;
	}
	wake_traced(target);
}

/*
 * tasklist_lock held. It is nobody's tracee any more, and goes on with *signo* if it is stopped. One whose group is stopped
 * joins that stop.
 */
static void unlink_locked(struct task *target, int signo)
{
	struct task *tracer = target->ptracer;

	if (!tracer)
		return;
	lock_acquire(&target->tg->siglock);
	list_del(&target->pt.link);
	list_init(&target->pt.link);
	target->ptracer = NULL;
	target->pt.flags = target->pt.options = 0;
	target->pt.jobctl = 0;
	target->pt.resume = 0; /* frozen stays: somebody may be writing to its memory */
	memset(target->pt.dr, 0, sizeof(target->pt.dr));
	atomic_fetch_and(&target->work, ~(SYSCALL_WORK_TRACE | SYSCALL_WORK_TRACED));
	atomic_fetch_and(&target->flags, ~TIF_TRAP);
	if (target->tg->stopped && !target->tg->group_exiting && !target->exited)
		atomic_fetch_or(&target->flags, TIF_STOP);
	wake_traced_with(target, signo);
	lock_release(&target->tg->siglock);
	task_put(tracer);
}

void ptrace_forget_locked(struct task *t)
{
	lock_assert_held(&t->kernel->tasklist_lock);
	unlink_locked(t, 0);
}

bool ptrace_by_parent(const struct task *leader)
{
	return leader->ptracer && leader->ptracer->tg == leader->tg->parent;
}

bool ptrace_by_other(const struct task *leader)
{
	return leader->ptracer && leader->ptracer->tg != leader->tg->parent;
}

/* The thread that made the caller's process, or its heir. tasklist_lock held. */
static struct task *parent_task(struct task *t)
{
	struct thread_group *parent = t->tg->parent;
	struct task *p;

	if (!parent || parent->zombie)
		return NULL;
	p = pid_task(t->kernel, t->tg->parent_tid);
	if (p && p->tg == parent && !p->exited)
		return p;
	list_for_each_entry(p, &parent->threads, tg_link)
		if (!p->exited)
			return p;
	return NULL;
}

/* A parent without the capabilities of its child does not get to trace it. */
static bool parent_may_trace(struct task *t, struct task *p)
{
	struct cred *c = task_cred_get(p);
	bool ok = cred_ns_capable(c, t->cred->user_ns, CAP_SYS_PTRACE) ||
		  (c->user_ns == t->cred->user_ns && !(t->cred->cap_permitted & ~c->cap_permitted));

	cred_put(c);
	return ok;
}

int ptrace_traceme(struct task *t)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	LOCK_SCOPE(&t->tg->siglock);
	struct task *p = parent_task(t);

	if (t->ptracer || (p && !parent_may_trace(t, p)))
		return -EPERM;
	if (p) /* without a parent that lives it would never be told of */
		link_locked(t, p, 0, 0);
	return 0;
}

static int begin(struct task *t, struct task *target, bool seize, uint32_t options, bool *trapping)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	LOCK_SCOPE(&target->tg->siglock);

	/* Judged here, where no exec can change what it judges by (exec_creds_commit()). */
	if (!ptrace_may_attach(t, target))
		return -EPERM;
	if (target->exited || target->state >= TASK_ZOMBIE || target->ptracer || t->exited)
		return -EPERM;
	link_locked(target, t, seize ? PT_SEIZED : 0, options);
	*trapping = target->state == TASK_STOPPED;
	if (*trapping) {
		target->pt.jobctl |= JOBCTL_TRAP_STOP;
		atomic_fetch_or(&target->flags, TIF_TRAP);
		platform_wake(&target->waker);
	}
	return 0;
}

/* A stopped process becomes a tracee in a stop before the attaching call returns. */
static void wait_trapped(struct task *t, struct task *target)
{
	struct task_waiter w;

	task_waiter_init(&w, t, EPOLLIN);
	wait_queue_add(&t->tg->child_wait, &w.waiter);
	for (;;) {
		bool there;

		lock_acquire(&target->tg->siglock);
		there = target->state == TASK_TRACED || target->exited || !(target->pt.jobctl & JOBCTL_TRAP_STOP) ||
			(atomic_load(&target->flags) & TIF_KILLED);
		lock_release(&target->tg->siglock);
		if (there || task_block_killable(t, -1))
			break;
	}
	wait_queue_remove(&w.waiter);
}

int ptrace_attach(struct task *t, struct task *target, bool seize, uint32_t options)
{
	bool trapping = false;
	int r;

	if (t->tg == target->tg)
		return -EPERM;
	r = begin(t, target, seize, options, &trapping);
	if (r)
		return r;
	if (!seize)
		signal_send_task(target, &(struct ksiginfo){.signo = SIGSTOP, .code = SI_KERNEL});
	if (trapping)
		wait_trapped(t, target);
	return 0;
}

/* --- requests ---------------------------------------------------------------------------------------------------------- */

static int freeze(struct task *t, struct task *target, bool stopped)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	LOCK_SCOPE(&target->tg->siglock);

	if (target->ptracer != t)
		return -ESRCH;
	if (!stopped)
		return 0;
	if (target->state != TASK_TRACED || (target->pt.jobctl & JOBCTL_LISTENING) || !target->th)
		return -ESRCH;
	if (target->pt.frozen)
		return -EBUSY;
	target->pt.frozen = true;
	return 0;
}

int ptrace_freeze(struct task *t, struct task *target, bool stopped)
{
	int r;

	/* Somebody may be writing to its memory, for a moment. */
	while ((r = freeze(t, target, stopped)) == -EBUSY)
		if (task_block_killable(t, kernel_now_mono() + 50000) == -ERESTARTSYS)
			return -ESRCH;
	return r;
}

struct task *ptrace_borrow(struct thread_group *tg)
{
	LOCK_SCOPE(&tg->siglock);
	struct task *t;

	list_for_each_entry(t, &tg->threads, tg_link) {
		if (t->state != TASK_TRACED || t->pt.frozen || !t->th)
			continue;
		t->pt.frozen = true;
		task_get(t);
		return t;
	}
	return NULL;
}

void ptrace_thaw(struct task *target)
{
	LOCK_SCOPE(&target->tg->siglock);

	target->pt.frozen = false;
	platform_wake(&target->waker);
}

void ptrace_resume(struct task *target, uint32_t resume, int signo)
{
	LOCK_SCOPE(&target->tg->siglock);

	target->pt.resume = resume;
	target->pt.frozen = false;
	if (resume || ptrace_debug_active(&target->pt))
		atomic_fetch_or(&target->work, SYSCALL_WORK_TRACE);
	else
		atomic_fetch_and(&target->work, ~SYSCALL_WORK_TRACE);
	wake_traced_with(target, signo);
}

void ptrace_detach(struct task *target, int signo)
{
	LOCK_SCOPE(&target->kernel->tasklist_lock);

	unlink_locked(target, signo);
}

int ptrace_interrupt(struct task *target)
{
	LOCK_SCOPE(&target->tg->siglock);

	if (!(target->pt.flags & PT_SEIZED))
		return -EIO;
	if (target->exited)
		return 0;
	target->pt.jobctl |= JOBCTL_TRAP_STOP;
	atomic_fetch_or(&target->flags, TIF_TRAP);
	if (target->pt.jobctl & JOBCTL_LISTENING)
		wake_traced(target);
	else
		task_kick(target);
	return 0;
}

int ptrace_listen(struct task *target)
{
	LOCK_SCOPE(&target->tg->siglock);

	if (!(target->pt.flags & PT_SEIZED) || !target->pt.has_info || target->pt.info.code >> 8 != PTRACE_EVENT_STOP)
		return -EIO;
	target->pt.jobctl |= JOBCTL_LISTENING;
	if (target->pt.jobctl & JOBCTL_TRAP_NOTIFY)
		wake_traced(target);
	return 0;
}

void ptrace_jobctl_changed(struct task *t)
{
	if (!(t->pt.flags & PT_SEIZED))
		return;
	t->pt.jobctl |= JOBCTL_TRAP_NOTIFY;
	atomic_fetch_or(&t->flags, TIF_TRAP);
	if (t->pt.jobctl & JOBCTL_LISTENING)
		wake_traced(t);
	else
		task_kick(t);
}

void ptrace_killed(struct task *t)
{
	if (t->state == TASK_TRACED)
		wake_traced(t);
}

/* --- fork and exit ------------------------------------------------------------------------------------------------------- */

unsigned ptrace_fork_event(struct task *t, uint64_t flags, int exit_signal)
{
	unsigned event = flags & CLONE_VFORK ? PTRACE_EVENT_VFORK : exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE : PTRACE_EVENT_FORK;

	return !(flags & CLONE_UNTRACED) && ptrace_event_wanted(&t->pt, event) ? event : 0;
}

void ptrace_fork(struct task *t, struct task *child)
{
	LOCK_SCOPE(&child->tg->siglock);

	lock_assert_held(&t->kernel->tasklist_lock);
	if (!t->ptracer || child->exited) /* it may have been killed before its start */
		return;
	link_locked(child, t->ptracer, t->pt.flags & PT_SEIZED, t->pt.options);
	if (child->pt.flags & PT_SEIZED) {
		child->pt.jobctl |= JOBCTL_TRAP_STOP;
		atomic_fetch_or(&child->flags, TIF_TRAP);
	} else {
		child->pending.set |= KSIG(SIGSTOP);
		atomic_fetch_or(&child->flags, TIF_SIGPENDING);
	}
}

/* One tracee of *t*, held and free now; NULL: none left. */
static struct task *release_one(struct task *t, bool *kill)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	struct task *o;

	if (list_empty(&t->pt.tracees))
		return NULL;
	o = list_first(&t->pt.tracees, struct task, pt.link);
	*kill = o->pt.options & PTRACE_O_EXITKILL;
	task_get(o);
	unlink_locked(o, 0);
	return o;
}

void ptrace_exit(struct task *t)
{
	struct task *o;
	bool kill;

	while ((o = release_one(t, &kill))) {
		if (kill)
			signal_kill_group(o->tg);
		ptrace_zombie_free(o);
		task_put(o);
	}
	pid_ns_finish(t->kernel); /* one of them may have been the last of a namespace */
}
