/* SPDX-License-Identifier: MIT */
/*
 * The poller: one worker that looks at the slots of guest threads which make many calls by the slot, so that neither side enters the
 * host's kernel. It runs only while that pays: it starts after a few calls in quick succession, and ends when few come, when the
 * guest runs on its processor, or when others want that processor and the calls are too few to be worth it. A stub that finds no
 * poller, or waits too long for it, rings: nothing depends on the poller.
 */
#include "platform/internal.h"

#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STREAK 8	     /* calls in a row before it starts */
#define STREAK_NS 40000	     /* so close together */
#define IDLE_NS 100000	     /* ends after this long without a request */
#define LOOK_TURNS 64u	     /* of nothing to do, between looks at the clock; */
#define LOOK_SERVED 1024u    /* of requests */
#define WINDOW_NS 1000000    /* how long calls are counted */
#define WINDOW_MIN 16u	     /* fewer of them in a window do not pay even for an idle processor */
#define WINDOW_BUSY 300u     /* nor these for one that somebody else wants: a call saves 2 us */
#define WORTH 32u	     /* nor a run with fewer of them */
#define HOPS 16u	     /* nor threads that wait for each other: each wake-up from here crosses processors, */
#define HOPS_SHARE 8u	     /* if there are so many calls for each one, or fewer */
#define GAP_NS 400000	     /* between two looks: somebody else has had the processor */
#define PAUSE_NS 8000000ll   /* not again so soon after a run that did not pay; doubled each time, */
#define PAUSE_MAX_NS 256000000ll /* up to this */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

void poller_init(struct platform *p)
{
	/* Those we may run on, not those there are. */
	p->poll_cpu = UINT32_MAX;
	p->poll_pause_ns = PAUSE_NS;
	p->n_cpus = sched_getaffinity(0, sizeof(p->cpus), &p->cpus) == 0 ? (unsigned)CPU_COUNT(&p->cpus) : 1;
	pthread_mutex_init(&p->poll_lock, NULL);
}

static void set_on(struct gthread *th, bool on, unsigned cpu)
{
	__atomic_store_n(&th->slot->poller_cpu, cpu, __ATOMIC_RELAXED);
	__atomic_store_n(&th->slot->poller_on, on, __ATOMIC_RELEASE);
}

static bool is_over(const struct gthread *th)
{
	LOCK_SCOPE(&th->as->l->lock);

	return th->state == TH_GONE || th->dead;
}

/* Have the poller look at *th* too. poll_lock is held. */
static void add_polled(struct platform *p, struct gthread *th)
{
	for (unsigned i = 0; i < p->n_polled; i++)
		if (p->polled[i] == th) {
			set_on(th, true, p->poll_cpu); /* one whose slot was another's may have lost it with that one */
			return;
		}
	if (p->n_polled == POLL_MAX)
		return;
	refs_get(&th->refs);
	p->polled[p->n_polled] = th;
	p->polled_at[p->n_polled] = p->poll_round;
	/* The poller reads the set without the lock. */
	__atomic_store_n(&p->n_polled, p->n_polled + 1, __ATOMIC_RELEASE);
	set_on(th, true, p->poll_cpu);
}

/* Forget all threads. The thread whose entry *w*, the poller, serves keeps its reference until that is over. */
static void drop_all(struct platform *p, struct worker *w)
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
		set_on(dropped[i], false, UINT32_MAX);
		if (w && w->current == dropped[i])
			w->keep = dropped[i];
		else
			gthread_put(dropped[i]);
	}
}

/* Only the poller itself takes threads out of the set, between two entries. */
static void drop_one(struct platform *p, unsigned i)
{
	struct gthread *th = p->polled[i];

	pthread_mutex_lock(&p->poll_lock);
	p->polled[i] = p->polled[p->n_polled - 1];
	p->polled_at[i] = p->polled_at[p->n_polled - 1];
	__atomic_store_n(&p->n_polled, p->n_polled - 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&p->poll_lock);
	set_on(th, false, UINT32_MAX);
	gthread_put(th);
}

static void pause_polling(struct platform *p, int64_t now, bool paid)
{
	pthread_mutex_lock(&p->poll_lock);
	if (paid) {
		p->poll_pause_ns = PAUSE_NS;
	} else {
		p->poll_not_before_ns = now + p->poll_pause_ns;
		if (p->poll_pause_ns < PAUSE_MAX_NS)
			p->poll_pause_ns *= 2;
	}
	pthread_mutex_unlock(&p->poll_lock);
}

void poller_consider(struct gthread *th)
{
	struct platform *p = th->as->p;
	bool start = false;
	int64_t now;

	if (!p->opt.poller || p->n_cpus < 2)
		return;
	if (atomic_load_explicit(&p->poller, memory_order_relaxed)) {
		if (!__atomic_load_n(&th->slot->poller_on, __ATOMIC_RELAXED))
			poller_join(th);
		else
			atomic_store_explicit(&p->poll_missed, sched_getcpu() + 1, memory_order_relaxed);
		return;
	}
	now = now_ns();
	th->streak = now - th->streak_ns < STREAK_NS ? th->streak + 1 : 0;
	th->streak_ns = now;
	if (th->streak < STREAK || now < atomic_load_explicit(&p->poll_not_before_ns, memory_order_relaxed))
		return;
	th->streak = 0;
	pthread_mutex_lock(&p->poll_lock);
	start = !p->poller && !p->n_polled;
	p->poll_guest_cpu = (unsigned)sched_getcpu(); /* a bell and its worker share a processor (SYNC_WAKE_UP) */
	add_polled(p, th);
	pthread_mutex_unlock(&p->poll_lock);
	if (start && worker_assign(p, &(struct job){.kind = JOB_POLL}) < 0) {
		drop_all(p, NULL);
		pause_polling(p, now, false);
	}
}

