/* SPDX-License-Identifier: MIT */
/* Signals: sending, queues, masks. Delivery is in deliver.c. */
#include "kernel/fast.h"
#include "kernel/jobctl.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "kernel/time.h"
#include "kernel/timers.h"
#include "mm/mm.h"

#include <stdlib.h>
#include <string.h>

#define KILL_PATIENCE_NS 200000000
#define STOP_SIGNALS (KSIG(SIGSTOP) | KSIG(SIGTSTP) | KSIG(SIGTTIN) | KSIG(SIGTTOU))
#define DEFAULT_IGNORED (KSIG(SIGCHLD) | KSIG(SIGCONT) | KSIG(SIGURG) | KSIG(SIGWINCH))
/* Faults are delivered before anything else, so that the frame shows the faulting instruction. */
#define KSIG_RTMIN 32 /* the kernel's; libc keeps the first few for itself */
#define SYNCHRONOUS (KSIG(SIGSEGV) | KSIG(SIGBUS) | KSIG(SIGILL) | KSIG(SIGTRAP) | KSIG(SIGFPE) | KSIG(SIGSYS))

/* --- actions -------------------------------------------------------------------------------------------------------- */

struct ksigaction sigaction_get(const struct thread_group *tg, int signo)
{
	LOCK_SCOPE(&tg->sighand->lock);

	return tg->sighand->action[signo - 1];
}

ksigset sigactions_untouched(const struct thread_group *tg)
{
	ksigset set = 0;

	LOCK_SCOPE(&tg->sighand->lock);
	for (int s = 1; s <= KSIG_MAX; s++) {
		const struct ksigaction *a = &tg->sighand->action[s - 1];

		if (!a->handler && !a->flags && !a->restorer && !a->mask)
			set |= KSIG(s);
	}
	return set;
}

struct ksigaction sigaction_set(struct thread_group *tg, int signo, const struct ksigaction *act)
{
	fast_actions_changed(tg, KSIG(signo));

	LOCK_SCOPE(&tg->sighand->lock);
	struct ksigaction old = tg->sighand->action[signo - 1];

	tg->sighand->action[signo - 1] = *act;
	return old;
}

struct ksigaction sigaction_take(struct thread_group *tg, int signo)
{
	LOCK_SCOPE(&tg->sighand->lock);
	struct ksigaction *a = &tg->sighand->action[signo - 1], old = *a;

	if (old.handler > 1 && (old.flags & SA_RESETHAND))
		a->handler = (uint64_t)SIG_DFL;
	return old;
}

void sigaction_reset(struct thread_group *tg, int signo)
{
	LOCK_SCOPE(&tg->sighand->lock);

	tg->sighand->action[signo - 1].handler = (uint64_t)SIG_DFL;
}

/* --- queues --------------------------------------------------------------------------------------------------------- */

static void sigqueue_free(struct sigqueue *q)
{
	if (q->kernel)
		kernel_uncharge(q->kernel, sizeof(*q));
	free(q);
}

void sigpending_flush(struct sigpending *p)
{
	struct sigqueue *q, *tmp;

	list_for_each_entry_safe(q, tmp, &p->queue, link) {
		list_del(&q->link);
		sigqueue_free(q);
	}
	p->set = 0;
}

static void pending_remove(struct sigpending *p, ksigset mask)
{
	struct sigqueue *q, *tmp;

	if (!(p->set & mask))
		return;
	list_for_each_entry_safe(q, tmp, &p->queue, link) {
		if (!(KSIG(q->info.signo) & mask))
			continue;
		list_del(&q->link);
		sigqueue_free(q);
	}
	p->set &= ~mask;
}

static void group_remove_pending(struct thread_group *tg, ksigset mask)
{
	struct task *t;

	pending_remove(&tg->shared_pending, mask);
	list_for_each_entry(t, &tg->threads, tg_link)
		pending_remove(&t->pending, mask);
}

void signal_recalc(struct task *t)
{
	ksigset pending = t->pending.set | t->tg->shared_pending.set;

	if (pending & ~t->blocked)
		atomic_fetch_or(&t->flags, TIF_SIGPENDING);
	else
		atomic_fetch_and(&t->flags, ~TIF_SIGPENDING);
	if (!pending && t->fast.pending && t->th && t->th == t->fast.th) {
		t->fast.pending = false;
		gthread_set_sigpending(t->th, false);
	}
}

bool signal_pending(const struct task *t)
{
	return atomic_load(&t->flags) & (TIF_SIGPENDING | TIF_KILLED | TIF_STOP | TIF_TRAP);
}

