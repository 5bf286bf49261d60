/* SPDX-License-Identifier: MIT */
/* Kernel timers: one heap a clock, one thread. */
#include "kernel/timers.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define NSEC 1000000000ll

struct timer_heap {
	struct ktimer **v;
	size_t n, cap;
};

struct timer_queue {
	pthread_mutex_t lock; /* pthread's own: the condition variable needs it; rank as RANK_TIMERS, nothing is taken under it */
	pthread_cond_t wake;  /* new earliest deadline, or a callback has ended */
	struct timer_heap mono, real;
	struct ktimer *running;
	pthread_t thread;
	bool started;
};

int64_t kernel_now_real(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

int64_t kernel_now_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

static struct timer_heap *heap_of(struct timer_queue *q, struct ktimer *t)
{
	return t->clock == CLOCK_REALTIME ? &q->real : &q->mono;
}

static void put(struct timer_heap *h, size_t i, struct ktimer *t)
{
	h->v[i] = t;
	t->heap_index = i;
}

static void sift_up(struct timer_heap *h, size_t i)
{
	struct ktimer *t = h->v[i];

	for (; i > 0 && t->deadline_ns < h->v[(i - 1) / 2]->deadline_ns; i = (i - 1) / 2)
		put(h, i, h->v[(i - 1) / 2]);
	put(h, i, t);
}

static void sift_down(struct timer_heap *h, size_t i)
{
	struct ktimer *t = h->v[i];

	for (size_t c; (c = 2 * i + 1) < h->n; i = c) {
		if (c + 1 < h->n && h->v[c + 1]->deadline_ns < h->v[c]->deadline_ns)
			c++;
		if (t->deadline_ns <= h->v[c]->deadline_ns)
			break;
		put(h, i, h->v[c]);
	}
	put(h, i, t);
}

static void heap_remove(struct timer_heap *h, struct ktimer *t)
{
	size_t i = t->heap_index;
	struct ktimer *last = h->v[--h->n];

	t->armed = false;
	if (last == t)
		return;
	put(h, i, last);
	sift_up(h, i);
	sift_down(h, last->heap_index);
}

static bool heap_add(struct timer_heap *h, struct ktimer *t)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 64;
		struct ktimer **v = realloc(h->v, cap * sizeof(struct ktimer *));

		if (!v)
			return false;
		h->v = v;
		h->cap = cap;
	}
	put(h, h->n++, t);
	sift_up(h, h->n - 1);
	t->armed = true;
	return true;
}

void ktimer_init(struct kernel *k, struct ktimer *t, clockid_t clock, void (*fn)(struct ktimer *t))
{
	*t = (struct ktimer){.kernel = k, .fn = fn, .clock = clock};
}

void ktimer_arm(struct ktimer *t, int64_t deadline_ns)
{
	struct timer_queue *q = t->kernel->timers;
	struct timer_heap *h = heap_of(q, t);

	pthread_mutex_lock(&q->lock);
	if (t->armed)
		heap_remove(h, t);
	t->deadline_ns = deadline_ns;
	/* Out of memory: the slot of a timer that fires is reused, so only growth can fail; fire at once then, never late. */
	if (!heap_add(h, t)) {
		pthread_mutex_unlock(&q->lock);
		t->fn(t);
		return;
	}
	if (h->v[0] == t)
		pthread_cond_broadcast(&q->wake);
	pthread_mutex_unlock(&q->lock);
}

bool ktimer_cancel(struct ktimer *t)
{
	struct timer_queue *q = t->kernel->timers;
	bool was;

	pthread_mutex_lock(&q->lock);
	was = t->armed;
	if (was)
		heap_remove(heap_of(q, t), t);
	while (q->running == t && !(q->started && pthread_equal(pthread_self(), q->thread)))
		pthread_cond_wait(&q->wake, &q->lock);
	if (t->armed) /* its callback armed it again meanwhile */
		heap_remove(heap_of(q, t), t);
	pthread_mutex_unlock(&q->lock);
	return was;
}

/* The timer that is the longest overdue, or NULL and the time to wait until (monotonic; -1: none). */
static struct ktimer *due(struct timer_queue *q, int64_t *until)
{
	int64_t mono = kernel_now_mono(), wait;
	struct ktimer *t = NULL;

	*until = -1;
	if (q->mono.n) {
		*until = q->mono.v[0]->deadline_ns;
		if (*until <= mono)
			t = q->mono.v[0];
	}
	if (q->real.n) {
		wait = q->real.v[0]->deadline_ns - kernel_now_real();
		/* Neither clock's timers keep the other's waiting. */
		if (wait <= 0 && (!t || wait < *until - mono))
			return q->real.v[0];
		/* The wall clock may be set: look again at least once a second. */
		if (wait > NSEC)
			wait = NSEC;
		if (*until < 0 || mono + wait < *until)
			*until = mono + wait;
	}
	return t;
}

static void *timer_thread(void *arg)
{
	struct timer_queue *q = arg;
	int64_t until;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		struct ktimer *t = due(q, &until);
		struct timespec ts = {until / NSEC, until % NSEC};

		if (t) {
			heap_remove(heap_of(q, t), t);
			q->running = t;
			pthread_mutex_unlock(&q->lock);
			t->fn(t);
			pthread_mutex_lock(&q->lock);
			q->running = NULL;
			pthread_cond_broadcast(&q->wake);
		} else if (until < 0) {
			pthread_cond_wait(&q->wake, &q->lock);
		} else {
			pthread_cond_timedwait(&q->wake, &q->lock, &ts);
		}
	}
	return NULL;
}

int timers_create(struct kernel *k)
{
	struct timer_queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t a;

	if (!q)
		return -ENOMEM;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&q->wake, &a);
	pthread_condattr_destroy(&a);
	k->timers = q;
	return 0;
}

int timers_start(struct kernel *k)
{
	int r = pthread_create(&k->timers->thread, NULL, timer_thread, k->timers);

	k->timers->started = r == 0;
	return -r;
}
