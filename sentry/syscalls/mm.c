/* SPDX-License-Identifier: MIT */
/* mmap(2) and kin, where the stub's filter does not let the guest do it natively; process_vm_readv(2). */
#include "kernel/pid_ns.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "mm/map.h"
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
	 MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_FIXED_NOREPLACE)
/* What reaches the host of a guest's flags. */
#define HOST_FLAGS                                                                                                     \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE | MAP_STACK |              \
	 MAP_FIXED_NOREPLACE)

static bool range_ok(struct task *t, uint64_t addr, uint64_t len)
{
	uint64_t end;

	return !__builtin_add_overflow(addr, len, &end) && end <= aspace_max(t->mm->as);
}

static int check_mmap_file(struct file *f, int prot, int type)
{
	int acc = f->flags & O_ACCMODE;

	if (f->flags & O_PATH)
		return -EBADF;
	if (acc == O_WRONLY || (type == MAP_SHARED && (prot & PROT_WRITE) && acc != O_RDWR))
		return -EACCES;
	if ((prot & PROT_EXEC) && f->path.mnt && (f->path.mnt->flags & MS_NOEXEC))
		return -EPERM;
	return 0;
}

static int64_t mmap_file(struct task *t, const uint64_t *a, uint64_t len, int prot, int flags, int type)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 4));
	int r;

	if (!f)
		return -EBADF;
	r = check_mmap_file(f, prot, type);
	if (r)
		return r;
	return map_file(t, t->th, t->mm, f, a[0], len, prot, flags, a[5], false);
}

int64_t sys_mmap(struct task *t, const uint64_t *a)
{
	int prot = ARG_INT(a, 2), flags = ARG_INT(a, 3), type = flags & 0xf;
	uint64_t len = PAGE_UP(a[1]);

	if (a[5] & ~PAGE_MASK_ || !a[1])
		return -EINVAL;
	if (!len)
		return -ENOMEM;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE) {
		if (flags & ~(KNOWN_FLAGS | 0xf))
			return -EOPNOTSUPP;
		type = MAP_SHARED;
	}
	if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && ((a[0] & ~PAGE_MASK_) || !range_ok(t, a[0], len)))
		return a[0] & ~PAGE_MASK_ ? -EINVAL : -ENOMEM;
	if (len > aspace_max(t->mm->as))
		return -ENOMEM;
	if (flags & MAP_HUGETLB)
		return -ENOMEM; /* no huge pages are reserved for the sandbox */
	flags = (flags & HOST_FLAGS & ~0xf) | type;
	if (!(flags & MAP_ANONYMOUS))
		return mmap_file(t, a, len, prot, flags, type);
	if (type == MAP_SHARED)
		return map_shared_anon(t, t->th, a[0], len, prot, flags);
	return gthread_mmap(t->th, a[0], len, prot, flags, -1, 0);
}

int64_t sys_munmap(struct task *t, const uint64_t *a)
{
	if ((a[0] & ~PAGE_MASK_) || !a[1] || !range_ok(t, a[0], a[1]))
		return -EINVAL;
	return gthread_munmap(t->th, a[0], a[1]);
}

int64_t sys_mprotect(struct task *t, const uint64_t *a)
{
	if (a[0] & ~PAGE_MASK_)
		return -EINVAL;
	if (!range_ok(t, a[0], PAGE_UP(a[1])))
		return -ENOMEM;
	return gthread_mprotect(t->th, a[0], a[1], ARG_INT(a, 2));
}

int64_t sys_mremap(struct task *t, const uint64_t *a)
{
	if ((a[0] & ~PAGE_MASK_) || !a[2] || !range_ok(t, a[0], PAGE_UP(a[1])))
		return -EINVAL;
	if ((a[3] & MREMAP_FIXED) && !range_ok(t, a[4], PAGE_UP(a[2])))
		return -EINVAL;
	if (a[2] > aspace_max(t->mm->as))
		return -ENOMEM;
	if (PAGE_UP(a[2]) > PAGE_UP(a[1])) {
		if (!a[1] || (ARG_INT(a, 3) & ~(MREMAP_MAYMOVE | MREMAP_FIXED)))
			return -EINVAL; /* old length 0 would double a shared mapping */
		return mm_grow(t, a[0], PAGE_UP(a[1]), PAGE_UP(a[2]), ARG_INT(a, 3), a[4]);
	}
	return gthread_mremap(t->th, a[0], PAGE_UP(a[1]), PAGE_UP(a[2]), ARG_INT(a, 3), a[4]);
}

