/* SPDX-License-Identifier: MIT */
/* inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2). */
#include "fs/inotify.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>

static int64_t init(struct task *t, int flags)
{
	struct file *f;
	int r;

	if (flags & ~(IN_NONBLOCK | IN_CLOEXEC))
		return -EINVAL;
	r = inotify_create(t->kernel, flags, &f);
	if (r < 0)
		return r;
	r = fd_install(t, f, flags & IN_CLOEXEC, 0);
	if (r < 0)
		file_put(f);
	return r;
}

int64_t sys_inotify_init(struct task *t, const uint64_t *a)
{
	return init(t, 0);
}

int64_t sys_inotify_init1(struct task *t, const uint64_t *a)
{
	return init(t, ARG_INT(a, 0));
}

static int64_t add_watch(struct task *t, struct file *f, const char *name, uint32_t mask)
{
	unsigned walk = (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) | (mask & IN_ONLYDIR ? WALK_DIRECTORY : 0);
	PATH_SCOPE p = {0};
	int r = vfs_walk(t, AT_FDCWD, name, walk, &p);

	if (r == 0)
		r = inode_permission(t, p.dentry->inode, MAY_READ);
	return r < 0 ? r : inotify_add(f, p.dentry->inode, mask);
}

int64_t sys_inotify_add_watch(struct task *t, const uint64_t *a)
{
	uint32_t mask = ARG_UINT(a, 2);
	FILE_SCOPE f = NULL;
	char *name;
	int64_t r;

	if (!(mask & IN_ALL_EVENTS) || ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)))
		return -EINVAL;
	f = fd_get(t, ARG_INT(a, 0));
	if (!f)
		return -EBADF;
	if (!inotify_is(f))
		return -EINVAL;
	r = copy_in_path(t, a[1], false, &name);
	if (r < 0)
		return r;
	r = add_watch(t, f, name, mask);
	free(name);
	return r;
}

int64_t sys_inotify_rm_watch(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));

	if (!f)
		return -EBADF;
	return inotify_is(f) ? inotify_remove(f, ARG_INT(a, 1)) : -EINVAL;
}
