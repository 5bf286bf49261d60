/* SPDX-License-Identifier: MIT */
/* Job control: sessions, the controlling terminal, the foreground group. credentials(7), ioctl_tty(2). */
#include "fs/tty_internal.h"

#include "kernel/jobctl.h"
#include "kernel/task.h"

#include <errno.h>

struct tty *tty_of_session(struct task *t)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	if (t->tg->ctty)
		tty_get(t->tg->ctty);
	return t->tg->ctty;
}

static bool is_session_leader(const struct task *t)
{
	return t->tg->sid == t->tg->pid;
}

int tty_check_background(struct task *t, struct tty *tty, int signo)
{
	struct kernel *k = t->kernel;
	int pgrp, fg;
	bool ours;

	lock_acquire(&k->tasklist_lock);
	ours = t->tg->ctty == tty;
	pgrp = t->tg->pgid;
	lock_release(&k->tasklist_lock);
	if (!ours)
		return 0;
	lock_acquire(&tty->lock);
	fg = tty->pgrp;
	lock_release(&tty->lock);
	if (!fg || fg == pgrp)
		return 0;
	if (signal_ignored_or_blocked(t, signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (pgrp_is_orphaned(k, pgrp))
		return -EIO;
	signal_kernel_pgrp(k, pgrp, signo);
	return -ERESTARTSYS;
}

/* The session of *t* gets *tty*: its leader, and with it what it will fork. Both locks held. */
static void become(struct task *t, struct tty *tty)
{
	struct thread_group *tg = t->tg;

	tty_get(tty);
	tg->ctty = tty;
	tg->tty_old_pgrp = 0;
	tty->sid = tg->sid;
	tty->pgrp = tg->pgid;
}

void tty_maybe_acquire(struct task *t, struct tty *tty)
{
	LOCK_SCOPE(&tty->lock);
	lock_acquire(&t->kernel->tasklist_lock);
	if (is_session_leader(t) && !t->tg->ctty && !tty->sid)
		become(t, tty);
	lock_release(&t->kernel->tasklist_lock);
}

static int drop_ctty(struct thread_group *tg, void *arg)
{
	struct tty *tty = arg;
	bool lost;

	lock_acquire(&tg->kernel->tasklist_lock);
	lost = tg->ctty == tty;
	if (lost)
		tg->ctty = NULL;
	lock_release(&tg->kernel->tasklist_lock);
	if (lost)
		tty_put(tty);
	return 0;
}

/* 0, -EPERM, or 1: it is another session's, which must lose it first. */
static int try_acquire(struct task *t, struct tty *tty, bool steal, bool readable)
{
	bool admin = task_capable(t, CAP_SYS_ADMIN);
	int r = 0;

	lock_acquire(&tty->lock);
	lock_acquire(&t->kernel->tasklist_lock);
	if (is_session_leader(t) && tty->sid == t->tg->sid)
		r = 0;
	else if (!is_session_leader(t) || t->tg->ctty || (tty->sid && !(steal && admin)) || (!readable && !admin))
		r = -EPERM;
	else if (tty->sid)
		r = 1;
	else
		become(t, tty);
	if (r == 1)
		tty->sid = tty->pgrp = 0;
	lock_release(&t->kernel->tasklist_lock);
	lock_release(&tty->lock);
	return r;
}

int tty_acquire(struct task *t, struct tty *tty, bool steal, bool readable)
{
	int r;

	while ((r = try_acquire(t, tty, steal, readable)) == 1)
		tg_for_each(t->kernel, drop_ctty, tty);
	return r;
}

/* The leader gives its terminal up, or ends: the foreground group is told, the session loses the terminal, which stays usable. */
static void leave_session(struct task *t, struct tty *tty, bool ends)
{
	int pgrp = 0;
	bool ours;

	lock_acquire(&tty->lock);
	ours = tty->sid == t->tg->sid;
	if (ours) {
		pgrp = tty->pgrp;
		tty->sid = tty->pgrp = 0;
	}
	lock_release(&tty->lock);
	if (pgrp) {
		signal_kernel_pgrp(t->kernel, pgrp, SIGHUP);
		if (!ends)
			signal_kernel_pgrp(t->kernel, pgrp, SIGCONT);
	}
	if (ours)
		tg_for_each(t->kernel, drop_ctty, tty);
	else
		drop_ctty(t->tg, tty);
}

int tty_give_up(struct task *t, struct tty *tty)
{
	struct tty *mine = tty_of_session(t);

	if (mine)
		tty_put(mine);
	if (mine != tty)
		return -ENOTTY;
	if (!is_session_leader(t)) {
		drop_ctty(t->tg, tty);
		return 0;
	}
	leave_session(t, tty, false);
	return 0;
}

/* The leader lost its terminal by a hang-up, and told, or did not tell, those who were in front of it: now they are told. */
static void tell_old_foreground(struct task *t)
{
	int pgrp;

	lock_acquire(&t->kernel->tasklist_lock);
	pgrp = t->tg->tty_old_pgrp;
	t->tg->tty_old_pgrp = 0;
	lock_release(&t->kernel->tasklist_lock);
	if (!pgrp)
		return;
	signal_kernel_pgrp(t->kernel, pgrp, SIGHUP);
	signal_kernel_pgrp(t->kernel, pgrp, SIGCONT);
}

void tty_session_leader_exit(struct task *t)
{
	struct tty *tty = tty_of_session(t);

	if (!tty) {
		tell_old_foreground(t);
		return;
	}
	if (is_session_leader(t))
		leave_session(t, tty, true);
	else
		drop_ctty(t->tg, tty);
	tty_put(tty);
}

struct find_pgrp {
	int pgrp, sid;
	bool found, same_session;
	bool is_process; /* no group of that number, but a process */
};

static int look_for_pgrp(struct thread_group *tg, void *arg)
{
	struct find_pgrp *f = arg;

	lock_acquire(&tg->kernel->tasklist_lock);
	if (tg->pgid == f->pgrp || tg->pid == f->pgrp) {
		f->found = true;
		f->is_process = tg->pgid != f->pgrp;
		f->same_session = tg->sid == f->sid;
	}
	lock_release(&tg->kernel->tasklist_lock);
	return f->found && !f->is_process;
}

int tty_set_foreground(struct task *t, struct tty *tty, int pgrp)
{
	struct find_pgrp f = {.pgrp = pgrp, .sid = t->tg->sid};
	struct tty *mine = tty_of_session(t);
	bool ours;

	if (mine)
		tty_put(mine);
	lock_acquire(&tty->lock);
	ours = mine == tty && tty->sid == t->tg->sid;
	lock_release(&tty->lock);
	if (!ours)
		return -ENOTTY;
	tg_for_each(t->kernel, look_for_pgrp, &f);
	if (!f.found)
		return -ESRCH;
	if (!f.same_session)
		return -EPERM;
	LOCK_SCOPE(&tty->lock);
	tty->pgrp = pgrp;
	return 0;
}
