/* SPDX-License-Identifier: MIT */
/* rseq(2), membarrier(2): the host's, for the stub's threads, on order. */
#include "kernel/task_internal.h"
#include "mm/mm.h"
#include "syscalls/syscalls.h"

#include <linux/membarrier.h>

#define RSEQ_AREA_MIN 32 /* also its alignment */
#define RSEQ_AREA_MAX 4096
#define RSEQ_UNREGISTER 1

/* Commands that reach the stub's threads alone, or wake nobody but those who asked for it. */
#define BARRIERS                                                                                                       \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |            \
	 MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |                                  \
	 MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |              \
	 MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)

static int64_t rseq_end(struct task *t, const struct gthread_rseq *now, const struct gthread_rseq *want)
{
	if (!now->addr || now->addr != want->addr || now->len != want->len)
		return -EINVAL;
	if (now->sig != want->sig)
		return -EPERM;
	gthread_tail_rseq(t->th, &(struct gthread_rseq){0});
	return 0;
}

int64_t sys_rseq(struct task *t, const uint64_t *a)
{
	const struct gthread_rseq *now = gthread_rseq(t->th);
	struct gthread_rseq want = {.addr = a[0], .len = ARG_UINT(a, 1), .sig = ARG_UINT(a, 3)};

	if (ARG_UINT(a, 2) & RSEQ_UNREGISTER)
		return ARG_UINT(a, 2) & ~(uint32_t)RSEQ_UNREGISTER ? -EINVAL : rseq_end(t, now, &want);
	if (ARG_UINT(a, 2))
		return -EINVAL;
	if (now->addr) {
		if (now->addr != want.addr || now->len != want.len)
			return -EINVAL;
		return now->sig != want.sig ? -EPERM : -EBUSY;
	}
	if (want.addr % RSEQ_AREA_MIN || !want.addr || want.len < RSEQ_AREA_MIN || want.len > RSEQ_AREA_MAX)
		return -EINVAL;
	if (want.addr + want.len > aspace_max(t->mm->as) || want.addr + want.len < want.addr)
		return -EFAULT;
	gthread_tail_rseq(t->th, &want); /* where there is no memory the host says EFAULT, and the next try is EINVAL */
	return 0;
}

int64_t sys_membarrier(struct task *t, const uint64_t *a)
{
	int cmd = ARG_INT(a, 0), cpu = ARG_INT(a, 2);
	unsigned flags = ARG_UINT(a, 1);
	bool one_cpu = cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;

	if (one_cpu ? flags & ~(unsigned)MEMBARRIER_CMD_FLAG_CPU : flags)
		return -EINVAL;
	if (cmd == MEMBARRIER_CMD_QUERY)
		return BARRIERS;
	if ((cmd & ~BARRIERS) || (cmd & (cmd - 1)))
		return -EINVAL;
	gthread_tail_membarrier(t->th, cmd, flags, cpu);
	return 0;
}
