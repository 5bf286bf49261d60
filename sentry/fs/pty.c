/* SPDX-License-Identifier: MIT */
/* Files of the two sides of a pseudo terminal. pty(7). */
#include "fs/tty_internal.h"

#include "kernel/task.h"
#include "vfs/fasync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK 4096
#define READY_IN (EPOLLIN | EPOLLRDNORM)
#define READY_OUT (EPOLLOUT | EPOLLWRNORM)

static const struct file_ops master_fops, slave_fops;

struct tty *tty_of_file(const struct file *f, bool *master)
{
	*master = f->ops == &master_fops;
	if (*master)
		return f->priv;
	return f->ops == &slave_fops ? ((struct tty_file *)f->priv)->tty : NULL;
}

static bool no_wait(const struct file *f, const struct uio *u)
{
	return f->flags & O_NONBLOCK || u->nowait;
}

/*
 * The node's times, which show how long nobody has typed; in steps of eight seconds, so that they do not tell how fast somebody
 * types.
 */
static void touch(struct file *f, bool wrote)
{
	struct inode *inode = f->inode;
	struct timespec now = inode_now(inode), *time = wrote ? &inode->mtime : &inode->atime;

	LOCK_SCOPE(&inode->lock);
	if ((now.tv_sec ^ time->tv_sec) & ~7)
		time->tv_sec = now.tv_sec;
}

/* --- slave: reading -------------------------------------------------------------------------------------------------------------- */

/* How long and for how much a read waits; VMIN and VTIME of termios(3). */
struct read_rules {
	size_t minimum;
	int64_t first_ns, next_ns; /* time-outs for the first byte and between bytes; -1: none */
};

static struct read_rules rules_of(const struct ldisc *ld)
{
	int64_t time = ld->tio.c_cc[VTIME] * 100000000ll;
	struct read_rules r = {.minimum = 1, .first_ns = -1, .next_ns = -1};

	if (ld->tio.c_lflag & ICANON)
		return r;
	if (ld->tio.c_cc[VMIN]) {
		r.minimum = ld->tio.c_cc[VMIN];
		if (time)
			r.next_ns = time;
	} else {
		r.first_ns = time;
	}
	return r;
}

/* One step: take what is there and deliver it. Bytes, 0 (nothing there), -EFAULT; *done: the read is over. */
static ssize_t slave_step(struct tty *tty, struct file *f, struct uio *dst, bool *done)
{
	uint8_t chunk[CHUNK];
	size_t n;
	bool eof = false;
	ssize_t r;

	lock_acquire(&tty->lock);
	n = ldisc_read(&tty->ld, chunk, dst->left < sizeof(chunk) ? dst->left : sizeof(chunk), &eof);
	if (n || eof)
		tty_pump_pending(tty);
	*done = eof || (n && ldisc_canonical(&tty->ld));
	lock_release(&tty->lock);
	if (!n)
		return 0;
	tty_kick_console(tty);
	r = uio_put(dst, chunk, n);
	if (r != (ssize_t)n)
		*done = true;
	return r;
}

static ssize_t slave_wait_read(struct task *t, struct tty *tty, struct file *f, struct uio *dst)
{
	struct read_rules rules;
	int64_t deadline = -1, first;
	ssize_t total = 0;

	lock_acquire(&tty->lock);
	rules = rules_of(&tty->ld);
	lock_release(&tty->lock);
	first = rules.first_ns;
	if (first > 0)
		deadline = kernel_now_mono() + first;
	for (;;) {
		bool done, dead, closed;
		ssize_t n = slave_step(tty, f, dst, &done);
		int r;

		if (n < 0)
			return total ? total : n;
		total += n;
		if (done || !dst->left || (size_t)total >= rules.minimum)
			return total;
		lock_acquire(&tty->lock);
		dead = tty_file_dead(f);
		closed = tty->master_closed;
		lock_release(&tty->lock);
		if (closed || dead)
			return total ? total : closed ? -EIO : 0;
		if (!total && first == 0)
			return 0;
		if (no_wait(f, dst))
			return total ? total : -EAGAIN;
		if (n && rules.next_ns > 0)
			deadline = kernel_now_mono() + rules.next_ns;
		if (n)
			continue;
		r = total ? task_block_midway(t, deadline) : task_block(t, deadline);
		if (r == -ETIMEDOUT)
			return total;
		if (r)
			return total ? total : r;
	}
}

