/* SPDX-License-Identifier: MIT */
/* Wait queues. */
#include "lib/wait.h"

#include <stdatomic.h>

void wait_queue_init(struct wait_queue *q)
{
	lock_init(&q->lock, RANK_WAITQ);
	list_init(&q->waiters);
	q->lazy = false;
}

void wait_queue_add(struct wait_queue *q, struct waiter *w)
{
	lock_acquire(&q->lock);
	w->queue = q;
	/* Exclusive waiters stand at the back so that wake_one() tells every other waiter first. */
	if (w->exclusive)
		list_add_tail(&w->link, &q->waiters);
	else
		list_add(&w->link, &q->waiters);
	if (q->lazy && w->lazy)
		atomic_fetch_add(w->lazy, 1);
	lock_release(&q->lock);
}

void wait_queue_remove(struct waiter *w)
{
	struct wait_queue *q = w->queue;

	if (!q)
		return;
	lock_acquire(&q->lock);
	list_del(&w->link);
	w->queue = NULL;
	if (q->lazy && w->lazy)
		atomic_fetch_sub(w->lazy, 1);
	lock_release(&q->lock);
}

static void wake(struct wait_queue *q, uint32_t events, bool one)
{
	struct waiter *w, *tmp;

	lock_acquire(&q->lock);
	list_for_each_entry_safe(w, tmp, &q->waiters, link) {
		if (!(events & (w->mask | EPOLLERR | EPOLLHUP)))
			continue;
		w->notify(w, events);
		if (one && w->exclusive)
			break;
	}
	lock_release(&q->lock);
}

void wait_queue_wake(struct wait_queue *q, uint32_t events)
{
	wake(q, events, false);
}

void wait_queue_wake_one(struct wait_queue *q, uint32_t events)
{
	wake(q, events, true);
}
