/* SPDX-License-Identifier: MIT */
/*
 * The terminal of `run -t` and `exec -t`: a pseudo terminal whose master is not a file but this relay to the caller's descriptors.
 *
 * Nobody waits here. Bytes are moved by whoever made a move possible: the guest thread that wrote or read, and the host
 * loop's thread when a host descriptor became ready. What the host does not take stays in the terminal's output buffer, and
 * what the terminal does not take stays with the host: that is the back-pressure.
 *
 * Whoever moves holds the terminal, so the relay lives as long as that; console_close() only cuts it off from the host.
 */
#include "fs/tty_internal.h"

#include "host/loop.h"
#include "host/stdio.h"
#include "kernel/signal.h"
#include "kernel/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CHUNK 4096
#define TURN 16 /* pieces of CHUNK bytes: more than the terminal's buffers hold */

struct console {
	struct kernel *kernel;
	struct tty *tty; /* held until console_close(), as by a master's file; then the terminal still holds us */
	_Atomic int in, out; /* host descriptors, -1: none; changed under the lock of their direction */
	bool in_now, out_now; /* they do not block by themselves */
	struct host_event in_event, out_event, turn_event;
	bool in_watched, out_watched, turn_watched;
	int turn_fd;	 /* rung by whoever moved enough for one turn: the host loop goes on */
	struct lock out_lock, in_lock; /* RANK_CONSOLE: one mover in each direction */
	_Atomic bool out_again, in_again; /* somebody asked for a move while another was moving */
	bool in_eof;	 /* in_lock */
	_Atomic bool hangs_up; /* the end of input is no Ctrl-D */
	bool out_dead;	 /* out_lock */
	uint8_t *piece;	 /* out_lock: what is being written; LDISC_OUTPUT bytes */
	uint8_t *held;	 /* in_lock: read from the host, not yet taken by the terminal; CHUNK bytes */
	size_t n_held;
};

/* --- output ------------------------------------------------------------------------------------------------------------------- */

/* Write one piece. True: go on. out_lock held. */
static bool move_out(struct console *c)
{
	struct tty *tty = c->tty;
	ssize_t w;
	size_t n;

	lock_acquire(&tty->lock);
	/* Who may not block writes all there is: the host takes what it has room for. */
	n = ldisc_output_peek(&tty->ld, c->piece, c->out_now ? LDISC_OUTPUT : CHUNK);
	lock_release(&tty->lock);
	if (!n)
		return false;
	w = c->out_dead ? (ssize_t)n
	    : c->out_now ? host_stdio_write_now(c->out, c->piece, n)
			 : host_stdio_write(c->out, c->piece, n, -1);
	if (w == -EAGAIN)
		return false;
	if (w <= 0) { /* nobody reads any more: what is written is lost */
		c->out_dead = true;
		return true;
	}
	lock_acquire(&tty->lock);
	/* A flush in between may have taken what we wrote: ldisc_output_consume() takes at most what is there. */
	ldisc_output_consume(&tty->ld, (size_t)w);
	wait_queue_wake(&tty->slave_wait, EPOLLOUT | EPOLLWRNORM);
	lock_release(&tty->lock);
	return true;
}

/*
 * Move until nothing is left, on behalf of all who asked meanwhile; but no longer than a turn: a guest that writes without
 * end must not keep the host loop, nor another guest thread, in here.
 */
static void pump(struct console *c, struct lock *lock, _Atomic bool *again, bool (*move)(struct console *c))
{
	unsigned left = TURN;

	atomic_store(again, true);
	while (atomic_load(again) && lock_tryacquire(lock)) {
		while (left && atomic_exchange(again, false))
			while (left && move(c))
				left--;
		lock_release(lock);
		if (left)
			continue;
		host_turn_ring(c->turn_fd);
		return;
	}
}

/* --- input -------------------------------------------------------------------------------------------------------------------- */

