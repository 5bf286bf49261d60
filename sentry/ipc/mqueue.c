/* SPDX-License-Identifier: MIT */
/* POSIX message queues: sending, receiving, and the file that a queue is. mq_overview(7). */
#include "ipc/mqueue.h"
#include "kernel/pid_ns.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define WAITING 1

/* --- messages --------------------------------------------------------------------------------------------------------- */

/* Behind the last one of its priority or a higher one. */
static void insert(struct mqueue *q, struct sysv_msg *m)
{
	struct list_head *at = q->messages.prev;

	while (at != &q->messages && container_of(at, struct sysv_msg, link)->type < m->type)
		at = at->prev;
	list_add(&m->link, at);
	q->n++;
	q->bytes += m->len;
}

static struct sysv_msg *take(struct mqueue *q)
{
	struct sysv_msg *m = list_first(&q->messages, struct sysv_msg, link);

	list_del(&m->link);
	q->n--;
	q->bytes -= m->len;
	return m;
}

static void serve(struct mq_sleeper *s, int result)
{
	list_del(&s->link);
	s->result = result;
	task_wake(s->task);
}

/*
 * Sleep in *list*. lock held, released meanwhile. Not inlined: gcc 12 would take the sleeper, off the list by then, for one that outlives
 * its frame.
 */
static __attribute__((noinline)) int wait_in(struct task *t, struct mqueue *q, struct list_head *list, struct mq_sleeper *s, int64_t deadline_ns)
{
	int r = 0;

	s->task = t;
	s->result = WAITING;
	list_add_tail(&s->link, list);
	t->block_reason = (char *)(uintptr_t)"wq_sleep";
	while (s->result == WAITING && !r) {
		lock_release(&q->fs->lock);
		r = task_block(t, deadline_ns);
		lock_acquire(&q->fs->lock);
	}
	t->block_reason = NULL;
	/* Served or not, it leaves the list here, before the caller's frame is gone. */
	list_del(&s->link);
	return s->result != WAITING ? s->result : r;
}

/* --- sending and receiving -------------------------------------------------------------------------------------------- */

int mq_send(struct task *t, struct mqueue *q, struct sysv_msg *m, bool nonblock, int64_t deadline_ns)
{
	struct mq_registration told = {0};
	struct mq_sleeper s = {.msg = m};
	int r = 0;

	lock_acquire(&q->fs->lock);
	if (q->n >= q->max_msgs) {
		r = nonblock ? -EAGAIN : wait_in(t, q, &q->senders, &s, deadline_ns);
	} else if (!list_empty(&q->receivers)) {
		struct mq_sleeper *to = list_first(&q->receivers, struct mq_sleeper, link);

		to->msg = m;
		serve(to, 0);
	} else {
		insert(q, m);
		wait_queue_wake(&q->inode->waiters, EPOLLIN | EPOLLRDNORM);
		if (q->n == 1)
			mq_registration_take(q, &told);
	}
	lock_release(&q->fs->lock);
	mq_registration_fire(&told, t);
	return r;
}

/* There is room: the first sleeping sender's message goes in. */
static void serve_sender(struct mqueue *q)
{
	struct mq_sleeper *s;

	if (list_empty(&q->senders)) {
		wait_queue_wake(&q->inode->waiters, EPOLLOUT | EPOLLWRNORM);
		return;
	}
	s = list_first(&q->senders, struct mq_sleeper, link);
	insert(q, s->msg);
	serve(s, 0);
}

int mq_receive(struct task *t, struct mqueue *q, bool nonblock, int64_t deadline_ns, struct sysv_msg **ret)
{
	struct mq_sleeper s = {0};
	int r = 0;
	LOCK_SCOPE(&q->fs->lock);

	if (!q->n) {
		r = nonblock ? -EAGAIN : wait_in(t, q, &q->receivers, &s, deadline_ns);
		if (!r)
			*ret = s.msg;
		return r;
	}
	*ret = take(q);
	serve_sender(q);
	return 0;
}

/* --- the file ----------------------------------------------------------------------------------------------------------- */

static ssize_t status_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct mqueue *q = f->inode->priv;
	char text[96];
	int len;
	ssize_t n;

	lock_acquire(&q->fs->lock);
	len = snprintf(text, sizeof(text), "QSIZE:%-10llu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", (unsigned long long)q->bytes,
		q->notify.tg ? q->notify.kind : 0, q->notify.tg && q->notify.kind == SIGEV_SIGNAL ? q->notify.signo : 0,
		!q->notify.tg ? 0 : dst->task ? tg_vnr(dst->task, q->notify.tg) : q->notify.tg->pid);
	lock_release(&q->fs->lock);
	if (*pos >= len)
		return 0;
	n = uio_put(dst, text + *pos, (size_t)len - (size_t)*pos < dst->left ? (size_t)(len - *pos) : dst->left);
	if (n > 0)
		*pos += n;
	return n;
}

static uint32_t queue_poll(struct file *f, struct waiter *w)
{
	struct mqueue *q = f->inode->priv;
	LOCK_SCOPE(&q->fs->lock);

	if (w)
		wait_queue_add(&f->inode->waiters, w);
	return (q->n ? EPOLLIN | EPOLLRDNORM : 0) | (q->n < q->max_msgs ? EPOLLOUT | EPOLLWRNORM : 0);
}

static int queue_flush(struct task *t, struct file *f)
{
	if (t)
		mq_unregister(t, f->inode->priv);
	return 0;
}

static int64_t queue_lseek(struct file *f, int64_t off, int whence)
{
	return file_lseek_size(f, off, whence, f->inode->size);
}

const struct file_ops mqueue_fops = {
	.read = status_read,
	.poll = queue_poll,
	.flush = queue_flush,
	.lseek = queue_lseek,
};
