/* SPDX-License-Identifier: MIT */
/* Stopping all guest code, and letting it go on. */
#include "kernel/freezer.h"
#include "kernel/cputime.h"
#include "kernel/pid.h"
#include "kernel/task_internal.h"

#include <time.h>

#define LOOK_FIRST_NS 50000
#define LOOK_LAST_NS 5000000

static bool is_frozen(const struct task *t)
{
	return (atomic_load(&t->flags) & (TIF_FREEZE | TIF_KILLED)) == TIF_FREEZE;
}

void freezer_here(struct task *t)
{
	uint64_t began = arch_ticks();

	/* freezer_end() takes the flag away and looks at in_freezer then. */
	atomic_store(&t->in_freezer, true);
	while (is_frozen(t))
		platform_sleep(t->kernel->platform, &t->waker, -1);
	atomic_store(&t->in_freezer, false);
	cpu_sleep_end(t, began);
}

/* Call *fn* for each task, under tasklist_lock and its siglock, until it returns false. Returns whether it never did. */
static bool for_each_task(struct kernel *k, bool (*fn)(struct task *t))
{
	struct thread_group *tg;
	struct task *t;
	bool go_on = true;

	lock_assert_held(&k->tasklist_lock);
	for (int pid = 1; go_on && (tg = tg_next(k, pid)); pid = tg->pid + 1) {
		lock_acquire(&tg->siglock);
		list_for_each_entry(t, &tg->threads, tg_link)
			if (!fn(t)) {
				go_on = false;
				break;
			}
		lock_release(&tg->siglock);
	}
	return go_on;
}

static bool stop(struct task *t)
{
	atomic_fetch_or(&t->flags, TIF_FREEZE);
	if (t->th && atomic_load(&t->in_guest))
		gthread_interrupt(t->th);
	return true;
}

static bool resume(struct task *t)
{
	atomic_fetch_and(&t->flags, ~TIF_FREEZE);
	if (atomic_load(&t->in_freezer))
		platform_wake(&t->waker);
	return true;
}

/* One that has left, or whose host thread is gone, runs nothing any more. */
static bool stands(struct task *t)
{
	return t->exited || !t->th || !atomic_load(&t->in_guest);
}

void freezer_begin(struct kernel *k, enum freeze_reason why)
{
	LOCK_SCOPE(&k->tasklist_lock);

	if (!atomic_fetch_or(&k->frozen, why))
		for_each_task(k, stop);
}

void freezer_end(struct kernel *k, enum freeze_reason why)
{
	LOCK_SCOPE(&k->tasklist_lock);

	if (atomic_fetch_and(&k->frozen, ~(uint32_t)why) == why)
		for_each_task(k, resume);
}

bool freezer_settled(struct kernel *k)
{
	LOCK_SCOPE(&k->tasklist_lock);

	return for_each_task(k, stands);
}

int freezer_wait(struct kernel *k, int64_t ns)
{
	int64_t end = kernel_now_mono() + ns, nap = LOOK_FIRST_NS;

	while (!freezer_settled(k)) {
		if (kernel_now_mono() >= end)
			return -ETIMEDOUT;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = nap}, NULL);
		nap = nap * 2 < LOOK_LAST_NS ? nap * 2 : LOOK_LAST_NS;
	}
	return 0;
}