/* End of the host's input: what Ctrl-D at the start of a line is. */
static void input_ended(struct console *c)
{
	uint8_t eof;

	c->in_eof = true;
	if (c->hangs_up)
		return;
	LOCK_SCOPE(&c->tty->lock);
	eof = c->tty->ld.tio.c_cc[VEOF];
	if (eof && ldisc_canonical(&c->tty->ld))
		tty_input(c->tty, &eof, 1);
}

static ssize_t read_host(struct console *c)
{
	return c->in_now ? host_stdio_read_now(c->in, c->held, CHUNK) : host_stdio_read(c->in, c->held, CHUNK, -1);
}

/* Bring one piece in. True: go on. in_lock held. */
static bool move_in(struct console *c)
{
	size_t took;

	if (c->in < 0)
		return false;
	if (!c->n_held) {
		ssize_t n = c->in_eof ? -EAGAIN : read_host(c);

		if (n == -EAGAIN)
			return false;
		if (n <= 0) {
			input_ended(c);
			return false;
		}
		c->n_held = (size_t)n;
	}
	lock_acquire(&c->tty->lock);
	took = tty_input(c->tty, c->held, c->n_held);
	lock_release(&c->tty->lock);
	c->n_held -= took;
	for (size_t i = 0; took && i < c->n_held; i++)
		c->held[i] = c->held[i + took];
	return took > 0;
}

void console_pump_out(struct console *c)
{
	pump(c, &c->out_lock, &c->out_again, move_out);
}

void console_pump(struct console *c)
{
	if (c->in >= 0)
		pump(c, &c->in_lock, &c->in_again, move_in);
	console_pump_out(c); /* echoes of what came in, too */
}

static void next_turn(struct host_event *he, uint32_t events)
{
	struct console *c = he->data;

	if (host_turn_taken(c->turn_fd))
		console_pump(c);
}

static void host_ready(struct host_event *he, uint32_t events)
{
	console_pump(he->data);
}

/* --- set-up ------------------------------------------------------------------------------------------------------------------- */

static int watch(struct console *c, int fd, struct host_event *he, bool *watched,
	void (*fn)(struct host_event *he, uint32_t events))
{
	int err;

	*he = (struct host_event){.fd = fd, .fn = fn, .data = c};
	if (fd < 0)
		return 0;
	err = host_loop_add(c->kernel->loop, he);
	*watched = !err;
	return err == -EPERM ? 0 : err; /* regular files are always ready */
}

/* Leave the host loop: nothing comes from there any more. */
static void unwatch(struct console *c)
{
	if (c->in_watched)
		host_loop_remove(&c->in_event);
	if (c->out_watched)
		host_loop_remove(&c->out_event);
	if (c->turn_watched)
		host_loop_remove(&c->turn_event);
	c->in_watched = c->out_watched = c->turn_watched = false;
}

void console_free(struct console *c)
{
	if (!c)
		return;
	if (c->turn_fd >= 0)
		host_stdio_close(c->turn_fd);
	lock_destroy(&c->out_lock);
	lock_destroy(&c->in_lock);
	free(c->held);
	free(c->piece);
	free(c);
}

/* The host's descriptors stay the caller's. */
static void discard(struct console *c)
{
	struct tty *tty = c->tty;

	unwatch(c);
	if (!tty) {
		console_free(c);
		return;
	}
	devpts_remove(tty);
	tty_put(tty); /* frees the relay too */
}

static void close_host_side(struct console *c)
{
	int fd;

	lock_acquire(&c->in_lock);
	fd = atomic_exchange(&c->in, -1);
	if (fd >= 0)
		host_stdio_close(fd);
	lock_release(&c->in_lock);
	lock_acquire(&c->out_lock);
	fd = atomic_exchange(&c->out, -1);
	c->out_dead = true;
	if (fd >= 0)
		host_stdio_close(fd);
	lock_release(&c->out_lock);
}

void console_hangs_up(struct console *c)
{
	atomic_store(&c->hangs_up, true);
}

