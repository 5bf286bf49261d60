/* SPDX-License-Identifier: MIT */
/*
 * System V message queues: msgop(2), msgctl(2). A message that a sleeping receiver waits for goes to it directly. Senders sleep while
 * the queue is full; whoever makes room puts their messages in, in order.
 */
#include "fs/kernfs.h"
#include "ipc/ids.h"
#include "ipc/internal.h"
#include "kernel/pid_ns.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <time.h>

#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct msg_receiver {
	struct list_head link; /* msg_queue.receivers */
	struct task *task;
	uint64_t size; /* no more than this, or -E2BIG */
	int64_t type;
	int mode;
	int pid;
	int result;
	struct sysv_msg *msg;
};

struct msg_sender {
	struct list_head link; /* msg_queue.senders */
	struct task *task;
	struct sysv_msg *msg;
	int pid;
	int result;
};

struct msg_queue {
	struct ipc_obj obj;
	struct list_head messages, receivers, senders;
	uint64_t n, bytes, max_bytes;
	int64_t stime, rtime, ctime;
	int lspid, lrpid;
};

static struct msg_queue *queue_of(struct ipc_obj *o)
{
	return container_of(o, struct msg_queue, obj);
}

int sysv_msg_alloc(struct kernel *k, size_t len, struct sysv_msg **ret)
{
	struct sysv_msg *m;

	if (kernel_charge_files(k, sizeof(*m) + len))
		return -ENOMEM;
	m = malloc(sizeof(*m) + len);
	if (!m) {
		kernel_uncharge(k, sizeof(*m) + len);
		return -ENOMEM;
	}
	list_init(&m->link);
	m->kernel = k;
	m->len = len;
	*ret = m;
	return 0;
}

void sysv_msg_free(struct sysv_msg *m)
{
	if (!m)
		return;
	kernel_uncharge(m->kernel, sizeof(*m) + m->len);
	free(m);
}

/* --- queues -------------------------------------------------------------------------------------------------------------- */

static int queue_new(struct task *t, struct ipc_ns *ns, int32_t key, int flags)
{
	struct msg_queue *q;
	int id;

	if (kernel_charge_files(t->kernel, sizeof(*q)))
		return -ENOMEM;
	q = calloc(1, sizeof(*q));
	if (!q) {
		kernel_uncharge(t->kernel, sizeof(*q));
		return -ENOMEM;
	}
	q->obj.key = key;
	q->obj.mode = (uint32_t)flags & 0777;
	q->max_bytes = ns->msg_mnb;
	q->ctime = time(NULL);
	list_init(&q->messages);
	list_init(&q->receivers);
	list_init(&q->senders);
	id = ipc_add(t, &ns->msg, &q->obj, ns->msg_mni);
	if (id < 0) {
		kernel_uncharge(t->kernel, sizeof(*q));
		free(q);
	}
	return id;
}

int msg_get(struct task *t, int32_t key, int flags)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct ipc_obj *o = NULL;
	int r;

	LOCK_SCOPE(&ns->msg.lock);
	r = ipc_get_old(&ns->msg, key, flags, &o);
	if (r)
		return r > 0 ? queue_new(t, ns, key, flags) : r;
	r = ipc_permission(t, o, flags);
	return r ? r : o->id;
}

/* --- sleepers ------------------------------------------------------------------------------------------------------------- */

enum { ANY, EQUAL, NOT_EQUAL, AT_MOST, NUMBER };

static bool matches(const struct sysv_msg *m, int64_t type, int mode)
{
	switch (mode) {
	case EQUAL:
		return m->type == type;
	case NOT_EQUAL:
		return m->type != type;
	case AT_MOST:
		return m->type <= type;
	default:
		return true;
	}
}

static void receiver_done(struct msg_receiver *r, int result, struct sysv_msg *m)
{
	list_del(&r->link);
	r->result = result;
	r->msg = m;
	task_wake(r->task);
}

static void wake_receivers(struct msg_queue *q, int result)
{
	struct msg_receiver *r, *tmp;

	list_for_each_entry_safe(r, tmp, &q->receivers, link)
		receiver_done(r, result, NULL);
}

static bool fits(const struct msg_queue *q, size_t len)
{
	return len <= q->max_bytes && q->bytes <= q->max_bytes - len && q->n + 1 <= q->max_bytes;
}

