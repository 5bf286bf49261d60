/* SPDX-License-Identifier: MIT */
/* The calls of POSIX message queues. mq_overview(7). */
#include "ipc/mqueue.h"
#include "net/socket.h"
#include "syscalls/syscalls.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

int64_t sys_mq_open(struct task *t, const uint64_t *a)
{
	struct mq_params p;
	struct file *f;
	char *name;
	int r, fd;

	if (a[3] && copy_in(t, &p, a[3], sizeof(p)))
		return -EFAULT;
	r = copy_in_path(t, a[0], false, &name);
	if (r < 0)
		return r;
	r = mq_open_file(t, name, ARG_INT(a, 1), ARG_UINT(a, 2) & 07777, a[3] ? &p : NULL, &f);
	free(name);
	if (r)
		return r;
	fd = fd_install(t, f, true, 0); /* always: mq_open(3) */
	if (fd < 0)
		file_put(f);
	return fd;
}

int64_t sys_mq_unlink(struct task *t, const uint64_t *a)
{
	char *name;
	int r = copy_in_path(t, a[0], false, &name);

	if (r < 0)
		return r;
	r = mq_unlink_name(t, name);
	free(name);
	return r;
}

/* An absolute time of CLOCK_REALTIME as one of CLOCK_MONOTONIC; -1: none. */
static int get_deadline(struct task *t, uint64_t addr, int64_t *ret)
{
	int64_t at;
	int r = copy_in_timespec(t, addr, &at);

	if (!r)
		*ret = at < 0 ? -1 : at - kernel_now_real() + kernel_now_mono();
	if (!r && at >= 0 && *ret < 0)
		*ret = 0;
	return r;
}

/* A queue's file opened for *acc* (O_RDONLY or O_WRONLY), held; NULL: -EBADF. */
static struct file *get_queue(struct task *t, int fd, int acc)
{
	struct file *f = fd_get(t, fd);

	if (f && (!mqueue_of(f) || ((f->flags & O_ACCMODE) != acc && (f->flags & O_ACCMODE) != O_RDWR))) {
		file_put(f);
		return NULL;
	}
	return f;
}

static int64_t send_to(struct task *t, struct file *f, const uint64_t *a, int64_t deadline)
{
	struct mqueue *q = mqueue_of(f);
	struct sysv_msg *m;
	int64_t r;

	if (a[2] > q->msg_size)
		return -EMSGSIZE;
	r = sysv_msg_alloc(t->kernel, a[2], &m);
	if (r)
		return r;
	m->type = ARG_UINT(a, 3);
	r = copy_in(t, m->text, a[1], m->len);
	if (!r)
		r = mq_send(t, q, m, f->flags & O_NONBLOCK, deadline);
	if (r)
		sysv_msg_free(m);
	return r;
}

int64_t sys_mq_timedsend(struct task *t, const uint64_t *a)
{
	int64_t deadline;
	int r = get_deadline(t, a[4], &deadline);

	if (r)
		return r;
	if (ARG_UINT(a, 3) > MQ_PRIO_TOP)
		return -EINVAL;
	FILE_SCOPE f = get_queue(t, ARG_INT(a, 0), O_WRONLY);
	return f ? send_to(t, f, a, deadline) : -EBADF;
}

static int64_t receive_from(struct task *t, struct file *f, const uint64_t *a, int64_t deadline)
{
	struct mqueue *q = mqueue_of(f);
	struct sysv_msg *m;
	uint32_t prio;
	int64_t r;

	if (a[2] < q->msg_size)
		return -EMSGSIZE;
	r = mq_receive(t, q, f->flags & O_NONBLOCK, deadline, &m);
	if (r)
		return r;
	prio = (uint32_t)m->type;
	r = (int64_t)m->len;
	if ((a[3] && copy_out(t, a[3], &prio, sizeof(prio))) || copy_out(t, a[1], m->text, m->len))
		r = -EFAULT;
	sysv_msg_free(m);
	return r;
}

int64_t sys_mq_timedreceive(struct task *t, const uint64_t *a)
{
	int64_t deadline;
	int r = get_deadline(t, a[4], &deadline);

	if (r)
		return r;
	FILE_SCOPE f = get_queue(t, ARG_INT(a, 0), O_RDONLY);
	return f ? receive_from(t, f, a, deadline) : -EBADF;
}

int64_t sys_mq_getsetattr(struct task *t, const uint64_t *a)
{
	struct mq_params p, old = {0};
	struct mqueue *q;

	if (a[1]) {
		if (copy_in(t, &p, a[1], sizeof(p)))
			return -EFAULT;
		if (p.flags & ~O_NONBLOCK)
			return -EINVAL;
	}
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	q = f ? mqueue_of(f) : NULL;
	if (!q)
		return -EBADF;
	lock_acquire(&q->fs->lock);
	old = (struct mq_params){.flags = f->flags & O_NONBLOCK, .max_msgs = (int64_t)q->max_msgs, .msg_size = (int64_t)q->msg_size,
		.n_msgs = (int64_t)q->n};
	if (a[1] && (p.flags & O_NONBLOCK))
		atomic_fetch_or(&f->flags, O_NONBLOCK);
	else if (a[1])
		atomic_fetch_and(&f->flags, ~O_NONBLOCK);
	lock_release(&q->fs->lock);
	return a[2] ? copy_out(t, a[2], &old, sizeof(old)) : 0;
}

/* The socket that a library's thread listens on for SIGEV_THREAD, held. */
static int thread_socket(struct task *t, int fd, struct socket **ret)
{
	FILE_SCOPE f = fd_get(t, fd);
	struct socket *s;

	if (!f)
		return -EBADF;
	s = socket_of_file(f);
	if (!s)
		return -ENOTSOCK;
	if (s->family != AF_NETLINK)
		return -EINVAL;
	socket_get(s);
	*ret = s;
	return 0;
}

static int get_registration(struct task *t, uint64_t addr, struct mq_registration *r)
{
	struct { /* struct sigevent: 64 bytes */
		uint64_t value;
		int32_t signo, notify;
		uint8_t rest[48];
	} ev;

	if (copy_in(t, &ev, addr, sizeof(ev)))
		return -EFAULT;
	*r = (struct mq_registration){.kind = ev.notify, .signo = ev.signo, .value = ev.value};
	switch (ev.notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
		return ev.signo < 0 || ev.signo > KSIG_MAX ? -EINVAL : 0;
	case SIGEV_THREAD:
		return copy_in(t, r->cookie, ev.value, sizeof(r->cookie)) ?: thread_socket(t, ev.signo, &r->sock);
	default:
		return -EINVAL;
	}
}

int64_t sys_mq_notify(struct task *t, const uint64_t *a)
{
	struct mq_registration r = {0};
	struct mqueue *q;
	int64_t err = a[1] ? get_registration(t, a[1], &r) : 0;

	if (err)
		return err;
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	q = f ? mqueue_of(f) : NULL;
	if (!q)
		err = -EBADF;
	else if (a[1])
		err = mq_register(t, q, &r);
	else
		mq_unregister(t, q);
	if (err && r.sock)
		socket_put(r.sock);
	return err;
}
