/* SPDX-License-Identifier: MIT */
/*
 * The load averages: every five seconds the tasks that run, or want to, are counted, and the three averages move towards that
 * number, as Linux computes them. getloadavg(3), proc_loadavg(5).
 */
#include "fs/procfs_internal.h"

#include "kernel/host_thread.h"
#include "kernel/time.h"
#include "kernel/timers.h"

#include <stdlib.h>

#define LOAD_PERIOD_NS 5000000000ll
#define LOAD_SHIFT 11
#define LOAD_ONE (1ull << LOAD_SHIFT)
#define BUSY_NS 10000000 /* a process that used less than this in a period was asleep all the time, or almost */
#define BATCH 32	 /* threads of one process that are looked at */

struct load_averages {
	struct ktimer timer;
	_Atomic uint64_t avg[3]; /* fixed point, LOAD_SHIFT bits */
};

/* e to the -5/60, -5/300 and -5/900, in the same fixed point. */
static const uint64_t decay[3] = {1884, 2014, 2037};

bool proc_task_running(struct task *t)
{
	struct host_thread h;

	if (t->state != TASK_RUNNING)
		return false;
	return !atomic_load(&t->in_guest) || !host_thread_stat(t, false, &h) || h.state != 'S';
}

unsigned proc_running_threads(struct thread_group *tg)
{
	struct task *v[BATCH], *t;
	unsigned n = 0, running = 0;

	lock_acquire(&tg->kernel->tasklist_lock);
	list_for_each_entry(t, &tg->threads, tg_link) {
		if (t->state != TASK_RUNNING)
			continue;
		task_get(v[n++] = t);
		if (n == BATCH)
			break;
	}
	lock_release(&tg->kernel->tasklist_lock);
	for (unsigned i = 0; i < n; i++) {
		running += proc_task_running(v[i]);
		task_put(v[i]);
	}
	return running;
}

static int count_group(struct thread_group *tg, void *arg)
{
	uint64_t cpu = tg_cpu_ns(tg), before = atomic_exchange(&tg->load_cpu_ns, cpu);

	if (!tg->zombie && cpu - before >= BUSY_NS) {
		/* One that makes call after call is seen asleep in many of them; its CPU time tells. */
		unsigned busy = (unsigned)((cpu - before + LOAD_PERIOD_NS * 4 / 5) / LOAD_PERIOD_NS);
		unsigned running = proc_running_threads(tg);

		*(unsigned *)arg += running > busy ? running : busy;
	}
	return 0;
}

static void tick(struct ktimer *timer)
{
	struct load_averages *l = (struct load_averages *)((char *)timer - offsetof(struct load_averages, timer));
	unsigned running = 0;

	tg_for_each(timer->kernel, count_group, &running);
	for (int i = 0; i < 3; i++) {
		uint64_t active = running * LOAD_ONE, old = l->avg[i], sum = old * decay[i] + active * (LOAD_ONE - decay[i]);

		if (active >= old)
			sum += LOAD_ONE - 1;
		l->avg[i] = sum >> LOAD_SHIFT;
	}
	ktimer_arm(timer, kernel_now_mono() + LOAD_PERIOD_NS);
}

void load_averages_start(struct kernel *k)
{
	struct load_averages *l = k->load ? NULL : calloc(1, sizeof(*l));

	if (!l)
		return; /* without memory for it the averages stay zero */
	ktimer_init(k, &l->timer, CLOCK_MONOTONIC, tick);
	k->load = l;
	ktimer_arm(&l->timer, kernel_now_mono() + LOAD_PERIOD_NS);
}

void load_averages(struct kernel *k, int shift, uint64_t ret[3])
{
	for (int i = 0; i < 3; i++)
		ret[i] = k->load ? k->load->avg[i] << (shift - LOAD_SHIFT) : 0;
}
