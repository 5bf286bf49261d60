/* SPDX-License-Identifier: MIT */
/*
 * Blocking reads and writes. File operations return -EAGAIN where they would sleep; here is the one loop that sleeps on the
 * file's wait queue, and what all writes have in common: the size limit, set-ID bits, notification, SIGPIPE.
 */
#include "kernel/memory.h"
#include "vfs/filecap.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"
#include "vfs/notify.h"

#include <fcntl.h>
#include <sys/stat.h>

struct rw_wait {
	struct task_waiter w;
	bool queued;
	int64_t deadline, timeout;
};

static bool may_sleep(const struct file *f, const struct uio *u)
{
	return !(f->flags & O_NONBLOCK) && !u->nowait;
}

/* Queue on the file's wait queue the first time, sleep from the second on. 0: try again. */
static int rw_wait(struct task *t, struct file *f, struct rw_wait *rw, uint32_t events)
{
	int r;

	if (!rw->queued) {
		task_waiter_init(&rw->w, t, events);
		file_poll(f, &rw->w.waiter);
		rw->queued = true;
		rw->deadline = rw->timeout ? kernel_now_mono() + rw->timeout : -1;
		return 0;
	}
	r = task_block(t, rw->deadline);
	if (r == -ETIMEDOUT)
		return -EAGAIN;
	if (r == -ERESTARTSYS && rw->timeout)
		return -EINTR; /* the time spent would be lost by a restart */
	return r;
}

static void rw_done(struct rw_wait *rw)
{
	if (rw->queued)
		wait_queue_remove(&rw->w.waiter);
}

static bool positioned(const struct file *f, int64_t off)
{
	return off < 0 && !f->stream;
}

static ssize_t read_once(struct file *f, struct uio *dst, int64_t *off, bool at_pos)
{
	ssize_t n;

	if (!at_pos)
		return f->ops->read(f, dst, off);
	lock_acquire(&f->pos_lock);
	n = f->ops->read(f, dst, &f->pos);
	lock_release(&f->pos_lock);
	return n;
}

static ssize_t read_some(struct task *t, struct file *f, struct uio *dst, int64_t off)
{
	struct rw_wait rw = {.timeout = f->rcv_timeout_ns};
	bool at_pos = positioned(f, off);
	ssize_t n;

	if ((f->flags & O_ACCMODE) == O_WRONLY || !f->ops)
		return -EBADF;
	if (inode_is(f->inode, S_IFDIR))
		return -EISDIR;
	dst->task = t;
	if (f->ops->read_blocking)
		return f->ops->read_blocking(t, f, dst);
	if (!f->ops->read)
		return -EINVAL;
	while ((n = read_once(f, dst, &off, at_pos)) == -EAGAIN && may_sleep(f, dst)) {
		int r = rw_wait(t, f, &rw, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLPRI);

		if (r < 0) {
			n = r;
			break;
		}
	}
	rw_done(&rw);
	if (n > 0)
		fsnotify_dentry(f->path.dentry, IN_ACCESS);
	return n;
}

/* Where memory may run out, files are read piece by piece into pages that are there; of what has no offset only the first piece is seen to. */
static ssize_t read_limited(struct task *t, struct file *f, struct uio *dst, int64_t off)
{
	size_t rest = dst->left, piece;
	ssize_t n, sum = 0;

	do {
		const struct guest_iovec *iov = &dst->iov[dst->i_iov];
		uint64_t have = dst->i_iov < dst->n_iov ? iov->len - dst->iov_off : 0;

		if (have > rest)
			have = rest;
		if (have && !memory_bring_in(t, iov->base + dst->iov_off, have)) {
			n = -EINTR;
			break;
		}
		piece = !f->stream && rest > MEMORY_PIECE && memory_near(t->kernel, rest) ? MEMORY_PIECE : rest;
		dst->left = piece;
		n = read_some(t, f, dst, off);
		if (n > 0) {
			sum += n;
			rest -= (size_t)n;
			off += off >= 0 ? n : 0;
		}
	} while (n > 0 && (size_t)n == piece && rest);
	dst->left = rest;
	return sum ? sum : n;
}

ssize_t file_read(struct task *t, struct file *f, struct uio *dst, int64_t off)
{
	return dst->as && t->kernel->memory_limit ? read_limited(t, f, dst, off) : read_some(t, f, dst, off);
}

