/* SPDX-License-Identifier: MIT */
/* Guest threads: their life, interrupts, start and end. */
#include "platform/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert(STUB_SIG_INTERRUPT == PLATFORM_SIG_INTERRUPT, "one signal, two names");

struct gthread *gthread_alloc(struct aspace *as, void *owner, unsigned slot_nr)
{
	struct gthread *th = calloc(1, sizeof(*th));

	if (!th)
		return NULL;
	refs_init(&th->refs);
	th->as = as;
	aspace_get(as);
	atomic_init(&th->owner, owner);
	th->slot_nr = slot_nr;
	th->slot = (struct slot *)(void *)(as->slots + slot_nr * SLOT_SIZE);
	th->tail_fd = -1;
	list_init(&th->tid_link);
	list_init(&th->as_link);
	list_init(&th->ring.link);
	return th;
}

void gthread_get(struct gthread *th)
{
	refs_get(&th->refs);
}

void gthread_put(struct gthread *th)
{
	if (!refs_put(&th->refs))
		return;
	if (th->tail_fd >= 0)
		close(th->tail_fd);
	aspace_put(th->as);
	free(th);
}

void gthread_attach(struct gthread *th, pid_t tid)
{
	struct listener *l = th->as->l;

	th->tid = tid;
	listener_add(l, th);
	list_add_tail(&th->as_link, &th->as->threads);
	if (!th->as->pid)
		aspace_publish(th->as, tid);
}

void gthread_detach(struct gthread *th)
{
	if (!list_empty(&th->tid_link))
		th->as->l->n_threads--;
	list_del(&th->tid_link);
	list_del(&th->as_link);
}

void gthread_report_gone(struct gthread *th, bool unexpected)
{
	struct listener *l = th->as->l;

	lock_acquire(&l->lock);
	if (th->telling) {
		th->gone_deferred = true;
		th->gone_unexpected = unexpected;
		lock_release(&l->lock);
		return;
	}
	th->state = TH_GONE;
	gthread_detach(th);
	lock_release(&l->lock);
	th->as->p->client->thread_gone(th, unexpected);
	gthread_put(th);
}

void *gthread_owner(struct gthread *th)
{
	return atomic_load(&th->owner);
}

void gthread_set_owner(struct gthread *th, void *owner)
{
	atomic_store(&th->owner, owner);
}

struct aspace *gthread_aspace(struct gthread *th)
{
	return th->as;
}

pid_t gthread_host_tid(struct gthread *th)
{
	return th->tid;
}

/* --- interrupts -------------------------------------------------------------------------------- */

void gthread_signal(struct gthread *th)
{
	if (!th->dead && !th->signal_sent) {
		th->signal_sent = true;
		tgkill(th->as->pid, th->tid, STUB_SIG_INTERRUPT);
	}
}

void gthread_interrupt(struct gthread *th)
{
	struct listener *l = th->as->l;

	lock_acquire(&l->lock);
	if (th->state == TH_OUT)
		gthread_signal(th);
	else if (th->state != TH_GONE)
		th->interrupted = true;
	lock_release(&l->lock);
}

bool gthread_full(const struct gthread *th)
{
	return th->state == TH_FULL;
}

void gthread_reenter(struct gthread *th)
{
	th->reenter = true;
}

/* --- start and end ----------------------------------------------------------------------------- */

void gthread_exit(struct gthread *th, uint64_t clear_tid)
{
	th->exiting = true;
	th->clear_tid = clear_tid;
}

int gthread_start(struct gthread *th)
{
	struct listener *l = th->as->l;
	struct worker *w = worker_self(th->as->p);
	struct platform *p = th->as->p;
	bool fresh;

	lock_acquire(&l->lock);
	if (th->dead) {
		th->as->killed = true;
		lock_release(&l->lock);
		aspace_kill(th->as); /* reports it */
		return -ESRCH;
	}
	if (!th->rung) {
		th->start_wanted = true;
		lock_release(&l->lock);
		return 0;
	}
	fresh = th->as->fresh;
	th->as->fresh = false;
	th->state = TH_OUT;
	l->n_out++;
	if (th->interrupted) {
		th->interrupted = false;
		gthread_signal(th);
	}
	worker_started(w, l);
	refs_get(&th->refs); /* once answered it may come to its end at any time */
	lock_release(&l->lock);
	poller_join(th);
	gthread_answer(th);
	gthread_put(th);
	if (fresh)
		pool_refill(p);
	return 0;
}
