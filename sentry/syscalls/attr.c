/* SPDX-License-Identifier: MIT */
/* Attributes: chmod(2), chown(2), utimensat(2), truncate(2), access(2), umask(2). */
#include "platform/slot.h"
#include "syscalls/names.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <sys/stat.h>
#include <utime.h>

static int walk_name(struct task *t, int dirfd, uint64_t path, int flags, struct path *p)
{
	NAME_SCOPE name = NULL;
	int r = copy_in_path(t, path, flags & AT_EMPTY_PATH, &name);

	if (r < 0)
		return r;
	return vfs_walk(t, dirfd, name,
			(flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), p);
}

static int64_t do_chmod(struct task *t, int dirfd, uint64_t path, uint32_t mode, int flags)
{
	struct setattr attr = {.valid = ATTR_MODE, .mode = mode & 07777};
	PATH_SCOPE p = {0};
	int r = walk_name(t, dirfd, path, flags, &p);

	if (!r && S_ISLNK(p.dentry->inode->mode))
		r = -EOPNOTSUPP;
	return r < 0 ? r : vfs_setattr(t, &p, &attr);
}

int64_t sys_chmod(struct task *t, const uint64_t *a)
{
	return do_chmod(t, AT_FDCWD, a[0], ARG_UINT(a, 1), 0);
}

int64_t sys_fchmodat(struct task *t, const uint64_t *a)
{
	return do_chmod(t, ARG_INT(a, 0), a[1], ARG_UINT(a, 2), 0);
}

int64_t sys_fchmodat2(struct task *t, const uint64_t *a)
{
	if (ARG_INT(a, 3) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return do_chmod(t, ARG_INT(a, 0), a[1], ARG_UINT(a, 2), ARG_INT(a, 3));
}

int64_t sys_fchmod(struct task *t, const uint64_t *a)
{
	struct setattr attr = {.valid = ATTR_MODE, .mode = ARG_UINT(a, 1) & 07777};
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));

	return f ? vfs_setattr(t, &f->path, &attr) : -EBADF;
}

/* The new owner, as the caller's user namespace knows the ids. -EINVAL: it does not. */
static int owner_of(struct task *t, uint32_t uid, uint32_t gid, struct setattr *attr)
{
	const struct user_ns *ns = t->cred->user_ns;

	*attr = (struct setattr){.valid = ATTR_CHOWN | (uid != UINT32_MAX ? ATTR_UID : 0) | (gid != UINT32_MAX ? ATTR_GID : 0),
				 .uid = make_kuid(ns, uid), .gid = make_kgid(ns, gid)};
	if (((attr->valid & ATTR_UID) && attr->uid == ID_INVALID) || ((attr->valid & ATTR_GID) && attr->gid == ID_INVALID))
		return -EINVAL;
	return 0;
}

static int64_t do_chown(struct task *t, int dirfd, uint64_t path, uint32_t uid, uint32_t gid, int flags)
{
	struct setattr attr;
	PATH_SCOPE p = {0};
	int r = walk_name(t, dirfd, path, flags, &p);

	if (r >= 0)
		r = owner_of(t, uid, gid, &attr);
	return r < 0 ? r : vfs_setattr(t, &p, &attr);
}

int64_t sys_chown(struct task *t, const uint64_t *a)
{
	return do_chown(t, AT_FDCWD, a[0], ARG_UINT(a, 1), ARG_UINT(a, 2), 0);
}

