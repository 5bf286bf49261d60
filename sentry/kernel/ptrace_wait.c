/* SPDX-License-Identifier: MIT */
/* What a tracer waits for: stops and deaths of its tracees. wait4(2), ptrace(2). */
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/ptrace.h"
#include "kernel/task_internal.h"
#include "kernel/time.h"
#include "kernel/user_ns.h"
#include "kernel/wait.h"

#include <sys/wait.h>

static bool eligible(const struct task *p, const struct wait_args *w)
{
	switch (w->idtype) {
	case P_PID:
		return p->tid == w->id;
	case P_PIDFD:
		return p->tg == w->group && p->tg->leader == p;
	case P_PGID:
		return p->tg->pgid == w->id;
	default:
		return true;
	}
}

static void fill(const struct task *t, struct task *p, const struct wait_args *w, int code, int status,
		 struct wait_result *res)
{
	struct cred *c = task_cred_get(p);

	res->pid = task_vnr(t, p);
	res->uid = show_kuid(t->cred->user_ns, c->uid);
	cred_put(c);
	res->code = code;
	res->status = status;
	wait_usage(w, p->tg, res);
}

static int exit_code_of(int status)
{
	return WIFEXITED(status) ? CLD_EXITED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
}

/* A thread's number and place are free again. tasklist_lock held. */
static void thread_release(struct task *p)
{
	p->tg->n_unseen--;
	ptrace_forget_locked(p);
	p->state = TASK_DEAD;
	pid_detach(p->kernel, p->tid);
	task_put(p); /* the table's */
}

/* The tracer has seen the end of *p*. */
static void reap(struct task *t, struct task *p, struct thread_group **notify)
{
	struct thread_group *tg = p->tg;

	if (p != tg->leader) {
		tg_get(tg);
		thread_release(p);
		*notify = tg; /* the last of them to be seen lets the process be told of */
		return;
	}
	if (tg->parent == t->tg) {
		usage_adopt(t->tg, tg);
		ptrace_forget_locked(p);
		group_release(t->kernel, tg);
		return;
	}
	ptrace_forget_locked(p);
	tg_get(tg);
	*notify = tg;
}

static bool zombie(const struct task *p)
{
	return p == p->tg->leader ? p->tg->zombie && !p->tg->n_unseen : p->state == TASK_ZOMBIE;
}

/* The stop of *p* that nobody has waited for yet; 0: none. */
static int take_stop(struct task *p, bool keep)
{
	LOCK_SCOPE(&p->tg->siglock);
	int code = p->pt.code;

	if (p->state != TASK_TRACED || (p->pt.jobctl & JOBCTL_LISTENING) || p->pt.waited)
		return 0;
	if (!keep)
		p->pt.waited = true;
	return code;
}

static bool examine(struct task *t, struct task *p, const struct wait_args *w, struct wait_result *res,
		    struct thread_group **notify)
{
	bool keep = w->options & WNOWAIT;
	struct thread_group *c = p->tg;
	int code;

	if (zombie(p)) {
		if (!(w->options & WEXITED))
			return false;
		fill(t, p, w, exit_code_of(p->exit_code), p->exit_code, res);
		if (!keep)
			reap(t, p, notify);
		return true;
	}
	code = take_stop(p, keep);
	if (code) {
		fill(t, p, w, CLD_TRAPPED, code << 8 | 0x7f, res);
		return true;
	}
	if (p == c->leader && (w->options & WCONTINUED) && group_take_cont(c, keep)) {
		fill(t, p, w, CLD_CONTINUED, 0xffff, res);
		return true;
	}
	return false;
}

int ptrace_wait_scan(struct task *t, const struct wait_args *w, struct wait_result *res, struct thread_group **notify)
{
	struct task *o, *p, *tmp;
	int r = -ECHILD;

	list_for_each_entry(o, &t->tg->threads, tg_link) {
		if ((w->options & __WNOTHREAD) && o != t)
			continue;
		list_for_each_entry_safe(p, tmp, &o->pt.tracees, pt.link) {
			if (!eligible(p, w))
				continue;
			r = 0;
			if (examine(t, p, w, res, notify))
				return 1;
		}
	}
	return r;
}

/* --- deaths ------------------------------------------------------------------------------------------------------------- */

void ptrace_tell_death(struct task *t)
{
	struct ksiginfo info = {.signo = SIGCHLD, .code = exit_code_of(t->exit_code), .pid = t->tid};
	struct thread_group *tg = NULL;

	lock_acquire(&t->kernel->tasklist_lock);
	if (t->ptracer) {
		tg = t->ptracer->tg;
		tg_get(tg);
		info.uid = t->cred->uid;
	}
	lock_release(&t->kernel->tasklist_lock);
	if (!tg)
		return;
	info.chld.status = WIFEXITED(t->exit_code) ? WEXITSTATUS(t->exit_code) : WTERMSIG(t->exit_code);
	signal_send_group(tg, &info);
	wait_queue_wake(&tg->child_wait, EPOLLIN);
	tg_put(tg);
}

void ptrace_zombie_free(struct task *o)
{
	struct thread_group *tg = o->tg;

	lock_acquire(&o->kernel->tasklist_lock);
	if (o != tg->leader && o->state == TASK_ZOMBIE && !o->ptracer)
		thread_release(o);
	lock_release(&o->kernel->tasklist_lock);
	group_tell_parent(tg);
}
