/* SPDX-License-Identifier: MIT */
/*
 * hostfs: locks of a volume that other containers have too. The sandbox's own locks are the VFS's (vfs/locks.c); towards everybody else its
 * processes are one owner, which holds what any of them holds: two open files of the sentry's own, one for record locks, whose owner is the
 * open file (F_OFD_SETLK) because a process's own would go with the first descriptor that is closed, and one for flock(2).
 */
#include "fs/hostfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* An open file of its own: no copy of a descriptor, which would share locks. */
static int open_for_locks(struct inode *inode)
{
	int fd = host_node_open(inode, O_RDWR);

	return fd >= 0 ? fd : host_node_open(inode, O_RDONLY);
}

void hostfs_lock_prepare(struct inode *inode, bool flock)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	int *slot = flock ? &n->flock_fd : &n->record_fd, fd;

	if (!fs->shared || !(S_ISREG(inode->mode) || (S_ISDIR(inode->mode) && flock)))
		return;
	lock_acquire(&fs->lock);
	fd = *slot;
	lock_release(&fs->lock);
	if (fd >= 0)
		return;
	fd = open_for_locks(inode);
	lock_acquire(&fs->lock);
	if (*slot < 0) {
		*slot = fd;
		fd = -1;
	}
	lock_release(&fs->lock);
	host_close(fd);
}

/* The descriptors are the node's until its end, and once there they stay the same. */
static int lock_fd(struct inode *inode, bool flock)
{
	struct host_node *n = host_node_of(inode);

	LOCK_SCOPE(&hostfs_of(inode)->lock);
	return flock ? n->flock_fd : n->record_fd;
}

int hostfs_lock(struct inode *inode, bool flock, int type, int64_t start, int64_t end)
{
	int fd = lock_fd(inode, flock), r;

	if (fd < 0)
		return 0;
	r = flock ? host_flock(fd, type) : host_record_lock(fd, type, start, end);
	/* What the host's file system cannot do, or not on a file that is only read, holds inside alone. */
	return r == -EAGAIN || r == -EACCES ? -EAGAIN : 0;
}

int hostfs_lock_ask(struct inode *inode, struct flock *fl)
{
	int fd = lock_fd(inode, false);

	return fd < 0 ? -EOPNOTSUPP : host_record_ask(fd, fl);
}
