/* SPDX-License-Identifier: MIT */
/*
 * System V semaphores: semop(2). All operations of a call happen at once or not at all. A sleeper's operations are done by
 * whoever makes them possible, in order of arrival, so nobody can slip in between.
 */
#include "ipc/internal.h"
#include "ipc/sem.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <time.h>

static struct sem_set *set_of(struct ipc_obj *o)
{
	return container_of(o, struct sem_set, obj);
}

static uint64_t set_bytes(const struct sem_set *s)
{
	return sizeof(*s) + s->n * sizeof(struct sem);
}

static struct sem_set *set_alloc(struct kernel *k, int32_t key, int nsems, int flags)
{
	uint64_t bytes = sizeof(struct sem_set) + (uint64_t)nsems * sizeof(struct sem);
	struct sem_set *s;

	if (kernel_charge_files(k, bytes))
		return NULL;
	s = calloc(1, bytes);
	if (!s) {
		kernel_uncharge(k, bytes);
		return NULL;
	}
	s->n = (unsigned)nsems;
	s->obj.key = key;
	s->obj.mode = (uint32_t)flags & 0777;
	s->ctime = time(NULL);
	list_init(&s->pending);
	list_init(&s->undos);
	return s;
}

static void set_free(struct kernel *k, struct sem_set *s)
{
	kernel_uncharge(k, set_bytes(s));
	free(s);
}

static int set_new(struct task *t, struct ipc_ns *ns, int32_t key, int nsems, int flags)
{
	struct sem_set *s;
	int id;

	if (!nsems)
		return -EINVAL;
	if (ns->used_sems + (unsigned)nsems > ns->sem_mns)
		return -ENOSPC;
	s = set_alloc(t->kernel, key, nsems, flags);
	if (!s)
		return -ENOMEM;
	id = ipc_add(t, &ns->sem, &s->obj, ns->sem_mni);
	if (id < 0)
		set_free(t->kernel, s);
	else
		ns->used_sems += (unsigned)nsems;
	return id;
}

int sem_get(struct task *t, int32_t key, int nsems, int flags)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct ipc_obj *o = NULL;
	int r;

	if (nsems < 0 || (unsigned)nsems > ns->sem_msl)
		return -EINVAL;
	LOCK_SCOPE(&ns->sem.lock);
	r = ipc_get_old(&ns->sem, key, flags, &o);
	if (r)
		return r > 0 ? set_new(t, ns, key, nsems, flags) : r;
	if ((unsigned)nsems > set_of(o)->n)
		return -EINVAL;
	r = ipc_permission(t, o, flags);
	return r ? r : o->id;
}

/* --- operations ---------------------------------------------------------------------------------------------------- */

/* Would the first *n* operations, done in their order, work? 0, IPC_WAITING (q->blocking), -EAGAIN, -ERANGE. Values are put back. */
static int try_ops(struct sem_set *s, struct sem_queue *q)
{
	unsigned i;
	int r = 0;

	for (i = 0; !r && i < q->n_ops; i++) {
		const struct sembuf *op = &q->ops[i];
		struct sem *sem = &s->sems[op->sem_num];
		int val = sem->val + op->sem_op, adj;

		if ((!op->sem_op && sem->val) || val < 0) {
			r = op->sem_flg & IPC_NOWAIT ? -EAGAIN : IPC_WAITING;
			q->blocking = op;
		} else if (val > SEM_VALUE_TOP) {
			r = -ERANGE;
		} else if (op->sem_flg & SEM_UNDO) {
			adj = q->undo->adj[op->sem_num] - op->sem_op;
			if (adj < INT16_MIN || adj > INT16_MAX)
				r = -ERANGE;
			else
				q->undo->adj[op->sem_num] = (int16_t)adj;
		}
		if (r)
			break;
		sem->val = val;
	}
	if (!r)
		return 0;
	while (i--) {
		const struct sembuf *op = &q->ops[i];

		s->sems[op->sem_num].val -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			q->undo->adj[op->sem_num] = (int16_t)(q->undo->adj[op->sem_num] + op->sem_op);
	}
	return r;
}

/* All at once, or nothing. */
static int perform(struct sem_set *s, struct sem_queue *q)
{
	int r = try_ops(s, q);

	if (r)
		return r;
	for (unsigned i = 0; i < q->n_ops; i++)
		s->sems[q->ops[i].sem_num].pid = q->pid;
	s->otime = time(NULL);
	return 0;
}

