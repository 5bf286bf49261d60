/* SPDX-License-Identifier: MIT */
/* Pid namespaces: the numbers of tasks at each level. */
#include "kernel/pid_ns.h"
#include "kernel/pid.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct pid_numbers {	   /* what a number of the initial namespace is called below it */
	struct pid_ns *ns; /* the innermost, held */
	int nr[];	   /* by level, the innermost first */
};

int pid_ns_create(struct kernel *k, struct pid_ns *parent, struct user_ns *owner, struct pid_ns **ret)
{
	struct pid_ns *ns;
	int r;

	if (parent && parent->level >= PID_NS_DEPTH_MAX)
		return -ENOSPC;
	ns = calloc(1, sizeof(*ns));
	r = ns ? ns_head_init(k, &ns->head, NS_PID, owner, !parent) : -ENOMEM;
	if (r) {
		free(ns);
		return r;
	}
	refs_init(&ns->refs);
	ns->parent = parent;
	if (parent) {
		pid_ns_get(parent);
		ns->level = parent->level + 1;
	}
	*ret = ns;
	return 0;
}

void pid_ns_get(struct pid_ns *ns)
{
	refs_get(&ns->refs);
}

void pid_ns_put(struct pid_ns *ns)
{
	while (ns && refs_put(&ns->refs)) {
		struct pid_ns *parent = ns->parent;

		kernel_uncharge(ns->head.kernel, (uint64_t)ns->n_global * sizeof(int));
		free(ns->global);
		ns_head_drop(&ns->head);
		free(ns);
		ns = parent;
	}
}

bool pid_ns_below(const struct pid_ns *ns, const struct pid_ns *ancestor)
{
	while (ns && ns->level > ancestor->level)
		ns = ns->parent;
	return ns == ancestor;
}

/* --- looking up
 * ---------------------------------------------------------------------------------------------------------------- */

int pid_ns_lookup(const struct pid_ns *ns, int nr)
{
	struct kernel *k = ns->head.kernel;
	struct pid_numbers *rec;

	if (nr <= 0 || nr >= PID_MAX)
		return 0;
	LOCK_SCOPE(&k->pid_lock);
	rec = k->pid_numbers ? k->pid_numbers[nr] : NULL;
	return rec && pid_ns_below(rec->ns, ns) ? rec->nr[rec->ns->level - ns->level] : 0;
}

unsigned pid_ns_numbers(struct kernel *k, const struct pid_ns *ns, int nr, int out[PID_NS_DEPTH_MAX + 1])
{
	unsigned n = 1, from = ns ? ns->level : 0;
	struct pid_numbers *rec;

	out[0] = pid_nr_ns(ns, nr);
	if (nr <= 0 || nr >= PID_MAX)
		return 1;
	LOCK_SCOPE(&k->pid_lock);
	rec = k->pid_numbers ? k->pid_numbers[nr] : NULL;
	for (unsigned level = from + 1; rec && level <= rec->ns->level; level++)
		out[n++] = rec->nr[rec->ns->level - level];
	return n;
}

int pid_ns_global(const struct pid_ns *ns, int nr)
{
	LOCK_SCOPE(&ns->head.kernel->pid_lock);

	return nr > 0 && nr < ns->n_global ? ns->global[nr] : 0;
}

struct thread_group *tg_next_ns(struct kernel *k, const struct pid_ns *ns, int *nr)
{
	struct thread_group *tg;

	if (!ns || !ns->level) {
		tg = tg_next(k, *nr);
		if (tg)
			*nr = tg->pid;
		return tg;
	}
	for (int i = *nr > 0 ? *nr : 1;; i++) {
		struct task *t;
		int n;

		lock_acquire(&k->pid_lock);
		n = ns->n_global;
		lock_release(&k->pid_lock);
		if (i >= n)
			return NULL;
		t = pid_task(k, pid_ns_global(ns, i));
		if (!t || t->tg->pid != t->tid)
			continue;
		*nr = i;
		return t->tg;
	}
}

/* --- giving and taking
 * --------------------------------------------------------------------------------------------------------- */

/* pid_lock held. */
static void forget(struct kernel *k, int nr)
{
	struct pid_numbers *rec = k->pid_numbers ? k->pid_numbers[nr] : NULL;
	struct pid_ns *ns;

	if (!rec)
		return;
	k->pid_numbers[nr] = NULL;
	ns = rec->ns;
	for (unsigned i = 0; ns->level; i++, ns = ns->parent)
		if (rec->nr[i])
			ns->global[rec->nr[i]] = 0;
}

void pid_ns_forget(struct kernel *k, int nr)
{
	struct pid_numbers *rec = k->pid_numbers ? k->pid_numbers[nr] : NULL;

	if (!rec)
		return;
	lock_acquire(&k->pid_lock);
	forget(k, nr);
	lock_release(&k->pid_lock);
	pid_ns_put(rec->ns);
	free(rec);
}

void pid_ns_detach(struct kernel *k, int nr)
{
	if (k->pid_numbers && k->pid_numbers[nr] && !pgrp_exists(k, nr, 0))
		pid_ns_forget(k, nr);
}

