/* SPDX-License-Identifier: MIT */
/*
 * Mappings that grow downwards: MAP_GROWSDOWN, and the main stack below what execve(2) has mapped of it (after setrlimit(2) has raised the
 * limit). The host knows of no such mapping: a fault right below one gets the missing pages by an order.
 */
#include "kernel/task.h"
#include "mm/map.h"
#include "mm/vma.h"

#include <errno.h>
#include <sys/mman.h>

#define GUARD_GAP (256 * PAGE_SIZE_) /* to a mapping below, as Linux's stack_guard_gap */
#define STACK_STEP (256 * PAGE_SIZE_)
#define JUMP_MAX (1ull << 30) /* without a limit: a wild pointer far below is no growth */

/* The mapping that would have to grow: its note's range. mm->lock is not held. */
static bool candidate(struct mm *mm, uint64_t addr, uint64_t limit, uint64_t *start, uint64_t *end)
{
	struct mm_note *n;

	LOCK_SCOPE(&mm->lock);
	n = mm_note_find(mm, MM_NOTE_GROWS, addr);
	if (!n || n->start <= addr || n->start - addr > JUMP_MAX || (limit != RLIM_INFINITY && n->end - addr > limit))
		return false;
	*start = n->start;
	*end = n->end;
	return true;
}

/* Is it still there as it was, and is there room below? */
static bool room(const struct mm_vmas *vs, uint64_t start, uint64_t to, int *prot)
{
	const struct mm_vma *v = mm_vma_find(vs, start), *below;

	if (!v || v->start != start || v->kind != MM_VMA_ANON || v->shared)
		return false;
	*prot = v->prot;
	if (v == vs->v)
		return true;
	below = v - 1;
	return below->end <= to && (!below->prot || to - below->end >= GUARD_GAP);
}

bool mm_fault_grow(struct task *t, uint64_t addr)
{
	uint64_t start, end, to = addr & PAGE_MASK_, limit = task_rlimit(t, RLIMIT_STACK), far;
	struct mm *mm = t->mm;
	struct mm_vmas vs;
	struct mm_note *n;
	bool ok, is_stack;
	int64_t r;
	int prot;

	if (!mm || to < aspace_min(mm->as) || !candidate(mm, to, limit, &start, &end) || mm_vmas_get(mm, &vs) < 0)
		return false;
	is_stack = end == mm->stack_top;
	far = start > STACK_STEP ? start - STACK_STEP : to;
	if (is_stack && far < to && (limit == RLIM_INFINITY || end - far <= limit) && room(&vs, start, far, &prot))
		to = far;
	ok = room(&vs, start, to, &prot);
	mm_vmas_free(&vs);
	if (!ok)
		return false;
	r = gthread_mmap(t->th, to, start - to, prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | (is_stack ? MAP_NORESERVE | MAP_STACK : 0), -1, 0);
	if (r == -EEXIST)
		return true; /* another thread was first: look again */
	if (r < 0)
		return false;
	LOCK_SCOPE(&mm->lock);
	n = mm_note_find(mm, MM_NOTE_GROWS, start);
	if (n && n->start == start)
		n->start = to;
	if (is_stack && mm->stack_low == start)
		mm->stack_low = to;
	return true;
}

int mm_note_grows(struct mm *mm, uint64_t start, uint64_t end)
{
	LOCK_SCOPE(&mm->lock);
	return mm_note_set(mm, MM_NOTE_GROWS, start, end, 0, NULL);
}

int mm_grows_start(struct mm *mm, uint64_t addr, uint64_t *ret)
{
	struct mm_note *n;
	struct mm_vma v;
	int r = mm_vma_at(mm, addr, &v);

	if (r < 0)
		return r == -EFAULT ? -ENOMEM : -EINVAL;
	LOCK_SCOPE(&mm->lock);
	n = mm_note_find(mm, MM_NOTE_GROWS, addr);
	if (!n || n->start > v.start || n->end < v.end)
		return -EINVAL;
	*ret = v.start;
	return 0;
}
