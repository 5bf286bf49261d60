/* SPDX-License-Identifier: MIT */
/* What a notification is, and whose: entries, rings of ordered calls, births, breaches. */
#include "platform/internal.h"

#include <asm/unistd.h>
#include <errno.h>
#include <signal.h>

/* Who is this that we do not know? The child of an ordered clone names the nonce. l->lock is held. */
static struct birth *find_birth(struct listener *l, const struct seccomp_notif *n)
{
	bool mmap = n->data.nr == __NR_mmap;
	uint32_t nonce = (uint32_t)(mmap ? n->data.args[4] >> 32 : n->data.args[5]);
	struct birth *b;

	if (!notify_in_stub(n) || (!mmap && (n->data.nr != STUB_BELL || BELL_KIND(n->data.args[0]) != BELL_THREAD)))
		return NULL;
	list_for_each_entry (b, &l->births, link) {
		if (b->nonce != nonce || b->fork != mmap)
			continue;
		if (!mmap)
			return b;
		if (n->data.args[0] == STUB_SLOTS && n->data.args[1] == SLOTS_SIZE && n->data.args[2] == 3 &&
			n->data.args[3] == 0x11 && n->data.args[4] == b->fd && n->data.args[5] == 0)
			return b;
	}
	return NULL;
}

/* A held thread stands in the bell. l->lock is held. */
static void thread_rang(struct gthread *th, const struct seccomp_notif *n)
{
	gthread_take_bases(th, n);
	th->notif_id = n->id;
	th->rung = true;
	th->as->l->n_out--; /* counted since it was attached */
	th->ring.done = true;
	wait_point_wake(&th->ring);
}

enum verdict { ROUTE_DONE, ROUTE_RESUME, ROUTE_CONTINUE, ROUTE_SERVE, ROUTE_START, ROUTE_BREACH };

static enum verdict route_unknown(struct listener *l, const struct seccomp_notif *n)
{
	struct birth *b = find_birth(l, n);

	if (!b)
		return ROUTE_BREACH;
	list_del(&b->link);
	gthread_attach(b->th, (pid_t)n->pid);
	l->n_out++; /* until it rings */
	b->wp.done = true;
	wait_point_wake(&b->wp);
	if (b->fork)
		return ROUTE_CONTINUE;
	thread_rang(b->th, n);
	return ROUTE_DONE;
}

/* The signals that the stub has a handler for; a forged bell may name any. */
static bool handled_signal(unsigned signo)
{
	return signo == SIGSYS || signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL ||
	       signo == SIGTRAP || signo == STUB_SIG_INTERRUPT;
}

/* A bell whose request is in the slot: it may be in the poller's hands, or answered by it meanwhile. */
static enum verdict route_call(struct gthread *th, const struct seccomp_notif *n)
{
	if (th->fast_owed) {
		th->fast_owed = false;
		th->slot->ret = th->fast_ret; /* the stub may have put its request there once more */
		return ROUTE_RESUME;
	}
	if (th->fast) {
		if (th->fast_rang)
			return ROUTE_BREACH;
		th->fast_rang = true;
		th->notif_id = n->id;
		return ROUTE_DONE;
	}
	if (th->state != TH_OUT || !gthread_take_call(th))
		return ROUTE_BREACH;
	th->by_slot = true;
	th->state = TH_LIGHT;
	return ROUTE_SERVE;
}

static enum verdict route_stub(struct gthread *th, const struct seccomp_notif *n)
{
	if (order_expected(th, n))
		return ROUTE_CONTINUE;
	if (n->data.nr != STUB_BELL)
		return ROUTE_BREACH;
	switch (BELL_KIND(n->data.args[0])) {
	case BELL_SIGNAL:
		if (th->state != TH_OUT || !handled_signal(BELL_SIGNO(n->data.args[0])) ||
			gthread_take_frame(th, n) < 0)
			return ROUTE_BREACH;
		th->state = TH_FULL;
		return ROUTE_SERVE;
	case BELL_DONE:
		if (!th->ordered)
			return ROUTE_BREACH;
		th->ordered = false;
		th->notif_id = n->id;
		th->ring.done = true;
		wait_point_wake(&th->ring);
		return ROUTE_DONE;
	case BELL_FAILED:
		if (th->state != TH_OUT || !th->tail_checked)
			return ROUTE_BREACH;
		gthread_take_bases(th, n);
		th->state = TH_FULL;
		return ROUTE_SERVE;
	case BELL_THREAD:
		if (th->state != TH_HELD || th->rung)
			return ROUTE_BREACH;
		thread_rang(th, n);
		return th->start_wanted ? ROUTE_START : ROUTE_DONE;
	case BELL_CALL:
	case BELL_FAST:
		return route_call(th, n);
	default:
		return ROUTE_BREACH;
	}
}

