/* SPDX-License-Identifier: MIT */
/* Clocks; interval and POSIX timers. */
#include "kernel/pid_ns.h"
#include "kernel/time.h"
#include "kernel/cpu_clock.h"
#include "kernel/task.h"
#include "mm/mm.h"

#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/time.h>

#define NSEC 1000000000ll
#define POSIX_TIMERS_MAX 1024
#define CPU_POLL_NS 1000000 /* the least distance of two looks at a CPU clock */
#define N_ITIMERS 3

/* One timer of either kind: a period on some clock that ends in a signal. */
struct guest_timer {
	struct refs refs;	 /* of a POSIX timer: the table's, and those of calls that use it */
	struct ktimer kt;
	struct thread_group *tg; /* no reference: the group frees its timers first */
	struct task *task;	 /* SIGEV_THREAD_ID: held */
	clockid_t clock;
	bool cpu;		 /* a CPU clock: looked at by and by */
	struct cpu_clock cpu_clock; /* which, of a POSIX timer; held */
	bool is_itimer;
	int id, signo, notify;
	uint64_t value;
	/* guarded by timer_set.lock */
	_Atomic int64_t expires; /* on *clock*; 0: disarmed; also read without the lock, fire() has the last word */
	int64_t interval;
	int overrun;
};

struct timer_set {
	struct lock lock; /* RANK_TIMERS */
	struct guest_timer *v[POSIX_TIMERS_MAX];
};

struct posix_timers {
	struct timer_set set;
};

struct itimer {
	struct lock lock;
	struct guest_timer v[N_ITIMERS];
};

/* --- clocks --------------------------------------------------------------------------------------------------------- */

static int cpu_clock_now(struct task *t, clockid_t clock, int64_t *ret)
{
	struct cpu_clock c;
	int r = cpu_clock_get(t, clock, true, &c);

	if (r)
		return r;
	*ret = cpu_clock_read(&c);
	cpu_clock_put(&c);
	return 0;
}

int clock_now(struct task *t, clockid_t clock, int64_t *ret)
{
	struct timespec ts;

	if (clock_is_cpu(clock))
		return cpu_clock_now(t, clock, ret);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_TAI:
		if (clock_gettime(clock, &ts))
			return -EINVAL;
		*ret = ts.tv_sec * NSEC + ts.tv_nsec;
		return 0;
	}
	return -EINVAL;
}

/* --- the common timer --------------------------------------------------------------------------------------------------- */

