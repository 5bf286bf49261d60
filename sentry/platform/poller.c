/* SPDX-License-Identifier: MIT */
/*
 * The poller: one worker that looks at the slots of guest threads which make many calls through the fast entry, so that
 * neither side enters the host's kernel. It runs only while that pays: it starts after a few calls in quick succession,
 * and ends when nothing comes, when the guest runs on its processor, or when an entry that it serves goes to sleep. A
 * stub that finds no poller, or waits too long for it, makes the call plainly: nothing depends on the poller.
 */
#include "platform/internal.h"

#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STREAK 4	  /* calls in a row before it starts */
#define STREAK_NS 60000	  /* so close together */
#define IDLE_NS 100000	  /* ends after this long without a request */
#define WORTH 32	  /* a run that served fewer was in the way: */
#define PAUSE_NS 10000000 /* not again so soon */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

void poller_init(struct platform *p)
{
	cpu_set_t set;

	/* Those we may run on, not those there are. */
	p->poll_cpu = UINT32_MAX;
	p->n_cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	pthread_mutex_init(&p->poll_lock, NULL);
}

static void set_on(struct gthread *th, bool on, unsigned cpu)
{
	__atomic_store_n(&th->slot->poller_cpu, cpu, __ATOMIC_RELAXED);
	__atomic_store_n(&th->slot->poller_on, on, __ATOMIC_SEQ_CST);
}

/* Have the poller look at *th* too. poll_lock is held. */
static void add_polled(struct platform *p, struct gthread *th)
{
	for (unsigned i = 0; i < p->n_polled; i++)
		if (p->polled[i] == th)
			return;
	if (p->n_polled == POLL_MAX)
		return;
	refs_get(&th->refs);
	p->polled[p->n_polled] = th;
	/* The poller reads the set without the lock. */
	__atomic_store_n(&p->n_polled, p->n_polled + 1, __ATOMIC_RELEASE);
	set_on(th, true, p->poll_cpu);
}

/* Forget all threads. */
static void drop_all(struct platform *p)
{
	struct gthread *dropped[POLL_MAX];
	unsigned n;

	pthread_mutex_lock(&p->poll_lock);
	n = p->n_polled;
	memcpy(dropped, p->polled, sizeof(dropped));
	__atomic_store_n(&p->n_polled, 0, __ATOMIC_RELEASE);
	atomic_store(&p->poller, NULL);
	pthread_mutex_unlock(&p->poll_lock);
	for (unsigned i = 0; i < n; i++) {
		set_on(dropped[i], false, 0);
		gthread_put(dropped[i]);
	}
}

void poller_consider(struct gthread *th)
{
	struct platform *p = th->as->p;
	int64_t now;
	bool start = false;

	if (!p->opt.poller || p->n_cpus < 2)
		return;
	now = now_ns();
	pthread_mutex_lock(&p->poll_lock);
	p->poll_streak = now - p->poll_last_ns < STREAK_NS ? p->poll_streak + 1 : 0;
	p->poll_last_ns = now;
	if (p->poll_streak >= STREAK && now >= p->poll_not_before_ns) {
		p->poll_streak = 0;
		start = !p->poller && !p->n_polled;
		add_polled(p, th);
	}
	pthread_mutex_unlock(&p->poll_lock);
	if (start && worker_assign(p, &(struct job){.kind = JOB_POLL}) < 0) {
		drop_all(p);
		pthread_mutex_lock(&p->poll_lock);
		p->poll_not_before_ns = now + PAUSE_NS;
		pthread_mutex_unlock(&p->poll_lock);
	}
}

void poller_stop(struct worker *w)
{
	w->polling = false;
	drop_all(w->p);
}

static void set_cpu(struct platform *p, unsigned cpu)
{
	pthread_mutex_lock(&p->poll_lock);
	p->poll_cpu = cpu;
	for (unsigned i = 0; i < p->n_polled; i++)
		__atomic_store_n(&p->polled[i]->slot->poller_cpu, cpu, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&p->poll_lock);
}

/* Serve whoever has asked; tells whether there was one. */
static bool scan(struct worker *w)
{
	struct platform *p = w->p;
	bool hit = false;

	for (unsigned i = 0; i < POLL_MAX && w->polling; i++) {
		struct gthread *th;
		uint32_t req = FAST_REQ;

		/* Only the poller itself takes threads out of the set, so what is in it stays valid here. */
		if (i >= __atomic_load_n(&p->n_polled, __ATOMIC_ACQUIRE))
			break;
		th = p->polled[i];
		if (__atomic_load_n(&th->slot->fast_state, __ATOMIC_ACQUIRE) != FAST_REQ ||
			!__atomic_compare_exchange_n(
				&th->slot->fast_state, &req, FAST_BUSY, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			continue;
		hit = true;
		gthread_serve_fast(w, th);
	}
	return hit;
}

void poller_run(struct worker *w)
{
	struct platform *p = w->p;
	unsigned cpu = UINT32_MAX, turns = 0, served = 0;
	int64_t last = now_ns();

	w->polling = true;
	atomic_store(&p->poller, w);
	while (w->polling) {
		unsigned here = (unsigned)sched_getcpu();

		if (here != cpu) {
			cpu = here;
			set_cpu(p, cpu);
		}
		if (scan(w)) {
			served++;
			turns = 0;
			continue;
		}
		__builtin_ia32_pause();
		if (turns++ == 0)
			last = now_ns();
		if (turns % 64 == 0 && now_ns() - last > IDLE_NS && w->polling)
			poller_stop(w);
	}
	if (served < WORTH) {
		pthread_mutex_lock(&p->poll_lock);
		p->poll_not_before_ns = now_ns() + PAUSE_NS;
		pthread_mutex_unlock(&p->poll_lock);
	}
}
