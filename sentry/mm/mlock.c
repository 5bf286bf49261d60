/* SPDX-License-Identifier: MIT */
/* Locked memory: mlock(2), mlockall(2). */
#include "mm/mlock.h"
#include "kernel/task.h"
#include "mm/map.h"
#include "mm/vma.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* Locked bytes of [start, end) that are mapped. mm->lock is held. */
static uint64_t locked_within(struct mm *mm, const struct mm_vmas *vs, uint64_t start, uint64_t end)
{
	struct mm_note *n = mm_note_find(mm, MM_NOTE_LOCK, start);
	uint64_t sum = 0;

	for (; n && n->start < end; n = mm_note_next(mm, MM_NOTE_LOCK, n)) {
		uint64_t a = n->start > start ? n->start : start, b = n->end < end ? n->end : end;
		const struct mm_vma *v = vs->n ? mm_vma_find(vs, a) : NULL;

		if (!vs->n) {
			sum += b - a;
			continue;
		}
		for (; v && v < vs->v + vs->n && v->start < b; v++) {
			uint64_t from = v->start > a ? v->start : a, to = v->end < b ? v->end : b;

			sum += to - from;
		}
	}
	return sum;
}

static uint64_t mapped(struct mm *mm, const struct mm_vmas *vs)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < vs->n; i++)
		if (vs->v[i].end <= aspace_max(mm->as))
			sum += vs->v[i].end - vs->v[i].start;
	return sum;
}

uint64_t mm_locked(struct mm *mm)
{
	struct mm_vmas vs = {0};
	uint64_t sum = 0;

	LOCK_SCOPE(&mm->lock);
	if (list_empty(&mm->notes[MM_NOTE_LOCK]) && !mm->lock_future)
		return 0;
	mm_vmas_get(mm, &vs);
	sum = mm->lock_future && vs.n ? mapped(mm, &vs) : locked_within(mm, &vs, 0, UINT64_MAX);
	mm_vmas_free(&vs);
	return sum;
}

int mm_may_lock(struct task *t, uint64_t more, int over)
{
	uint64_t limit = task_rlimit(t, RLIMIT_MEMLOCK);

	if (limit == RLIM_INFINITY || task_capable(t, CAP_IPC_LOCK))
		return 0;
	if (!limit)
		return -EPERM;
	return more <= limit && mm_locked(t->mm) <= limit - more ? 0 : over;
}

/* Bring the pages of one mapping in. What has no pages to bring in (PROT_NONE, past the end of a file) is -ENOMEM. */
static int populate(struct task *t, const struct mm_vma *v, uint64_t start, uint64_t end)
{
	uint64_t a = v->start > start ? v->start : start, b = v->end < end ? v->end : end;
	int64_t r;

	if (v->end > aspace_max(t->mm->as))
		return 0;
	if (!v->prot)
		return -ENOMEM;
	r = gthread_madvise(t->th, a, b - a, (v->prot & PROT_WRITE) && !v->shared ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	return r == -EFAULT || r == -ENOMEM || r == -EHWPOISON ? -ENOMEM : 0;
}

static int populate_range(struct task *t, const struct mm_vmas *vs, uint64_t start, uint64_t end)
{
	const struct mm_vma *v = mm_vma_find(vs, start);
	int r = 0;

	for (; !r && v && v < vs->v + vs->n && v->start < end; v++)
		r = populate(t, v, start, end);
	return r;
}

int64_t mm_lock_range(struct task *t, uint64_t start, uint64_t end, bool onfault)
{
	struct mm *mm = t->mm;
	struct mm_vmas vs = {0};
	uint64_t limit = task_rlimit(t, RLIMIT_MEMLOCK), have;
	int r = mm_may_lock(t, 0, -ENOMEM);

	if (r)
		return r;
	mm_vmas_get(mm, &vs);
	lock_acquire(&mm->lock);
	have = locked_within(mm, &vs, 0, UINT64_MAX) - locked_within(mm, &vs, start, end);
	if ((end - start > limit || have > limit - (end - start)) && !task_capable(t, CAP_IPC_LOCK))
		r = -ENOMEM;
	else if (vs.n && !mm_vmas_cover(&vs, start, end))
		r = -ENOMEM;
	else
		r = mm_note_set(mm, MM_NOTE_LOCK, start, end, 0, NULL);
	lock_release(&mm->lock);
	if (!r && !onfault)
		r = populate_range(t, &vs, start, end);
	mm_vmas_free(&vs);
	return r;
}

int64_t mm_unlock_range(struct task *t, uint64_t start, uint64_t end)
{
	struct mm *mm = t->mm;
	struct mm_vmas vs = {0};
	int r = 0;

	mm_vmas_get(mm, &vs);
	if (vs.n && !mm_vmas_cover(&vs, start, end))
		r = -ENOMEM;
	mm_vmas_free(&vs);
	lock_acquire(&mm->lock);
	mm_note_clear(mm, MM_NOTE_LOCK, start, end);
	lock_release(&mm->lock);
	return r;
}

int64_t mm_lock_all(struct task *t, int flags)
{
	uint64_t limit = task_rlimit(t, RLIMIT_MEMLOCK);
	struct mm *mm = t->mm;
	struct mm_vmas vs = {0};
	int r = mm_may_lock(t, 0, -ENOMEM);

	if (r)
		return r;
	mm_vmas_get(mm, &vs);
	if ((flags & MCL_CURRENT) && mapped(mm, &vs) > limit && !task_capable(t, CAP_IPC_LOCK)) {
		mm_vmas_free(&vs);
		return -ENOMEM;
	}
	lock_acquire(&mm->lock);
	mm->lock_future = flags & MCL_FUTURE;
	for (size_t i = 0; !r && (flags & MCL_CURRENT) && i < vs.n; i++)
		if (vs.v[i].end <= aspace_max(mm->as))
			r = mm_note_set(mm, MM_NOTE_LOCK, vs.v[i].start, vs.v[i].end, 0, NULL);
	lock_release(&mm->lock);
	if (!r && (flags & MCL_CURRENT) && !(flags & MCL_ONFAULT)) /* the main stack as far as it is there */
		for (size_t i = 0; i < vs.n; i++)
			if (vs.v[i].start != mm->stack_low)
				populate(t, &vs.v[i], 0, UINT64_MAX);
	mm_vmas_free(&vs);
	return r;
}

void mm_unlock_all(struct mm *mm)
{
	LOCK_SCOPE(&mm->lock);
	mm->lock_future = false;
	mm_note_clear(mm, MM_NOTE_LOCK, 0, UINT64_MAX);
}

void mm_lock_new(struct task *t, uint64_t start, uint64_t end, bool locked)
{
	struct mm *mm = t->mm;
	struct mm_vma v;

	lock_acquire(&mm->lock);
	locked |= mm->lock_future;
	if (locked)
		mm_note_set(mm, MM_NOTE_LOCK, start, end, 0, NULL);
	else if (!list_empty(&mm->notes[MM_NOTE_LOCK]))
		mm_note_clear(mm, MM_NOTE_LOCK, start, end); /* of something that lay here before */
	lock_release(&mm->lock);
	if (locked && !mm_vma_at(mm, start, &v))
		populate(t, &v, start, end);
}