void task_kick(struct task *t)
{
	platform_wake(&t->waker);
	if (t->th && atomic_load(&t->in_guest))
		gthread_interrupt(t->th);
}

int task_start(struct task *t)
{
	fast_tell(t);

	LOCK_SCOPE(&t->tg->siglock); /* thread_gone() of one that was killed meanwhile needs it before the host thread is freed */

	atomic_store(&t->in_guest, true);
	if (!t->th)
		return -ESRCH;
	if (signal_pending(t) || (atomic_load(&t->flags) & TIF_FREEZE))
		gthread_interrupt(t->th);
	return gthread_start(t->th);
}

void signal_drop_ignored(struct thread_group *tg, int signo)
{
	uint64_t h = sigaction_get(tg, signo).handler;

	if (h == (uint64_t)SIG_IGN || (h == (uint64_t)SIG_DFL && (KSIG(signo) & DEFAULT_IGNORED)))
		group_remove_pending(tg, KSIG(signo));
}

/* From the kernel, or from a process that the receiver's pid namespace has no number for: one outside. */
static bool from_above(const struct ksiginfo *info)
{
	return info->code == SI_KERNEL || ((info->code == SI_USER || info->code == SI_TKILL) && !info->pid);
}

static bool ignored(struct thread_group *tg, const struct task *t, const struct ksiginfo *info)
{
	int s = info->signo;
	uint64_t h = sigaction_get(tg, s).handler;

	/* A blocked signal is kept even if ignored now: the handler may change before it is unblocked. A tracer sees every one. */
	if (t->pt.flags && s != SIGKILL)
		return false;
	if ((task_blocked(t) | t->real_blocked) & KSIG(s))
		return false;
	if (h == (uint64_t)SIG_DFL && tg->unkillable && !(from_above(info) && (KSIG(s) & KSIG_UNBLOCKABLE)))
		return true;
	return h == (uint64_t)SIG_IGN || (h == (uint64_t)SIG_DFL && (KSIG(s) & DEFAULT_IGNORED));
}

/* A timer has one signal in the queue; what expires meanwhile is counted. */
static bool merge_timer(struct sigpending *p, const struct ksiginfo *info)
{
	struct sigqueue *q;

	list_for_each_entry(q, &p->queue, link) {
		struct ksiginfo *i = &q->info;

		if (i->signo != info->signo || i->code != SI_TIMER || i->timer.tid != info->timer.tid)
			continue;
		if (__builtin_add_overflow(i->timer.overrun, info->timer.overrun, &i->timer.overrun) ||
		    __builtin_add_overflow(i->timer.overrun, 1, &i->timer.overrun))
			i->timer.overrun = INT32_MAX;
		return true;
	}
	return false;
}

/* siglock held. Signals in the queues of the whole process, as RLIMIT_SIGPENDING counts them. */
static unsigned queued(const struct thread_group *tg)
{
	const struct sigqueue *q;
	const struct task *t;
	unsigned n = 0;

	list_for_each_entry(q, &tg->shared_pending.queue, link)
		n++;
	list_for_each_entry(t, &tg->threads, tg_link)
		list_for_each_entry(q, &t->pending.queue, link)
			n++;
	return n;
}

/* A real-time signal that brings a value is not taken without it; kill(2)'s and the kernel's own are. */
static bool must_fit(const struct ksiginfo *info)
{
	return info->signo >= KSIG_RTMIN && info->code != SI_USER && info->code != SI_KERNEL;
}

static int enqueue(struct task *limit_of, struct sigpending *p, const struct ksiginfo *info)
{
	struct sigqueue *q;
	bool charged;

	if (info->code == SI_TIMER && (p->set & KSIG(info->signo)) && merge_timer(p, info))
		return 0;
	if (info->signo < KSIG_RTMIN && (p->set & KSIG(info->signo)))
		return 0;
	charged = (!must_fit(info) && info->signo < KSIG_RTMIN) || queued(limit_of->tg) < task_rlimit(limit_of, RLIMIT_SIGPENDING);
	charged = charged && kernel_charge(limit_of->kernel, sizeof(*q)) == 0;
	if (!charged && must_fit(info))
		return -EAGAIN;
	q = charged || info->signo < KSIG_RTMIN ? malloc(sizeof(*q)) : NULL;
	if (!q && charged)
		kernel_uncharge(limit_of->kernel, sizeof(*q));
	if (q) {
		q->kernel = charged ? limit_of->kernel : NULL;
		q->info = *info;
		list_add_tail(&q->link, &p->queue);
	}
	/* Without memory the signal is still delivered, its details are lost: as Linux. */
	p->set |= KSIG(info->signo);
	return 0;
}