int64_t sys_lchown(struct task *t, const uint64_t *a)
{
	return do_chown(t, AT_FDCWD, a[0], ARG_UINT(a, 1), ARG_UINT(a, 2), AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchownat(struct task *t, const uint64_t *a)
{
	if (ARG_INT(a, 4) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return do_chown(t, ARG_INT(a, 0), a[1], ARG_UINT(a, 2), ARG_UINT(a, 3), ARG_INT(a, 4));
}

int64_t sys_fchown(struct task *t, const uint64_t *a)
{
	struct setattr attr;
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	int r = f ? owner_of(t, ARG_UINT(a, 1), ARG_UINT(a, 2), &attr) : -EBADF;

	return r ? r : vfs_setattr(t, &f->path, &attr);
}

/* Times as utimensat(2) has them: -EINVAL, 1: nothing to do, 0: *attr* is filled in. ts NULL: both now. */
static int times_attr(struct inode *inode, const struct timespec *ts, struct setattr *attr)
{
	struct timespec now = inode_now(inode);

	*attr = (struct setattr){.valid = ATTR_ATIME | ATTR_MTIME, .atime = now, .mtime = now};
	if (!ts || (ts[0].tv_nsec == UTIME_NOW && ts[1].tv_nsec == UTIME_NOW)) {
		attr->valid |= ATTR_TOUCH;
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		long ns = ts[i].tv_nsec;

		if (ns != UTIME_NOW && ns != UTIME_OMIT && (ns < 0 || ns > 999999999))
			return -EINVAL;
	}
	if (ts[0].tv_nsec == UTIME_OMIT)
		attr->valid &= ~ATTR_ATIME;
	else if (ts[0].tv_nsec != UTIME_NOW)
		attr->atime = ts[0];
	if (ts[1].tv_nsec == UTIME_OMIT)
		attr->valid &= ~ATTR_MTIME;
	else if (ts[1].tv_nsec != UTIME_NOW)
		attr->mtime = ts[1];
	return !attr->valid;
}

static int set_times(struct task *t, const struct path *p, const struct timespec *ts)
{
	struct setattr attr;
	int r = times_attr(p->dentry->inode, ts, &attr);

	return r ? (r < 0 ? r : 0) : vfs_setattr(t, p, &attr);
}

static int64_t do_utimens(struct task *t, int dirfd, uint64_t path, const struct timespec *ts, int flags)
{
	PATH_SCOPE p = {0};
	int r;

	if (!path && dirfd != AT_FDCWD) {
		FILE_SCOPE f = fd_get(t, dirfd);

		if (flags)
			return -EINVAL;
		return f ? set_times(t, &f->path, ts) : -EBADF;
	}
	r = walk_name(t, dirfd, path, flags, &p);
	return r < 0 ? r : set_times(t, &p, ts);
}

int64_t sys_utimensat(struct task *t, const uint64_t *a)
{
	struct timespec ts[2];
	int r;

	if (a[2]) {
		r = copy_in(t, ts, a[2], sizeof(ts));
		if (r < 0)
			return r;
		if (ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
			return 0;
	}
	if (ARG_INT(a, 3) & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return do_utimens(t, ARG_INT(a, 0), a[1], a[2] ? ts : NULL, ARG_INT(a, 3));
}

static int64_t times_from_timeval(struct task *t, int dirfd, uint64_t path, uint64_t src)
{
	struct timeval tv[2];
	struct timespec ts[2];
	int r;

	if (!src)
		return do_utimens(t, dirfd, path, NULL, 0);
	r = copy_in(t, tv, src, sizeof(tv));
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		ts[i] = (struct timespec){.tv_sec = tv[i].tv_sec, .tv_nsec = tv[i].tv_usec * 1000};
	}
	return do_utimens(t, dirfd, path, ts, 0);
}

int64_t sys_futimesat(struct task *t, const uint64_t *a)
{
	return times_from_timeval(t, ARG_INT(a, 0), a[1], a[2]);
}

int64_t sys_utimes(struct task *t, const uint64_t *a)
{
	return times_from_timeval(t, AT_FDCWD, a[0], a[1]);
}

int64_t sys_utime(struct task *t, const uint64_t *a)
{
	struct timespec ts[2] = {{0}};
	struct utimbuf ub;
	int r;

	if (!a[1])
		return do_utimens(t, AT_FDCWD, a[0], NULL, 0);
	r = copy_in(t, &ub, a[1], sizeof(ub));
	if (r < 0)
		return r;
	ts[0].tv_sec = ub.actime;
	ts[1].tv_sec = ub.modtime;
	return do_utimens(t, AT_FDCWD, a[0], ts, 0);
}

int64_t sys_truncate(struct task *t, const uint64_t *a)
{
	PATH_SCOPE p = {0};
	int r;

	if ((int64_t)a[1] < 0)
		return -EINVAL;
	r = walk_name(t, AT_FDCWD, a[0], 0, &p);
	return r < 0 ? r : vfs_truncate(t, &p, a[1]);
}

int64_t sys_ftruncate(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;

	if ((int64_t)a[1] < 0)
		return -EINVAL;
	f = fd_get(t, ARG_INT(a, 0));
	return f ? vfs_ftruncate(t, f, a[1]) : -EBADF;
}

static int64_t do_access(struct task *t, int dirfd, uint64_t path, int mask, int flags)
{
	NAME_SCOPE name = NULL;
	int r;

	if ((mask & ~7) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	r = copy_in_path(t, path, flags & AT_EMPTY_PATH, &name);
	if (r < 0)
		return r;
	r = vfs_access(t, dirfd, name, mask, flags);
	if ((r == 0 || r == -ENOENT) && !flags && (dirfd == AT_FDCWD || *name == '/') && gthread_by_slot(t->th))
		names_export(t, name, false);
	return r;
}

int64_t sys_access(struct task *t, const uint64_t *a)
{
	return do_access(t, AT_FDCWD, a[0], ARG_INT(a, 1), 0);
}

int64_t sys_faccessat(struct task *t, const uint64_t *a)
{
	return do_access(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2), 0);
}

int64_t sys_faccessat2(struct task *t, const uint64_t *a)
{
	return do_access(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2), ARG_INT(a, 3));
}

int64_t sys_umask(struct task *t, const uint64_t *a)
{
	struct fs_context *fs = t->fs;
	uint32_t old;

	lock_acquire(&fs->lock);
	old = fs->umask;
	fs->umask = ARG_UINT(a, 0) & 0777;
	lock_release(&fs->lock);
	return old;
}