/* Numbers that only a process group, gone meanwhile, kept. */
static void forget_stale(struct pid_ns *ns)
{
	struct kernel *k = ns->head.kernel;

	for (int i = 1; i < ns->n_global; i++)
		if (ns->global[i] && !pid_task(k, ns->global[i]))
			pid_ns_detach(k, ns->global[i]);
}

/* pid_lock held. Room for the number *nr* in the map. */
static int grow(struct pid_ns *ns, int nr)
{
	int n = ns->n_global ? ns->n_global : 32, *map;

	if (nr < ns->n_global)
		return 0;
	while (n <= nr)
		n *= 2;
	if (kernel_charge(ns->head.kernel, (uint64_t)(n - ns->n_global) * sizeof(int)) < 0)
		return -ENOMEM;
	map = realloc(ns->global, (size_t)n * sizeof(*map));
	if (!map) {
		kernel_uncharge(ns->head.kernel, (uint64_t)(n - ns->n_global) * sizeof(int));
		return -ENOMEM;
	}
	memset(map + ns->n_global, 0, (size_t)(n - ns->n_global) * sizeof(*map));
	ns->global = map;
	ns->n_global = n;
	return 0;
}

/* pid_lock held. A free number: they rise, and wrap to 300. */
static int take(struct pid_ns *ns, int nr, int want)
{
	int r;

	for (int tries = 0; tries < PID_MAX; tries++) {
		int at = want;

		if (!want)
			at = ns->last = ns->last + 1 < PID_MAX ? ns->last + 1 : 300;
		r = grow(ns, at);
		if (r)
			return r;
		if (!ns->global[at]) {
			ns->global[at] = nr;
			return at;
		}
		if (want)
			return -EEXIST;
	}
	return -EAGAIN;
}

static int make_records(struct kernel *k)
{
	struct pid_numbers **table;

	if (k->pid_numbers)
		return 0;
	table = calloc(PID_MAX, sizeof(struct pid_numbers *));
	if (!table)
		return -ENOMEM;
	lock_acquire(&k->pid_lock);
	k->pid_numbers = table;
	lock_release(&k->pid_lock);
	return 0;
}

static int enter_numbers(struct kernel *k, struct pid_ns *ns, int nr, int want)
{
	struct pid_numbers *rec = calloc(1, sizeof(*rec) + ns->level * sizeof(int));
	int r = rec ? make_records(k) : -ENOMEM;

	if (r) {
		free(rec);
		return r;
	}
	pid_ns_forget(k, nr); /* of a task long gone */
	rec->ns = ns;
	pid_ns_get(ns);
	lock_acquire(&k->pid_lock);
	k->pid_numbers[nr] = rec;
	for (unsigned i = 0; ns->level; i++, ns = ns->parent) {
		r = take(ns, nr, i ? 0 : want);
		if (r < 0)
			break;
		rec->nr[i] = r;
		r = 0;
	}
	lock_release(&k->pid_lock);
	if (r)
		pid_ns_forget(k, nr);
	return r;
}

int pid_ns_attach(struct kernel *k, struct pid_ns *ns, int nr, int want, struct thread_group *group)
{
	int r;

	if (!ns || !ns->level)
		return 0;
	for (struct pid_ns *n = ns; n->level; n = n->parent)
		if (n->closed)
			return -ENOMEM;
	if (!group)
		return enter_numbers(k, ns, nr, want);
	if (!ns->init && want > 1)
		return -EINVAL;
	r = enter_numbers(k, ns, nr, want);
	if (r)
		return r;
	if (!ns->init) {
		ns->init = group;
		group->ns_init = group->unkillable = true;
	}
	for (; ns->level; ns = ns->parent)
		ns->n_groups++;
	return 0;
}

void pid_ns_group_gone(struct thread_group *tg)
{
	struct pid_ns *ns = tg->pid_ns;

	if (!ns)
		return;
	if (ns->level && ns->init == tg) {
		ns->init = NULL;
		ns->closed = true;
	}
	for (; ns && ns->level; ns = ns->parent) {
		if (!--ns->n_groups)
			forget_stale(ns);
		if (ns->n_groups == 1 && ns->init && ns->init->ns_waiting) {
			ns->init->ns_waiting = false;
			tg_get(ns->init);
			list_add_tail(&ns->init->ns_link, &ns->head.kernel->ended_ns);
			atomic_fetch_add(&ns->head.kernel->n_ended_ns, 1);
		}
	}
}

/* --- signals
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Does the kernel itself say who sent it, so that it is ours to translate? */
static bool has_sender(const struct ksiginfo *info)
{
	return info->code == SI_USER || info->code == SI_TKILL ||
	       (info->signo == SIGCHLD && info->code > 0 && info->code <= CLD_CONTINUED);
}

const struct ksiginfo *pid_ns_siginfo(
	struct thread_group *tg, struct task *t, const struct ksiginfo *info, struct ksiginfo *buf)
{
	struct cred *c;

	if (!has_sender(info) || !tg->pid_ns)
		return info;
	if (!tg->pid_ns->level && !atomic_load_explicit(&t->kernel->user_ns_made, memory_order_relaxed))
		return info;
	c = task_cred_get(t);
	*buf = *info;
	buf->pid = pid_nr_ns(tg->pid_ns, info->pid);
	buf->uid = show_kuid(c->user_ns, info->uid);
	cred_put(c);
	return buf;
}