void poller_join(struct gthread *th)
{
	struct platform *p = th->as->p;

	if (!atomic_load_explicit(&p->poller, memory_order_relaxed))
		return;
	pthread_mutex_lock(&p->poll_lock);
	if (p->poller)
		add_polled(p, th);
	pthread_mutex_unlock(&p->poll_lock);
}

void poller_stop(struct worker *w)
{
	w->polling = false;
	drop_all(w->p, w);
}

static void set_cpu(struct platform *p, unsigned cpu)
{
	pthread_mutex_lock(&p->poll_lock);
	p->poll_cpu = cpu;
	for (unsigned i = 0; i < p->n_polled; i++)
		__atomic_store_n(&p->polled[i]->slot->poller_cpu, cpu, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&p->poll_lock);
}

/* Serve whoever has asked; returns how many had. */
static unsigned scan(struct worker *w)
{
	struct platform *p = w->p;
	unsigned hits = 0;

	for (unsigned i = 0; i < POLL_MAX && w->polling; i++) {
		struct gthread *th;

		/* Only the poller itself takes threads out of the set, so what is in it stays valid here. */
		if (i >= __atomic_load_n(&p->n_polled, __ATOMIC_ACQUIRE))
			break;
		th = p->polled[i];
		if (__atomic_load_n(&th->slot->fast_state, __ATOMIC_ACQUIRE) != FAST_REQ)
			continue;
		hits++;
		p->polled_at[i] = p->poll_round;
		gthread_serve_fast(w, th);
	}
	return hits;
}

/* What the poller knows of its own run. */
struct run {
	unsigned cpu, turns, since_look, in_window;
	uint64_t served;
	int64_t looked, hit, window; /* times: of the last look, of the last request seen by one, of the window's begin */
	int64_t run;		     /* how long it has run */
	bool hopping;		     /* threads wait for each other */
	bool shared, ever_shared;    /* somebody else has had the processor: in this window, in this run */
};

/* Threads that have come to their end, or asked for nothing for two windows, make room for others. */
static void tidy(struct platform *p)
{
	p->poll_round++;
	for (unsigned n = __atomic_load_n(&p->n_polled, __ATOMIC_ACQUIRE), i = n; i-- > 0;)
		if (is_over(p->polled[i]) || (n == POLL_MAX && p->poll_round - p->polled_at[i] > 2))
			drop_one(p, i);
}

/* Does it still pay? Called now and then. */
static bool look(struct platform *p, struct worker *w, struct run *r)
{
	int64_t now = now_ns();
	unsigned here = (unsigned)sched_getcpu(), fewest;

	if (here != r->cpu)
		set_cpu(p, r->cpu = here);
	if (now - r->looked > GAP_NS && !r->since_look) {
		r->shared = r->ever_shared = true;
		r->window += now - r->looked; /* nobody could ask then, as a rule */
		r->hit = now;
	} else {
		r->run += now - r->looked;
	}
	r->looked = now;
	if (r->since_look)
		r->hit = now;
	r->in_window += r->since_look;
	r->since_look = 0;
	if (now - r->hit > IDLE_NS)
		return false;
	/* Somebody rings on our processor, where we are in the way. */
	if ((unsigned)atomic_exchange_explicit(&p->poll_missed, 0, memory_order_relaxed) == here + 1)
		return false;
	if (w->hops > HOPS && w->hops > r->served / HOPS_SHARE) {
		r->hopping = true;
		return false;
	}
	if (now - r->window < WINDOW_NS)
		return true;
	fewest = r->shared ? WINDOW_BUSY : WINDOW_MIN;
	if (r->in_window < fewest)
		return false;
	r->window = now;
	r->in_window = 0;
	r->shared = false;
	tidy(p);
	return true;
}

/* A guest that has to share its processor with the poller gets nothing done. */
static void leave_cpu(struct platform *p, unsigned cpu)
{
	cpu_set_t set = p->cpus;

	if (cpu < CPU_SETSIZE)
		CPU_CLR(cpu, &set);
	if (CPU_COUNT(&set))
		sched_setaffinity(0, sizeof(set), &set);
}

static void stay_anywhere(struct platform *p)
{
	sched_setaffinity(0, sizeof(p->cpus), &p->cpus);
}

void poller_run(struct worker *w)
{
	struct platform *p = w->p;
	struct run r = {.cpu = UINT32_MAX};

	leave_cpu(p, p->poll_guest_cpu);
	w->polling = true;
	w->hops = 0;
	r.looked = r.hit = r.window = now_ns();
	atomic_store(&p->poll_missed, 0);
	atomic_store(&p->poller, w);
	set_cpu(p, r.cpu = (unsigned)sched_getcpu());
	while (w->polling) {
		unsigned n = scan(w);

		r.served += n;
		r.since_look += n;
		if (!n)
			__builtin_ia32_pause();
		if (n ? r.since_look < LOOK_SERVED : ++r.turns % LOOK_TURNS)
			continue;
		if (w->polling && !look(p, w, &r))
			poller_stop(w);
	}
	stay_anywhere(p);
	pause_polling(p, now_ns(), !r.hopping && r.served >= (r.ever_shared ? (uint64_t)r.run * WINDOW_BUSY / WINDOW_NS : WORTH));
}
