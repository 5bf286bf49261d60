/* SPDX-License-Identifier: MIT */
/* open(2), openat2(2), close(2), close_range(2). */
#include "platform/slot.h"
#include "syscalls/names.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <string.h>

#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)
#define OPEN_FLAGS                                                                                                     \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC |      \
	 O_DIRECT | 0100000 /* O_LARGEFILE */ | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | TMPFILE_BIT)

static int check_flags(int flags)
{
	if ((flags & TMPFILE_BIT) && !(flags & O_PATH)) {
		if (!(flags & O_DIRECTORY) || (flags & O_CREAT) || (flags & O_ACCMODE) == O_RDONLY)
			return -EINVAL;
	}
	return 0;
}

static int64_t open_and_install(struct task *t, int dirfd, const char *name, struct open_how_args *how)
{
	FILE_SCOPE f = NULL;
	int r = fd_room(t);

	if (!r)
		r = vfs_open(t, dirfd, name, how, &f);
	if (r < 0)
		return r;
	r = fd_install(t, f, how->flags & O_CLOEXEC, 0);
	if (r >= 0)
		f = NULL;
	return r;
}

static int64_t do_open(struct task *t, int dirfd, uint64_t path, int flags, uint32_t mode)
{
	struct open_how_args how = {.flags = flags & OPEN_FLAGS & ~0100000, .mode = mode & 07777};
	NAME_SCOPE name = NULL;
	int r;

	if (how.flags & O_PATH)
		how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	r = check_flags(how.flags);
	if (!r)
		r = copy_in_path(t, path, false, &name);
	if (r < 0)
		return r;
	r = (int)open_and_install(t, dirfd, name, &how);
	if (r == -ENOENT && !(how.flags & (O_CREAT | O_NOFOLLOW)) && (dirfd == AT_FDCWD || *name == '/') && gthread_by_slot(t->th))
		names_export(t, name, false);
	return r;
}

int64_t sys_open(struct task *t, const uint64_t *a)
{
	return do_open(t, AT_FDCWD, a[0], ARG_INT(a, 1), ARG_UINT(a, 2));
}

int64_t sys_openat(struct task *t, const uint64_t *a)
{
	return do_open(t, ARG_INT(a, 0), a[1], ARG_INT(a, 2), ARG_UINT(a, 3));
}

int64_t sys_creat(struct task *t, const uint64_t *a)
{
	return do_open(t, AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, ARG_UINT(a, 1));
}

/* struct open_how of *size* bytes: what lies beyond the known fields must be zero. */
static int copy_in_how(struct task *t, uint64_t src, uint64_t size, struct open_how *how)
{
	uint8_t rest[256];
	int r;

	if (size < sizeof(*how))
		return -EINVAL;
	if (size > 4096)
		return -E2BIG;
	r = copy_in(t, how, src, sizeof(*how));
	for (uint64_t off = sizeof(*how); !r && off < size; off += sizeof(rest)) {
		size_t n = size - off < sizeof(rest) ? size - off : sizeof(rest);

		r = copy_in(t, rest, src + off, n);
		for (size_t i = 0; !r && i < n; i++)
			r = rest[i] ? -E2BIG : 0;
	}
	return r;
}

static int resolve_flags(uint64_t resolve, unsigned *walk)
{
	static const struct {
		uint64_t resolve;
		unsigned walk;
	} map[] = {
		{RESOLVE_NO_XDEV, WALK_NO_XDEV},	{RESOLVE_NO_MAGICLINKS, WALK_NO_MAGICLINKS},
		{RESOLVE_NO_SYMLINKS, WALK_NO_SYMLINKS}, {RESOLVE_BENEATH, WALK_BENEATH},
		{RESOLVE_IN_ROOT, WALK_IN_ROOT},
	};
	unsigned flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (resolve & map[i].resolve)
			flags |= map[i].walk;
		resolve &= ~map[i].resolve;
	}
	if (resolve == RESOLVE_CACHED)
		return -EAGAIN; /* the caller has to be ready for it, and tries again without */
	if (resolve || (flags & (WALK_BENEATH | WALK_IN_ROOT)) == (WALK_BENEATH | WALK_IN_ROOT))
		return -EINVAL;
	*walk = flags;
	return 0;
}

static int check_how(const struct open_how *how)
{
	uint64_t path_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	if (how->flags & ~(uint64_t)OPEN_FLAGS)
		return -EINVAL;
	if (how->mode & ~07777ull)
		return -EINVAL;
	if (how->mode && !(how->flags & (O_CREAT | TMPFILE_BIT)))
		return -EINVAL;
	if ((how->flags & O_PATH) && (how->flags & ~path_flags))
		return -EINVAL;
	return check_flags((int)how->flags);
}

int64_t sys_openat2(struct task *t, const uint64_t *a)
{
	struct open_how_args args = {0};
	NAME_SCOPE name = NULL;
	struct open_how how;
	int r = copy_in_how(t, a[2], a[3], &how);

	if (!r)
		r = check_how(&how);
	if (!r)
		r = resolve_flags(how.resolve, &args.walk);
	if (!r)
		r = copy_in_path(t, a[1], false, &name);
	if (r < 0)
		return r;
	args.flags = (int)how.flags & ~0100000;
	args.mode = (uint32_t)how.mode;
	return open_and_install(t, ARG_INT(a, 0), name, &args);
}

int64_t sys_close(struct task *t, const uint64_t *a)
{
	return fd_close(t, ARG_INT(a, 0));
}

/* CLOSE_RANGE_UNSHARE: a table of one's own first, so that other threads keep their descriptors. */
static int unshare_table(struct task *t)
{
	struct fd_table *ft = t->fds, *copy;

	if (refs_read(&ft->refs) == 1)
		return 0;
	copy = fd_table_copy(ft);
	if (!copy)
		return -ENOMEM;
	lock_acquire(&t->cred_lock); /* against /proc/PID/fd of another */
	t->fds = copy;
	lock_release(&t->cred_lock);
	fd_table_put(t, ft);
	return 0;
}

int64_t sys_close_range(struct task *t, const uint64_t *a)
{
	unsigned first = ARG_UINT(a, 0), last = ARG_UINT(a, 1), flags = ARG_UINT(a, 2);
	int r = 0;

	if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE)
		r = unshare_table(t);
	if (!r)
		fd_close_range(t, first, last, flags & CLOSE_RANGE_CLOEXEC);
	return r;
}
