/* SPDX-License-Identifier: MIT */
/* fsync(2), sync(2), fallocate(2), posix_fadvise(2), readahead(2). */
#include "syscalls/names.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <linux/falloc.h>
#include <sys/stat.h>

static int64_t do_fsync(struct task *t, int fd, bool data_only)
{
	FILE_SCOPE f = fd_get(t, fd);

	if (!f)
		return -EBADF;
	if (f->ops && f->ops->fsync)
		return f->ops->fsync(f, data_only);
	return S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode) ? 0 : -EINVAL;
}

int64_t sys_fsync(struct task *t, const uint64_t *a)
{
	return do_fsync(t, ARG_INT(a, 0), false);
}

int64_t sys_fdatasync(struct task *t, const uint64_t *a)
{
	return do_fsync(t, ARG_INT(a, 0), true);
}

int64_t sys_sync_file_range(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));

	if ((a[3] & ~(uint64_t)(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)) ||
	    (int64_t)a[1] < 0 || (int64_t)a[2] < 0)
		return f ? -EINVAL : -EBADF;
	if (!f)
		return -EBADF;
	if (f->stream)
		return -ESPIPE;
	return f->ops && f->ops->fsync ? f->ops->fsync(f, true) : 0;
}

static int sync_super(struct super_block *sb)
{
	return sb->ops && sb->ops->sync ? sb->ops->sync(sb) : 0;
}

#define SYNC_MAX 256 /* super blocks synced by one call */

int64_t sys_sync(struct task *t, const uint64_t *a)
{
	struct mount_ns *ns = task_mount_ns(t);
	struct super_block *sbs[SYNC_MAX];
	struct mount *m;
	unsigned n = 0;

	mount_read_lock(t->kernel);
	list_for_each_entry(m, &ns->mounts, link) {
		if (n == SYNC_MAX)
			break;
		super_get(m->sb);
		sbs[n++] = m->sb;
	}
	mount_unlock(t->kernel);
	for (unsigned i = 0; i < n; i++) {
		sync_super(sbs[i]);
		super_put(sbs[i]);
	}
	return 0;
}

int64_t sys_syncfs(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));

	return f ? sync_super(f->inode->sb) : -EBADF;
}

static int check_fallocate(const struct file *f, int mode, int64_t off, int64_t len)
{
	int64_t end;

	if (off < 0 || len <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE |
		     FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if ((f->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	return __builtin_add_overflow(off, len, &end) ? -EFBIG : 0;
}

int64_t sys_fallocate(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	int r;

	if (!f)
		return -EBADF;
	r = check_fallocate(f, ARG_INT(a, 1), (int64_t)a[2], (int64_t)a[3]);
	if (r < 0)
		return r;
	if (!f->ops->fallocate)
		return -EOPNOTSUPP;
	if (!(ARG_INT(a, 1) & FALLOC_FL_KEEP_SIZE)) {
		r = vfs_newsize_ok(t, f->inode, a[2] + a[3]);
		if (r < 0)
			return r;
	}
	NAMES_CHANGE(t->kernel);
	names_inode(f->inode);
	return f->ops->fallocate(f, ARG_INT(a, 1), (int64_t)a[2], (int64_t)a[3]);
}

int64_t sys_fadvise64(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));

	if (!f)
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	return (int64_t)a[2] < 0 || ARG_UINT(a, 3) > POSIX_FADV_NOREUSE ? -EINVAL : 0;
}

int64_t sys_readahead(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));

	if (!f || (f->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	return S_ISREG(f->inode->mode) ? 0 : -EINVAL;
}
