/* SPDX-License-Identifier: MIT */
/* mlock(2) and kin. */
#include "kernel/task_internal.h"
#include "mm/map.h"
#include "mm/mlock.h"
#include "syscalls/syscalls.h"

#include <sys/mman.h>

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

/* The pages that [addr, addr + len) touches. -EINVAL where the end wraps; -ENOMEM past the guest's space. */
static int pages_of(struct task *t, const uint64_t *a, uint64_t *start, uint64_t *end)
{
	uint64_t len = PAGE_UP(a[1] + (a[0] & ~PAGE_MASK_));

	*start = a[0] & PAGE_MASK_;
	if (__builtin_add_overflow(*start, len, end))
		return -EINVAL;
	return *end > aspace_max(t->mm->as) ? -ENOMEM : 0;
}

static int64_t do_mlock(struct task *t, const uint64_t *a, bool onfault)
{
	uint64_t start, end;
	int r = mm_may_lock(t, 0, -ENOMEM);

	if (!r)
		r = pages_of(t, a, &start, &end);
	if (r == -EINVAL && mm_may_lock(t, UINT64_MAX, -ENOMEM)) /* over the limit comes first */
		return -ENOMEM;
	if (r || start == end)
		return r;
	return mm_lock_range(t, start, end, onfault);
}

int64_t sys_mlock(struct task *t, const uint64_t *a)
{
	return do_mlock(t, a, false);
}

int64_t sys_mlock2(struct task *t, const uint64_t *a)
{
	if (ARG_INT(a, 2) & ~MLOCK_ONFAULT)
		return -EINVAL;
	return do_mlock(t, a, ARG_INT(a, 2) & MLOCK_ONFAULT);
}

int64_t sys_munlock(struct task *t, const uint64_t *a)
{
	uint64_t start, end;
	int r = pages_of(t, a, &start, &end);

	if (r || start == end)
		return r;
	return mm_unlock_range(t, start, end);
}

int64_t sys_mlockall(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 0);

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	return mm_lock_all(t, flags);
}

int64_t sys_munlockall(struct task *t, const uint64_t *a)
{
	mm_unlock_all(t->mm);
	return 0;
}
