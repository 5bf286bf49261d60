/* SPDX-License-Identifier: MIT */
/* semctl(2), and what /proc/sysvipc/sem shows. */
#include "fs/kernfs.h"
#include "ipc/sem.h"
#include "kernel/pid_ns.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif


static struct sem_set *set_of(struct ipc_obj *o)
{
	return container_of(o, struct sem_set, obj);
}

/* lock held. Every process's adjustment of semaphore *num* (all: -1) is forgotten: it has been set. */
static void forget_undos(struct sem_set *s, int num)
{
	struct sem_undo *u;

	list_for_each_entry(u, &s->undos, set_link) {
		if (num >= 0)
			u->adj[num] = 0;
		else
			memset(u->adj, 0, s->n * sizeof(u->adj[0]));
	}
}

static int set_value(struct task *t, struct ipc_ns *ns, int id, int num, int val)
{
	struct ipc_obj *o;
	struct sem_set *s;
	int r;

	if (val < 0 || val > SEM_VALUE_TOP)
		return -ERANGE;
	LOCK_SCOPE(&ns->sem.lock);
	o = ipc_find(&ns->sem, id);
	if (!o || num < 0 || (unsigned)num >= set_of(o)->n)
		return -EINVAL;
	r = ipc_permission(t, o, 0222);
	if (r)
		return r;
	s = set_of(o);
	forget_undos(s, num);
	s->sems[num].val = val;
	s->sems[num].pid = ipc_self(t);
	s->ctime = time(NULL);
	sem_update(s, true);
	return 0;
}

/* The set *id* as far as *t* may do *mode* with it. lock held. */
static int look_up(struct task *t, struct ipc_ns *ns, int id, int mode, struct sem_set **ret)
{
	struct ipc_obj *o = ipc_find(&ns->sem, id);
	int r;

	if (!o)
		return -EINVAL;
	r = ipc_permission(t, o, mode);
	if (!r)
		*ret = set_of(o);
	return r;
}

static int get_all(struct task *t, struct ipc_ns *ns, int id, uint64_t arg)
{
	uint16_t *v = NULL;
	unsigned n = 0;
	struct sem_set *s;
	int r;

	lock_acquire(&ns->sem.lock);
	r = look_up(t, ns, id, 0444, &s);
	if (!r) {
		n = s->n;
		v = malloc(n * sizeof(*v));
		r = v ? 0 : -ENOMEM;
		for (unsigned i = 0; v && i < n; i++)
			v[i] = (uint16_t)s->sems[i].val;
	}
	lock_release(&ns->sem.lock);
	if (!r)
		r = copy_out(t, arg, v, n * sizeof(*v));
	free(v);
	return r;
}

/* lock held. */
static void store_all(struct task *t, struct sem_set *s, const uint16_t *v)
{
	for (unsigned i = 0; i < s->n; i++) {
		s->sems[i].val = v[i];
		s->sems[i].pid = ipc_self(t);
	}
	forget_undos(s, -1);
	s->ctime = time(NULL);
	sem_update(s, true);
}

static int set_all(struct task *t, struct ipc_ns *ns, int id, uint64_t arg)
{
	struct sem_set *s;
	uint16_t *v = NULL;
	unsigned n;
	int r;

	lock_acquire(&ns->sem.lock);
	r = look_up(t, ns, id, 0222, &s);
	n = r ? 0 : s->n;
	lock_release(&ns->sem.lock);
	if (r)
		return r;
	v = malloc(n * sizeof(*v));
	r = v ? copy_in(t, v, arg, n * sizeof(*v)) : -ENOMEM;
	for (unsigned i = 0; !r && i < n; i++)
		if (v[i] > SEM_VALUE_TOP)
			r = -ERANGE;
	if (!r) {
		lock_acquire(&ns->sem.lock);
		r = look_up(t, ns, id, 0222, &s);
		if (!r && s->n == n)
			store_all(t, s, v);
		else
			r = -EIDRM; /* meanwhile */
		lock_release(&ns->sem.lock);
	}
	free(v);
	return r;
}

/* How many wait in an operation on *num*, for zero or for more. */
static int count_waiting(const struct sem_set *s, int num, bool zero)
{
	struct sem_queue *q;
	int n = 0;

	list_for_each_entry(q, &s->pending, link)
		n += q->blocking->sem_num == num && (q->blocking->sem_op == 0) == zero;
	return n;
}