static void sender_done(struct msg_sender *s, int result)
{
	list_del(&s->link);
	s->result = result;
	task_wake(s->task);
}

static void wake_senders(struct msg_queue *q, int result)
{
	struct msg_sender *s, *tmp;

	list_for_each_entry_safe(s, tmp, &q->senders, link)
		sender_done(s, result);
}

static void queue_destroy(struct ipc_ns *ns, struct msg_queue *q)
{
	struct sysv_msg *m, *tmp;

	wake_receivers(q, -EIDRM);
	wake_senders(q, -EIDRM);
	ipc_remove(&ns->msg, &q->obj);
	list_for_each_entry_safe(m, tmp, &q->messages, link) {
		atomic_fetch_sub(&ns->msg_hdrs, 1);
		sysv_msg_free(m);
	}
	atomic_fetch_sub(&ns->msg_bytes, q->bytes);
	kernel_uncharge(ns->kernel, sizeof(*q));
	free(q);
}

void msg_ns_gone(struct ipc_ns *ns)
{
	LOCK_SCOPE(&ns->msg.lock);
	for (int i = ns->msg.max_idx; i >= 0; i--) {
		struct ipc_obj *o = ipc_at(&ns->msg, i);

		if (o)
			queue_destroy(ns, queue_of(o));
	}
}

/* --- msgsnd(2) ------------------------------------------------------------------------------------------------------------ */

/* To the first receiver that waits for it; one for whom it is too long is told so. */
static bool hand_over(struct msg_queue *q, struct sysv_msg *m)
{
	struct msg_receiver *r, *tmp;

	list_for_each_entry_safe(r, tmp, &q->receivers, link) {
		if (!matches(m, r->type, r->mode))
			continue;
		if (r->size < m->len) {
			receiver_done(r, -E2BIG, NULL);
			continue;
		}
		q->lrpid = r->pid;
		q->rtime = time(NULL);
		receiver_done(r, 0, m);
		return true;
	}
	return false;
}

static void put_message(struct ipc_ns *ns, struct msg_queue *q, struct sysv_msg *m, int pid)
{
	q->lspid = pid;
	q->stime = time(NULL);
	if (hand_over(q, m))
		return;
	list_add_tail(&m->link, &q->messages);
	q->n++;
	q->bytes += m->len;
	atomic_fetch_add(&ns->msg_hdrs, 1);
	atomic_fetch_add(&ns->msg_bytes, m->len);
}

/* There is room: the sleeping senders' messages go in, in order, as far as they fit. */
static void serve_senders(struct ipc_ns *ns, struct msg_queue *q)
{
	struct msg_sender *s, *tmp;

	list_for_each_entry_safe(s, tmp, &q->senders, link) {
		if (!fits(q, s->msg->len))
			continue;
		put_message(ns, q, s->msg, s->pid);
		sender_done(s, 0);
	}
}

/* 0: *m* has been put in; -EAGAIN: look again. */
static int wait_room(struct task *t, struct ipc_ns *ns, struct msg_queue *q, struct sysv_msg *m)
{
	struct msg_sender s = {.task = t, .msg = m, .pid = ipc_self(t), .result = IPC_WAITING};
	int r;

	list_add_tail(&s.link, &q->senders);
	t->block_reason = (char *)(uintptr_t)"do_msgsnd";
	do {
		lock_release(&ns->msg.lock);
		r = task_block(t, -1);
		lock_acquire(&ns->msg.lock);
	} while (s.result == IPC_WAITING && !r);
	t->block_reason = NULL;
	if (s.result != IPC_WAITING)
		return s.result;
	list_del(&s.link);
	return -ERESTARTNOHAND;
}

int msg_send(struct task *t, int id, struct sysv_msg *m, int flags)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct ipc_obj *o;
	bool slept = false;
	LOCK_SCOPE(&ns->msg.lock);

	for (;; slept = true) {
		int r;

		o = ipc_find(&ns->msg, id);
		if (!o)
			return slept ? -EIDRM : -EINVAL;
		r = ipc_permission(t, o, 0222);
		if (r)
			return r;
		if (fits(queue_of(o), m->len))
			break;
		if (flags & IPC_NOWAIT)
			return -EAGAIN;
		r = wait_room(t, ns, queue_of(o), m);
		if (r != -EAGAIN)
			return r;
	}
	put_message(ns, queue_of(o), m, ipc_self(t));
	return 0;
}