/* RLIMIT_FSIZE cuts a write, and forbids one that begins beyond it. */
static int limit_write(struct task *t, struct file *f, struct uio *src, int64_t pos)
{
	uint64_t limit = task_rlimit(t, RLIMIT_FSIZE), start = (uint64_t)pos;

	if (limit == RLIM_INFINITY)
		return 0;
	if ((f->flags & O_APPEND) || src->append)
		start = f->inode->size;
	if (start >= limit) {
		signal_kernel_task(t, SIGXFSZ);
		return -EFBIG;
	}
	if (src->left > limit - start)
		src->left = limit - start;
	return 0;
}

/* A write takes the capabilities of a file away, and its set-ID bits, unless by CAP_FSETID. */
static int drop_privileges(struct task *t, struct file *f)
{
	uint32_t mode = f->inode->mode;
	struct setattr a = {.valid = ATTR_MODE};
	int r = filecap_kill(f->inode);

	if (r < 0)
		return r;
	if (!(mode & (S_ISUID | S_ISGID)) || cred_capable(t->cred, CAP_FSETID))
		return 0;
	a.mode = mode & 07777 & ~(uint32_t)S_ISUID;
	if (mode & S_IXGRP)
		a.mode &= ~(uint32_t)S_ISGID;
	if (a.mode == (mode & 07777) || !f->inode->ops || !f->inode->ops->setattr)
		return 0;
	NAMES_CHANGE(f->inode->sb->kernel);
	names_inode(f->inode);
	lock_acquire(&f->inode->lock);
	r = f->inode->ops->setattr(f->inode, &a);
	lock_release(&f->inode->lock);
	return r;
}

static ssize_t write_regular(struct task *t, struct file *f, struct uio *src, int64_t *pos)
{
	int r = src->left ? limit_write(t, f, src, *pos) : 0;

	if (!r && src->left)
		r = drop_privileges(t, f);
	if (r < 0)
		return r;
	NAMES_CHANGE(f->inode->sb->kernel);
	names_inode(f->inode);
	return f->ops->write(f, src, pos);
}

static ssize_t write_once(struct task *t, struct file *f, struct uio *src, int64_t *off, bool at_pos)
{
	ssize_t n;

	if (at_pos)
		lock_acquire(&f->pos_lock);
	n = inode_is(f->inode, S_IFREG) ? write_regular(t, f, src, at_pos ? &f->pos : off) :
					  f->ops->write(f, src, at_pos ? &f->pos : off);
	if (at_pos)
		lock_release(&f->pos_lock);
	return n;
}

static ssize_t write_loop(struct task *t, struct file *f, struct uio *src, int64_t off, struct rw_wait *rw)
{
	bool at_pos = positioned(f, off);
	size_t done = 0;

	for (;;) {
		ssize_t n = write_once(t, f, src, &off, at_pos);
		int r;

		if (f->fasync && (n == -EAGAIN || src->left))
			fasync_no_room(f);
		if (n >= 0) {
			done += (size_t)n;
			if (!f->write_all || !src->left || !may_sleep(f, src))
				return (ssize_t)done;
		} else if (n != -EAGAIN || !may_sleep(f, src)) {
			return done ? (ssize_t)done : n;
		}
		r = rw_wait(t, f, rw, EPOLLOUT | EPOLLWRNORM);
		if (r < 0)
			return done ? (ssize_t)done : r;
	}
}

ssize_t file_write(struct task *t, struct file *f, struct uio *src, int64_t off)
{
	struct rw_wait rw = {.timeout = f->snd_timeout_ns};
	ssize_t n;

	if ((f->flags & O_ACCMODE) == O_RDONLY || !f->ops)
		return -EBADF;
	src->task = t;
	if (f->ops->write_blocking)
		return f->ops->write_blocking(t, f, src);
	if (!f->ops->write)
		return -EINVAL;
	n = write_loop(t, f, src, off, &rw);
	rw_done(&rw);
	if (n > 0)
		fsnotify_dentry(f->path.dentry, IN_MODIFY);
	else if (n == -EPIPE && !f->no_sigpipe)
		signal_kernel_task(t, SIGPIPE);
	return n;
}
