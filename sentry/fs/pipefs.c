/* SPDX-License-Identifier: MIT */
/*
 * Pipes and fifos: a ring of bytes, pipe(7). The ring starts small and doubles up to the pipe's capacity, so that idle pipes cost
 * little. Packet mode (O_DIRECT) remembers where each packet ends.
 */
#include "fs/pipefs.h"

#include "kernel/kernel.h"
#include "kernel/task.h"
#include "lib/lock.h"
#include "lib/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define PIPE_MIN_RING 4096u
#define PIPE_CAPACITY_MAX (1u << 28) /* also for the capable: what splice gives back comes on top, in 32 bits */

struct packet {
	struct list_head link;
	uint32_t left;
};

/* Lives as long as its inode, where inode->bound points to it. */
struct pipe {
	struct kernel *kernel;
	struct wait_queue *waiters; /* of the inode */

	struct lock lock; /* RANK_PIPE; guards all below */
	uint8_t *ring;
	uint32_t ring_size, head, used; /* head: first byte to read; ring_size is a power of two */
	uint32_t capacity;
	unsigned readers, writers;
	uint64_t r_opens, w_opens; /* counters of opens, for fifos */
	struct list_head packets;  /* of packet mode; empty in stream mode */
	uint32_t n_packets;
};

static struct pipe *pipe_alloc(struct kernel *k, struct wait_queue *waiters)
{
	struct pipe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	lock_init(&p->lock, RANK_PIPE);
	list_init(&p->packets);
	p->kernel = k;
	p->waiters = waiters;
	p->capacity = PIPE_DEFAULT_SIZE;
	return p;
}

static void ring_free(struct pipe *p)
{
	free(p->ring);
	kernel_uncharge(p->kernel, p->ring_size);
	p->ring = NULL;
	p->ring_size = 0;
}

static void pipe_free(struct pipe *p)
{
	struct packet *k, *tmp;

	list_for_each_entry_safe(k, tmp, &p->packets, link)
		free(k);
	ring_free(p);
	lock_destroy(&p->lock);
	free(p);
}

/* Room by capacity; bytes given back by splice may have gone beyond it. */
static uint32_t pipe_free_bytes(const struct pipe *p)
{
	return p->used < p->capacity ? p->capacity - p->used : 0;
}

/* --- the ring; p->lock is held ---------------------------------------------------------------------------------------- */

static int ring_resize(struct pipe *p, uint32_t size)
{
	uint32_t first;
	uint8_t *ring;

	if (kernel_charge(p->kernel, size) < 0)
		return -ENOMEM;
	ring = malloc(size);
	if (!ring) {
		kernel_uncharge(p->kernel, size);
		return -ENOMEM;
	}
	first = p->ring_size - p->head < p->used ? p->ring_size - p->head : p->used;
	if (first)
		memcpy(ring, p->ring + p->head, first);
	if (p->used > first)
		memcpy(ring + first, p->ring, p->used - first);
	ring_free(p);
	p->ring = ring;
	p->ring_size = size;
	p->head = 0;
	return 0;
}

/* Room for *want* more bytes as far as the capacity allows. */
static int ring_reserve(struct pipe *p, size_t want)
{
	uint32_t size = p->ring_size ? p->ring_size : PIPE_MIN_RING;

	if (want > pipe_free_bytes(p))
		want = pipe_free_bytes(p);
	while (size < p->used + want)
		size *= 2;
	return size == p->ring_size ? 0 : ring_resize(p, size);
}

static ssize_t ring_take(struct pipe *p, struct uio *dst, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = p->ring_size - p->head < len - done ? p->ring_size - p->head : len - done;
		ssize_t r = uio_put(dst, p->ring + p->head, n);

		if (r <= 0)
			return done ? (ssize_t)done : r;
		p->head = (p->head + (uint32_t)r) & (p->ring_size - 1);
		p->used -= (uint32_t)r;
		done += (size_t)r;
		if ((size_t)r < n)
			break;
	}
	if (!p->used)
		p->head = 0;
	return (ssize_t)done;
}