static bool alters(const struct sem_queue *q)
{
	for (unsigned i = 0; i < q->n_ops; i++)
		if (q->ops[i].sem_op)
			return true;
	return false;
}

static void finish(struct sem_queue *q, int result)
{
	list_del(&q->link);
	q->result = result;
	task_wake(q->task);
}

/* Serve who can be served; those that only wait for zero come first, since they do not spoil it for the others. */
static bool serve(struct sem_set *s, bool altering)
{
	struct sem_queue *q, *tmp;

	list_for_each_entry_safe(q, tmp, &s->pending, link) {
		int r;

		if (alters(q) != altering)
			continue;
		r = perform(s, q);
		if (r == IPC_WAITING)
			continue;
		finish(q, r);
		if (altering && !r)
			return true;
	}
	return false;
}

void sem_update(struct sem_set *s, bool changed)
{
	while (changed) {
		serve(s, false);
		changed = serve(s, true);
	}
}

/* --- semop(2) ---------------------------------------------------------------------------------------------------------- */

static int check_ops(struct task *t, struct sem_set *s, const struct sembuf *ops, unsigned n_ops, bool *undo)
{
	bool alter = false;

	*undo = false;
	for (unsigned i = 0; i < n_ops; i++) {
		if (ops[i].sem_num >= s->n)
			return -EFBIG;
		alter |= ops[i].sem_op != 0;
		*undo |= (ops[i].sem_flg & SEM_UNDO) != 0;
	}
	return ipc_permission(t, &s->obj, alter ? 0222 : 0444);
}

/* Sleep until served. lock held; it is released meanwhile, and held again at the end. */
static int wait_served(struct task *t, struct ipc_ns *ns, struct sem_queue *q, int64_t deadline_ns)
{
	while (q->result == IPC_WAITING) {
		int r;

		lock_release(&ns->sem.lock);
		r = task_block(t, deadline_ns);
		lock_acquire(&ns->sem.lock);
		if (q->result != IPC_WAITING)
			break;
		if (r) {
			list_del(&q->link);
			q->result = r == -ETIMEDOUT ? -EAGAIN : -EINTR; /* never made again: signal(7) */
		}
	}
	return q->result;
}

static int operate(struct task *t, struct ipc_ns *ns, struct sem_set *s, struct sem_queue *q, int64_t deadline_ns)
{
	bool undo;
	int r = check_ops(t, s, q->ops, q->n_ops, &undo);

	if (!r && undo)
		r = sem_undo_of(t, ns, s, &q->undo);
	if (r)
		return r;
	r = perform(s, q);
	if (!r)
		sem_update(s, alters(q));
	if (r != IPC_WAITING)
		return r;
	list_add_tail(&q->link, &s->pending);
	t->block_reason = (char *)(uintptr_t)"do_semtimedop";
	r = wait_served(t, ns, q, deadline_ns);
	t->block_reason = NULL;
	return r;
}

int sem_operate(struct task *t, int id, const struct sembuf *ops, unsigned n_ops, int64_t deadline_ns)
{
	struct sem_queue q = {.task = t, .ops = ops, .n_ops = n_ops, .pid = ipc_self(t), .result = IPC_WAITING};
	struct ipc_ns *ns = task_ipc_ns(t);
	struct ipc_obj *o;

	LOCK_SCOPE(&ns->sem.lock);
	o = ipc_find(&ns->sem, id);
	return o ? operate(t, ns, set_of(o), &q, deadline_ns) : -EINVAL;
}

/* --- the end of sets ----------------------------------------------------------------------------------------------------- */

void sem_set_destroy(struct ipc_ns *ns, struct sem_set *s)
{
	struct sem_queue *q, *tmp;
	struct sem_undo *u, *utmp;

	list_for_each_entry_safe(q, tmp, &s->pending, link)
		finish(q, -EIDRM);
	list_for_each_entry_safe(u, utmp, &s->undos, set_link)
		sem_undo_drop(ns, u);
	ipc_remove(&ns->sem, &s->obj);
	ns->used_sems -= s->n;
	set_free(ns->kernel, s);
}

void sem_ns_gone(struct ipc_ns *ns)
{
	LOCK_SCOPE(&ns->sem.lock);
	for (int i = ns->sem.max_idx; i >= 0; i--) {
		struct ipc_obj *o = ipc_at(&ns->sem, i);

		if (o)
			sem_set_destroy(ns, set_of(o));
	}
}
