/* SPDX-License-Identifier: MIT */
/*
 * On one processor. Where a stub and we answer each other several times in a row, and some of the wake-ups are not of the kind that pulls
 * the woken one to the waker's processor, the two of us end up on two, each waking the other out of an idle one: that takes ten times longer than
 * all the rest. A wish: what cannot be had is left.
 */
#include "platform/internal.h"

#include <time.h>

#define SPLIT_NS 20000 /* a descriptor is given in some 3 us, 40 and more across processors */
#define SPLIT_RUN 64   /* so often we stay together then, which costs 2 us each */

void stay_here(const struct gthread *th, bool both, struct stay *st)
{
	int cpu = sched_getcpu();
	cpu_set_t here;

	st->stub = st->worker = false;
	if (th->as->p->n_cpus < 2 || cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(th->tid, sizeof(st->before), &st->before) < 0 ||
		!CPU_ISSET(cpu, &st->before))
		return;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	st->stub = sched_setaffinity(th->tid, sizeof(here), &here) == 0;
	st->worker = both && sched_getaffinity(0, sizeof(st->own), &st->own) == 0 && sched_setaffinity(0, sizeof(here), &here) == 0;
}

void stay_no_more(const struct gthread *th, const struct gthread *child, const struct stay *st)
{
	if (st->worker)
		sched_setaffinity(0, sizeof(st->own), &st->own);
	if (!st->stub)
		return;
	sched_setaffinity(th->tid, sizeof(st->before), &st->before);
	if (child && child->tid)
		sched_setaffinity(child->tid, sizeof(st->before), &st->before);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int give(struct gthread *th, uint64_t id, const struct order_fd *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int r = notify_add_fd(th->as->l, id, fds[i].src, fds[i].fd);

		if (r < 0)
			return r;
	}
	return notify_reply(th->as->l, id, n ? fds[n - 1].fd : BELL_ORDERS);
}

int stay_and_give(struct gthread *th, uint64_t id, const struct order_fd *fds, unsigned n)
{
	struct stay st = {0};
	int64_t begin;
	int r;

	if (!n)
		return give(th, id, fds, n);
	if (th->split) {
		th->split--;
		stay_here(th, true, &st);
		r = give(th, id, fds, n);
		stay_no_more(th, NULL, &st);
		return r;
	}
	begin = now_ns();
	r = give(th, id, fds, n);
	if (now_ns() - begin > (int64_t)(SPLIT_NS * n))
		th->split = SPLIT_RUN;
	return r;
}
