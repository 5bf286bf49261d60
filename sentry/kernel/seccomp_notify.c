/* SPDX-License-Identifier: MIT */
/* SECCOMP_RET_USER_NOTIF: calls of a filtered task that a supervisor answers through a descriptor. seccomp_unotify(2). */
#include "host/entropy.h"
#include "kernel/pid_ns.h"
#include "kernel/seccomp.h"
#include "vfs/vfs.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND 2u
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define FLAG_SYNC_WAKE_UP 1u
#define ID_VALID_WRONG_DIR SECCOMP_IOR(2, __u64) /* its first number, with the direction wrong */

struct seccomp_listener {
	struct refs refs;
	struct lock lock; /* RANK_IPC: all below, and the questions */
	struct list_head questions;
	uint64_t next_id;
	bool closed; /* nobody answers any more */
	bool unused; /* nobody asks any more */
	struct wait_queue waiters;
};

enum question_state { ASKED, SEEN, ANSWERED };

struct question { /* on the stack of the one who asks */
	struct list_head link;
	enum question_state state;
	uint64_t id;
	struct task *task;
	const struct seccomp_data *data;
	int error;
	int64_t val;
	uint32_t flags;
	struct list_head files; /* file_offer */
};

struct file_offer { /* on the stack of the supervisor */
	struct list_head link;
	struct file *file; /* held by the offerer */
	uint32_t flags, newfd, newfd_flags;
	struct task *task; /* the supervisor */
	bool taken, done;
	int ret;
};

/* --- the one who asks ------------------------------------------------------------------------------------------------------ */

static void offer_done(struct file_offer *o, int ret)
{
	o->ret = ret;
	o->done = true;
	task_wake(o->task);
}

static int install(struct task *t, struct file_offer *o)
{
	bool cloexec = o->newfd_flags & O_CLOEXEC;
	int r;

	file_get(o->file);
	if (o->flags & SECCOMP_ADDFD_FLAG_SETFD)
		r = fd_install_at(t, o->file, cloexec, (int)o->newfd);
	else
		r = fd_install(t, o->file, cloexec, 0);
	if (r < 0)
		file_put(o->file);
	else if (o->flags & SECCOMP_ADDFD_FLAG_SETFD)
		r = (int)o->newfd;
	return r;
}

/* Put the files that the supervisor offers into the task's table. lock held, released meanwhile. */
static void take_files(struct task *t, struct seccomp_listener *l, struct question *q)
{
	while (!list_empty(&q->files)) {
		struct file_offer *o = list_first(&q->files, struct file_offer, link);
		int r;

		list_del(&o->link);
		o->taken = true;
		lock_release(&l->lock);
		r = install(t, o);
		lock_acquire(&l->lock);
		if (r >= 0 && (o->flags & SECCOMP_ADDFD_FLAG_SEND) && q->state == SEEN) {
			q->state = ANSWERED;
			q->flags = 0;
			q->error = 0;
			q->val = r;
		}
		offer_done(o, r);
	}
}

/* lock held. 0: answered. */
static int wait_answer(struct task *t, struct seccomp_filter *f, struct question *q)
{
	struct seccomp_listener *l = f->listener;
	int r = 0;

	for (;;) {
		bool killable = f->wait_killable && q->state != ASKED;

		take_files(t, l, q);
		if (q->state == ANSWERED)
			return 0;
		if (r && (!killable || (atomic_load(&t->flags) & TIF_KILLED)))
			return r;
		lock_release(&l->lock);
		r = killable ? task_block_killable(t, -1) : task_block(t, -1);
		lock_acquire(&l->lock);
	}
}

static void drop_offers(struct question *q)
{
	struct file_offer *o, *tmp;

	list_for_each_entry_safe(o, tmp, &q->files, link) {
		list_del(&o->link);
		offer_done(o, -ESRCH);
	}
}

