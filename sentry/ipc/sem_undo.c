/* SPDX-License-Identifier: MIT */
/* SEM_UNDO: adjustments that the exit of a process makes. semop(2). */
#include "ipc/sem.h"

#include <stdlib.h>
#include <time.h>

static uint64_t undo_bytes(unsigned n)
{
	return sizeof(struct sem_undo) + n * sizeof(int16_t);
}

static void list_put(struct sem_undo_list *l)
{
	ipc_ns_put(l->ns);
	free(l);
}

static int list_of(struct task *t, struct ipc_ns *ns, struct sem_undo_list **ret)
{
	struct sem_undo_list *l = t->sem_undo;

	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return -ENOMEM;
		refs_init(&l->refs);
		list_init(&l->undos);
		ipc_ns_get(ns);
		l->ns = ns;
		t->sem_undo = l;
	}
	*ret = l;
	return 0;
}

int sem_undo_of(struct task *t, struct ipc_ns *ns, struct sem_set *s, struct sem_undo **ret)
{
	struct sem_undo_list *l;
	struct sem_undo *u;
	int r = list_of(t, ns, &l);

	if (r)
		return r;
	list_for_each_entry(u, &s->undos, set_link) {
		if (u->list == l) {
			*ret = u;
			return 0;
		}
	}
	if (kernel_charge(ns->kernel, undo_bytes(s->n)))
		return -ENOMEM;
	u = calloc(1, undo_bytes(s->n));
	if (!u) {
		kernel_uncharge(ns->kernel, undo_bytes(s->n));
		return -ENOMEM;
	}
	u->set = s;
	u->list = l;
	list_add_tail(&u->set_link, &s->undos);
	list_add_tail(&u->list_link, &l->undos);
	*ret = u;
	return 0;
}

void sem_undo_drop(struct ipc_ns *ns, struct sem_undo *u)
{
	kernel_uncharge(ns->kernel, undo_bytes(u->set->n));
	list_del(&u->set_link);
	list_del(&u->list_link);
	free(u);
}

int ipc_clone(struct task *t, struct task *child, bool share)
{
	struct sem_undo_list *l = NULL;

	if (!share)
		return 0;
	/* Made now, so that what either does later is shared. */
	if (!t->sem_undo) {
		int r = list_of(t, task_ipc_ns(t), &l);

		if (r)
			return r;
	}
	l = t->sem_undo;
	refs_get(&l->refs);
	child->sem_undo = l;
	return 0;
}

/* lock held. */
static void apply(struct sem_undo *u, int pid)
{
	struct sem_set *s = u->set;
	bool changed = false;

	for (unsigned i = 0; i < s->n; i++) {
		struct sem *sem = &s->sems[i];

		if (!u->adj[i])
			continue;
		sem->val += u->adj[i];
		if (sem->val < 0)
			sem->val = 0;
		if (sem->val > SEM_VALUE_TOP)
			sem->val = SEM_VALUE_TOP;
		sem->pid = pid;
		changed = true;
	}
	if (changed)
		s->otime = time(NULL);
	sem_update(s, changed);
}

void ipc_exit_sem(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;
	struct sem_undo *u, *tmp;

	t->sem_undo = NULL;
	if (!l || !refs_put(&l->refs))
		return;
	lock_acquire(&l->ns->sem.lock);
	list_for_each_entry_safe(u, tmp, &l->undos, list_link) {
		apply(u, ipc_self(t));
		sem_undo_drop(l->ns, u);
	}
	lock_release(&l->ns->sem.lock);
	list_put(l);
}