static ssize_t ring_add(struct pipe *p, struct uio *src, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uint32_t tail = (p->head + p->used) & (p->ring_size - 1);
		size_t n = p->ring_size - tail < len - done ? p->ring_size - tail : len - done;
		ssize_t r = uio_take(src, p->ring + tail, n);

		if (r <= 0)
			return done ? (ssize_t)done : r;
		p->used += (uint32_t)r;
		done += (size_t)r;
		if ((size_t)r < n)
			break;
	}
	return (ssize_t)done;
}

/* --- reading ------------------------------------------------------------------------------------------------------------ */

/* A read takes one packet, and what does not fit of it is lost. */
static ssize_t take_packet(struct pipe *p, struct uio *dst)
{
	struct packet *k = list_first(&p->packets, struct packet, link);
	size_t len = dst->left < k->left ? dst->left : k->left;
	ssize_t n = ring_take(p, dst, len);

	if (n < 0)
		return n;
	k->left -= (uint32_t)n;
	p->head = (p->head + k->left) & (p->ring_size - 1);
	p->used -= k->left;
	list_del(&k->link);
	p->n_packets--;
	free(k);
	return n;
}

static ssize_t pipe_read_locked(struct pipe *p, struct uio *dst)
{
	size_t len;

	if (!p->used)
		return p->writers ? -EAGAIN : 0;
	if (!list_empty(&p->packets))
		return take_packet(p, dst);
	len = dst->left < p->used ? dst->left : p->used;
	return ring_take(p, dst, len);
}

static ssize_t pipe_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct pipe *p = f->priv;
	bool was_full;
	ssize_t n;

	if (!dst->left)
		return 0;
	lock_acquire(&p->lock);
	was_full = pipe_free_bytes(p) < PIPE_BUF || p->n_packets;
	n = pipe_read_locked(p, dst);
	lock_release(&p->lock);
	/* Sleepers care when it was full; an owner of O_ASYNC is told of each read. */
	if (n > 0 && (was_full || atomic_load_explicit(&f->inode->sb->kernel->n_fasync_files, memory_order_relaxed)))
		wait_queue_wake(p->waiters, EPOLLOUT | EPOLLWRNORM);
	return n;
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

static ssize_t add_packet(struct pipe *p, struct uio *src)
{
	size_t len = src->left < PIPE_BUF ? src->left : PIPE_BUF;
	struct packet *k;
	ssize_t n;

	if (pipe_free_bytes(p) < len || p->n_packets >= p->capacity / PIPE_BUF)
		return -EAGAIN;
	k = malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	n = ring_add(p, src, len);
	if (n <= 0) {
		free(k);
		return n;
	}
	k->left = (uint32_t)n;
	list_add_tail(&k->link, &p->packets);
	p->n_packets++;
	return n;
}

static ssize_t pipe_write_locked(struct pipe *p, struct uio *src, bool packet)
{
	size_t room, len = src->left;

	if (!p->readers)
		return -EPIPE;
	room = pipe_free_bytes(p);
	/* Up to PIPE_BUF bytes go in together or not at all. */
	if (!room || (len <= PIPE_BUF && room < len))
		return -EAGAIN;
	if (ring_reserve(p, len) < 0)
		return -ENOMEM;
	if (packet)
		return add_packet(p, src);
	return ring_add(p, src, len < room ? len : room);
}

static ssize_t pipe_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct pipe *p = f->priv;
	ssize_t n;

	if (!src->left)
		return 0;
	lock_acquire(&p->lock);
	n = pipe_write_locked(p, src, f->flags & O_DIRECT);
	lock_release(&p->lock);
	if (n > 0)
		wait_queue_wake(p->waiters, EPOLLIN | EPOLLRDNORM);
	return n;
}

/* --- the rest of an open pipe --------------------------------------------------------------------------------------------- */

