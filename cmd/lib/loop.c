/* SPDX-License-Identifier: MIT */
/* The keeper's poll loop. */
#include "cmd/lib/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/lib/str.h"

#define NS_PER_MS 1000000

int64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void loop_watch(struct loop *l, struct watch *w)
{
	if (w->slot)
		return;
	if (l->count == l->size) {
		l->size = l->size ? 2 * l->size : 16;
		l->watches = xrealloc(l->watches, l->size * sizeof(struct watch *));
		l->fds = xrealloc(l->fds, l->size * sizeof(*l->fds));
	}
	/* What it did before it was watched is not for this round. */
	l->fds[l->count] = (struct pollfd){.fd = -1};
	l->watches[l->count++] = w;
	w->slot = l->count;
}

void loop_unwatch(struct loop *l, struct watch *w)
{
	if (w->slot)
		l->watches[w->slot - 1] = NULL;
	w->slot = 0;
}

void loop_untimer(struct loop *l, struct timer *t)
{
	for (struct timer **at = &l->timers; *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	t->on = false;
}

void loop_timer(struct loop *l, struct timer *t, int64_t ms)
{
	struct timer **at = &l->timers;

	loop_untimer(l, t);
	t->due = loop_now() + ms * NS_PER_MS;
	while (*at && (*at)->due <= t->due)
		at = &(*at)->next;
	t->next = *at;
	t->on = true;
	*at = t;
}

static void run_timers(struct loop *l)
{
	int64_t now = l->timers ? loop_now() : 0;

	while (l->timers && l->timers->due <= now) {
		struct timer *t = l->timers;

		l->timers = t->next;
		t->on = false;
		t->fn(t->arg);
	}
}

/* Close the holes, and put down what poll(2) shall look at. */
static void collect(struct loop *l)
{
	size_t to = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct watch *w = l->watches[i];

		if (!w)
			continue;
		l->watches[to] = w;
		l->fds[to++] = (struct pollfd){.fd = w->fd, .events = w->events};
		w->slot = to;
	}
	l->count = to;
}

static int timeout(const struct loop *l, int64_t ms)
{
	int64_t left;

	if (l->timers) {
		left = (l->timers->due - loop_now() + NS_PER_MS - 1) / NS_PER_MS;
		left = left < 0 ? 0 : left;
		ms = ms < 0 || left < ms ? left : ms;
	}
	return ms > 3600000 ? 3600000 : (int)ms;
}

void loop_once(struct loop *l, int64_t ms)
{
	size_t count;
	int n;

	collect(l);
	count = l->count;
	n = poll(l->fds, count, timeout(l, ms));
	for (size_t i = 0; n > 0 && i < count; i++) {
		struct watch *w = l->watches[i];
		short revents = l->fds[i].revents;

		if (w && revents && w->fd == l->fds[i].fd)
			w->fn(w->arg, revents);
	}
	run_timers(l);
}

void loop_free(struct loop *l)
{
	free(l->watches);
	free(l->fds);
	*l = (struct loop){0};
}