static ssize_t slave_read(struct task *t, struct file *f, struct uio *dst)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	struct task_waiter w;
	ssize_t n;
	bool dead;
	int err;

	lock_acquire(&tty->lock);
	dead = tty_file_dead(f);
	lock_release(&tty->lock);
	if (dead || !dst->left)
		return 0;
	err = tty_check_background(t, tty, SIGTTIN);
	if (err)
		return err;
	task_waiter_init(&w, t, READY_IN | EPOLLHUP);
	wait_queue_add(&tty->slave_wait, &w.waiter);
	n = slave_wait_read(t, tty, f, dst);
	wait_queue_remove(&w.waiter);
	if (n > 0)
		touch(f, false);
	return n;
}

/* --- slave: writing -------------------------------------------------------------------------------------------------------------- */

/* Move one chunk; bytes taken, 0 when there is no room, a negative errno. */
static ssize_t slave_put(struct tty *tty, struct file *f, struct uio *src)
{
	uint8_t chunk[CHUNK];
	ssize_t n;
	size_t room, took;

	lock_acquire(&tty->lock);
	if (tty_file_dead(f) || tty->master_closed) {
		lock_release(&tty->lock);
		return -EIO;
	}
	room = ldisc_write_room(&tty->ld);
	lock_release(&tty->lock);
	if (!room)
		return 0;
	n = uio_take(src, chunk, src->left < sizeof(chunk) ? src->left : sizeof(chunk));
	if (n <= 0)
		return n;
	lock_acquire(&tty->lock);
	took = ldisc_write(&tty->ld, chunk, (size_t)n);
	wait_queue_wake(&tty->master_wait, READY_IN);
	lock_release(&tty->lock);
	uio_rewind(src, (size_t)n - took);
	if (tty->console)
		console_pump_out(tty->console);
	return (ssize_t)took;
}

static ssize_t slave_write(struct task *t, struct file *f, struct uio *src)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	struct task_waiter w;
	ssize_t total = 0;
	bool tostop;
	int err = 0;

	lock_acquire(&tty->lock);
	tostop = tty->ld.tio.c_lflag & TOSTOP && !tty_file_dead(f);
	lock_release(&tty->lock);
	if (tostop)
		err = tty_check_background(t, tty, SIGTTOU);
	if (err)
		return err;
	task_waiter_init(&w, t, READY_OUT | EPOLLHUP);
	wait_queue_add(&tty->slave_wait, &w.waiter);
	while (src->left) {
		ssize_t n = slave_put(tty, f, src);

		if (n > 0) {
			total += n;
			continue;
		}
		if (!n)
			n = no_wait(f, src) ? -EAGAIN : task_block(t, -1);
		if (n) {
			total = total ? total : n;
			break;
		}
	}
	wait_queue_remove(&w.waiter);
	if (total > 0)
		touch(f, true);
	return total;
}

static uint32_t slave_poll(struct file *f, struct waiter *w)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	uint32_t ev = 0;

	if (w)
		wait_queue_add(&tty->slave_wait, w);
	LOCK_SCOPE(&tty->lock);
	if (tty_file_dead(f))
		return READY_IN | READY_OUT | EPOLLERR | EPOLLHUP;
	if (ldisc_readable(&tty->ld, true))
		ev |= READY_IN;
	if (ldisc_write_room(&tty->ld))
		ev |= READY_OUT;
	if (tty->master_closed)
		ev |= EPOLLHUP;
	return ev;
}

static int64_t slave_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	struct tty_file *tf = f->priv;
	bool dead;

	lock_acquire(&tf->tty->lock);
	dead = tty_file_dead(f);
	lock_release(&tf->tty->lock);
	if (dead)
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_ioctl(t, f, tf->tty, false, cmd, arg);
}

