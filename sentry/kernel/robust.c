/* SPDX-License-Identifier: MIT */
/* Robust futexes: get_robust_list(2). The list is the guest's; it is walked with bounds and copies. */
#include "kernel/robust.h"
#include "kernel/pid_ns.h"
#include "kernel/task.h"
#include "mm/mm.h"

#include <linux/futex.h>

#define WORD_TRIES 1000 /* against a guest that changes the word all the time */

static int wake_one(struct task *t, uint64_t addr)
{
	return gthread_futex_wake(t->th, addr, 1) < 0 ? -EFAULT : 0;
}

/* One lock of the list: if the dead held it, it says so, and a waiter is woken. Waiters of PI locks are told otherwise. */
static int handle_death(struct task *t, uint64_t addr, bool pi, bool pending)
{
	uint32_t word, seen;

	if (addr % sizeof(word))
		return -EINVAL;
	for (int i = 0; i < WORD_TRIES; i++) {
		int r;

		if (copy_in(t, &word, addr, sizeof(word)))
			return -EFAULT;
		/* It may have died between unlocking and waking. */
		if (pending && !pi && !(word & FUTEX_TID_MASK))
			return wake_one(t, addr);
		if ((word & FUTEX_TID_MASK) != (uint32_t)task_vnr(t, t))
			return 0;
		r = gthread_cmpxchg32(t->th, addr, word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen);
		if (r)
			return r;
		if (seen == word)
			return !pi && (word & FUTEX_WAITERS) ? wake_one(t, addr) : 0;
	}
	return -EAGAIN;
}

struct head { /* struct robust_list_head, its pointers as numbers: bit 0 of one says that the lock is PI */
	uint64_t next;
	int64_t futex_offset;
	uint64_t pending;
};

static int handle_entry(struct task *t, const struct head *h, uint64_t entry, bool pending)
{
	return handle_death(t, (entry & ~1ull) + (uint64_t)h->futex_offset, entry & 1, pending);
}

void robust_list_exit(struct task *t)
{
	uint64_t list = t->robust_list, entry, next, seen = 0;
	struct head h;
	int r = 0;

	t->robust_list = 0;
	if (!list || !t->mm || !t->th || copy_in(t, &h, list, sizeof(h)))
		return;
	entry = h.next;
	for (int n = 0; n < ROBUST_LIST_LIMIT && (entry & ~1ull) != list; n++) {
		int gone;

		/* A ring that does not lead home: each of its entries has been dealt with (Brent: remember one at powers of two). */
		if (n && entry == seen)
			break;
		if (!(n & (n - 1)))
			seen = entry;
		gone = copy_in(t, &next, entry & ~1ull, sizeof(next)); /* first: the lock is free behind the next line */
		if ((entry & ~1ull) != (h.pending & ~1ull))
			r = handle_entry(t, &h, entry, false);
		if (gone || r)
			break;
		entry = next;
	}
	if (h.pending & ~1ull)
		handle_entry(t, &h, h.pending, true);
}
