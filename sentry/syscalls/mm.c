/* SPDX-License-Identifier: MIT */
/* mmap(2) and kin, where the stub's filter does not let the guest do it natively. */
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "mm/map.h"
#include "mm/mlock.h"
#include "mm/vma.h"
#include "syscalls/syscalls.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#define KNOWN_FLAGS                                                                                                    \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE |         \
	 MAP_LOCKED | MAP_NORESERVE | MAP_32BIT | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_FIXED_NOREPLACE |  \
	 0x4000000 /* MAP_UNINITIALIZED */ | 31 << 26)
/* What reaches the host of a guest's flags. */
#define HOST_FLAGS                                                                                                     \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE | MAP_STACK |              \
	 MAP_FIXED_NOREPLACE | MAP_NONBLOCK | MAP_32BIT)

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#define USER_END 0x7ffffffff000ull /* TASK_SIZE */
#define HUGE_SHIFT 26 /* MAP_HUGE_SHIFT: the logarithm of the page's size, 0 for the usual one */

static bool range_ok(struct task *t, uint64_t addr, uint64_t len)
{
	uint64_t end;

	return !__builtin_add_overflow(addr, len, &end) && end <= aspace_max(t->mm->as);
}

/* --- mmap ------------------------------------------------------------------------------------------------------------------ */

static int check_mmap_file(struct file *f, uint64_t len, uint64_t off, int prot, int type)
{
	int acc = f->flags & O_ACCMODE;

	if (off > INT64_MAX || len > INT64_MAX - off)
		return -EOVERFLOW;
	if (type == MAP_SHARED && (prot & PROT_WRITE) && acc == O_RDONLY)
		return -EACCES;
	if (acc == O_WRONLY)
		return -EACCES;
	if ((prot & PROT_EXEC) && f->path.mnt && (f->path.mnt->flags & MS_NOEXEC))
		return -EPERM;
	return f->ops->mmap ? 0 : -ENODEV;
}

/* No huge pages are set aside for the sandbox: what Linux says with an empty pool. */
static int refuse_huge(int flags)
{
	unsigned log = (unsigned)flags >> HUGE_SHIFT & 63;

	if (!(flags & MAP_ANONYMOUS))
		return -EINVAL;
	return log && log != 21 && log != 30 ? -EINVAL : -ENOMEM;
}

static int check_mmap_type(int *flags)
{
	switch (*flags & 0xf) {
	case MAP_SHARED_VALIDATE:
		if ((*flags & MAP_ANONYMOUS) || !(*flags & ~(KNOWN_FLAGS | 0xf)))
			return *flags & MAP_ANONYMOUS ? -EINVAL : MAP_SHARED;
		return -EOPNOTSUPP;
	case MAP_SHARED:
		return MAP_SHARED;
	case MAP_PRIVATE:
		return MAP_PRIVATE;
	default:
		return -EINVAL;
	}
}

static int check_mmap_place(struct task *t, uint64_t *addr, uint64_t len, int flags)
{
	if (len > aspace_max(t->mm->as))
		return -ENOMEM;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		if (!range_ok(t, *addr, len))
			*addr = 0; /* a hint only */
		return 0;
	}
	if (!range_ok(t, *addr, len))
		return -ENOMEM;
	return *addr & ~PAGE_MASK_ ? -EINVAL : 0;
}

/* Nobody but the guest wants to know where a mapping of these flags came to lie. */
static bool result_is_guests(struct task *t, int flags)
{
	if ((flags & (MAP_LOCKED | MAP_GROWSDOWN)) || t->kernel->observed || t->pt.entered_tf ||
	    atomic_load_explicit(&t->work, memory_order_relaxed))
		return false;
	LOCK_SCOPE(&t->mm->lock);
	return list_empty(&t->mm->notes[MM_NOTE_LOCK]) && !t->mm->lock_future;
}

