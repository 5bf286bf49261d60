/* SPDX-License-Identifier: MIT */
/* The table of task numbers. */
#include "kernel/pid.h"
#include "kernel/pid_ns.h"

#include <stdlib.h>

struct pid_table {
	struct task *tasks[PID_MAX]; /* no references: a task leaves the table before it is freed */
	int last, highest;
	uint64_t groups[PID_MAX / 64]; /* numbers that a process group or session may still go by */
};

int pid_table_create(struct kernel *k)
{
	k->pids = calloc(1, sizeof(*k->pids));
	return k->pids ? 0 : -ENOMEM;
}

void pid_group_used(struct kernel *k, int nr)
{
	lock_assert_held(&k->tasklist_lock);
	k->pids->groups[nr / 64] |= 1ull << (nr % 64);
}

/* Does a group or session still go by *nr*, whose leader may be gone? Most numbers never were one's: nobody is asked then. */
static bool group_lives(struct kernel *k, int nr)
{
	uint64_t *w = &k->pids->groups[nr / 64], bit = 1ull << (nr % 64);

	if (!(*w & bit))
		return false;
	if (pgrp_exists(k, nr, 0))
		return true;
	*w &= ~bit;
	return false;
}

/* *t* is here now; while the sandbox is frozen it does not begin to run. */
static int enter(struct kernel *k, struct task *t, int nr)
{
	struct pid_table *p = k->pids;

	pid_ns_forget(k, nr);
	p->tasks[nr] = t;
	if (nr > p->highest)
		p->highest = nr;
	k->n_tasks++;
	if (atomic_load(&k->frozen))
		atomic_fetch_or(&t->flags, TIF_FREEZE);
	return nr;
}

int pid_attach(struct kernel *k, struct task *t)
{
	struct pid_table *p = k->pids;

	lock_assert_held(&k->tasklist_lock);
	if (k->n_tasks >= k->max_tasks)
		return -EAGAIN;
	for (int tries = 0; tries < PID_MAX; tries++) {
		/* As Linux: numbers rise and wrap to 300, so that a freed number is not reused at once. */
		p->last = p->last + 1 < PID_MAX ? p->last + 1 : 300;
		if (p->tasks[p->last] || group_lives(k, p->last))
			continue;
		return enter(k, t, p->last);
	}
	return -EAGAIN;
}

int pid_attach_as(struct kernel *k, struct task *t, int tid)
{
	struct pid_table *p = k->pids;

	lock_assert_held(&k->tasklist_lock);
	if (k->n_tasks >= k->max_tasks)
		return -EAGAIN;
	if (p->tasks[tid] || group_lives(k, tid))
		return -EEXIST;
	return enter(k, t, tid);
}

void pid_replace(struct kernel *k, int tid, struct task *to)
{
	k->pids->tasks[tid] = to;
}

void pid_detach(struct kernel *k, int tid)
{
	if (k->pids->tasks[tid]) {
		k->pids->tasks[tid] = NULL;
		k->n_tasks--;
		pid_ns_detach(k, tid);
	}
}

bool pid_over_limit(struct task *t)
{
	uint64_t limit = task_rlimit(t, RLIMIT_NPROC), n = 0;
	struct kernel *k = t->kernel;

	lock_assert_held(&k->tasklist_lock);
	if (k->n_tasks < limit || !t->cred->uid || task_capable(t, CAP_SYS_RESOURCE) || task_capable(t, CAP_SYS_ADMIN))
		return false; /* all of them together are no more, or it does not count */
	for (int i = 1; i <= k->pids->highest; i++) {
		struct task *o = k->pids->tasks[i];

		if (!o)
			continue;
		lock_acquire(&o->cred_lock);
		n += o->cred->uid == t->cred->uid;
		lock_release(&o->cred_lock);
	}
	return n >= limit;
}

struct task *pid_task(struct kernel *k, int tid)
{
	return tid > 0 && tid < PID_MAX ? k->pids->tasks[tid] : NULL;
}

struct thread_group *tg_next(struct kernel *k, int pid)
{
	for (int i = pid > 0 ? pid : 1; i <= k->pids->highest; i++) {
		struct task *t = k->pids->tasks[i];

		if (t && t->tg->pid == i)
			return t->tg;
	}
	return NULL;
}

bool pgrp_exists(struct kernel *k, int pgid, int sid)
{
	struct thread_group *tg;

	for (int pid = 1; (tg = tg_next(k, pid)); pid = tg->pid + 1)
		if ((tg->pgid == pgid || (!sid && tg->sid == pgid)) && (!sid || tg->sid == sid))
			return true;
	return false;
}
