/* SPDX-License-Identifier: MIT */
/* Names: link(2), unlink(2), symlink(2), readlink(2), rename(2), mknod(2). */
#include "platform/slot.h"
#include "syscalls/names.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int64_t do_link(struct task *t, int odirfd, uint64_t opath, int ndirfd, uint64_t npath, int flags)
{
	NAME_SCOPE oname = NULL;
	NAME_SCOPE nname = NULL;
	int r;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = copy_in_path(t, opath, flags & AT_EMPTY_PATH, &oname);
	if (!r)
		r = copy_in_path(t, npath, true, &nname);
	return r < 0 ? r : vfs_link(t, odirfd, oname, ndirfd, nname, flags);
}

int64_t sys_link(struct task *t, const uint64_t *a)
{
	return do_link(t, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

int64_t sys_linkat(struct task *t, const uint64_t *a)
{
	return do_link(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2), a[3], ARG_INT(a, 4));
}

static int64_t do_unlink(struct task *t, int dirfd, uint64_t path, bool dir)
{
	NAME_SCOPE name = NULL;
	int r = copy_in_path(t, path, false, &name);

	return r < 0 ? r : vfs_unlink(t, dirfd, name, dir);
}

int64_t sys_unlink(struct task *t, const uint64_t *a)
{
	return do_unlink(t, AT_FDCWD, a[0], false);
}

int64_t sys_rmdir(struct task *t, const uint64_t *a)
{
	return do_unlink(t, AT_FDCWD, a[0], true);
}

int64_t sys_unlinkat(struct task *t, const uint64_t *a)
{
	if (ARG_INT(a, 2) & ~AT_REMOVEDIR)
		return -EINVAL;
	return do_unlink(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2) & AT_REMOVEDIR);
}

static int64_t do_symlink(struct task *t, uint64_t target, int dirfd, uint64_t path)
{
	NAME_SCOPE to = NULL;
	NAME_SCOPE name = NULL;
	int r = copy_in_path(t, target, false, &to);

	if (!r)
		r = copy_in_path(t, path, false, &name);
	return r < 0 ? r : vfs_symlink(t, to, dirfd, name);
}

int64_t sys_symlink(struct task *t, const uint64_t *a)
{
	return do_symlink(t, a[0], AT_FDCWD, a[1]);
}

int64_t sys_symlinkat(struct task *t, const uint64_t *a)
{
	return do_symlink(t, a[0], ARG_INT(a, 1), a[2]);
}

static int64_t do_readlink(struct task *t, int dirfd, uint64_t path, uint64_t dst, int size)
{
	NAME_SCOPE name = NULL;
	NAME_SCOPE target = NULL;
	PATH_SCOPE p = {0};
	struct inode *inode;
	size_t len;
	int r;

	if (size <= 0)
		return -EINVAL;
	r = copy_in_path(t, path, true, &name);
	if (!r)
		r = vfs_walk(t, dirfd, name, WALK_EMPTY, &p);
	inode = r < 0 ? NULL : p.dentry->inode;
	/* That something is no link, or nothing, is asked again and again: realpath(3), compilers' include directories. */
	if ((r == -ENOENT || (inode && !S_ISLNK(inode->mode))) && name && (dirfd == AT_FDCWD || *name == '/') && gthread_by_slot(t->th))
		names_export(t, name, true);
	if (r < 0)
		return r;
	if (!S_ISLNK(inode->mode) || !inode->ops->readlink)
		return *name ? -EINVAL : -ENOENT;
	r = inode->ops->readlink(t, inode, &target);
	if (r < 0)
		return r;
	len = strlen(target);
	if (len > (size_t)size)
		len = (size_t)size;
	r = copy_out(t, dst, target, len);
	return r < 0 ? r : (int64_t)len;
}

int64_t sys_readlink(struct task *t, const uint64_t *a)
{
	return do_readlink(t, AT_FDCWD, a[0], a[1], ARG_INT(a, 2));
}

int64_t sys_readlinkat(struct task *t, const uint64_t *a)
{
	return do_readlink(t, ARG_INT(a, 0), a[1], a[2], ARG_INT(a, 3));
}

static int64_t do_rename(struct task *t, int odirfd, uint64_t opath, int ndirfd, uint64_t npath, unsigned flags)
{
	NAME_SCOPE oname = NULL;
	NAME_SCOPE nname = NULL;
	int r = copy_in_path(t, opath, true, &oname); /* empty names are refused in the order of the walks */

	if (!r)
		r = copy_in_path(t, npath, true, &nname);
	return r < 0 ? r : vfs_rename(t, odirfd, oname, ndirfd, nname, flags);
}

int64_t sys_rename(struct task *t, const uint64_t *a)
{
	return do_rename(t, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

int64_t sys_renameat(struct task *t, const uint64_t *a)
{
	return do_rename(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2), a[3], 0);
}

int64_t sys_renameat2(struct task *t, const uint64_t *a)
{
	return do_rename(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2), a[3], ARG_UINT(a, 4));
}

static int64_t do_mknod(struct task *t, int dirfd, uint64_t path, uint32_t mode, uint64_t dev)
{
	NAME_SCOPE name = NULL;
	int r = copy_in_path(t, path, false, &name);

	return r < 0 ? r : vfs_mknod(t, dirfd, name, mode & 0177777, (uint32_t)dev);
}

int64_t sys_mknod(struct task *t, const uint64_t *a)
{
	return do_mknod(t, AT_FDCWD, a[0], ARG_UINT(a, 1), a[2]);
}

int64_t sys_mknodat(struct task *t, const uint64_t *a)
{
	return do_mknod(t, ARG_INT(a, 0), a[1], ARG_UINT(a, 2), a[3]);
}