static bool reads(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

static uint32_t pipe_poll(struct file *f, struct waiter *w)
{
	struct pipe *p = f->priv;
	uint32_t ev = 0;

	if (w)
		wait_queue_add(p->waiters, w);
	lock_acquire(&p->lock);
	if (reads(f)) {
		if (p->used)
			ev |= EPOLLIN | EPOLLRDNORM;
		/* A fifo that has had no writer since this file was opened has not been hung up. */
		if (!p->writers && (uint64_t)f->pos != p->w_opens)
			ev |= EPOLLHUP;
	}
	if (writes(f)) {
		if (pipe_free_bytes(p) >= PIPE_BUF)
			ev |= EPOLLOUT | EPOLLWRNORM;
		if (!p->readers)
			ev |= EPOLLERR;
	}
	lock_release(&p->lock);
	return ev;
}

static int64_t pipe_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	n = (int)pipe_bytes(f->priv);
	return copy_out(t, arg, &n, sizeof(n));
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->priv;
	bool last;

	lock_acquire(&p->lock);
	if (reads(f))
		p->readers--;
	if (writes(f))
		p->writers--;
	last = !p->readers && !p->writers;
	if (last) { /* what is left is lost, also in a fifo */
		p->used = p->head = 0;
		while (!list_empty(&p->packets)) {
			struct packet *k = list_first(&p->packets, struct packet, link);

			list_del(&k->link);
			free(k);
		}
		p->n_packets = 0;
		ring_free(p);
	}
	lock_release(&p->lock);
	wait_queue_wake(p->waiters, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR);
}