static void resume_group(struct thread_group *tg)
{
	struct task *t;

	list_for_each_entry(t, &tg->threads, tg_link) {
		t->stop_taken = false;
		ptrace_jobctl_changed(t);
		if (!(atomic_fetch_and(&t->flags, ~TIF_STOP) & TIF_STOP))
			continue;
		platform_wake(&t->waker);
	}
	if (tg->stopped) {
		tg->stopped = false;
		tg->cont_pending = true;
	}
}

/* What sending does beside queueing: stop and continue signals cancel each other. */
static bool prepare(struct thread_group *tg, int signo)
{
	if (KSIG(signo) & STOP_SIGNALS) {
		group_remove_pending(tg, KSIG(SIGCONT));
	} else if (signo == SIGCONT) {
		bool was_stopped = tg->stopped;

		group_remove_pending(tg, STOP_SIGNALS);
		resume_group(tg);
		return was_stopped;
	}
	return false;
}

/* --- killing -------------------------------------------------------------------------------------------------------- */

struct kill_later { /* a process whose threads are to leave by themselves: how long they may take */
	struct ktimer kt;
	struct aspace *as; /* held */
};

static void kill_now(struct ktimer *kt)
{
	aspace_kill(container_of(kt, struct kill_later, kt)->as);
}

void tg_kill_later_free(struct thread_group *tg)
{
	struct kill_later *l = tg->kill_later;

	if (!l)
		return;
	ktimer_cancel(&l->kt);
	aspace_put(l->as);
	free(l);
	tg->kill_later = NULL;
}

/* Takes over the reference. siglock held. */
static bool kill_later(struct thread_group *tg, struct aspace *as)
{
	struct kill_later *l = tg->kill_later ? NULL : calloc(1, sizeof(*l));

	if (!l)
		return false;
	l->as = as;
	ktimer_init(tg->kernel, &l->kt, CLOCK_MONOTONIC, kill_now);
	tg->kill_later = l;
	ktimer_arm(&l->kt, kernel_now_mono() + KILL_PATIENCE_NS);
	return true;
}

/*
 * Nothing of the group shall run on: end its stub at once, unless another group lives in it (vfork). False: no memory left.
 * Where other processes may wait for locks in memory that is shared, the threads come in and leave by themselves: their lists
 * of robust locks have to be read before the memory is gone.
 */
static bool kill_aspace(struct task *t)
{
	struct aspace *as = NULL;
	bool alive, shares = false;

	lock_acquire(&t->cred_lock); /* a leaf: the platform's locks are not taken under it */
	alive = t->mm;
	if (alive && atomic_load(&t->mm->n_groups) == 1) {
		as = t->mm->as;
		aspace_get(as);
		shares = atomic_load(&t->mm->shares);
	}
	lock_release(&t->cred_lock);
	if (!as || (shares && kill_later(t->tg, as)))
		return alive;
	usage_note_peak(t->kernel, as); /* afterwards the host may have taken its memory away */
	aspace_kill(as);
	aspace_put(as);
	return alive;
}

void group_kill_locked(struct thread_group *tg, int code)
{
	group_end_locked(tg, code, true);
}

void group_end_locked(struct thread_group *tg, int code, bool kill)
{
	bool killed = !kill, slowly = false; /* somebody wants to see each thread's end */
	struct task *t;

	/* No tracer holds back what is killed. */
	list_for_each_entry(t, &tg->threads, tg_link) {
		ptrace_killed(t);
		slowly |= ptrace_event_wanted(&t->pt, PTRACE_EVENT_EXIT);
	}
	/* Once is enough: no thread joins a group that is exiting. */
	if (tg->group_exiting)
		return;
	tg->group_exit_code = code;
	tg->group_exiting = true;
	list_for_each_entry(t, &tg->threads, tg_link) {
		atomic_fetch_and(&t->flags, ~TIF_STOP);
		atomic_fetch_or(&t->flags, TIF_KILLED);
		task_kick(t);
		vfork_killed(t);
		if (!killed && !slowly)
			killed = kill_aspace(t);
	}
}

/*
 * The thread that takes a group signal: the leader if it can, else the first that does not block it. One that has a signal to
 * handle already comes behind those that have not.
 */
static struct task *pick_thread(struct thread_group *tg, struct task *near, int signo)
{
	struct task *t, *busy = NULL;

	if (near && !near->exited && !(task_blocked(near) & KSIG(signo)))
		return near;
	list_for_each_entry(t, &tg->threads, tg_link) {
		if (t->exited || (task_blocked(t) & KSIG(signo)))
			continue;
		if (!(atomic_load(&t->flags) & (TIF_SIGPENDING | TIF_KILLED)))
			return t;
		if (!busy)
			busy = t;
	}
	return busy;
}

