/* SPDX-License-Identifier: MIT */
/* CPU clocks by number: the pid, inverted, and three bits of kind. */
#include "kernel/cpu_clock.h"
#include "kernel/cputime.h"
#include "kernel/pid_ns.h"
#include "kernel/task.h"

#define PER_THREAD 4
#define KIND_MASK 3
#define DYNAMIC 3

bool clock_is_dynamic(clockid_t clock)
{
	return clock < 0 && (clock & 7) == DYNAMIC;
}

bool clock_is_cpu(clockid_t clock)
{
	return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID || (clock < 0 && !clock_is_dynamic(clock));
}

static int pid_of(clockid_t clock)
{
	return ~(clock >> 3);
}

bool cpu_clock_is_own_thread(const struct task *t, clockid_t clock)
{
	if (clock >= 0)
		return clock == CLOCK_THREAD_CPUTIME_ID;
	return (clock & PER_THREAD) && (pid_of(clock) == 0 || pid_of(clock) == task_vnr(t, t));
}

static int hold_group(struct cpu_clock *c, struct thread_group *tg)
{
	tg_get(tg);
	c->tg = tg;
	return 0;
}

static int hold_task(struct cpu_clock *c, struct task *x)
{
	task_get(x);
	c->task = x;
	return 0;
}

static int find_thread(struct task *t, int nr, struct cpu_clock *ret)
{
	struct task *x = task_find_vnr(t, nr);

	if (x && x->tg == t->tg) {
		ret->task = x;
		return 0;
	}
	task_put(x);
	return -EINVAL;
}

int cpu_clock_get(struct task *t, clockid_t clock, bool reading, struct cpu_clock *ret)
{
	int nr;

	*ret = (struct cpu_clock){.kind = CPU_CLOCK_SCHED};
	if (clock == CLOCK_PROCESS_CPUTIME_ID)
		return hold_group(ret, t->tg);
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		return hold_task(ret, t);
	if ((clock & KIND_MASK) > CPU_CLOCK_SCHED)
		return -EINVAL;
	ret->kind = (enum cpu_clock_kind)(clock & KIND_MASK);
	nr = pid_of(clock);
	if (clock & PER_THREAD)
		return nr ? find_thread(t, nr, ret) : hold_task(ret, t);
	if (!nr || (reading && nr == task_vnr(t, t)))
		return hold_group(ret, t->tg);
	ret->tg = tg_find_vnr(t, nr);
	return ret->tg ? 0 : -EINVAL;
}

void cpu_clock_put(struct cpu_clock *c)
{
	if (c->tg)
		tg_put(c->tg);
	task_put(c->task);
	*c = (struct cpu_clock){0};
}

int64_t cpu_clock_read(const struct cpu_clock *c)
{
	struct cpu_times ct;

	if (c->kind == CPU_CLOCK_SCHED)
		return (int64_t)(c->task ? task_cpu_ns(c->task) : tg_cpu_ns(c->tg));
	if (c->task)
		task_cpu_times(c->task, &ct);
	else
		tg_cpu_times(c->tg, &ct);
	return (int64_t)(ct.utime_ns + (c->kind == CPU_CLOCK_PROF ? ct.stime_ns : 0));
}