static int get_one(struct task *t, struct ipc_ns *ns, int id, int num, int cmd)
{
	struct sem_set *s;
	int r;

	LOCK_SCOPE(&ns->sem.lock);
	r = look_up(t, ns, id, 0444, &s);
	if (r)
		return r;
	if (num < 0 || (unsigned)num >= s->n)
		return -EINVAL;
	switch (cmd) {
	case GETVAL:
		return s->sems[num].val;
	case GETPID:
		return pid_vnr(t, s->sems[num].pid);
	default:
		return count_waiting(s, num, cmd == GETZCNT);
	}
}

static int stat_set(struct task *t, struct ipc_ns *ns, int id, int cmd, struct semid_ds *ds)
{
	struct ipc_obj *o;
	int r = 0;

	LOCK_SCOPE(&ns->sem.lock);
	o = cmd == IPC_STAT ? ipc_find(&ns->sem, id) : ipc_at(&ns->sem, id);
	if (!o)
		return -EINVAL;
	if (cmd != SEM_STAT_ANY)
		r = ipc_permission(t, o, 0444);
	if (r)
		return r;
	memset(ds, 0, sizeof(*ds));
	ipc_perm_fill(t, o, &ds->sem_perm);
	ds->sem_otime = set_of(o)->otime;
	ds->sem_ctime = set_of(o)->ctime;
	ds->sem_nsems = set_of(o)->n;
	return cmd == IPC_STAT ? 0 : o->id;
}

static int change_set(struct task *t, struct ipc_ns *ns, int id, const struct semid_ds *ds)
{
	struct ipc_obj *o;
	int r;

	LOCK_SCOPE(&ns->sem.lock);
	o = ipc_find(&ns->sem, id);
	if (!o)
		return -EINVAL;
	r = ipc_may_change(t, o);
	if (r)
		return r;
	if (!ds) {
		sem_set_destroy(ns, set_of(o));
		return 0;
	}
	r = ipc_perm_set(t, o, &ds->sem_perm);
	if (!r)
		set_of(o)->ctime = time(NULL);
	return r;
}

static int info(struct task *t, struct ipc_ns *ns, int cmd, uint64_t arg)
{
	struct seminfo si = {.semmap = 1024000000, .semmni = (int)ns->sem_mni, .semmns = (int)ns->sem_mns, .semmnu = 1024000000,
		.semmsl = (int)ns->sem_msl, .semopm = (int)ns->sem_opm, .semume = 500, .semvmx = SEM_VALUE_TOP,
		.semusz = 20, .semaem = SEM_VALUE_TOP};
	int top;

	lock_acquire(&ns->sem.lock);
	if (cmd == SEM_INFO) {
		si.semusz = (int)ns->sem.in_use;
		si.semaem = (int)ns->used_sems;
	}
	top = ns->sem.max_idx < 0 ? 0 : ns->sem.max_idx;
	lock_release(&ns->sem.lock);
	return copy_out(t, arg, &si, sizeof(si)) ?: top;
}

int64_t sem_control(struct task *t, int id, int num, int cmd, uint64_t arg)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct semid_ds ds;
	int r;

	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO:
		return info(t, ns, cmd, arg);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		r = stat_set(t, ns, id, cmd, &ds);
		return r < 0 ? r : copy_out(t, arg, &ds, sizeof(ds)) ?: r;
	case GETALL:
		return get_all(t, ns, id, arg);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return get_one(t, ns, id, num, cmd);
	case SETVAL:
		return set_value(t, ns, id, num, (int)arg);
	case SETALL:
		return set_all(t, ns, id, arg);
	case IPC_SET:
		return copy_in(t, &ds, arg, sizeof(ds)) ?: change_set(t, ns, id, &ds);
	case IPC_RMID:
		return change_set(t, ns, id, NULL);
	default:
		return -EINVAL;
	}
}

static void show_set(struct task *v, const struct sem_set *set, struct seq *s)
{
	seq_printf(s, "%10d %10d  %4o %10u ", set->obj.key, set->obj.id, set->obj.mode, set->n);
	ipc_show_owners(v, &set->obj, s);
	seq_printf(s, " %10llu %10llu\n", (unsigned long long)set->otime, (unsigned long long)set->ctime);
}

int sem_show(struct task *v, struct seq *s)
{
	struct ipc_ns *ns = task_ipc_ns(v);

	seq_puts(s, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
	LOCK_SCOPE(&ns->sem.lock);
	for (int i = 0; i <= ns->sem.max_idx; i++) {
		struct ipc_obj *o = ipc_at(&ns->sem, i);

		if (o)
			show_set(v, set_of(o), s);
	}
	return 0;
}