static void notify_continued(struct thread_group *tg);

/* *continued*: it was stopped and goes on, which its parent is to be told. */
static int send_quietly(struct thread_group *tg, struct task *t, struct task *near, const struct ksiginfo *info,
	bool *continued)
{
	struct task *target;
	int r = 0, s = info->signo;
	struct ksiginfo buf;

	if (s < 1 || s > KSIG_MAX)
		return -EINVAL;
	lock_acquire(&tg->siglock);
	target = t ? t : list_empty(&tg->threads) ? NULL : list_first(&tg->threads, struct task, tg_link);
	if (!target || tg->zombie)
		goto out;
	*continued = prepare(tg, s);
	info = pid_ns_siginfo(tg, target, info, &buf);
	if (ignored(tg, target, info))
		goto out;
	if (s == SIGKILL) {
		group_kill_locked(tg, SIGKILL);
		goto out;
	}
	r = enqueue(target, t ? &t->pending : &tg->shared_pending, info);
	if (r)
		goto out;
	fast_signal_queued(tg, t);
	if (!t)
		target = pick_thread(tg, near, s);
	if (target && !(task_blocked(target) & KSIG(s))) {
		atomic_fetch_or(&target->flags, TIF_SIGPENDING);
		task_kick(target);
	}
	wait_queue_wake(&tg->signal_wait, EPOLLIN);
out:
	lock_release(&tg->siglock);
	return r;
}

static int send(struct thread_group *tg, struct task *t, struct task *near, const struct ksiginfo *info)
{
	bool continued = false;
	int r = send_quietly(tg, t, near, info, &continued);

	if (continued)
		notify_continued(tg);
	return r;
}

int signal_send_task(struct task *t, const struct ksiginfo *info)
{
	return send(t->tg, t, NULL, info);
}

int signal_send_group(struct thread_group *tg, const struct ksiginfo *info)
{
	return send(tg, NULL, NULL, info);
}

int signal_send_group_near(struct thread_group *tg, struct task *near, const struct ksiginfo *info)
{
	return send(tg, NULL, near, info);
}

static void notify_continued(struct thread_group *tg)
{
	struct kernel *k = tg->kernel;
	struct thread_group *parent;
	struct ksiginfo info = {.signo = SIGCHLD, .code = CLD_CONTINUED, .pid = tg->pid};
	struct ksigaction act;
	bool wants;

	lock_acquire(&k->tasklist_lock);
	parent = tg->parent;
	if (parent)
		tg_get(parent);
	lock_release(&k->tasklist_lock);
	if (!parent)
		return;
	child_news_origin(tg, &info);
	info.chld.status = SIGCONT;
	lock_acquire(&parent->siglock);
	act = sigaction_get(parent, SIGCHLD);
	wants = act.handler != (uint64_t)SIG_IGN && !(act.flags & SA_NOCLDSTOP);
	lock_release(&parent->siglock);
	if (wants)
		signal_send_group(parent, &info);
	wait_queue_wake(&parent->child_wait, EPOLLIN);
	tg_put(parent);
}

/* A process that goes on, for the time when no lock is held. Without memory its parent is not told. */
static void remember(struct thread_group ***v, unsigned *n, struct thread_group *tg)
{
	struct thread_group **p = *n & (*n - 1) ? *v : realloc(*v, (*n ? *n * 2 : 1) * sizeof(struct thread_group *));

	if (!p)
		return;
	*v = p;
	tg_get(tg);
	p[(*n)++] = tg;
}

int signal_send_many(
	struct kernel *k, const struct ksiginfo *info, int (*may)(struct thread_group *tg, void *arg), void *arg)
{
	struct thread_group *tg, **gone_on = NULL;
	unsigned n = 0, found = 0, sent = 0;
	int err = 0;

	lock_acquire(&k->tasklist_lock);
	for (int pid = 1; (tg = tg_next(k, pid)); pid = tg->pid + 1) {
		bool continued = false;
		int r = may(tg, arg);

		if (!r)
			continue;
		found++;
		if (r > 0)
			r = info->signo ? send_quietly(tg, NULL, NULL, info, &continued) : 0;
		if (r)
			err = r;
		else
			sent++;
		if (continued)
			remember(&gone_on, &n, tg);
	}
	lock_release(&k->tasklist_lock);
	for (unsigned i = 0; i < n; i++) {
		notify_continued(gone_on[i]);
		tg_put(gone_on[i]);
	}
	free(gone_on);
	return !found ? -ESRCH : sent ? 0 : err;
}

