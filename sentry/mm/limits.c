/* SPDX-License-Identifier: MIT */
/*
 * RLIMIT_AS and RLIMIT_DATA. The guest maps natively, so the host counts: the stub gets the limit, plus what it has mapped for itself. Nothing
 * is done, and costs, where there is no such limit.
 */
#include "kernel/task.h"
#include "mm/map.h"

static uint64_t plus(uint64_t limit, uint64_t own)
{
	uint64_t sum;

	return limit == RLIM_INFINITY || __builtin_add_overflow(limit, own, &sum) ? RLIM_INFINITY : sum;
}

void mm_apply_limits(struct mm *mm, struct thread_group *tg)
{
	uint64_t as, data, stack = mm->stack_top - mm->stack_low;

	lock_acquire(&tg->limits_lock);
	as = tg->rlim[RLIMIT_AS].cur;
	data = tg->rlim[RLIMIT_DATA].cur;
	lock_release(&tg->limits_lock);
	if (as == RLIM_INFINITY && data == RLIM_INFINITY && !mm->limited)
		return;
	mm->limited = true;
	/* The main stack is mapped whole, and is data to the host. */
	aspace_limit(mm->as, RLIMIT_AS, plus(as, mm_stub_pages(mm) * PAGE_SIZE_ + mm_stack_shown(mm) - mm->stack_low));
	aspace_limit(mm->as, RLIMIT_DATA, plus(data, stack));
}
