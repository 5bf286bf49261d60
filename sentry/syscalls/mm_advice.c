/* SPDX-License-Identifier: MIT */
/* madvise(2) where the guest cannot make it natively, process_madvise(2), mincore(2). */
#include "kernel/pidfd.h"
#include "kernel/ptrace.h"
#include "kernel/task_internal.h"
#include "mm/map.h"
#include "mm/vma.h"
#include "syscalls/syscalls.h"

#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define MADV_HWPOISON_ 100
#define MADV_SOFT_OFFLINE_ 101

/* Are all pages there? For advice that nothing has to be done about. */
static int check_mapped(struct mm *mm, uint64_t start, uint64_t end)
{
	struct mm_vmas vs;
	int r = mm_vmas_get(mm, &vs);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = mm_vmas_cover(&vs, start, end) ? 0 : -ENOMEM;
	mm_vmas_free(&vs);
	return r;
}

static int check_range(struct mm *mm, uint64_t addr, uint64_t len, uint64_t *end)
{
	uint64_t up = PAGE_UP(len);

	if ((addr & ~PAGE_MASK_) || (len && !up) || __builtin_add_overflow(addr, up, end))
		return -EINVAL;
	return *end > aspace_max(mm->as) ? -ENOMEM : 0;
}

int64_t sys_madvise(struct task *t, const uint64_t *a)
{
	int advice = ARG_INT(a, 2), r;
	uint64_t end;

	if (advice == MADV_HWPOISON_ || advice == MADV_SOFT_OFFLINE_)
		return -EPERM; /* the machine's memory is not the sandbox's to poison */
	if (advice < 0 || advice > MADV_COLLAPSE || (advice > MADV_DONTNEED && advice < MADV_FREE))
		return -EINVAL;
	r = check_range(t->mm, a[0], a[1], &end);
	if (r || end == a[0])
		return r;
	if (advice == MADV_MERGEABLE || advice == MADV_UNMERGEABLE)
		return check_mapped(t->mm, a[0], end); /* nothing is ever merged */
	return gthread_madvise(t->th, a[0], a[1], advice);
}

/* --- of another process --------------------------------------------------------------------------------------------------- */

static struct mm *mm_of_pidfd(struct task *t, int fd, int *err)
{
	struct thread_group *tg = pidfd_group(t, fd);
	struct task *x = NULL;
	struct mm *mm = NULL;

	*err = -EBADF;
	if (!tg)
		return NULL;
	lock_acquire(&t->kernel->tasklist_lock);
	if (tg->leader) {
		x = tg->leader;
		task_get(x);
	}
	lock_release(&t->kernel->tasklist_lock);
	tg_put(tg);
	*err = -ESRCH;
	if (!x)
		return NULL;
	mm = ptrace_mm_get(t, x, false);
	if (!mm && !task_may_inspect(t, x))
		*err = -EPERM;
	task_put(x);
	return mm;
}

static int64_t advise_all(struct mm *mm, const struct guest_iovec *iov, uint64_t n)
{
	int64_t done = 0;
	int r = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t end;

		r = check_range(mm, iov[i].base, iov[i].len, &end);
		if (!r && end > iov[i].base)
			r = check_mapped(mm, iov[i].base, end);
		if (r)
			break;
		done += (int64_t)iov[i].len;
	}
	return done ? done : r;
}

/* The advice that Linux allows here is about when pages are brought in and swapped out: there is nothing that must be done. */
int64_t sys_process_madvise(struct task *t, const uint64_t *a)
{
	int advice = ARG_INT(a, 3), err;
	struct guest_iovec *iov;
	struct mm *mm;
	size_t total;
	int64_t r;

	if (a[4])
		return -EINVAL;
	r = copy_in_iov(t, a[1], a[2], &iov, &total);
	if (r)
		return r;
	mm = mm_of_pidfd(t, ARG_INT(a, 0), &err);
	if (!mm) {
		free(iov);
		return err;
	}
	if (advice != MADV_COLD && advice != MADV_PAGEOUT && advice != MADV_WILLNEED && advice != MADV_COLLAPSE)
		r = -EINVAL;
	else if (mm != t->mm && !task_capable(t, CAP_SYS_NICE))
		r = -EPERM;
	else
		r = advise_all(mm, iov, a[2]);
	mm_put(mm);
	free(iov);
	return r;
}

/* --- mincore --------------------------------------------------------------------------------------------------------------- */

int64_t sys_mincore(struct task *t, const uint64_t *a)
{
	uint64_t addr = a[0], len = PAGE_UP(a[1]), end, pages;
	uint8_t vec[MINCORE_MAX];

	if (addr & ~PAGE_MASK_)
		return -EINVAL;
	if (__builtin_add_overflow(addr, len, &end) || end > aspace_max(t->mm->as) || len < a[1])
		return -ENOMEM;
	pages = len / PAGE_SIZE_;
	for (uint64_t i = 0; i < pages;) {
		unsigned n = pages - i < MINCORE_MAX ? (unsigned)(pages - i) : MINCORE_MAX;
		int64_t r = gthread_mincore(t->th, addr + i * PAGE_SIZE_, n, vec);

		if (r < 0)
			return r;
		if (copy_out(t, a[2] + i, vec, n))
			return -EFAULT;
		i += n;
		if (atomic_load(&t->flags) & TIF_KILLED)
			return -EINTR;
	}
	return 0;
}
