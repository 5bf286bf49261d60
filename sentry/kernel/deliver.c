/* SPDX-License-Identifier: MIT */
/* Acting on signals: default actions, stops, handlers, restarts. signal(7). */
#include "kernel/sigframe.h"
#include "kernel/cputime.h"
#include "kernel/jobctl.h"
#include "kernel/native_wait.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "kernel/views.h"
#include "mm/mm.h"

#include <sys/wait.h>

#define NR_RESTART_SYSCALL 219

#define CORE_SIGNALS                                                                                                   \
	(KSIG(SIGQUIT) | KSIG(SIGILL) | KSIG(SIGTRAP) | KSIG(SIGABRT) | KSIG(SIGBUS) | KSIG(SIGFPE) | KSIG(SIGSEGV) |  \
	 KSIG(SIGXCPU) | KSIG(SIGXFSZ) | KSIG(SIGSYS))
#define TTY_STOPS (KSIG(SIGTSTP) | KSIG(SIGTTIN) | KSIG(SIGTTOU))
#define IGNORE_SIGNALS (KSIG(SIGCHLD) | KSIG(SIGCONT) | KSIG(SIGURG) | KSIG(SIGWINCH))

/* No handler runs: the call is made again. */
static void restart_without_handler(struct task *t, struct guest_regs *regs, int64_t ret)
{
	if (errno_is_restart(ret))
		arch_restart_syscall(regs, ret == -ERESTART_RESTARTBLOCK ? NR_RESTART_SYSCALL : t->syscall_nr);
	else
		regs->rax = (uint64_t)ret;
}

static void restart_with_handler(struct task *t, struct guest_regs *regs, int64_t ret, bool sa_restart)
{
	if (ret == -ERESTARTNOINTR || (ret == -ERESTARTSYS && sa_restart))
		arch_restart_syscall(regs, t->syscall_nr);
	else
		regs->rax = (uint64_t)(errno_is_restart(ret) ? -EINTR : ret);
	if ((int64_t)regs->rax == -EINTR)
		native_wait_not_at(t, regs->rip);
}

/* Sleep while the group is stopped. Returns whether it had been. */
static void stop_here(struct task *t)
{
	struct thread_group *tg = t->tg;
	uint64_t began;

	lock_acquire(&tg->siglock);
	/* One that has become a tracee on its way here stops for its tracer instead: nobody would wake it for its SIGSTOP. */
	while (!t->pt.flags && (atomic_load(&t->flags) & (TIF_STOP | TIF_KILLED | TIF_TRAP)) == TIF_STOP) {
		t->state = TASK_STOPPED;
		lock_release(&tg->siglock);
		began = arch_ticks();
		platform_sleep(t->kernel->platform, &t->waker, -1);
		cpu_sleep_end(t, began);
		lock_acquire(&tg->siglock);
	}
	t->state = TASK_RUNNING;
	lock_release(&tg->siglock);
}

/* siglock held; begins a stop of the whole group. */
static void begin_stop(struct task *t, int signo)
{
	struct thread_group *tg = t->tg;
	struct task *other;

	tg->stopped = true;
	tg->stop_reported = false;
	tg->cont_pending = false;
	tg->stop_signo = signo;
	list_for_each_entry(other, &tg->threads, tg_link) {
		if (other->exited)
			continue;
		atomic_fetch_or(&other->flags, TIF_STOP);
		if (other == t)
			continue;
		ptrace_jobctl_changed(other); /* one that listens has to tell of this stop */
		task_kick(other);
	}
}

static void stop_group(struct task *t, int signo)
{
	struct thread_group *tg = t->tg;
	bool go = true;

	if ((KSIG(signo) & TTY_STOPS) && pgrp_is_orphaned(t->kernel, tg->pgid))
		return;
	lock_acquire(&tg->siglock);
	/* A SIGCONT or SIGKILL that came while the lock was away wins. */
	if (tg->group_exiting || !t->stop_taken)
		go = false;
	else
		begin_stop(t, signo);
	lock_release(&tg->siglock);
	if (go)
		notify_parent_stopped(tg, signo);
}

static void default_action(struct task *t, const struct ksiginfo *info)
{
	int s = info->signo;

	if (KSIG(s) & IGNORE_SIGNALS)
		return;
	if (t->tg->unkillable && !(KSIG(s) & KSIG_UNBLOCKABLE))
		return;
	if (s == SIGSTOP || (KSIG(s) & TTY_STOPS)) {
		stop_group(t, s);
		return;
	}
	group_exit_begin(t, s);
}

struct delivery {
	struct guest_regs regs;
	int64_t ret;	 /* of the call being left */
	bool dirty;	 /* regs must be loaded */
	bool in_syscall; /* its result is not settled yet */
};