static const struct file_ops pipe_ops = {
	.async = EPOLLIN | EPOLLOUT,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

struct pipe *pipe_of(struct file *f)
{
	return f->ops == &pipe_ops ? f->priv : NULL;
}

uint32_t pipe_get_size(struct pipe *p)
{
	return p->capacity;
}

int pipe_set_size(struct task *t, struct pipe *p, uint64_t size)
{
	uint32_t cap = PIPE_MIN_RING;
	int r = 0;

	if (size > 1u << 31)
		return -EINVAL;
	if (size > PIPE_MAX_SIZE && size > p->capacity && !task_capable(t, CAP_SYS_RESOURCE))
		return -EPERM;
	if (size > PIPE_CAPACITY_MAX)
		return -ENOMEM;
	while (cap < size)
		cap *= 2;
	lock_acquire(&p->lock);
	if (p->used > cap)
		r = -EBUSY;
	else if (p->ring_size > cap)
		r = ring_resize(p, cap);
	if (!r)
		p->capacity = cap;
	lock_release(&p->lock);
	if (!r)
		wait_queue_wake(p->waiters, EPOLLOUT | EPOLLWRNORM);
	return r < 0 ? r : (int)cap;
}

size_t pipe_bytes(struct pipe *p)
{
	size_t n;

	lock_acquire(&p->lock);
	n = p->used;
	lock_release(&p->lock);
	return n;
}

ssize_t pipe_peek(struct pipe *p, void *buf, size_t len)
{
	ssize_t n = 0;

	lock_acquire(&p->lock);
	if (len > p->used)
		len = p->used;
	for (; (size_t)n < len; n++)
		((uint8_t *)buf)[n] = p->ring[(p->head + (size_t)n) & (p->ring_size - 1)];
	if (!n && p->writers)
		n = -EAGAIN;
	lock_release(&p->lock);
	return n;
}

void pipe_unread(struct pipe *p, const void *buf, size_t len)
{
	uint32_t size;

	lock_acquire(&p->lock);
	for (size = p->ring_size ? p->ring_size : PIPE_MIN_RING; size < p->used + len;)
		size *= 2;
	if (size == p->ring_size || ring_resize(p, size) == 0) {
		for (size_t i = len; i-- > 0;) {
			p->head = (p->head - 1) & (p->ring_size - 1);
			p->ring[p->head] = ((const uint8_t *)buf)[i];
		}
		p->used += (uint32_t)len;
	}
	lock_release(&p->lock);
	wait_queue_wake(p->waiters, EPOLLIN | EPOLLRDNORM);
}

ssize_t pipe_room(struct pipe *p)
{
	ssize_t n;

	lock_acquire(&p->lock);
	n = p->readers ? (ssize_t)pipe_free_bytes(p) : -EPIPE;
	lock_release(&p->lock);
	return n;
}

/* --- pipe(2) -------------------------------------------------------------------------------------------------------------- */

void fifo_inode_free(struct inode *inode)
{
	pipe_free(inode->bound);
}

static struct file *end_alloc(const struct path *path, struct pipe *p, int flags)
{
	struct file *f = file_alloc(path, path->dentry->inode, &pipe_ops, flags);

	if (!f)
		return NULL;
	f->stream = f->write_all = true;
	f->priv = p;
	return f;
}

static struct dentry *make_pipe(struct kernel *k)
{
	struct inode *inode = inode_alloc(k->pipefs, NULL, &pipe_ops, S_IFIFO | 0600);
	struct dentry *d;
	char name[32];

	if (!inode)
		return NULL;
	inode->bound = pipe_alloc(k, &inode->waiters);
	snprintf(name, sizeof(name), "pipe:[%llu]", (unsigned long long)inode->ino);
	d = inode->bound ? d_alloc_anon(inode, name) : NULL;
	if (!d)
		inode_put(inode);
	return d;
}

int pipe_create(struct kernel *k, int flags, struct file **ret_read, struct file **ret_write)
{
	int keep = flags & (O_NONBLOCK | O_DIRECT);
	struct path path = {.dentry = make_pipe(k)};
	struct file *r, *w;
	struct pipe *p;

	if (!path.dentry)
		return -ENOMEM;
	p = path.dentry->inode->bound;
	p->readers = p->writers = 1;
	p->r_opens = p->w_opens = 1;
	r = end_alloc(&path, p, O_RDONLY | keep);
	w = r ? end_alloc(&path, p, O_WRONLY | keep) : NULL;
	dentry_put(path.dentry);
	if (!w) {
		if (r)
			file_put(r);
		return -ENFILE;
	}
	*ret_read = r;
	*ret_write = w;
	return 0;
}

/* --- fifos ---------------------------------------------------------------------------------------------------------------- */

/* The pipe of a fifo's inode, made by the first who opens it. */
static struct pipe *fifo_pipe(struct inode *inode)
{
	void *have = inode->bound;
	struct pipe *p;

	if (have)
		return have;
	p = pipe_alloc(inode->sb->kernel, &inode->waiters);
	if (p && !atomic_compare_exchange_strong(&inode->bound, &have, (void *)p)) {
		pipe_free(p);
		return have;
	}
	return p;
}

/* Sleep until *count*, guarded by the pipe's lock, is no longer *seen*: the other end has been opened. */
static int wait_partner(struct task *t, struct pipe *p, const uint64_t *count, uint64_t seen)
{
	struct task_waiter w;
	bool done;
	int r = 0;

	task_waiter_init(&w, t, EPOLLIN | EPOLLOUT);
	wait_queue_add(p->waiters, &w.waiter);
	for (;;) {
		lock_acquire(&p->lock);
		done = *count != seen;
		lock_release(&p->lock);
		if (done || r < 0)
			break;
		r = task_block(t, -1);
	}
	wait_queue_remove(&w.waiter);
	return done ? 0 : r;
}

static void fifo_leave(struct pipe *p, struct file *f)
{
	f->priv = p;
	pipe_release(f);
	f->priv = NULL;
}

static int fifo_join(struct pipe *p, struct file *f, bool *wait, uint64_t *seen)
{
	bool rd = reads(f), wr = writes(f);

	if (wr && !rd && !p->readers && (f->flags & O_NONBLOCK))
		return -ENXIO;
	if (rd) {
		p->readers++;
		p->r_opens++;
	}
	if (wr) {
		p->writers++;
		p->w_opens++;
	}
	f->pos = -1;
	*wait = false;
	if (rd && !wr && !p->writers) {
		if (f->flags & O_NONBLOCK)
			f->pos = (int64_t)p->w_opens; /* not hung up before a writer has come and gone */
		else
			*wait = true;
		*seen = p->w_opens;
	} else if (wr && !rd && !p->readers) {
		*wait = true;
		*seen = p->r_opens;
	}
	return 0;
}

int fifo_open(struct task *t, struct file *f)
{
	struct pipe *p = fifo_pipe(f->inode);
	uint64_t seen = 0;
	bool wait;
	int r;

	if (!p)
		return -ENOMEM;
	lock_acquire(&p->lock);
	r = fifo_join(p, f, &wait, &seen);
	lock_release(&p->lock);
	if (r < 0)
		return r;
	wait_queue_wake(p->waiters, EPOLLIN | EPOLLOUT);
	/* A pipe opened through /proc/PID/fd has no name for the other end to come by. */
	if (wait && f->inode->sb != t->kernel->pipefs)
		r = wait_partner(t, p, writes(f) ? &p->r_opens : &p->w_opens, seen);
	if (r < 0) {
		fifo_leave(p, f);
		return r;
	}
	f->ops = &pipe_ops;
	f->stream = f->write_all = true;
	f->priv = p;
	return 0;
}