bool seccomp_ask(struct task *t, struct seccomp_filter *f, const struct seccomp_data *data, int64_t *ret)
{
	struct seccomp_listener *l = f->listener;
	struct question q = {.task = t, .data = data};
	int r;

	*ret = -ENOSYS;
	if (!l)
		return false;
	list_init(&q.files);
	lock_acquire(&l->lock);
	if (l->closed) {
		lock_release(&l->lock);
		return false;
	}
	q.id = l->next_id++;
	list_add_tail(&q.link, &l->questions);
	wait_queue_wake(&l->waiters, EPOLLIN | EPOLLRDNORM);
	r = wait_answer(t, f, &q);
	drop_offers(&q);
	list_del(&q.link);
	lock_release(&l->lock);
	if (r)
		*ret = r;
	else if (q.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return true;
	else
		*ret = q.error ? q.error : q.val;
	return false;
}

/* --- the supervisor ------------------------------------------------------------------------------------------------------------- */

/* lock held. */
static struct question *find(struct seccomp_listener *l, uint64_t id)
{
	struct question *q;

	list_for_each_entry(q, &l->questions, link)
		if (q->id == id)
			return q;
	return NULL;
}

static struct question *first_asked(struct seccomp_listener *l)
{
	struct question *q;

	list_for_each_entry(q, &l->questions, link)
		if (q->state == ASKED)
			return q;
	return NULL;
}

/* Sleep until there is a question, or nobody left to ask one: 0 or -ERESTARTSYS. lock held, released meanwhile. */
static int wait_question(struct task *t, struct seccomp_listener *l)
{
	struct task_waiter w;
	int r = 0;

	task_waiter_init(&w, t, EPOLLIN);
	wait_queue_add(&l->waiters, &w.waiter);
	while (!r && !first_asked(l) && !l->unused) {
		lock_release(&l->lock);
		r = task_block(t, -1);
		lock_acquire(&l->lock);
	}
	wait_queue_remove(&w.waiter);
	return first_asked(l) ? 0 : r;
}

static int64_t notif_recv(struct task *t, struct seccomp_listener *l, uint64_t addr)
{
	struct seccomp_notif n;
	struct question *q;
	int64_t r;

	if (copy_in(t, &n, addr, sizeof(n)))
		return -EFAULT;
	for (size_t i = 0; i < sizeof(n); i++)
		if (((const char *)&n)[i])
			return -EINVAL;
	lock_acquire(&l->lock);
	r = wait_question(t, l);
	q = r ? NULL : first_asked(l);
	if (q) {
		n.id = q->id;
		n.pid = (uint32_t)task_vnr(t, q->task);
		n.data = *q->data;
		q->state = SEEN;
		task_wake(q->task); /* which may sleep more soundly now */
		wait_queue_wake(&l->waiters, EPOLLOUT | EPOLLWRNORM);
	} else if (!r) {
		r = -ENOENT;
	}
	lock_release(&l->lock);
	if (r || !copy_out(t, addr, &n, sizeof(n)))
		return r;
	lock_acquire(&l->lock);
	q = find(l, n.id);
	if (q && q->state == SEEN) {
		q->state = ASKED;
		wait_queue_wake(&l->waiters, EPOLLIN | EPOLLRDNORM);
	}
	lock_release(&l->lock);
	return -EFAULT;
}

static int64_t notif_send(struct task *t, struct seccomp_listener *l, uint64_t addr)
{
	struct seccomp_notif_resp resp;
	struct question *q;

	if (copy_in(t, &resp, addr, sizeof(resp)))
		return -EFAULT;
	if (resp.flags & ~(uint32_t)SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return -EINVAL;
	if ((resp.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE) && (resp.error || resp.val))
		return -EINVAL;
	LOCK_SCOPE(&l->lock);
	q = find(l, resp.id);
	if (!q)
		return -ENOENT;
	if (q->state != SEEN)
		return -EINPROGRESS;
	q->state = ANSWERED;
	q->error = resp.error;
	q->val = resp.val;
	q->flags = resp.flags;
	task_wake(q->task);
	return 0;
}

static int64_t notif_id_valid(struct task *t, struct seccomp_listener *l, uint64_t addr)
{
	struct question *q;
	uint64_t id;

	if (copy_in(t, &id, addr, sizeof(id)))
		return -EFAULT;
	LOCK_SCOPE(&l->lock);
	q = find(l, id);
	return q && q->state == SEEN ? 0 : -ENOENT;
}

static int offer(struct seccomp_listener *l, uint64_t id, struct file_offer *o)
{
	struct question *q = find(l, id);

	if (!q)
		return -ENOENT;
	if (q->state != SEEN)
		return -EINPROGRESS;
	/* An answer with a file is one with just this file. */
	if ((o->flags & SECCOMP_ADDFD_FLAG_SEND) && !list_empty(&q->files))
		return -EBUSY;
	list_add_tail(&o->link, &q->files);
	task_wake(q->task);
	return 0;
}

static int64_t notif_addfd(struct task *t, struct seccomp_listener *l, uint64_t addr)
{
	struct seccomp_notif_addfd a;
	struct file_offer o = {.task = t};
	int r;

	if (copy_in(t, &a, addr, sizeof(a)))
		return -EFAULT;
	if ((a.newfd_flags & ~(uint32_t)O_CLOEXEC) || (a.flags & ~(uint32_t)(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND)) ||
	    (a.newfd && !(a.flags & SECCOMP_ADDFD_FLAG_SETFD)))
		return -EINVAL;
	FILE_SCOPE f = fd_get_path(t, (int)a.srcfd);
	if (!f)
		return -EBADF;
	o.file = f;
	o.flags = a.flags;
	o.newfd = a.newfd;
	o.newfd_flags = a.newfd_flags;
	LOCK_SCOPE(&l->lock);
	r = offer(l, a.id, &o);
	if (r)
		return r;
	while (!o.done) {
		bool taken = o.taken;

		lock_release(&l->lock);
		/* Once taken it is a matter of an instant, and *o* is in use. */
		r = taken ? task_block_killable(t, kernel_now_mono() + 1000000) : task_block(t, -1);
		lock_acquire(&l->lock);
		if (r && !o.done && !o.taken) {
			list_del(&o.link);
			return r;
		}
	}
	return o.ret;
}

static int64_t notif_set_flags(uint64_t flags)
{
	return flags & ~(uint64_t)FLAG_SYNC_WAKE_UP ? -EINVAL : 0; /* a hint; who answers is woken at once anyway */
}

/* ADDFD may grow: its size is in the number. */
static int64_t ioctl_by_kind(struct task *t, struct seccomp_listener *l, uint32_t cmd, uint64_t arg)
{
	if ((cmd & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT)) == (SECCOMP_IOCTL_NOTIF_ADDFD & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT))) {
		if (_IOC_SIZE(cmd) < sizeof(struct seccomp_notif_addfd))
			return -EINVAL;
		for (uint64_t at = sizeof(struct seccomp_notif_addfd); at < _IOC_SIZE(cmd); at++) {
			uint8_t b;

			if (copy_in(t, &b, arg + at, 1))
				return -EFAULT;
			if (b)
				return -E2BIG;
		}
		return notif_addfd(t, l, arg);
	}
	return -EINVAL;
}