static int64_t timer_now(struct guest_timer *g)
{
	struct timespec ts;

	if (g->cpu && g->is_itimer && g->signo == SIGVTALRM) {
		struct cpu_times c;

		tg_cpu_times(g->tg, &c);
		return (int64_t)c.utime_ns;
	}
	if (g->cpu)
		return g->is_itimer ? (int64_t)tg_cpu_ns(g->tg) : cpu_clock_read(&g->cpu_clock);
	clock_gettime(g->clock, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

/* A shorter interval is not signalled more often, but counts what it misses: the timers' thread is the whole sandbox's. */
#define PERIOD_NS 50000

/*
 * The kernel timer runs on MONOTONIC or REALTIME; other clocks are translated by their distance now. *soonest*: ns from now before
 * which it does not go off.
 */
static void arm_after(struct guest_timer *g, int64_t soonest)
{
	int64_t now = timer_now(g), left = atomic_load(&g->expires) - now;

	if (left < soonest)
		left = soonest;
	if (g->kt.clock == CLOCK_REALTIME) {
		ktimer_arm(&g->kt, now + left);
		return;
	}
	if (g->cpu && left < CPU_POLL_NS)
		left = CPU_POLL_NS;
	ktimer_arm(&g->kt, kernel_now_mono() + left);
}

static void arm(struct guest_timer *g)
{
	arm_after(g, 0);
}

static void notify(struct guest_timer *g, int overrun)
{
	struct ksiginfo info = {.signo = g->signo, .code = g->is_itimer ? SI_KERNEL : SI_TIMER};

	if (g->notify == SIGEV_NONE)
		return;
	if (!g->is_itimer) {
		info.timer.tid = g->id;
		info.timer.overrun = overrun;
		info.timer.value = g->value;
	}
	if (g->task) {
		signal_send_task(g->task, &info);
	} else {
		struct task *busiest = g->cpu ? tg_busiest(g->tg) : NULL;

		signal_send_group_near(g->tg, busiest, &info);
		if (busiest)
			task_put(busiest);
	}
}

static void fire(struct guest_timer *g, struct lock *l)
{
	int64_t now = timer_now(g);
	int overrun = 0;
	bool again;

	lock_acquire(l);
	if (!g->expires) {
		lock_release(l);
		return;
	}
	if (now < g->expires) {
		lock_release(l);
		arm(g); /* a CPU clock that has not come so far, or a wall clock that was set */
		return;
	}
	if (g->interval) {
		int64_t n = (now - g->expires) / g->interval + 1;

		overrun = n - 1 > INT32_MAX ? INT32_MAX : (int)(n - 1);
		g->expires += n * g->interval;
	} else {
		g->expires = 0;
	}
	again = g->expires;
	lock_release(l);
	notify(g, overrun);
	if (again)
		arm_after(g, PERIOD_NS);
}

/* *now*: of its clock, looked at before the lock was taken (a thread's CPU time needs other locks). */
static void remaining(struct guest_timer *g, int64_t now, struct itimerspec_ns *ret)
{
	int64_t left = g->expires ? g->expires - now : 0;

	ret->interval = g->interval;
	ret->value = g->expires && left <= 0 ? 1 : left;
}

static int64_t capped_sum(int64_t a, int64_t b)
{
	int64_t s;

	return __builtin_add_overflow(a, b, &s) ? INT64_MAX / 2 : s;
}

static void set(struct guest_timer *g, struct lock *l, bool absolute, const struct itimerspec_ns *n,
		struct itimerspec_ns *old)
{
	int64_t now = timer_now(g);
	bool on = n->value != 0;

	ktimer_cancel(&g->kt);
	lock_acquire(l);
	if (old)
		remaining(g, now, old);
	g->interval = n->interval;
	g->expires = on ? (absolute ? n->value : capped_sum(now, n->value)) : 0;
	g->overrun = 0;
	lock_release(l);
	if (on)
		arm(g);
}

/* --- interval timers ---------------------------------------------------------------------------------------------------------- */

static void itimer_fire(struct ktimer *kt)
{
	struct guest_timer *g = container_of(kt, struct guest_timer, kt);

	fire(g, &g->tg->itimers->lock);
}

static struct itimer *itimers_of(struct thread_group *tg)
{
	static const int signos[N_ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
	struct itimer *it;
	LOCK_SCOPE(&tg->limits_lock);

	if (tg->itimers)
		return tg->itimers;
	it = calloc(1, sizeof(*it));
	if (!it)
		return NULL;
	lock_init(&it->lock, RANK_TIMERS);
	for (int i = 0; i < N_ITIMERS; i++) {
		struct guest_timer *g = &it->v[i];

		ktimer_init(tg->kernel, &g->kt, CLOCK_MONOTONIC, itimer_fire);
		g->tg = tg;
		g->clock = CLOCK_MONOTONIC;
		g->cpu = i != ITIMER_REAL;
		g->is_itimer = true;
		g->notify = SIGEV_SIGNAL;
		g->signo = signos[i];
	}
	tg->itimers = it;
	return it;
}

int itimer_set(struct task *t, int which, const struct itimerspec_ns *n, struct itimerspec_ns *old)
{
	struct itimer *it;

	if (which < 0 || which >= N_ITIMERS)
		return -EINVAL;
	it = itimers_of(t->tg);
	if (!it)
		return -ENOMEM;
	if (n) {
		set(&it->v[which], &it->lock, false, n, old);
	} else {
		int64_t now = timer_now(&it->v[which]);
		LOCK_SCOPE(&it->lock);

		remaining(&it->v[which], now, old);
	}
	return 0;
}

/* --- POSIX timers ---------------------------------------------------------------------------------------------------------------- */

static void posix_fire(struct ktimer *kt)
{
	struct guest_timer *g = container_of(kt, struct guest_timer, kt);

	fire(g, &g->tg->timers->set.lock);
}

static struct timer_set *timers_of(struct thread_group *tg)
{
	LOCK_SCOPE(&tg->limits_lock);

	if (!tg->timers) {
		tg->timers = calloc(1, sizeof(*tg->timers));
		if (!tg->timers)
			return NULL;
		lock_init(&tg->timers->set.lock, RANK_TIMERS);
	}
	return &tg->timers->set;
}

static int clock_kind(struct task *t, clockid_t clock, struct guest_timer *g)
{
	struct timespec ts;

	g->clock = CLOCK_MONOTONIC;
	if (clock_is_cpu(clock)) {
		g->cpu = true;
		return cpu_clock_get(t, clock, false, &g->cpu_clock);
	}
	switch (clock) {
	case CLOCK_REALTIME:
		g->clock = CLOCK_REALTIME;
		return 0;
	case CLOCK_MONOTONIC:
		return 0;
	case CLOCK_TAI:
	case CLOCK_BOOTTIME:
		g->clock = clock;
		return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM: /* without a clock that could wake the machine there is no such timer */
		return clock_gettime(clock, &ts) ? -EOPNOTSUPP : -EPERM;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	}
	return clock_is_dynamic(clock) ? -EOPNOTSUPP : -EINVAL;
}

static int event_target(struct task *t, const struct sigevent_args *ev, struct task **ret)
{
	struct task *target;

	if (ev->notify == SIGEV_NONE)
		return 0;
	if (ev->signo < 1 || ev->signo > KSIG_MAX)
		return -EINVAL;
	if (ev->notify == SIGEV_SIGNAL || ev->notify == SIGEV_THREAD)
		return 0;
	if (ev->notify != SIGEV_THREAD_ID)
		return -EINVAL;
	target = task_find_vnr(t, ev->tid);
	if (!target || target->tg != t->tg) {
		task_put(target);
		return -EINVAL;
	}
	*ret = target;
	return 0;
}

static void timer_free(struct guest_timer *g)
{
	cpu_clock_put(&g->cpu_clock);
	task_put(g->task);
	free(g);
}

int posix_timer_create(struct task *t, clockid_t clock, const struct sigevent_args *ev)
{
	struct timer_set *s = timers_of(t->tg);
	struct guest_timer *g = s ? calloc(1, sizeof(*g)) : NULL;
	int r;

	if (!g)
		return -ENOMEM;
	r = clock_kind(t, clock, g);
	if (!r)
		r = event_target(t, ev, &g->task);
	if (r) {
		timer_free(g);
		return r;
	}
	ktimer_init(t->kernel, &g->kt, g->clock == CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, posix_fire);
	refs_init(&g->refs);
	g->tg = t->tg;
	g->notify = ev->notify;
	g->signo = ev->signo;
	lock_acquire(&s->lock);
	for (r = 0; r < POSIX_TIMERS_MAX && s->v[r];)
		r++;
	g->id = r;
	g->value = ev->value_is_id ? (uint64_t)r : ev->value;
	if (r < POSIX_TIMERS_MAX)
		s->v[r] = g;
	lock_release(&s->lock);
	if (r < POSIX_TIMERS_MAX)
		return r;
	timer_free(g);
	return -EAGAIN;
}

static void timer_put(struct guest_timer *g)
{
	if (!refs_put(&g->refs))
		return;
	ktimer_cancel(&g->kt);
	timer_free(g);
}

/* Held, so that another thread's timer_delete(2) leaves it to the caller's timer_put(). */
static struct guest_timer *timer_get(struct task *t, int id)
{
	struct guest_timer *g;

	if (!t->tg->timers || id < 0 || id >= POSIX_TIMERS_MAX)
		return NULL;
	lock_acquire(&t->tg->timers->set.lock);
	g = t->tg->timers->set.v[id];
	if (g)
		refs_get(&g->refs);
	lock_release(&t->tg->timers->set.lock);
	return g;
}

int posix_timer_settime(struct task *t, int id, bool absolute, const struct itimerspec_ns *n, struct itimerspec_ns *old)
{
	struct guest_timer *g = timer_get(t, id);

	if (!g)
		return -EINVAL;
	set(g, &t->tg->timers->set.lock, absolute, n, old);
	timer_put(g);
	return 0;
}

int posix_timer_gettime(struct task *t, int id, struct itimerspec_ns *ret)
{
	struct guest_timer *g = timer_get(t, id);
	int64_t now;

	if (!g)
		return -EINVAL;
	now = timer_now(g);
	lock_acquire(&t->tg->timers->set.lock);
	remaining(g, now, ret);
	lock_release(&t->tg->timers->set.lock);
	timer_put(g);
	return 0;
}

int posix_timer_getoverrun(struct task *t, int id)
{
	struct guest_timer *g = timer_get(t, id);
	int n;

	if (!g)
		return -EINVAL;
	lock_acquire(&t->tg->timers->set.lock);
	n = g->overrun;
	lock_release(&t->tg->timers->set.lock);
	timer_put(g);
	return n;
}

void posix_timer_delivered(struct thread_group *tg, int id, int overrun)
{
	if (!tg->timers || id < 0 || id >= POSIX_TIMERS_MAX)
		return; /* a number that the guest made up */
	LOCK_SCOPE(&tg->timers->set.lock);
	if (tg->timers->set.v[id])
		tg->timers->set.v[id]->overrun = overrun;
}

/* Take it out of the table; the caller's is the reference that it had. NULL: another thread was faster. */
static struct guest_timer *timer_take(struct timer_set *s, int id)
{
	LOCK_SCOPE(&s->lock);
	struct guest_timer *g = s->v[id];

	if (!g)
		return NULL;
	s->v[id] = NULL;
	g->expires = 0;
	return g;
}

int posix_timer_delete(struct task *t, int id)
{
	struct guest_timer *g = NULL;

	if (t->tg->timers && id >= 0 && id < POSIX_TIMERS_MAX)
		g = timer_take(&t->tg->timers->set, id);
	if (!g)
		return -EINVAL;
	timer_put(g);
	return 0;
}

static void show_timer(FILE *out, const struct pid_ns *ns, const struct guest_timer *g)
{
	static const char *const kinds[] = {"signal", "none", "thread", "?"};
	bool one_thread = g->notify & SIGEV_THREAD_ID;

	fprintf(out, "ID: %d\nsignal: %d/%016llx\nnotify: %s/%s.%d\nClockID: %d\n", g->id, g->signo,
		(unsigned long long)g->value, kinds[g->notify & ~SIGEV_THREAD_ID & 3], one_thread ? "tid" : "pid",
		pid_nr_ns(ns, one_thread && g->task ? g->task->tid : g->tg->pid), g->clock);
}

ssize_t posix_timers_show(struct thread_group *tg, const struct pid_ns *ns, char **ret)
{
	struct posix_timers *p;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	lock_acquire(&tg->siglock); /* keeps the table from being freed */
	p = tg->timers;
	if (p) {
		lock_acquire(&p->set.lock);
		for (int i = 0; i < POSIX_TIMERS_MAX; i++)
			if (p->set.v[i])
				show_timer(out, ns, p->set.v[i]);
		lock_release(&p->set.lock);
	}
	lock_release(&tg->siglock);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return (ssize_t)size;
}

void tg_posix_timers_free(struct thread_group *tg)
{
	struct posix_timers *p = tg->timers;

	if (!p)
		return;
	for (int i = 0; i < POSIX_TIMERS_MAX; i++) {
		struct guest_timer *g = timer_take(&p->set, i);

		if (g)
			timer_put(g);
	}
	lock_acquire(&tg->siglock); /* /proc/PID/timers may be looking */
	tg->timers = NULL;
	lock_release(&tg->siglock);
	lock_destroy(&p->set.lock);
	free(p);
}

void tg_timers_free(struct thread_group *tg)
{
	struct itimer *it = tg->itimers;

	tg_posix_timers_free(tg);
	if (!it)
		return;
	for (int i = 0; i < N_ITIMERS; i++) {
		lock_acquire(&it->lock);
		it->v[i].expires = 0;
		lock_release(&it->lock);
		ktimer_cancel(&it->v[i].kt);
	}
	tg->itimers = NULL;
	lock_destroy(&it->lock);
	free(it);
}