/* *f*: the file, or NULL for anonymous memory. */
static int64_t do_mmap(struct task *t, const uint64_t *a, struct file *f)
{
	int prot = ARG_INT(a, 2), flags = ARG_INT(a, 3), type, r;
	uint64_t addr = a[0], len = PAGE_UP(a[1]);
	bool last;
	int64_t at;

	if (!a[1])
		return -EINVAL;
	if (!len)
		return -ENOMEM;
	r = check_mmap_place(t, &addr, len, flags);
	if (!r && (flags & MAP_LOCKED))
		r = mm_may_lock(t, len, -EAGAIN);
	if (!r && t->mm->lock_future)
		r = mm_may_lock(t, len, -EAGAIN);
	if (r)
		return r;
	type = check_mmap_type(&flags);
	if (type < 0)
		return type;
	r = f ? check_mmap_file(f, len, a[5], prot, type) : 0;
	if (r)
		return r;
	if ((flags & MAP_GROWSDOWN) && (f || type == MAP_SHARED))
		return -EINVAL;
	r = (flags & HOST_FLAGS & ~0xf) | type;
	last = f && result_is_guests(t, flags);
	if (f)
		at = map_file(t, t->th, t->mm, f, addr, len, prot, r & ~MAP_ANONYMOUS, a[5], last);
	else if (type == MAP_SHARED)
		at = map_shared_anon(t, t->th, addr, len, prot, r);
	else
		at = gthread_mmap(t->th, addr, len, prot, r, -1, 0);
	if (at < 0 || last)
		return at;
	if (flags & MAP_GROWSDOWN)
		mm_note_grows(t->mm, (uint64_t)at, (uint64_t)at + len);
	mm_lock_new(t, (uint64_t)at, (uint64_t)at + len, flags & MAP_LOCKED);
	return at;
}

int64_t sys_mmap(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 3);

	if (a[5] & ~PAGE_MASK_)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		FILE_SCOPE f = fd_get(t, ARG_INT(a, 4));

		if (!f || (f->flags & O_PATH))
			return -EBADF;
		return flags & MAP_HUGETLB ? -EINVAL : do_mmap(t, a, f);
	}
	return flags & MAP_HUGETLB ? refuse_huge(flags) : do_mmap(t, a, NULL);
}

int64_t sys_munmap(struct task *t, const uint64_t *a)
{
	uint64_t max = aspace_max(t->mm->as), len = PAGE_UP(a[1]);

	if ((a[0] & ~PAGE_MASK_) || !len || len > USER_END || a[0] > USER_END - len)
		return -EINVAL;
	if (a[0] >= max) /* nothing of the guest's is there */
		return 0;
	return gthread_munmap(t->th, a[0], len < max - a[0] ? len : max - a[0]);
}

/* --- mprotect ---------------------------------------------------------------------------------------------------------------- */

#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC | 8 /* PROT_SEM */)

int64_t sys_mprotect(struct task *t, const uint64_t *a)
{
	int prot = ARG_INT(a, 2), grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP), r;
	uint64_t start = a[0], len = PAGE_UP(a[1]);

	prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (start & ~PAGE_MASK_))
		return -EINVAL;
	if (!a[1])
		return 0;
	if (!len || !range_ok(t, start, len))
		return -ENOMEM;
	if (prot & ~PROT_KNOWN)
		return -EINVAL;
	if (grows & PROT_GROWSDOWN) {
		uint64_t end = start + len;

		r = mm_grows_start(t->mm, start, &start);
		if (r)
			return r;
		len = end - start;
	} else if (grows) {
		struct mm_vma v;

		return mm_vma_at(t->mm, start, &v) == -EFAULT ? -ENOMEM : -EINVAL; /* nothing grows upwards here */
	}
	return gthread_mprotect(t->th, start, len, prot);
}

/* There are no keys to be had (pkey_alloc(2)): -1, "none", is the only one that fits. */
int64_t sys_pkey_mprotect(struct task *t, const uint64_t *a)
{
	return ARG_INT(a, 3) == -1 ? sys_mprotect(t, a) : -EINVAL;
}