void console_hangup(struct console *c)
{
	tty_hangup(c->tty);
}

void console_close(struct console *c)
{
	struct tty *tty = c->tty;

	unwatch(c);
	close_host_side(c);
	lock_acquire(&tty->lock);
	tty->master_closed = true;
	lock_release(&tty->lock);
	devpts_remove(tty);
	tty_hangup(tty);
	tty_put(tty);
}

static int make_stdio(struct console *c, struct file *stdio[3])
{
	int err;

	for (int i = 0; i < 3; i++) {
		err = pty_slave_file(c->tty, O_RDWR, &stdio[i]);
		if (!err)
			continue;
		while (i-- > 0)
			file_put(stdio[i]);
		return err;
	}
	return 0;
}

int console_create(struct kernel *k, const int fds[3], unsigned rows, unsigned cols, bool utf8,
		   struct file *stdio[3], struct console **ret)
{
	struct console *c = calloc(1, sizeof(*c));
	bool made = false;
	int err;

	if (!c)
		return -ENOMEM;
	c->kernel = k;
	c->in = fds[0];
	c->out = fds[1];
	c->out_dead = c->out < 0;
	c->in_now = c->in >= 0 && host_stdio_nonblocking(c->in);
	c->out_now = c->out >= 0 && host_stdio_nonblocking(c->out);
	lock_init(&c->in_lock, RANK_CONSOLE);
	lock_init(&c->out_lock, RANK_CONSOLE);
	c->held = malloc(CHUNK);
	c->piece = malloc(LDISC_OUTPUT);
	c->turn_fd = host_turn_create();
	err = c->held && c->piece ? 0 : -ENOMEM;
	if (!err && c->turn_fd < 0)
		err = c->turn_fd;
	if (!err)
		err = devpts_new(k->devpts, 0, 0, &c->tty);
	if (!err) {
		c->tty->win = (struct winsize){.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
		c->tty->console = c;
		c->tty->ld.tio.c_iflag |= utf8 ? IUTF8 : 0;
		err = make_stdio(c, stdio);
		made = !err;
	}
	if (!err)
		err = watch(c, c->in, &c->in_event, &c->in_watched, host_ready);
	if (!err)
		err = watch(c, c->out, &c->out_event, &c->out_watched, host_ready);
	if (!err)
		err = watch(c, c->turn_fd, &c->turn_event, &c->turn_watched, next_turn);
	if (err) {
		for (int i = 0; made && i < 3; i++) {
			file_put(stdio[i]);
			stdio[i] = NULL;
		}
		discard(c);
		return err;
	}
	*ret = c;
	return 0;
}

struct tty *console_tty(struct kernel *k)
{
	struct console *c = k->console;

	return c ? c->tty : NULL;
}

void console_attach(struct console *c, struct task *t)
{
	tty_maybe_acquire(t, c->tty);
	console_pump(c);
}

void console_winsize(struct console *c, unsigned rows, unsigned cols)
{
	struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	LOCK_SCOPE(&c->tty->lock);
	tty_set_winsize(c->tty, &ws);
}

int console_signal(struct console *c, int sig)
{
	struct ksiginfo info = {.signo = sig, .code = SI_KERNEL};
	int pgrp;

	lock_acquire(&c->tty->lock);
	pgrp = c->tty->pgrp;
	lock_release(&c->tty->lock);
	return pgrp > 0 ? signal_send_pgrp(c->kernel, pgrp, &info) : -ESRCH;
}

void console_drain(struct console *c, int ms)
{
	int64_t end = kernel_now_mono() + ms * 1000000ll;

	for (;;) {
		size_t left;

		console_pump_out(c);
		lock_acquire(&c->tty->lock);
		left = ldisc_output_pending(&c->tty->ld);
		lock_release(&c->tty->lock);
		if (!left || c->out < 0 || kernel_now_mono() >= end)
			return;
		host_stdio_wait_writable(c->out, 10);
	}
}
