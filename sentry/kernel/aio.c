/* SPDX-License-Identifier: MIT */
/* Contexts of asynchronous I/O. */
#include "kernel/aio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXTS_MAX 1024 /* of one process */

struct aio_context {
	struct refs refs;
	struct list_head link; /* tg->aio, by tg->limits_lock; one reference */
	struct kernel *kernel;
	uint64_t id;
	unsigned max;
	struct lock lock; /* RANK_LEAF: what follows */
	bool dead;
	unsigned reserved, first, n;
	struct wait_queue waiters;
	struct aio_event ev[]; /* a ring of max */
};

static size_t cost(unsigned n)
{
	return sizeof(struct aio_context) + n * sizeof(struct aio_event);
}

/* Linux allows so many events in all. */
static int take_quota(struct kernel *k, unsigned n)
{
	if (atomic_fetch_add(&k->aio_nr, n) + n > AIO_MAX_NR) {
		atomic_fetch_sub(&k->aio_nr, n);
		return -EAGAIN;
	}
	return 0;
}

int aio_create(struct task *t, uint64_t id, unsigned n)
{
	struct thread_group *tg = t->tg;
	struct aio_context *c, *o;
	unsigned have = 0;
	int r = take_quota(t->kernel, n);

	if (r < 0)
		return r;
	c = kernel_charge(t->kernel, cost(n)) ? NULL : calloc(1, cost(n));
	if (!c) {
		atomic_fetch_sub(&t->kernel->aio_nr, n);
		return -ENOMEM;
	}
	refs_init(&c->refs);
	c->kernel = t->kernel;
	c->id = id;
	c->max = n;
	lock_init(&c->lock, RANK_LEAF);
	wait_queue_init(&c->waiters);
	lock_acquire(&tg->limits_lock);
	list_for_each_entry(o, &tg->aio, link)
		have++;
	if (have < CONTEXTS_MAX)
		list_add_tail(&c->link, &tg->aio);
	lock_release(&tg->limits_lock);
	if (have < CONTEXTS_MAX)
		return 0;
	aio_put(c);
	return -EAGAIN;
}

static struct aio_context *find(struct thread_group *tg, uint64_t id, bool take)
{
	struct aio_context *c;

	LOCK_SCOPE(&tg->limits_lock);
	list_for_each_entry(c, &tg->aio, link) {
		if (c->id != id)
			continue;
		if (take)
			list_del(&c->link);
		else
			refs_get(&c->refs);
		return c;
	}
	return NULL;
}

struct aio_context *aio_find(struct task *t, uint64_t id)
{
	return find(t->tg, id, false);
}

void aio_put(struct aio_context *c)
{
	if (!c || !refs_put(&c->refs))
		return;
	atomic_fetch_sub(&c->kernel->aio_nr, c->max);
	kernel_uncharge(c->kernel, cost(c->max));
	lock_destroy(&c->lock);
	lock_destroy(&c->waiters.lock);
	free(c);
}

/* Takes over the reference. */
static void end(struct aio_context *c)
{
	lock_acquire(&c->lock);
	c->dead = true;
	lock_release(&c->lock);
	wait_queue_wake(&c->waiters, EPOLLIN);
	aio_put(c);
}

int aio_destroy(struct task *t, uint64_t id)
{
	struct aio_context *c = find(t->tg, id, true);

	if (!c)
		return -EINVAL;
	end(c);
	return 0;
}

void tg_aio_free(struct thread_group *tg)
{
	for (;;) {
		struct aio_context *c = NULL;

		lock_acquire(&tg->limits_lock);
		if (!list_empty(&tg->aio)) {
			c = list_first(&tg->aio, struct aio_context, link);
			list_del(&c->link);
		}
		lock_release(&tg->limits_lock);
		if (!c)
			return;
		end(c);
	}
}

int aio_reserve(struct aio_context *c)
{
	LOCK_SCOPE(&c->lock);
	if (c->n + c->reserved >= c->max)
		return -EAGAIN;
	c->reserved++;
	return 0;
}

void aio_unreserve(struct aio_context *c)
{
	LOCK_SCOPE(&c->lock);
	c->reserved--;
}

void aio_complete(struct aio_context *c, const struct aio_event *ev)
{
	lock_acquire(&c->lock);
	c->reserved--;
	c->ev[(c->first + c->n++) % c->max] = *ev;
	lock_release(&c->lock);
	wait_queue_wake(&c->waiters, EPOLLIN);
}

int aio_take(struct aio_context *c, struct aio_event *ev, unsigned n)
{
	unsigned i;

	LOCK_SCOPE(&c->lock);
	if (c->dead)
		return -EINVAL;
	for (i = 0; i < n && c->n; i++, c->n--) {
		ev[i] = c->ev[c->first];
		c->first = (c->first + 1) % c->max;
	}
	return (int)i;
}

void aio_wait(struct aio_context *c, struct waiter *w)
{
	wait_queue_add(&c->waiters, w);
}