int64_t sys_pkey_alloc(struct task *t, const uint64_t *a)
{
	return a[0] || (a[1] & ~3ull) ? -EINVAL : -ENOSPC;
}

int64_t sys_pkey_free(struct task *t, const uint64_t *a)
{
	return -EINVAL;
}

/* --- mremap ------------------------------------------------------------------------------------------------------------------ */

static int check_mremap(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to)
{
	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && old != len)
		return -EINVAL;
	if ((addr & ~PAGE_MASK_) || !len)
		return -EINVAL;
	if (!range_ok(t, addr, old))
		return -EFAULT;
	if (!(flags & MREMAP_FIXED))
		return len > aspace_max(t->mm->as) ? -ENOMEM : 0;
	if ((to & ~PAGE_MASK_) || !range_ok(t, to, len) || (to < addr + old && addr < to + len))
		return -EINVAL;
	return 0;
}

static bool is_locked(struct mm *mm, uint64_t start, uint64_t end)
{
	struct mm_note *n;

	LOCK_SCOPE(&mm->lock);
	n = mm_note_find(mm, MM_NOTE_LOCK, start);
	return n && n->start < end;
}

int64_t sys_mremap(struct task *t, const uint64_t *a)
{
	uint64_t old = PAGE_UP(a[1]), len = PAGE_UP(a[2]);
	int flags = ARG_INT(a, 3), r = check_mremap(t, a[0], old, len, flags, a[4]);

	if (r)
		return r;
	if (len <= old)
		return mm_move(t, a[0], old, len, flags, a[4]);
	if (is_locked(t->mm, a[0], a[0] + old)) {
		r = mm_may_lock(t, len - old, -EAGAIN);
		if (r)
			return r;
	}
	return mm_grow(t, a[0], old, len, flags, a[4]);
}

int64_t sys_msync(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 2);
	uint64_t len = PAGE_UP(a[1]);

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (a[0] & ~PAGE_MASK_) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (!range_ok(t, a[0], len))
		return -ENOMEM;
	if (!len)
		return 0;
	if ((flags & MS_INVALIDATE) && is_locked(t->mm, a[0], a[0] + len))
		return -EBUSY;
	return gthread_msync(t->th, a[0], a[1], flags);
}

/*
 * remap_file_pages(2), emulated as Linux does: another window of the same file is mapped over a part of a shared mapping.
 */
int64_t sys_remap_file_pages(struct task *t, const uint64_t *a)
{
	uint64_t start = a[0] & PAGE_MASK_, size = a[1] & PAGE_MASK_;

	if (a[2] || start + size <= start || !range_ok(t, start, size))
		return -EINVAL;
	if (a[3] + (size >> 12) < a[3] || a[3] > INT64_MAX >> 12)
		return -EINVAL;
	return mm_remap_pages(t, start, size, a[3] << 12, ARG_INT(a, 4) & MAP_NONBLOCK);
}

int64_t sys_brk(struct task *t, const uint64_t *a)
{
	return mm_brk(t, a[0]);
}

int64_t sys_set_robust_list(struct task *t, const uint64_t *a)
{
	if (a[1] != 24)
		return -EINVAL;
	t->robust_list = a[0];
	return 0;
}

int64_t sys_get_robust_list(struct task *t, const uint64_t *a)
{
	struct task *x = task_find(t->kernel, ARG_INT(a, 0) ? pid_from_vnr(t, ARG_INT(a, 0)) : t->tid);
	uint64_t head, len = 24;

	if (!x)
		return -ESRCH;
	if (!task_may_inspect(t, x)) {
		task_put(x);
		return -EPERM;
	}
	head = x->robust_list;
	task_put(x);
	return copy_out(t, a[1], &head, 8) || copy_out(t, a[2], &len, 8) ? -EFAULT : 0;
}