static void slave_release(struct file *f)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;

	lock_acquire(&tty->lock);
	if (--tty->slaves == 0) {
		tty->slave_closed = true;
		tty->exclusive = false;
		wait_queue_wake(&tty->master_wait, READY_IN | EPOLLHUP);
	}
	lock_release(&tty->lock);
	tty_put(tty);
	free(tf);
}

static const struct file_ops slave_fops = {
	.async = EPOLLIN,
	.read_blocking = slave_read,
	.write_blocking = slave_write,
	.poll = slave_poll,
	.ioctl = slave_ioctl,
	.release = slave_release,
};

int pty_open_slave(struct task *t, struct tty *tty, struct file *f)
{
	struct tty_file *tf = malloc(sizeof(*tf));
	int err = 0;

	if (!tf)
		return -ENOMEM;
	lock_acquire(&tty->lock);
	if (tty->master_closed || tty->locked)
		err = -EIO;
	else if (tty->exclusive && t && !task_capable(t, CAP_SYS_ADMIN))
		err = -EBUSY;
	if (!err) {
		tty_get(tty);
		*tf = (struct tty_file){.tty = tty, .hangups = tty->hangups};
		tty->slaves++;
		tty->slave_closed = false;
	}
	lock_release(&tty->lock);
	if (err) {
		free(tf);
		return err;
	}
	f->ops = &slave_fops;
	f->priv = tf;
	f->stream = true;
	return 0;
}

void tty_async_owner(struct task *t, struct file *f)
{
	bool master;
	struct tty *tty = tty_of_file(f, &master);
	int pgrp;

	if (!tty)
		return;
	lock_acquire(&tty->lock);
	pgrp = master ? 0 : tty->pgrp;
	lock_release(&tty->lock);
	f_owner_set(t, f, pgrp ? F_OWNER_PGRP : F_OWNER_PID, pgrp ? pgrp : t->tg->pid, false);
}

int pty_slave_file(struct tty *tty, int flags, struct file **ret)
{
	struct path path = {0};
	struct inode *inode;
	struct file *f;
	char name[32];
	int err;

	lock_acquire(&tty->lock);
	inode = tty->inode;
	if (inode)
		inode_get(inode);
	lock_release(&tty->lock);
	if (!inode)
		return -EIO;
	snprintf(name, sizeof(name), "/dev/pts/%u", tty->index);
	path.dentry = d_alloc_anon(inode, name);
	if (!path.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	f = file_alloc(&path, inode, &slave_fops, flags);
	dentry_put(path.dentry);
	if (!f)
		return -ENOMEM;
	f->ops = NULL; /* nothing to release yet */
	err = pty_open_slave(NULL, tty, f);
	if (err) {
		file_put(f);
		return err;
	}
	*ret = f;
	return 0;
}

/* --- master ------------------------------------------------------------------------------------------------------------------------ */

/* What a read of the master gives now: bytes in chunk, or -EAGAIN, -EIO. tty->lock held. */
static ssize_t master_take(struct tty *tty, uint8_t *chunk, size_t len)
{
	size_t n = 0;

	if (tty->packet) {
		chunk[n++] = tty->pkt_status;
		if (tty->pkt_status) {
			tty->pkt_status = 0;
			return 1;
		}
	}
	if (!ldisc_output_pending(&tty->ld))
		return tty->slave_closed ? -EIO : -EAGAIN;
	if (n < len) {
		size_t got = ldisc_output_peek(&tty->ld, chunk + n, len - n);

		ldisc_output_consume(&tty->ld, got);
		n += got;
		wait_queue_wake(&tty->slave_wait, READY_OUT);
	}
	return (ssize_t)n;
}

static ssize_t master_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct tty *tty = f->priv;
	uint8_t chunk[CHUNK + 1];
	ssize_t done = 0;

	if (!dst->left)
		return 0;
	for (;;) {
		size_t want = dst->left < sizeof(chunk) ? dst->left : sizeof(chunk);
		ssize_t n, r;

		lock_acquire(&tty->lock);
		n = done && tty->packet ? -EAGAIN : master_take(tty, chunk, want);
		lock_release(&tty->lock);
		if (n < 0)
			return done ? done : n;
		r = uio_put(dst, chunk, (size_t)n);
		if (r < 0)
			return done ? done : r;
		done += r;
		if (r < n || !dst->left)
			return done;
	}
}

