/* SPDX-License-Identifier: MIT */
/* The sandbox's share of the processors: a look from time to time, and the freezer. */
#include "kernel/quota.h"
#include "kernel/cputime.h"
#include "kernel/freezer.h"
#include "kernel/task.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MIN_NS 4000000
#define NANO 1000000000ull
#define DEBT_PERIODS 10 /* more than that is forgiven */

struct quota {
	struct kernel *kernel;
	_Atomic uint64_t limit_nano;
	_Atomic uint64_t periods, throttled, throttled_ns;
	/* of its thread */
	uint64_t seen; /* processor time at the last look: what has died since may be missing for a moment, nothing goes back */
	int64_t debt;
};

static int add_times(struct thread_group *tg, void *arg)
{
	struct cpu_times *all = arg, cpu;

	tg_cpu_times(tg, &cpu);
	all->utime_ns += cpu.utime_ns;
	all->stime_ns += cpu.stime_ns;
	return 0;
}

void kernel_cpu_times(struct kernel *k, struct cpu_times *ret)
{
	*ret = (struct cpu_times){k->dead_utime_ns, k->dead_stime_ns};
	tg_for_each(k, add_times, ret);
}

static int add_ns(struct thread_group *tg, void *arg)
{
	*(uint64_t *)arg += tg_cpu_ns(tg);
	return 0;
}

static uint64_t used_ns(struct quota *q)
{
	uint64_t all = q->kernel->dead_utime_ns + q->kernel->dead_stime_ns;

	tg_for_each(q->kernel, add_ns, &all);
	if (all > q->seen)
		q->seen = all;
	return q->seen;
}

static void sleep_until(int64_t ns)
{
	struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* Nobody runs until the period is over. */
static void throttle(struct quota *q, int64_t end)
{
	int64_t began = kernel_now_mono();

	if (began >= end)
		return;
	freezer_begin(q->kernel, FREEZE_QUOTA);
	sleep_until(end);
	freezer_end(q->kernel, FREEZE_QUOTA);
	atomic_fetch_add(&q->throttled, 1);
	atomic_fetch_add(&q->throttled_ns, (uint64_t)(kernel_now_mono() - began));
}

/* One period from *begin* on. All processors together use up what is left no sooner than after its share of each. */
static void period(struct quota *q, int64_t begin, int64_t budget)
{
	int64_t end = begin + QUOTA_PERIOD_NS, now = begin, nap;
	uint64_t before = used_ns(q);

	atomic_fetch_add(&q->periods, 1);
	for (;;) {
		int64_t left = budget - q->debt - (int64_t)(used_ns(q) - before);

		now = kernel_now_mono();
		if (left <= 0)
			throttle(q, end);
		if (left <= 0 || now >= end)
			break;
		nap = left / q->kernel->n_cpus;
		nap = nap < LOOK_MIN_NS ? LOOK_MIN_NS : nap;
		sleep_until(now + nap < end ? now + nap : end);
	}
	q->debt += (int64_t)(used_ns(q) - before) - budget;
	if (q->debt < 0)
		q->debt = 0;
	if (q->debt > DEBT_PERIODS * budget)
		q->debt = DEBT_PERIODS * budget;
}

static void *control(void *arg)
{
	struct quota *q = arg;

	for (int64_t begin = kernel_now_mono();;) {
		uint64_t limit = atomic_load(&q->limit_nano);

		if (limit)
			period(q, begin, (int64_t)((unsigned __int128)limit * QUOTA_PERIOD_NS / NANO));
		else
			sleep_until(begin + QUOTA_PERIOD_NS);
		begin = kernel_now_mono();
	}
	return NULL;
}

int quota_set(struct kernel *k, uint64_t cpus_nano)
{
	struct quota *q = k->quota;
	pthread_t thread;
	int r;

	/* As many as there are, or more, is no limit. */
	if (cpus_nano >= k->n_cpus * NANO)
		cpus_nano = 0;
	if (k->quota_held) {
		atomic_store(&k->quota_shown, cpus_nano);
		return 0;
	}
	if (q || !cpus_nano) {
		if (q)
			atomic_store(&q->limit_nano, cpus_nano);
		return 0;
	}
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->kernel = k;
	q->limit_nano = cpus_nano;
	r = -pthread_create(&thread, NULL, control, q);
	if (r) {
		free(q);
		return r;
	}
	pthread_detach(thread);
	atomic_store(&k->quota, q);
	return 0;
}

void quota_held(struct kernel *k)
{
	k->quota_held = true;
}

void quota_read(struct kernel *k, struct quota_stat *ret)
{
	struct quota *q = k->quota;

	*ret = (struct quota_stat){.limit_nano = k->quota_shown};
	if (q)
		*ret = (struct quota_stat){q->limit_nano, q->periods, q->throttled, q->throttled_ns};
}
