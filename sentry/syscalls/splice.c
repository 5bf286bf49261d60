/* SPDX-License-Identifier: MIT */
/* Moving data between descriptors: sendfile(2), splice(2), tee(2), vmsplice(2), copy_file_range(2). */
#include "fs/pipefs.h"
#include "syscalls/names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK 65536u

struct transfer {
	struct task *t;
	struct file *in, *out;
	int64_t in_off, out_off; /* -1: the file's position or stream */
	bool nowait;
	uint8_t *buf;
};

static ssize_t read_chunk(struct transfer *x, size_t len)
{
	struct uio u;
	ssize_t n;

	uio_init_kernel(&u, x->buf, len);
	u.nowait = x->nowait;
	n = file_read(x->t, x->in, &u, x->in_off);
	if (n > 0 && x->in_off >= 0)
		x->in_off += n;
	return n;
}

static ssize_t write_chunk(struct transfer *x, size_t len)
{
	struct uio u;
	ssize_t n;

	uio_init_kernel(&u, x->buf, len);
	u.nowait = x->nowait;
	n = file_write(x->t, x->out, &u, x->out_off);
	if (n > 0 && x->out_off >= 0)
		x->out_off += n;
	return n;
}

/* What was read but could not be written goes back to where it came from. */
static void give_back(struct transfer *x, size_t done, size_t len)
{
	struct pipe *p = pipe_of(x->in);

	if (done == len)
		return;
	if (p) {
		pipe_unread(p, x->buf + done, len - done);
	} else if (x->in_off >= 0) {
		x->in_off -= (int64_t)(len - done);
	} else if (!x->in->stream) {
		lock_acquire(&x->in->pos_lock);
		/* Another thread may have moved it meanwhile; a negative position must never come to be. */
		if (x->in->pos >= (int64_t)(len - done))
			x->in->pos -= (int64_t)(len - done);
		lock_release(&x->in->pos_lock);
	}
}

/* How much fits into *p*, the pipe written to; more than 0, or an error. */
static ssize_t wait_for_room(struct transfer *x, struct pipe *p)
{
	ssize_t room = pipe_room(p);
	struct task_waiter w;
	int r = 0;

	if (room)
		return room;
	if (x->nowait || (x->out->flags & O_NONBLOCK))
		return -EAGAIN;
	task_waiter_init(&w, x->t, EPOLLOUT);
	file_poll(x->out, &w.waiter);
	while (!(room = pipe_room(p)) && !r)
		r = task_block(x->t, -1);
	wait_queue_remove(&w.waiter);
	return room ? room : r;
}

/* The rest of what a socket or device gave, which takes nothing back: others have filled the pipe since it was looked at. */
static ssize_t write_rest(struct transfer *x, size_t done, size_t len)
{
	bool nowait = x->nowait;

	x->nowait = false;
	while (done < len) {
		ssize_t n;

		memmove(x->buf, x->buf + done, len - done);
		len -= done;
		done = 0;
		n = write_chunk(x, len);
		if (n == -EAGAIN) {
			struct task_waiter w;
			int r = 0;

			task_waiter_init(&w, x->t, EPOLLOUT);
			file_poll(x->out, &w.waiter);
			while (!pipe_room(pipe_of(x->out)) && !r)
				r = task_block(x->t, -1);
			wait_queue_remove(&w.waiter);
			n = r;
		}
		if (n < 0)
			break;
		done = (size_t)n;
	}
	x->nowait = nowait;
	return (ssize_t)(len - done);
}

/* One chunk: bytes moved, 0 at the end, or an error. */
static ssize_t move_chunk(struct transfer *x, size_t len)
{
	struct pipe *p = pipe_of(x->out);
	ssize_t n, w;

	if (p) { /* what does not fit now is not read */
		ssize_t room = wait_for_room(x, p);

		if (room < 0 && room != -EPIPE) /* of that the write tells, with its signal */
			return room;
		if (room > 0 && (size_t)room < len)
			len = (size_t)room;
	}
	n = read_chunk(x, len < CHUNK ? len : CHUNK);
	if (n <= 0)
		return n;
	w = write_chunk(x, (size_t)n);
	if (p && x->in->stream && !pipe_of(x->in) && w < n && w != -EPIPE)
		return n - write_rest(x, w > 0 ? (size_t)w : 0, (size_t)n);
	give_back(x, w > 0 ? (size_t)w : 0, (size_t)n);
	return w;
}