int64_t sys_madvise(struct task *t, const uint64_t *a)
{
	switch (ARG_INT(a, 2)) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
		break;
	default:
		return -EINVAL;
	}
	if (a[0] & ~PAGE_MASK_)
		return -EINVAL;
	if (!range_ok(t, a[0], PAGE_UP(a[1])))
		return -ENOMEM;
	return gthread_madvise(t->th, a[0], a[1], ARG_INT(a, 2));
}

int64_t sys_msync(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 2);

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (a[0] & ~PAGE_MASK_) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (!range_ok(t, a[0], PAGE_UP(a[1])))
		return -ENOMEM;
	return gthread_msync(t->th, a[0], a[1], flags);
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

/* --- another process's memory ------------------------------------------------------------------------------------------- */

static struct mm *mm_of(struct task *t, int pid, int *err)
{
	struct task *x = task_find_vnr(t, pid);
	struct mm *mm = NULL;

	*err = -ESRCH;
	if (!x)
		return NULL;
	if (!task_may_inspect(t, x)) {
		*err = -EPERM;
	} else {
		lock_acquire(&x->cred_lock);
		mm = x->mm;
		if (mm)
			mm_get(mm);
		lock_release(&x->cred_lock);
	}
	task_put(x);
	return mm;
}

static int64_t vm_copy(struct task *t, struct mm *mm, struct guest_iovec *local, size_t n_local, size_t total,
		       struct guest_iovec *remote, size_t n_remote, bool write)
{
	size_t chunk = 64 << 10, done = 0, ri = 0, roff = 0;
	uint8_t *buf = malloc(chunk);
	struct uio u;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	uio_init_guest(&u, t->mm->as, local, n_local, total);
	while (ri < n_remote && done < total && !r) {
		size_t n = remote[ri].len - roff, moved = 0;
		ssize_t k;

		if (n > chunk)
			n = chunk;
		if (n > total - done)
			n = total - done;
		if (write) {
			k = uio_take(&u, buf, n);
			r = k < 0 ? (int)k : aspace_write(mm->as, remote[ri].base + roff, buf, (size_t)k, &moved);
		} else {
			r = aspace_read(mm->as, remote[ri].base + roff, buf, n, &moved);
			k = moved ? uio_put(&u, buf, moved) : 0;
			if (k < 0)
				r = (int)k;
			else
				moved = (size_t)k;
		}
		done += moved;
		roff += moved;
		if (roff == remote[ri].len) {
			ri++;
			roff = 0;
		} else if (!moved) {
			break;
		}
	}
	free(buf);
	return done ? (int64_t)done : r;
}

static int64_t process_vm(struct task *t, const uint64_t *a, bool write)
{
	struct guest_iovec *local, *remote;
	size_t lsum, rsum;
	struct mm *mm;
	int64_t r;
	int err;

	if (a[5])
		return -EINVAL;
	r = copy_in_iov(t, a[1], a[2], &local, &lsum);
	if (r)
		return r;
	r = copy_in_iov(t, a[3], a[4], &remote, &rsum);
	if (r) {
		free(local);
		return r;
	}
	mm = mm_of(t, ARG_INT(a, 0), &err);
	r = mm ? vm_copy(t, mm, local, a[2], lsum < rsum ? lsum : rsum, remote, a[4], write) : err;
	if (mm)
		mm_put(mm);
	free(local);
	free(remote);
	return r;
}

int64_t sys_process_vm_readv(struct task *t, const uint64_t *a)
{
	return process_vm(t, a, false);
}

int64_t sys_process_vm_writev(struct task *t, const uint64_t *a)
{
	return process_vm(t, a, true);
}

/* Waiting and waking are the host's; they come here only where every call is to be seen. */
int64_t sys_futex(struct task *t, const uint64_t *a)
{
	return native_futex_op(a[1]) ? native_futex(t, a) : -ENOSYS;
}
