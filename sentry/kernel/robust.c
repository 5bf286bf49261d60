/* SPDX-License-Identifier: MIT */
/* Robust futexes: get_robust_list(2). The list is the guest's; it is walked with bounds and copies. */
#include "kernel/pid_ns.h"
#include "kernel/robust.h"
#include "kernel/task.h"
#include "mm/mm.h"

#include <linux/futex.h>

static void handle_death(struct task *t, uint64_t addr)
{
	uint32_t v;

	if (copy_in(t, &v, addr, sizeof(v)) || (v & FUTEX_TID_MASK) != (uint32_t)task_vnr(t, t))
		return;
	/* The owner stands still and nobody else may write a held robust lock but its waiters' bit: wake also without it. */
	v = (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	if (copy_out(t, addr, &v, sizeof(v)))
		return;
	if (t->th)
		gthread_futex_wake(t->th, addr, 1);
}

void robust_list_exit(struct task *t)
{
	struct robust_list_head head;
	uint64_t entry, next;

	if (!t->robust_list || !t->mm || copy_in(t, &head, t->robust_list, sizeof(head)))
		return;
	entry = (uint64_t)head.list.next;
	for (int n = 0; n < ROBUST_LIST_LIMIT && (entry & ~1ull) != t->robust_list; n++) {
		if (copy_in(t, &next, entry & ~1ull, sizeof(next)))
			break;
		if (entry != (uint64_t)head.list_op_pending)
			handle_death(t, (entry & ~1ull) + (uint64_t)head.futex_offset);
		entry = next;
	}
	if (head.list_op_pending)
		handle_death(t, ((uint64_t)head.list_op_pending & ~1ull) + (uint64_t)head.futex_offset);
}