/* The tracer of a stopped task sees the registers as Linux shows them, and may have changed everything. */
static void expose(struct task *t, struct delivery *d)
{
	d->regs.orig_rax = d->in_syscall ? t->syscall_nr : UINT64_MAX;
	if (d->in_syscall)
		d->regs.rax = (uint64_t)d->ret;
	gthread_set_regs(t->th, &d->regs);
}

static void take_back(struct task *t, struct delivery *d)
{
	gthread_get_regs(t->th, &d->regs);
	d->in_syscall = d->regs.orig_rax != UINT64_MAX;
	d->ret = (int64_t)d->regs.rax;
	d->dirty = true;
	if (d->in_syscall)
		t->syscall_nr = d->regs.orig_rax;
}

static void run_handler(struct task *t, struct delivery *d, const struct ksigaction *act, const struct ksiginfo *info)
{
	ksigset saved = t->restore_mask ? t->saved_mask : t->blocked, mask = t->blocked;

	t->restore_mask = false;
	if (d->in_syscall)
		restart_with_handler(t, &d->regs, d->ret, act->flags & SA_RESTART);
	d->in_syscall = false;
	d->dirty = true;
	if (sigframe_push(t, &d->regs, act, info, saved)) {
		struct ksiginfo segv = {.signo = SIGSEGV, .code = SI_KERNEL};

		if (info->signo == SIGSEGV) {
			lock_acquire(&t->tg->siglock);
			sigaction_reset(t->tg, SIGSEGV);
			lock_release(&t->tg->siglock);
		}
		signal_force(t, &segv);
		return;
	}
	mask |= act->mask;
	if (!(act->flags & SA_NODEFER))
		mask |= KSIG(info->signo);
	signal_set_mask(t, mask);
	if (t->pt.resume & RESUME_STEP) {
		expose(t, d);
		ptrace_notify(t, SIGTRAP, 0);
		take_back(t, d);
	}
}

/* Take one signal and act on it. Returns false when there was none. */
static bool deliver_one(struct task *t, struct delivery *d)
{
	struct thread_group *tg = t->tg;
	struct ksigaction act;
	struct ksiginfo info;
	int s;

	lock_acquire(&tg->siglock);
	s = signal_dequeue(t, t->blocked, &info);
	if (!s) {
		lock_release(&tg->siglock);
		return false;
	}
	if (t->pt.flags && s != SIGKILL) {
		lock_release(&tg->siglock);
		expose(t, d);
		s = ptrace_signal(t, s, &info);
		take_back(t, d);
		if (!s)
			return true;
		lock_acquire(&tg->siglock);
	}
	act = sigaction_take(tg, s);
	lock_release(&tg->siglock);

	if (act.handler == (uint64_t)SIG_IGN)
		return true;
	if (act.handler == (uint64_t)SIG_DFL)
		default_action(t, &info);
	else
		run_handler(t, d, &act, &info);
	return true;
}

bool task_work(struct task *t, int64_t ret)
{
	struct delivery d = {.ret = ret, .in_syscall = t->in_syscall};

	t->in_syscall = false;
	gthread_get_regs(t->th, &d.regs);
	for (;;) {
		uint32_t flags = atomic_load(&t->flags);

		if (flags & TIF_KILLED) {
			expose(t, &d);
			ptrace_event(t, PTRACE_EVENT_EXIT, (uint64_t)t->tg->group_exit_code);
			cpu_charge(t);
			task_exit(t, t->tg->group_exit_code);
			task_leave_host_thread(t);
			return false;
		}
		if (flags & TIF_WATCH) {
			task_watch(t);
			continue;
		}
		if (flags & TIF_VIEW) {
			view_make(t);
			continue;
		}
		if ((flags & TIF_TRAP) || ((flags & TIF_STOP) && t->pt.flags)) {
			expose(t, &d);
			ptrace_trap(t);
			take_back(t, &d);
			continue;
		}
		if (flags & TIF_STOP) {
			stop_here(t);
			continue;
		}
		if (!(flags & TIF_SIGPENDING) || !deliver_one(t, &d)) {
			if (!(atomic_load(&t->flags) & (TIF_KILLED | TIF_STOP | TIF_TRAP | TIF_WATCH | TIF_VIEW)))
				break;
		}
	}
	if (d.in_syscall) {
		restart_without_handler(t, &d.regs, d.ret);
		d.dirty = true;
	}
	if (t->restore_mask) {
		t->restore_mask = false;
		signal_set_mask(t, t->saved_mask);
	}
	if (d.dirty)
		gthread_set_regs(t->th, &d.regs);
	return true;
}

int64_t signal_return(struct task *t)
{
	struct guest_regs regs;
	ksigset mask;
	int r;

	gthread_get_regs(t->th, &regs);
	r = sigframe_pop(t, &regs, &mask);
	if (r) {
		struct ksiginfo segv = {.signo = SIGSEGV, .code = SI_KERNEL};

		signal_force(t, &segv);
		return 0;
	}
	signal_set_mask(t, mask);
	gthread_set_regs(t->th, &regs);
	return 0;
}
