/* SPDX-License-Identifier: MIT */
/* Process, group and session numbers. getpid(2), setpgid(2), setsid(2), set_tid_address(2). */
#include "fs/tty.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"

int64_t sys_getpid(struct task *t, const uint64_t *a)
{
	return tg_vnr(t, t->tg);
}

int64_t sys_gettid(struct task *t, const uint64_t *a)
{
	return task_vnr(t, t);
}

int64_t sys_getppid(struct task *t, const uint64_t *a)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);

	return t->tg->parent ? tg_vnr(t, t->tg->parent) : 0;
}

int64_t sys_set_tid_address(struct task *t, const uint64_t *a)
{
	t->clear_child_tid = a[0];
	return task_vnr(t, t);
}

int64_t sys_getpgrp(struct task *t, const uint64_t *a)
{
	return pid_vnr(t, t->tg->pgid);
}

/* tasklist_lock held. 0 is the caller's own group. */
static struct thread_group *group_of(struct task *t, int pid)
{
	struct task *x = pid ? pid_task(t->kernel, pid_from_vnr(t, pid)) : t;

	return x ? x->tg : NULL;
}

int64_t sys_getpgid(struct task *t, const uint64_t *a)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	struct thread_group *tg = group_of(t, ARG_INT(a, 0));

	return tg ? pid_vnr(t, tg->pgid) : -ESRCH;
}

int64_t sys_getsid(struct task *t, const uint64_t *a)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	struct thread_group *tg = group_of(t, ARG_INT(a, 0));

	return tg ? pid_vnr(t, tg->sid) : -ESRCH;
}

int64_t sys_setpgid(struct task *t, const uint64_t *a)
{
	int pid = ARG_INT(a, 0), pgid = ARG_INT(a, 1);
	struct kernel *k = t->kernel;
	struct thread_group *tg;
	struct task *x;
	LOCK_SCOPE(&k->tasklist_lock);

	if (pgid < 0)
		return -EINVAL;
	pid = pid ? pid_from_vnr(t, pid) : t->tg->pid;
	pgid = pgid ? pid_from_vnr(t, pgid) : pid;
	x = pid_task(k, pid);
	if (!x || x->tg->pid != pid)
		return x ? -EINVAL : -ESRCH;
	tg = x->tg;
	if (tg->parent == t->tg) {
		if (tg->sid != t->tg->sid)
			return -EPERM;
		if (tg->exec_done)
			return -EACCES;
	} else if (tg != t->tg) {
		return -ESRCH;
	}
	if (tg->sid == tg->pid)
		return -EPERM;
	if (pgid != pid && !pgrp_exists(k, pgid, t->tg->sid))
		return -EPERM;
	tg->pgid = pgid;
	pid_group_used(k, pgid);
	return 0;
}

int64_t sys_setsid(struct task *t, const uint64_t *a)
{
	struct thread_group *tg = t->tg;
	struct kernel *k = t->kernel;
	struct tty *old;

	lock_acquire(&k->tasklist_lock);
	if (tg->sid == tg->pid || pgrp_exists(k, tg->pid, 0)) {
		lock_release(&k->tasklist_lock);
		return -EPERM;
	}
	old = tg->ctty;
	tg->ctty = NULL;
	tg->sid = tg->pgid = tg->pid;
	pid_group_used(k, tg->pid);
	lock_release(&k->tasklist_lock);
	tty_put(old);
	return tg_vnr(t, tg);
}

int64_t sys_vhangup(struct task *t, const uint64_t *a)
{
	struct tty *tty;

	if (!task_capable(t, CAP_SYS_TTY_CONFIG))
		return -EPERM;
	tty = tty_of_session(t);
	if (tty)
		tty_hangup(tty);
	tty_put(tty);
	return 0;
}
