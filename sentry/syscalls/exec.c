/* SPDX-License-Identifier: MIT */
/* execve(2), execveat(2). */
#include "kernel/exec.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Relative to a descriptor the program's name is /dev/fd/N[/path]. One that is closed by this very exec is no name that an interpreter
 * could open: a script is -ENOENT then.
 */
static int64_t exec_from_fd(struct task *t, int dirfd, const char *path, struct file *f, uint64_t argv, uint64_t envp)
{
	size_t size = strlen(path) + 32;
	char *name = malloc(size);
	int64_t r;

	if (!name)
		return -ENOMEM;
	snprintf(name, size, "/dev/fd/%d%s%s", dirfd, *path ? "/" : "", path);
	r = do_execve(t, f, name, fd_get_cloexec(t, dirfd) == 1, argv, envp);
	free(name);
	return r;
}

static int64_t exec_at(struct task *t, int dirfd, const char *path, uint64_t argv, uint64_t envp, int flags)
{
	struct open_how_args how = {
		.flags = O_RDONLY | VFS_O_EXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0),
	};
	FILE_SCOPE f = NULL;
	FILE_SCOPE of = NULL;
	int r;

	if (!*path) {
		if (dirfd == AT_FDCWD)
			return -EACCES; /* a directory */
		of = fd_get_path(t, dirfd);
		if (!of)
			return -EBADF;
		/* Opened anew: the caller's descriptor may be without reading, or a mere path. */
		r = of->path.dentry ? vfs_open_path(t, &of->path, O_RDONLY | VFS_O_EXEC, &f) : 0;
		return r ? r : exec_from_fd(t, dirfd, path, f ? f : of, argv, envp);
	}
	r = vfs_open(t, dirfd, path, &how, &f);
	if (r)
		return r;
	if (dirfd != AT_FDCWD && *path != '/')
		return exec_from_fd(t, dirfd, path, f, argv, envp);
	return do_execve(t, f, path, false, argv, envp);
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

	r = copy_in_path(t, a[1], flags & AT_EMPTY_PATH, &path);
	if (r)
		return r;
	r = flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -EINVAL : exec_at(t, ARG_INT(a, 0), path, a[2], a[3], flags);
	free(path);
	return r;
}