static int is_member(struct thread_group *tg, void *arg)
{
	return tg->pgid == *(const int *)arg;
}

int signal_send_pgrp(struct kernel *k, int pgid, const struct ksiginfo *info)
{
	return signal_send_many(k, info, is_member, &pgid) == -ESRCH ? -ESRCH : 0;
}

void signal_kill_group(struct thread_group *tg)
{
	LOCK_SCOPE(&tg->siglock);

	if (!tg->zombie)
		group_kill_locked(tg, SIGKILL);
}

void signal_kernel_task(struct task *t, int signo)
{
	struct ksiginfo info = {.signo = signo, .code = SI_KERNEL};

	signal_send_task(t, &info);
}

void signal_kernel_pgrp(struct kernel *k, int pgid, int signo)
{
	struct ksiginfo info = {.signo = signo, .code = SI_KERNEL};

	signal_send_pgrp(k, pgid, &info);
}

bool signal_ignored_or_blocked(struct task *t, int signo)
{
	LOCK_SCOPE(&t->tg->siglock);

	return (t->blocked & KSIG(signo)) || sigaction_get(t->tg, signo).handler == (uint64_t)SIG_IGN;
}

void signal_force(struct task *t, const struct ksiginfo *info)
{
	int s = info->signo;

	lock_acquire(&t->tg->siglock);
	if ((t->blocked & KSIG(s)) || sigaction_get(t->tg, s).handler == (uint64_t)SIG_IGN)
		sigaction_reset(t->tg, s);
	if (sigaction_get(t->tg, s).handler == (uint64_t)SIG_DFL)
		t->tg->unkillable = false; /* its own fault */
	t->blocked &= ~KSIG(s);
	enqueue(t, &t->pending, info);
	atomic_fetch_or(&t->flags, TIF_SIGPENDING);
	lock_release(&t->tg->siglock);
}

static bool take(struct sigpending *p, int signo, struct ksiginfo *info)
{
	struct sigqueue *q, *tmp, *found = NULL;
	bool more = false;

	if (!(p->set & KSIG(signo)))
		return false;
	list_for_each_entry_safe(q, tmp, &p->queue, link) {
		if (q->info.signo != signo)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (!more)
		p->set &= ~KSIG(signo);
	if (found) {
		*info = found->info;
		list_del(&found->link);
		sigqueue_free(found);
	} else {
		*info = (struct ksiginfo){.signo = signo, .code = SI_USER};
	}
	return true;
}

int signal_dequeue(struct task *t, ksigset mask, struct ksiginfo *info)
{
	ksigset own = t->pending.set & ~mask, set = own ? own : t->tg->shared_pending.set & ~mask;
	int s;

	/* The thread's own come first, faults before all others. */
	if (!set) {
		/* The signal that set the flag may have become another thread's meanwhile. */
		signal_recalc(t);
		return 0;
	}
	if (own & SYNCHRONOUS)
		set = own & SYNCHRONOUS;
	s = __builtin_ctzll(set) + 1;
	take(own ? &t->pending : &t->tg->shared_pending, s, info);
	if (info->code == SI_TIMER)
		posix_timer_delivered(t->tg, info->timer.tid, info->timer.overrun);
	if (KSIG(s) & STOP_SIGNALS)
		t->stop_taken = true;
	signal_recalc(t);
	return s;
}

void signal_set_mask(struct task *t, ksigset mask)
{
	struct thread_group *tg = t->tg;
	ksigset newly;
	struct task *other;

	lock_acquire(&tg->siglock);
	newly = mask & ~t->blocked & tg->shared_pending.set;
	t->blocked = mask & ~KSIG_UNBLOCKABLE;
	signal_recalc(t);
	/* A group signal that waited for us may now be another thread's. */
	if (newly)
		list_for_each_entry(other, &tg->threads, tg_link) {
			if (other == t || other->exited || !(newly & ~task_blocked(other)))
				continue;
			atomic_fetch_or(&other->flags, TIF_SIGPENDING);
			task_kick(other);
		}
	lock_release(&tg->siglock);
}

void signal_flush_handlers(struct thread_group *tg)
{
	LOCK_SCOPE(&tg->siglock);
	LOCK_SCOPE(&tg->sighand->lock);

	for (int i = 0; i < KSIG_MAX; i++) {
		struct ksigaction *a = &tg->sighand->action[i];

		if (a->handler != (uint64_t)SIG_IGN)
			a->handler = (uint64_t)SIG_DFL;
		a->flags = a->mask = a->restorer = 0;
	}
}
