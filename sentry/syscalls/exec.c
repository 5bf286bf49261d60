/* SPDX-License-Identifier: MIT */
/* execve(2), execveat(2). */
#include "kernel/exec.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t exec_at(struct task *t, int dirfd, const char *path, uint64_t argv, uint64_t envp, int flags)
{
	struct open_how_args how = {
		.flags = O_RDONLY | VFS_O_EXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0),
	};
	FILE_SCOPE f = NULL;
	char name[32];
	int r;

	if (!*path) {
		f = fd_get_path(t, dirfd);
		if (!f)
			return -EBADF;
		snprintf(name, sizeof(name), "/dev/fd/%d", dirfd);
		return do_execve(t, f, name, argv, envp);
	}
	r = vfs_open(t, dirfd, path, &how, &f);
	return r ? r : do_execve(t, f, path, argv, envp);
}

int64_t sys_execve(struct task *t, const uint64_t *a)
{
	char *path;
	int64_t r = copy_in_path(t, a[0], false, &path);

	if (r)
		return r;
	r = exec_at(t, AT_FDCWD, path, a[1], a[2], 0);
	free(path);
	return r;
}

int64_t sys_execveat(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 4);
	char *path;
	int64_t r;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	r = copy_in_path(t, a[1], flags & AT_EMPTY_PATH, &path);
	if (r)
		return r;
	r = exec_at(t, ARG_INT(a, 0), path, a[2], a[3], flags);
	free(path);
	return r;
}