/*
 * Decide about a notification. ROUTE_SERVE: *ret_th* has entered (its state is set and it is not counted as out any
 * more). l->lock is held.
 */
static enum verdict route(struct listener *l, const struct seccomp_notif *n, struct gthread **ret_th)
{
	struct gthread *th = listener_find(l, (pid_t)n->pid);
	enum verdict v;

	if (!th)
		return route_unknown(l, n);
	*ret_th = th;
	atomic_load_explicit(&th->handed, memory_order_acquire);
	if (notify_in_stub(n)) {
		v = route_stub(th, n);
	} else if (th->state == TH_OUT) {
		th->state = TH_LIGHT;
		v = ROUTE_SERVE;
	} else {
		v = ROUTE_BREACH;
	}
	if (v == ROUTE_SERVE) {
		l->n_out--;
		th->notif_id = n->id;
	}
	return v;
}

/* A stub that does what no stub does is under the guest's control in a way we do not serve. */
static void breach(struct listener *l, const struct seccomp_notif *n)
{
	if (notify_valid(l, n->id))
		kill((pid_t)n->pid, SIGKILL); /* a thread's number kills its process too */
}

/*
 * Act on a notification. Returns the thread whose entry the caller has to serve, or NULL. With *nested* the caller
 * waits for something else: entries go to other workers.
 */
struct gthread *worker_dispatch(struct worker *w, struct listener *l, const struct seccomp_notif *n, bool nested)
{
	struct gthread *th = NULL;
	enum verdict v;

	lock_acquire(&l->lock);
	v = route(l, n, &th);
	if (v == ROUTE_SERVE) {
		atomic_fetch_add(&l->n_active, 1); /* who serves it */
		if (!nested) {
			l->receiver = NULL;
			listener_promote(l);
		}
	}
	lock_release(&l->lock);
	switch (v) {
	case ROUTE_CONTINUE:
		notify_continue(l, n->id);
		return NULL;
	case ROUTE_RESUME:
		notify_reply(l, n->id, BELL_RESUME);
		return NULL;
	case ROUTE_START:
		gthread_start(th);
		return NULL;
	case ROUTE_BREACH:
		breach(l, n);
		return NULL;
	case ROUTE_SERVE:
		break;
	default:
		return NULL;
	}
	if (!nested)
		return th;
	worker_serves(th, n);
	return NULL;
}

int worker_wait(struct listener *l, struct wait_point *wp, const struct gthread *th)
{
	struct worker *w = worker_self(l->p);
	struct seccomp_notif n;

	wp->worker = w;
	for (;;) {
		/* The word first: the reaper sets abort and the word without our lock. */
		atomic_store(&wp->word, 0);
		if (wp->done || th->dead || (wp->abort && atomic_load(wp->abort)))
			break;
		if (!l->receiver)
			l->receiver = w;
		if (l->receiver == w) {
			lock_release(&l->lock);
			if (notify_recv(w, l, &n) == 0)
				worker_dispatch(w, l, &n, true);
			lock_acquire(&l->lock);
			continue;
		}
		list_add_tail(&wp->link, &l->waiters);
		lock_release(&l->lock);
		futex_wait_word(&wp->word, 0, -1);
		lock_acquire(&l->lock);
		list_del(&wp->link);
	}
	wp->worker = NULL;
	if (l->receiver == w) {
		l->receiver = NULL;
		listener_promote(l);
	}
	return wp->done ? 0 : th->dead ? -ESRCH : -EAGAIN;
}