/* Move up to *len* bytes. *more*: go on after the first chunk only while that does not block. */
static int64_t move(struct transfer *x, size_t len, bool greedy)
{
	bool nowait = x->nowait;
	size_t done = 0;
	ssize_t n = 0;

	x->buf = malloc(CHUNK);
	if (!x->buf)
		return -ENOMEM;
	while (done < len) {
		n = move_chunk(x, len - done);
		if (n <= 0)
			break;
		done += (size_t)n;
		if (signal_pending(x->t))
			break;
		if (!greedy)
			x->nowait = true;
	}
	x->nowait = nowait;
	free(x->buf);
	return done ? (int64_t)done : n;
}

static int get_off(struct task *t, uint64_t src, int64_t *off)
{
	int r = src ? copy_in(t, off, src, sizeof(*off)) : 0;

	if (!src)
		*off = -1;
	return r < 0 ? r : src && *off < 0 ? -EINVAL : 0;
}

static int put_off(struct task *t, uint64_t dst, int64_t off)
{
	return dst ? copy_out(t, dst, &off, sizeof(off)) : 0;
}

static int check_ends(const struct file *in, const struct file *out)
{
	if ((in->flags & O_ACCMODE) == O_WRONLY || (out->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	return out->flags & O_APPEND ? -EINVAL : 0;
}

int64_t sys_sendfile(struct task *t, const uint64_t *a)
{
	FILE_SCOPE in = NULL;
	FILE_SCOPE out = NULL;
	struct transfer x = {.t = t, .out_off = -1};
	int64_t n;
	int r = get_off(t, a[2], &x.in_off);

	if (r < 0)
		return r;
	x.in = in = fd_get(t, ARG_INT(a, 1));
	x.out = out = fd_get(t, ARG_INT(a, 0));
	if (!in || !out)
		return -EBADF;
	if (in->stream && a[2])
		return -ESPIPE;
	r = check_ends(in, out);
	if (!r && (in->stream || S_ISDIR(in->inode->mode)))
		r = -EINVAL;
	if (r < 0)
		return r;
	n = move(&x, a[3] < UIO_MAX_BYTES ? a[3] : UIO_MAX_BYTES, !(out->flags & O_NONBLOCK));
	task_account_io(t, false, n);
	task_account_io(t, true, n);
	r = put_off(t, a[2], x.in_off);
	return r < 0 ? r : n;
}

static int check_splice(const struct file *in, const struct file *out, const uint64_t *a, struct pipe *pin, struct pipe *pout)
{
	int r;

	if (!pin && !pout)
		return -EINVAL;
	if ((pin && a[1]) || (pout && a[3]) || (in->stream && a[1]) || (out->stream && a[3]))
		return -ESPIPE;
	r = check_ends(in, out);
	if (r < 0)
		return r;
	return pin && pin == pout ? -EINVAL : 0;
}

#define SPLICE_FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

int64_t sys_splice(struct task *t, const uint64_t *a)
{
	FILE_SCOPE in = fd_get(t, ARG_INT(a, 0));
	FILE_SCOPE out = fd_get(t, ARG_INT(a, 2));
	struct transfer x = {.t = t, .in = in, .out = out, .nowait = a[5] & SPLICE_F_NONBLOCK};
	int64_t n;
	int r;

	if (a[5] & ~(uint64_t)SPLICE_FLAGS)
		return -EINVAL;
	if (!a[4])
		return 0;
	if (!in || !out)
		return -EBADF;
	r = check_splice(in, out, a, pipe_of(in), pipe_of(out));
	if (!r)
		r = get_off(t, a[1], &x.in_off);
	if (!r)
		r = get_off(t, a[3], &x.out_off);
	if (r < 0)
		return r;
	n = move(&x, a[4] < UIO_MAX_BYTES ? a[4] : UIO_MAX_BYTES, false);
	if (n > 0) {
		r = put_off(t, a[1], x.in_off);
		if (!r)
			r = put_off(t, a[3], x.out_off);
	}
	return r < 0 ? r : n;
}

/* Sleep until *p*, the pipe of *f*, has data. */
static ssize_t peek_wait(struct task *t, struct file *f, struct pipe *p, void *buf, size_t len, bool nowait)
{
	struct task_waiter w;
	ssize_t n = pipe_peek(p, buf, len);
	int r = 0;

	if (n != -EAGAIN || nowait || (f->flags & O_NONBLOCK))
		return n;
	task_waiter_init(&w, t, EPOLLIN);
	file_poll(f, &w.waiter);
	while ((n = pipe_peek(p, buf, len)) == -EAGAIN && !r)
		r = task_block(t, -1);
	wait_queue_remove(&w.waiter);
	return n == -EAGAIN ? r : n;
}

static int64_t do_tee(struct transfer *x, struct pipe *pin, struct pipe *pout, size_t len)
{
	ssize_t room = pipe_room(pout), n;

	if (room < 0)
		room = PIPE_DEFAULT_SIZE; /* the write finds out, and raises the signal */
	if (room > 0 && (size_t)room < len)
		len = (size_t)room;
	x->buf = malloc(len);
	if (!x->buf)
		return -ENOMEM;
	n = peek_wait(x->t, x->in, pin, x->buf, len, x->nowait);
	if (n > 0)
		n = write_chunk(x, (size_t)n);
	free(x->buf);
	return n;
}

int64_t sys_tee(struct task *t, const uint64_t *a)
{
	FILE_SCOPE in = fd_get(t, ARG_INT(a, 0));
	FILE_SCOPE out = fd_get(t, ARG_INT(a, 1));
	struct transfer x = {.t = t, .in = in, .out = out, .in_off = -1, .out_off = -1,
			     .nowait = a[3] & SPLICE_F_NONBLOCK};
	struct pipe *pin, *pout;

	if (a[3] & ~(uint64_t)SPLICE_FLAGS)
		return -EINVAL;
	if (!a[2])
		return 0;
	if (!in || !out || (in->flags & O_ACCMODE) == O_WRONLY || (out->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	pin = pipe_of(in);
	pout = pipe_of(out);
	if (!pin || !pout || pin == pout)
		return -EINVAL;
	return do_tee(&x, pin, pout, a[2] < PIPE_MAX_SIZE ? a[2] : PIPE_MAX_SIZE);
}

int64_t sys_vmsplice(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	struct guest_iovec *iov = NULL;
	struct uio u;
	size_t total;
	int64_t r;

	if (a[3] & ~(uint64_t)SPLICE_FLAGS)
		return -EINVAL;
	if (!f || !pipe_of(f))
		return -EBADF;
	r = copy_in_iov(t, a[1], a[2], &iov, &total);
	if (r < 0)
		return r;
	uio_init_guest(&u, t->mm->as, iov, a[2], total);
	u.nowait = a[3] & SPLICE_F_NONBLOCK;
	r = !total ? 0 : (f->flags & O_ACCMODE) == O_RDONLY ? file_read(t, f, &u, -1) : file_write(t, f, &u, -1);
	free(iov);
	return r;
}

static int check_copy(const struct transfer *x, uint64_t len)
{
	const struct inode *in = x->in->inode, *out = x->out->inode;

	if (S_ISDIR(in->mode) || S_ISDIR(out->mode))
		return -EISDIR;
	if (!S_ISREG(in->mode) || !S_ISREG(out->mode))
		return -EINVAL;
	if ((x->in->flags & O_ACCMODE) == O_WRONLY || (x->out->flags & O_ACCMODE) == O_RDONLY ||
	    (x->out->flags & O_APPEND))
		return -EBADF;
	if (in->sb != out->sb)
		return -EXDEV;
	if (in == out && x->in_off < x->out_off + (int64_t)len && x->out_off < x->in_off + (int64_t)len)
		return -EINVAL;
	return 0;
}

static void set_pos(struct file *f, int64_t pos)
{
	lock_acquire(&f->pos_lock);
	f->pos = pos;
	lock_release(&f->pos_lock);
}

int64_t sys_copy_file_range(struct task *t, const uint64_t *a)
{
	FILE_SCOPE in = fd_get(t, ARG_INT(a, 0));
	FILE_SCOPE out = fd_get(t, ARG_INT(a, 2));
	struct transfer x = {.t = t, .in = in, .out = out};
	uint64_t len = a[4] < UIO_MAX_BYTES ? a[4] : UIO_MAX_BYTES;
	int64_t n;
	int r;

	if (!in || !out)
		return -EBADF;
	r = get_off(t, a[1], &x.in_off);
	if (!r)
		r = get_off(t, a[3], &x.out_off);
	if (!r && ARG_UINT(a, 5))
		r = -EINVAL;
	if (r < 0)
		return r;
	if (!a[1])
		x.in_off = in->pos;
	if (!a[3])
		x.out_off = out->pos;
	if (x.in_off > INT64_MAX - (int64_t)len || x.out_off > INT64_MAX - (int64_t)len)
		return -EOVERFLOW;
	r = check_copy(&x, len);
	if (r < 0)
		return r;
	n = move(&x, len, true);
	task_account_io(t, false, n);
	task_account_io(t, true, n);
	if (n > 0) {
		if (a[1])
			r = put_off(t, a[1], x.in_off);
		else
			set_pos(in, x.in_off);
		if (a[3] && !r)
			r = put_off(t, a[3], x.out_off);
		else if (!a[3])
			set_pos(out, x.out_off);
	}
	return r < 0 ? r : n;
}
