/* SPDX-License-Identifier: MIT */
/* Terminals: life time, input, hang-up. */
#include "fs/tty_internal.h"

#include "kernel/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

struct tty *tty_alloc(struct kernel *k)
{
	struct tty *tty;

	if (kernel_charge(k, sizeof(*tty)))
		return NULL;
	tty = calloc(1, sizeof(*tty));
	if (!tty) {
		kernel_uncharge(k, sizeof(*tty));
		return NULL;
	}
	refs_init(&tty->refs);
	tty->kernel = k;
	lock_init(&tty->lock, RANK_TTY);
	wait_queue_init(&tty->master_wait);
	wait_queue_init(&tty->slave_wait);
	ldisc_init(&tty->ld);
	return tty;
}

void tty_get(struct tty *tty)
{
	refs_get(&tty->refs);
}

void tty_put(struct tty *tty)
{
	if (!tty || !refs_put(&tty->refs))
		return;
	kernel_uncharge(tty->kernel, sizeof(*tty) + (tty->pending ? TTY_PENDING : 0));
	free(tty->pending);
	console_free(tty->console);
	lock_destroy(&tty->lock);
	lock_destroy(&tty->master_wait.lock);
	lock_destroy(&tty->slave_wait.lock);
	free(tty);
}

uint64_t tty_rdev(const struct tty *tty)
{
	return tty ? makedev(UNIX98_PTY_SLAVE_MAJOR, tty->index) : 0;
}

int tty_foreground(struct tty *tty)
{
	if (!tty)
		return -1;
	LOCK_SCOPE(&tty->lock);
	return tty->pgrp ? tty->pgrp : -1;
}

bool tty_file_dead(const struct file *f)
{
	const struct tty_file *tf = f->priv;

	return tf->hangups != tf->tty->hangups;
}

/* --- input ------------------------------------------------------------------------------------------------------------------- */

void tty_settle(struct tty *tty)
{
	uint32_t signals = tty->ld.signals;

	tty->ld.signals = 0;
	if (tty->packet && tty->ld.pkt_status) {
		tty->pkt_status |= tty->ld.pkt_status;
		wait_queue_wake(&tty->master_wait, EPOLLPRI | EPOLLIN | EPOLLRDNORM);
	}
	tty->ld.pkt_status = 0;
	for (int s = 1; signals; s++, signals >>= 1)
		if (signals & 1 && tty->pgrp)
			signal_kernel_pgrp(tty->kernel, tty->pgrp, s);
}

static size_t keep_pending(struct tty *tty, const uint8_t *data, size_t len)
{
	size_t n = TTY_PENDING - tty->n_pending;

	if (!tty->pending) {
		if (kernel_charge(tty->kernel, TTY_PENDING))
			return 0;
		tty->pending = malloc(TTY_PENDING);
		if (!tty->pending) {
			kernel_uncharge(tty->kernel, TTY_PENDING);
			return 0;
		}
	}
	n = n < len ? n : len;
	memcpy(tty->pending + tty->n_pending, data, n);
	ldisc_look_ahead(&tty->ld, data, n);
	tty->n_pending += n;
	return n;
}

static void wake_after_input(struct tty *tty)
{
	tty_settle(tty);
	if (ldisc_output_pending(&tty->ld))
		wait_queue_wake(&tty->master_wait, EPOLLIN | EPOLLRDNORM);
	if (ldisc_readable(&tty->ld, false))
		wait_queue_wake(&tty->slave_wait, EPOLLIN | EPOLLRDNORM);
	if (ldisc_write_room(&tty->ld))
		wait_queue_wake(&tty->slave_wait, EPOLLOUT | EPOLLWRNORM);
}

size_t tty_input(struct tty *tty, const uint8_t *data, size_t len)
{
	size_t n = 0;

	if (!tty->n_pending)
		n = ldisc_receive(&tty->ld, data, len);
	if (n < len)
		n += keep_pending(tty, data + n, len - n);
	wake_after_input(tty);
	return n;
}

void tty_pump_pending(struct tty *tty)
{
	size_t n;

	if (!tty->n_pending)
		return;
	n = ldisc_receive_seen(&tty->ld, tty->pending, tty->n_pending);
	if (!n)
		return;
	tty->n_pending -= n;
	memmove(tty->pending, tty->pending + n, tty->n_pending);
	wake_after_input(tty);
	wait_queue_wake(&tty->master_wait, EPOLLOUT | EPOLLWRNORM);
}

void tty_kick_console(struct tty *tty)
{
	if (tty->console)
		console_pump(tty->console);
}

/* --- hang-up ------------------------------------------------------------------------------------------------------------------- */

struct session_walk {
	struct tty *tty;
	int sid;
};

/* The session loses its terminal. */
static int lose_terminal(struct thread_group *tg, void *arg)
{
	struct session_walk *w = arg;
	bool lost = false;

	lock_acquire(&tg->kernel->tasklist_lock);
	if (tg->ctty == w->tty && tg->sid == w->sid) { /* another session may have got it meanwhile */
		tg->ctty = NULL;
		lost = true;
	}
	lock_release(&tg->kernel->tasklist_lock);
	if (lost)
		tty_put(w->tty); /* not the last: the caller holds one */
	return 0;
}

static void tell_leader(struct tty *tty, int sid, int pgrp)
{
	struct task *leader = task_find(tty->kernel, sid);
	struct ksiginfo info = {.signo = SIGHUP, .code = SI_KERNEL};

	if (!leader)
		return;
	lock_acquire(&tty->kernel->tasklist_lock);
	leader->tg->tty_old_pgrp = pgrp;
	lock_release(&tty->kernel->tasklist_lock);
	signal_send_group(leader->tg, &info);
	info.signo = SIGCONT;
	signal_send_group(leader->tg, &info);
	task_put(leader);
}

void tty_hangup(struct tty *tty)
{
	struct session_walk w = {.tty = tty};
	int pgrp;

	lock_acquire(&tty->lock);
	w.sid = tty->sid;
	pgrp = tty->pgrp;
	tty->sid = tty->pgrp = 0;
	tty->hangups++;
	ldisc_hang_up(&tty->ld);
	tty->pkt_status = 0;
	tty->n_pending = 0;
	lock_release(&tty->lock);
	if (w.sid) {
		tell_leader(tty, w.sid, pgrp);
		tg_for_each(tty->kernel, lose_terminal, &w);
	}
	wait_queue_wake(&tty->slave_wait, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM | EPOLLERR | EPOLLHUP);
	wait_queue_wake(&tty->master_wait, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM | EPOLLHUP);
}