/* --- msgrcv(2) ------------------------------------------------------------------------------------------------------------- */

static int mode_of(int64_t *type, int flags)
{
	if (flags & MSG_COPY)
		return NUMBER;
	if (!*type)
		return ANY;
	if (*type < 0) {
		*type = *type == INT64_MIN ? INT64_MAX : -*type;
		return AT_MOST;
	}
	return flags & MSG_EXCEPT ? NOT_EQUAL : EQUAL;
}

/* The message that a receiver gets now: the first that matches, for AT_MOST the first of the lowest type. */
static struct sysv_msg *find_message(struct msg_queue *q, int64_t type, int mode)
{
	struct sysv_msg *m, *best = NULL;
	int64_t nr = 0;

	list_for_each_entry(m, &q->messages, link) {
		if (mode == NUMBER && nr++ != type)
			continue;
		if (!matches(m, type, mode))
			continue;
		if (mode != AT_MOST)
			return m;
		if (m->type == 1)
			return m;
		best = m;
		type = m->type - 1;
	}
	return best;
}

static int copy_of(struct kernel *k, const struct sysv_msg *m, struct sysv_msg **ret)
{
	int r = sysv_msg_alloc(k, m->len, ret);

	if (r)
		return r;
	(*ret)->type = m->type;
	memcpy((*ret)->text, m->text, m->len);
	return 0;
}

static void take_message(struct task *t, struct ipc_ns *ns, struct msg_queue *q, struct sysv_msg *m)
{
	list_del(&m->link);
	q->n--;
	q->bytes -= m->len;
	atomic_fetch_sub(&ns->msg_hdrs, 1);
	atomic_fetch_sub(&ns->msg_bytes, m->len);
	q->lrpid = ipc_self(t);
	q->rtime = time(NULL);
	serve_senders(ns, q);
}

/* Asleep until a sender comes. -EAGAIN: look again. */
static int wait_message(struct task *t, struct ipc_ns *ns, struct msg_queue *q, struct msg_receiver *w)
{
	int r;

	w->result = IPC_WAITING;
	list_add_tail(&w->link, &q->receivers);
	t->block_reason = (char *)(uintptr_t)"do_msgrcv";
	do {
		lock_release(&ns->msg.lock);
		r = task_block(t, -1);
		lock_acquire(&ns->msg.lock);
	} while (w->result == IPC_WAITING && !r);
	t->block_reason = NULL;
	if (w->result != IPC_WAITING)
		return w->result;
	list_del(&w->link);
	return -ERESTARTNOHAND;
}

int msg_receive(struct task *t, int id, uint64_t size, int64_t type, int flags, struct sysv_msg **ret)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct msg_receiver w = {.task = t, .size = flags & MSG_NOERROR ? UINT64_MAX : size, .pid = ipc_self(t)};
	bool slept = false;
	int r;

	w.mode = mode_of(&type, flags);
	w.type = type;
	LOCK_SCOPE(&ns->msg.lock);
	for (;; slept = true) {
		struct ipc_obj *o = ipc_find(&ns->msg, id);
		struct sysv_msg *m;

		r = o ? ipc_permission(t, o, 0444) : slept ? -EIDRM : -EINVAL;
		if (r)
			return r;
		m = find_message(queue_of(o), w.type, w.mode);
		if (m) {
			if (w.size < m->len)
				return -E2BIG;
			if (flags & MSG_COPY)
				return copy_of(t->kernel, m, ret);
			take_message(t, ns, queue_of(o), m);
			*ret = m;
			return 0;
		}
		if (flags & IPC_NOWAIT)
			return -ENOMSG;
		r = wait_message(t, ns, queue_of(o), &w);
		if (r == -EAGAIN)
			continue;
		*ret = w.msg;
		return r;
	}
}

/* --- msgctl(2) --------------------------------------------------------------------------------------------------------------- */