static ssize_t master_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct tty *tty = f->priv;
	uint8_t chunk[CHUNK];
	ssize_t done = 0;

	while (src->left) {
		ssize_t n = uio_take(src, chunk, src->left < sizeof(chunk) ? src->left : sizeof(chunk));
		size_t took;

		if (n <= 0)
			return done ? done : n;
		lock_acquire(&tty->lock);
		took = tty->master_stopped ? 0 : tty_input(tty, chunk, (size_t)n);
		lock_release(&tty->lock);
		uio_rewind(src, (size_t)n - took);
		done += (ssize_t)took;
		if (took < (size_t)n)
			return done ? done : -EAGAIN;
	}
	return done;
}

static uint32_t master_poll(struct file *f, struct waiter *w)
{
	struct tty *tty = f->priv;
	uint32_t ev = 0;

	if (w)
		wait_queue_add(&tty->master_wait, w);
	LOCK_SCOPE(&tty->lock);
	if (ldisc_output_pending(&tty->ld))
		ev |= READY_IN;
	if (tty->packet && tty->pkt_status)
		ev |= READY_IN | EPOLLPRI;
	if (tty->n_pending < TTY_PENDING && !tty->master_stopped)
		ev |= READY_OUT;
	if (tty->slave_closed)
		ev |= EPOLLHUP;
	return ev;
}

static int64_t master_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	return tty_ioctl(t, f, f->priv, true, cmd, arg);
}

static void master_release(struct file *f)
{
	struct tty *tty = f->priv;

	lock_acquire(&tty->lock);
	tty->master_closed = true;
	lock_release(&tty->lock);
	devpts_remove(tty);
	tty_hangup(tty);
	tty_put(tty);
}

static ssize_t master_fdinfo(struct file *f, char *buf, size_t size)
{
	struct tty *tty = f->priv;

	return snprintf(buf, size, "tty-index:\t%u\n", tty->index);
}

static const struct file_ops master_fops = {
	.async = EPOLLIN,
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.show_fdinfo = master_fdinfo,
	.release = master_release,
};

/* --- opening by device number ------------------------------------------------------------------------------------------------------ */

int tty_open_ptmx(struct task *t, unsigned minor, struct file *f)
{
	struct super_block *sb;
	struct tty *tty;
	int err = devpts_of_ptmx(t, f, &sb);

	if (err)
		return err;
	err = devpts_new(sb, t->cred->fsuid, t->cred->fsgid, &tty);
	super_put(sb);
	if (err)
		return err;
	tty->locked = true;
	f->ops = &master_fops;
	f->priv = tty; /* the reference goes to the file */
	f->stream = f->write_all = true;
	return 0;
}

static int open_slave(struct task *t, struct tty *tty, struct file *f)
{
	int err = pty_open_slave(t, tty, f);

	if (!err && !(f->flags & O_NOCTTY) && (f->flags & O_ACCMODE) != O_WRONLY)
		tty_maybe_acquire(t, tty);
	return err;
}

int tty_open_slave(struct task *t, unsigned index, struct file *f)
{
	/* The node counts, not the number: one of another instance, or of an earlier terminal, does not lead here. */
	struct tty *tty = devpts_tty(f->inode);
	int err;

	if (!tty)
		return -EIO;
	err = open_slave(t, tty, f);
	tty_put(tty);
	return err;
}

int tty_open_current(struct task *t, unsigned minor, struct file *f)
{
	struct tty *tty = tty_of_session(t);
	int err;

	if (!tty)
		return -ENXIO;
	err = pty_open_slave(t, tty, f);
	tty_put(tty);
	return err;
}

int tty_open_console(struct task *t, unsigned minor, struct file *f)
{
	struct tty *tty = console_tty(t->kernel);

	/* Never the controlling terminal of who just opens it. */
	return tty ? pty_open_slave(t, tty, f) : -ENXIO;
}
