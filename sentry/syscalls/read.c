/* SPDX-License-Identifier: MIT */
/* read(2), write(2) and their families; lseek(2). */
#include "kernel/memory.h"
#include "kernel/syscall_work.h"
#include "kernel/views.h"
#include "syscalls/names.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/stat.h>

typedef ssize_t (*rw_fn)(struct task *t, struct file *f, struct uio *u, int64_t off);

/* Can *f* be read or written at an offset? */
static int check_offset(const struct file *f, int64_t off)
{
	if (off < 0)
		return -EINVAL;
	return f->stream ? -ESPIPE : 0;
}

static ssize_t counted(struct task *t, struct file *f, struct uio *u, int64_t off, rw_fn fn)
{
	ssize_t n = fn(t, f, u, off);

	task_account_io(t, fn == file_write, n);
	return n;
}

static int64_t rw_buf(struct task *t, const uint64_t *a, rw_fn fn, bool at)
{
	FILE_SCOPE f = NULL;
	struct guest_iovec iov;
	struct uio u;
	int r;

	if (at && (int64_t)a[3] < 0)
		return -EINVAL;
	f = fd_get(t, ARG_INT(a, 0));
	if (!f)
		return -EBADF;
	r = at ? check_offset(f, (int64_t)a[3]) : 0;
	if (!r && (int64_t)a[2] < 0)
		r = -EINVAL;
	if (r < 0)
		return r;
	uio_guest_buf(&u, &iov, t, a[1], a[2]);
	if (fn == file_read && memory_wants_full(t, a[1], a[2]))
		return task_come_again(t);
	return counted(t, f, &u, at ? (int64_t)a[3] : -1, fn);
}

int64_t sys_read(struct task *t, const uint64_t *a)
{
	return rw_buf(t, a, file_read, false);
}

int64_t sys_write(struct task *t, const uint64_t *a)
{
	return rw_buf(t, a, file_write, false);
}

int64_t sys_pread64(struct task *t, const uint64_t *a)
{
	int64_t n = rw_buf(t, a, file_read, true);

	if (n > 0)
		view_consider(t, ARG_INT(a, 0));
	return n;
}

int64_t sys_pwrite64(struct task *t, const uint64_t *a)
{
	return rw_buf(t, a, file_write, true);
}

static int64_t rw_vec(struct task *t, const uint64_t *a, rw_fn fn, int64_t off, int flags)
{
	struct guest_iovec *iov = NULL;
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	struct uio u;
	size_t total;
	int64_t r;

	if (!f)
		return -EBADF;
	if (off >= 0 && f->stream)
		return -ESPIPE;
	r = copy_in_iov(t, a[1], a[2], &iov, &total);
	if (r < 0)
		return r;
	if (fn == file_read && a[2] && memory_wants_full(t, iov[0].base, iov[0].len)) {
		free(iov);
		return task_come_again(t);
	}
	uio_init_guest(&u, t->mm->as, iov, a[2], total < UIO_MAX_BYTES ? total : UIO_MAX_BYTES);
	u.nowait = flags & RWF_NOWAIT;
	u.append = flags & RWF_APPEND;
	r = counted(t, f, &u, off, fn);
	free(iov);
	if (r > 0 && fn == file_write && (flags & (RWF_DSYNC | RWF_SYNC)) && f->ops && f->ops->fsync) {
		int err = f->ops->fsync(f, !(flags & RWF_SYNC));

		r = err < 0 ? err : r;
	}
	return r;
}

int64_t sys_readv(struct task *t, const uint64_t *a)
{
	return rw_vec(t, a, file_read, -1, 0);
}

int64_t sys_writev(struct task *t, const uint64_t *a)
{
	return rw_vec(t, a, file_write, -1, 0);
}

static int64_t rw_vec_at(struct task *t, const uint64_t *a, rw_fn fn)
{
	return (int64_t)a[3] < 0 ? -EINVAL : rw_vec(t, a, fn, (int64_t)a[3], 0);
}

int64_t sys_preadv(struct task *t, const uint64_t *a)
{
	return rw_vec_at(t, a, file_read);
}

int64_t sys_pwritev(struct task *t, const uint64_t *a)
{
	return rw_vec_at(t, a, file_write);
}

static int64_t rw_vec2(struct task *t, const uint64_t *a, rw_fn fn)
{
	int flags = ARG_INT(a, 5);

	if ((int64_t)a[3] < -1)
		return -EINVAL;
	if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	return rw_vec(t, a, fn, (int64_t)a[3], flags);
}

int64_t sys_preadv2(struct task *t, const uint64_t *a)
{
	return rw_vec2(t, a, file_read);
}

int64_t sys_pwritev2(struct task *t, const uint64_t *a)
{
	return rw_vec2(t, a, file_write);
}

int64_t sys_lseek(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	int64_t r;

	if (!f)
		return -EBADF;
	if (ARG_UINT(a, 2) > SEEK_HOLE)
		return -EINVAL;
	if (!f->ops || !f->ops->lseek)
		return -ESPIPE;
	lock_acquire(&f->pos_lock);
	r = f->ops->lseek(f, (int64_t)a[1], ARG_INT(a, 2));
	lock_release(&f->pos_lock);
	return r;
}