static int stat_queue(struct task *t, struct ipc_ns *ns, int id, int cmd, struct msqid_ds *ds)
{
	struct msg_queue *q;
	struct ipc_obj *o;
	int r = 0;

	LOCK_SCOPE(&ns->msg.lock);
	o = cmd == IPC_STAT ? ipc_find(&ns->msg, id) : ipc_at(&ns->msg, id);
	if (!o)
		return -EINVAL;
	if (cmd != MSG_STAT_ANY)
		r = ipc_permission(t, o, 0444);
	if (r)
		return r;
	q = queue_of(o);
	memset(ds, 0, sizeof(*ds));
	ipc_perm_fill(t, o, &ds->msg_perm);
	ds->msg_stime = q->stime;
	ds->msg_rtime = q->rtime;
	ds->msg_ctime = q->ctime;
	ds->__msg_cbytes = q->bytes;
	ds->msg_qnum = q->n;
	ds->msg_qbytes = q->max_bytes;
	ds->msg_lspid = pid_vnr(t, q->lspid);
	ds->msg_lrpid = pid_vnr(t, q->lrpid);
	return cmd == IPC_STAT ? 0 : o->id;
}

static int change_queue(struct task *t, struct ipc_ns *ns, int id, const struct msqid_ds *ds)
{
	struct msg_queue *q;
	struct ipc_obj *o;
	int r;

	LOCK_SCOPE(&ns->msg.lock);
	o = ipc_find(&ns->msg, id);
	if (!o)
		return -EINVAL;
	r = ipc_may_change(t, o);
	if (r)
		return r;
	q = queue_of(o);
	if (!ds) {
		queue_destroy(ns, q);
		return 0;
	}
	if (ds->msg_qbytes > ns->msg_mnb && !ipc_capable(t, CAP_SYS_RESOURCE))
		return -EPERM;
	r = ipc_perm_set(t, o, &ds->msg_perm);
	if (r)
		return r;
	q->max_bytes = ds->msg_qbytes;
	q->ctime = time(NULL);
	/* Sleepers look again: they may have lost their right, or there is room. */
	wake_receivers(q, -EAGAIN);
	wake_senders(q, -EAGAIN);
	return 0;
}

static int info(struct task *t, struct ipc_ns *ns, int cmd, uint64_t buf)
{
	struct msginfo mi = {.msgpool = 512000, .msgmap = 16384, .msgmax = (int)ns->msg_max, .msgmnb = (int)ns->msg_mnb,
		.msgmni = (int)ns->msg_mni, .msgssz = 16, .msgtql = 16384, .msgseg = 0xffff};
	int top;

	lock_acquire(&ns->msg.lock);
	if (cmd == MSG_INFO) {
		mi.msgpool = (int)ns->msg.in_use;
		mi.msgmap = (int)ns->msg_hdrs;
		mi.msgtql = (int)ns->msg_bytes;
	}
	top = ns->msg.max_idx < 0 ? 0 : ns->msg.max_idx;
	lock_release(&ns->msg.lock);
	return copy_out(t, buf, &mi, sizeof(mi)) ?: top;
}

int64_t msg_control(struct task *t, int id, int cmd, uint64_t buf)
{
	struct ipc_ns *ns = task_ipc_ns(t);
	struct msqid_ds ds;
	int r;

	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO:
		return info(t, ns, cmd, buf);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		r = stat_queue(t, ns, id, cmd, &ds);
		return r < 0 ? r : copy_out(t, buf, &ds, sizeof(ds)) ?: r;
	case IPC_SET:
		return copy_in(t, &ds, buf, sizeof(ds)) ?: change_queue(t, ns, id, &ds);
	case IPC_RMID:
		return change_queue(t, ns, id, NULL);
	default:
		return -EINVAL;
	}
}

static void show_queue(struct task *v, const struct msg_queue *q, struct seq *s)
{
	seq_printf(s, "%10d %10d  %4o  %10llu %10llu %5u %5u ", q->obj.key, q->obj.id, q->obj.mode, (unsigned long long)q->bytes,
		(unsigned long long)q->n, (unsigned)pid_vnr(v, q->lspid), (unsigned)pid_vnr(v, q->lrpid));
	ipc_show_owners(v, &q->obj, s);
	seq_printf(s, " %10llu %10llu %10llu\n", (unsigned long long)q->stime, (unsigned long long)q->rtime,
		(unsigned long long)q->ctime);
}

int msg_show(struct task *v, struct seq *s)
{
	struct ipc_ns *ns = task_ipc_ns(v);

	seq_puts(s, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      "
		    "ctime\n");
	LOCK_SCOPE(&ns->msg.lock);
	for (int i = 0; i <= ns->msg.max_idx; i++) {
		struct ipc_obj *o = ipc_at(&ns->msg, i);
		struct msg_queue *q = o ? queue_of(o) : NULL;

		if (q)
			show_queue(v, q, s);
	}
	return 0;
}