static int64_t listener_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	struct seccomp_listener *l = f->priv;

	switch (cmd) {
	case SECCOMP_IOCTL_NOTIF_RECV:
		return notif_recv(t, l, arg);
	case SECCOMP_IOCTL_NOTIF_SEND:
		return notif_send(t, l, arg);
	case SECCOMP_IOCTL_NOTIF_ID_VALID:
	case ID_VALID_WRONG_DIR:
		return notif_id_valid(t, l, arg);
	case SECCOMP_IOCTL_NOTIF_SET_FLAGS:
		return notif_set_flags(arg);
	default:
		return ioctl_by_kind(t, l, cmd, arg);
	}
}

static uint32_t listener_poll(struct file *f, struct waiter *w)
{
	struct seccomp_listener *l = f->priv;
	struct question *q;
	uint32_t ev = 0;

	if (w)
		wait_queue_add(&l->waiters, w);
	LOCK_SCOPE(&l->lock);
	list_for_each_entry(q, &l->questions, link) {
		if (q->state == ASKED)
			ev |= EPOLLIN | EPOLLRDNORM;
		if (q->state == SEEN)
			ev |= EPOLLOUT | EPOLLWRNORM;
	}
	return l->unused ? ev | EPOLLHUP : ev;
}

static void listener_release(struct file *f)
{
	struct seccomp_listener *l = f->priv;
	struct question *q;

	lock_acquire(&l->lock);
	l->closed = true;
	list_for_each_entry(q, &l->questions, link) {
		if (q->state == ANSWERED)
			continue;
		q->state = ANSWERED;
		q->error = -ENOSYS;
		q->val = 0;
		q->flags = 0;
		task_wake(q->task);
	}
	lock_release(&l->lock);
	seccomp_listener_put(l);
}

static const struct file_ops listener_fops = {
	.ioctl = listener_ioctl,
	.poll = listener_poll,
	.release = listener_release,
};

/* --- life ----------------------------------------------------------------------------------------------------------------------- */

int seccomp_listener_create(struct task *t, struct seccomp_listener **ret, struct file **ret_file)
{
	struct seccomp_listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	refs_init(&l->refs);
	lock_init(&l->lock, RANK_IPC);
	list_init(&l->questions);
	wait_queue_init(&l->waiters);
	host_random(&l->next_id, sizeof(l->next_id));
	r = file_alloc_anon(t->kernel, "anon_inode:seccomp notify", &listener_fops, 0600, O_RDWR, l, ret_file);
	if (r) {
		seccomp_listener_put(l);
		return r;
	}
	refs_get(&l->refs); /* the file's and the filter's */
	*ret = l;
	return 0;
}

void seccomp_listener_put(struct seccomp_listener *l)
{
	if (!refs_put(&l->refs))
		return;
	lock_destroy(&l->lock);
	lock_destroy(&l->waiters.lock);
	free(l);
}

void seccomp_listener_unused(struct seccomp_listener *l)
{
	lock_acquire(&l->lock);
	l->unused = true;
	lock_release(&l->lock);
	wait_queue_wake(&l->waiters, EPOLLIN | EPOLLHUP);
}
