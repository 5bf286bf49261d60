/* SPDX-License-Identifier: MIT */
/* Waiting for children. wait4(2), waitid(2). */
#include "kernel/pid_ns.h"
#include "kernel/wait.h"
#include "kernel/pid.h"
#include "kernel/task_internal.h"
#include "kernel/time.h"

#include <string.h>
#include <sys/wait.h>

static bool eligible(const struct task *t, const struct thread_group *c, const struct wait_args *w)
{
	bool is_clone = c->leader->exit_signal != SIGCHLD;

	if (!(w->options & __WALL) && is_clone != !!(w->options & __WCLONE))
		return false;
	if ((w->options & __WNOTHREAD) && c->parent_tid != t->tid)
		return false;
	switch (w->idtype) {
	case P_PID:
		return c->pid == w->id;
	case P_PIDFD:
		return c == w->group;
	case P_PGID:
		return c->pgid == w->id;
	default:
		return true;
	}
}

void wait_usage(const struct wait_args *w, struct thread_group *c, struct wait_result *res)
{
	tg_cpu_times(c, &res->times);
	res->times.utime_ns += c->cutime_ns;
	res->times.stime_ns += c->cstime_ns;
	if (w->usage && c->zombie)
		res->final = usage_final_of(c);
}

static void fill(const struct task *t, const struct wait_args *w, struct thread_group *c, int code, int status,
		 struct wait_result *res)
{
	struct cred *cred = task_cred_get(c->leader); /* a child that runs may be changing it */

	res->pid = tg_vnr(t, c);
	res->uid = show_kuid(t->cred->user_ns, cred->uid);
	cred_put(cred);
	res->code = code;
	res->status = status;
	wait_usage(w, c, res);
}

/* The signal of a stop that nobody has waited for yet; 0: none. */
static int take_stop(struct thread_group *c, bool keep)
{
	LOCK_SCOPE(&c->siglock);

	if (!c->stopped || c->stop_reported)
		return 0;
	c->stop_reported = !keep;
	return c->stop_signo;
}

bool group_take_cont(struct thread_group *c, bool keep)
{
	LOCK_SCOPE(&c->siglock);
	bool pending = c->cont_pending;

	if (!keep)
		c->cont_pending = false;
	return pending;
}

/* tasklist_lock held. Something to report about *c*? */
static bool examine(struct kernel *k, struct task *t, struct thread_group *c, const struct wait_args *w,
		    struct wait_result *res)
{
	int signo;

	if (c->zombie && !c->n_unseen && (w->options & WEXITED)) {
		int code = c->leader->exit_code;

		fill(t, w, c, WIFEXITED(code) ? CLD_EXITED : WCOREDUMP(code) ? CLD_DUMPED : CLD_KILLED, code, res);
		if (!(w->options & WNOWAIT)) {
			usage_adopt(t->tg, c);
			io_counts_add(&t->tg->dead_io, &c->dead_io);
			io_counts_add(&t->tg->dead_io, &c->leader->io);
			group_release(k, c);
		}
		return true;
	}
	signo = w->options & WSTOPPED ? take_stop(c, w->options & WNOWAIT) : 0;
	if (signo) {
		fill(t, w, c, CLD_STOPPED, signo << 8 | 0x7f, res);
		return true;
	}
	if ((w->options & WCONTINUED) && group_take_cont(c, w->options & WNOWAIT)) {
		fill(t, w, c, CLD_CONTINUED, 0xffff, res);
		return true;
	}
	return false;
}

/* 1: reported; 0: children, but nothing yet; -ECHILD. *notify: held, a zombie whose parent is to be told. */
static int scan_locked(struct task *t, const struct wait_args *w, struct wait_result *res, struct thread_group **notify)
{
	struct kernel *k = t->kernel;
	struct thread_group *c, *tmp;
	int r = -ECHILD, traced;

	list_for_each_entry_safe(c, tmp, &t->tg->children, sibling) {
		if (ptrace_by_parent(c->leader))
			continue; /* as a tracee, below */
		if (!eligible(t, c, w))
			continue;
		if (ptrace_by_other(c->leader) && c->zombie) {
			r = 0; /* its tracer's, for now */
			continue;
		}
		if (!c->zombie || c->n_unseen || (w->options & WEXITED))
			r = 0; /* a zombie has nothing more to tell to who waits for stops */
		if (examine(k, t, c, w, res))
			return 1;
	}
	traced = ptrace_wait_scan(t, w, res, notify);
	return traced == -ECHILD ? r : traced;
}

static int scan(struct task *t, const struct wait_args *w, struct wait_result *res)
{
	struct thread_group *notify = NULL;
	int r;

	lock_acquire(&t->kernel->tasklist_lock);
	r = scan_locked(t, w, res, &notify);
	lock_release(&t->kernel->tasklist_lock);
	if (notify) {
		group_tell_parent(notify);
		tg_put(notify);
	}
	return r;
}

static int do_wait(struct task *t, const struct wait_args *w, struct wait_result *res)
{
	struct task_waiter tw;
	int r, interrupted = 0;

	memset(res, 0, sizeof(*res));
	r = scan(t, w, res);
	if (r || (w->options & WNOHANG))
		return r;
	task_waiter_init(&tw, t, EPOLLIN);
	wait_queue_add(&t->tg->child_wait, &tw.waiter);
	while (!(r = scan(t, w, res)) && !interrupted)
		interrupted = task_block(t, -1); /* by the child's SIGCHLD, perhaps: look again, as Linux does */
	r = r ? r : interrupted;
	wait_queue_remove(&tw.waiter);
	return r;
}

int task_wait(struct task *t, const struct wait_args *w, struct wait_result *res)
{
	int r = do_wait(t, w, res);

	pid_ns_finish(t->kernel);
	return r;
}
