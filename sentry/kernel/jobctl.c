/* SPDX-License-Identifier: MIT */
/* Sessions and process groups; what a parent is told of its children's stops. */
#include "kernel/jobctl.h"
#include "kernel/pid.h"
#include "kernel/time.h"

/* tasklist_lock held. A parent outside the group but inside the session keeps the group from being orphaned. */
static bool anchors_pgrp(const struct thread_group *tg, const struct thread_group *dying)
{
	const struct thread_group *p = tg->parent;

	return p && p != dying && !p->zombie && p->pgid != tg->pgid && p->sid == tg->sid;
}

static bool orphaned_locked(struct kernel *k, int pgid, const struct thread_group *dying)
{
	struct thread_group *tg;

	for (int pid = 1; (tg = tg_next(k, pid)); pid = tg->pid + 1)
		if (tg->pgid == pgid && tg != dying && !tg->zombie && anchors_pgrp(tg, dying))
			return false;
	return true;
}

bool pgrp_is_orphaned(struct kernel *k, int pgid)
{
	LOCK_SCOPE(&k->tasklist_lock);

	return orphaned_locked(k, pgid, NULL);
}

/* Who tells a parent of its stop or continuation, and what it has used so far. */
void child_news_origin(struct thread_group *tg, struct ksiginfo *info)
{
	struct kernel *k = tg->kernel;
	struct cpu_times times;
	struct task *leader;

	lock_acquire(&k->tasklist_lock);
	leader = tg->leader;
	if (leader) {
		struct cred *c = task_cred_get(leader);

		info->uid = c->uid;
		cred_put(c);
	}
	lock_release(&k->tasklist_lock);
	info->pid = tg->pid;
	tg_cpu_times(tg, &times);
	info->chld.utime = (int64_t)(times.utime_ns / 10000000);
	info->chld.stime = (int64_t)(times.stime_ns / 10000000);
}

void notify_parent_stopped(struct thread_group *tg, int signo)
{
	struct kernel *k = tg->kernel;
	struct ksiginfo info = {.signo = SIGCHLD, .code = CLD_STOPPED, .pid = tg->pid};
	struct thread_group *parent;
	struct ksigaction act;
	bool wants;

	lock_acquire(&k->tasklist_lock);
	parent = tg->parent;
	if (parent && tg->leader && ptrace_by_parent(tg->leader))
		parent = NULL; /* it sees the stops of its tracee */
	if (parent)
		tg_get(parent);
	lock_release(&k->tasklist_lock);
	if (!parent)
		return;
	child_news_origin(tg, &info);
	info.chld.status = signo;
	lock_acquire(&parent->siglock);
	act = sigaction_get(parent, SIGCHLD);
	wants = act.handler != (uint64_t)SIG_IGN && !(act.flags & SA_NOCLDSTOP);
	lock_release(&parent->siglock);
	if (wants)
		signal_send_group(parent, &info);
	wait_queue_wake(&parent->child_wait, EPOLLIN);
	tg_put(parent);
}

static bool has_stopped(struct kernel *k, int pgid, const struct thread_group *dying)
{
	struct thread_group *tg;

	for (int pid = 1; (tg = tg_next(k, pid)); pid = tg->pid + 1)
		if (tg->pgid == pgid && tg->stopped && tg != dying)
			return true;
	return false;
}

void orphaned_pgrps_on_exit(struct thread_group *dead)
{
	struct kernel *k = dead->kernel;
	struct thread_group *c;
	int pgids[64], n = 0;

	lock_acquire(&k->tasklist_lock);
	/* Its own group, if it was what held it, and those of its children may have lost their last anchor. */
	if (dead->parent && dead->parent->pgid != dead->pgid && dead->parent->sid == dead->sid &&
	    orphaned_locked(k, dead->pgid, dead) && has_stopped(k, dead->pgid, dead))
		pgids[n++] = dead->pgid;
	list_for_each_entry(c, &dead->children, sibling) {
		if (n == (int)ARRAY_SIZE(pgids))
			break;
		if (c->pgid == dead->pgid || c->sid != dead->sid || !c->stopped)
			continue;
		if (orphaned_locked(k, c->pgid, dead) && has_stopped(k, c->pgid, dead) && (!n || pgids[n - 1] != c->pgid))
			pgids[n++] = c->pgid;
	}
	lock_release(&k->tasklist_lock);
	while (n-- > 0) {
		signal_kernel_pgrp(k, pgids[n], SIGHUP);
		signal_kernel_pgrp(k, pgids[n], SIGCONT);
	}
}
