/* SPDX-License-Identifier: MIT */
/*
 * hostfs with real owners (struct hostfs_options, `owners`): what the guest makes belongs on the host to whom it belongs inside.
 *
 * The host makes a file as the sentry's own id, which is nobody else's. Until it is given away it has no rights that its owner's group or
 * others will not have, so nobody gets at it who may not; and as nothing else belongs to that id, what is given away is never another file
 * that somebody has put there under its name meanwhile.
 */
#include "fs/hostfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Others have at first no right that the group has not: they include the group to come. */
static uint32_t birth_mode(uint32_t mode)
{
	return mode & (0770 | (mode >> 3 & 7) | (S_ISDIR(mode) ? S_ISVTX : 0));
}

void host_birth(struct inode *dir, uint32_t mode, const struct cred *cred, struct host_birth *b)
{
	struct inode shape = {.mode = 0};

	*b = (struct host_birth){.mode = mode, .first = mode};
	if (!hostfs_of(dir)->owners)
		return;
	inode_init_owner(&shape, dir, mode, cred);
	b->owned = true;
	b->uid = shape.uid;
	b->gid = shape.gid;
	b->mode = shape.mode;
	b->first = (mode & S_IFMT) | birth_mode(shape.mode);
}

int host_birth_fd(const struct host_birth *b, int fd)
{
	int r = b->owned ? host_chown(fd, b->uid, b->gid) : 0;

	return r == 0 && b->owned && b->first != b->mode ? host_fchmod(fd, b->mode & 07777) : r;
}

/* What was just made under *name*, and is still the sentry's. */
static int open_newborn(struct inode *dir, int dirfd, const char *name, const struct host_birth *b, struct statx *st)
{
	int fd = host_open_beneath(dirfd, name, O_PATH | (S_ISDIR(b->mode) ? O_DIRECTORY : 0), 0);
	int r = fd < 0 ? fd : host_stat(fd, "", st);

	if (r == 0 && ((st->stx_mode & S_IFMT) != (b->mode & S_IFMT) || st->stx_uid != hostfs_of(dir)->own_uid))
		r = -ENOENT; /* somebody outside has taken it away */
	if (r < 0 && fd >= 0)
		host_close(fd);
	return r < 0 ? r : fd;
}

int host_birth_name(struct inode *dir, int dirfd, const char *name, const struct host_birth *b, struct statx *st)
{
	int fd, r;

	if (!b->owned)
		return host_stat(dirfd, name, st);
	fd = open_newborn(dir, dirfd, name, b, st);
	if (fd < 0)
		return fd;
	r = host_chown(fd, b->uid, b->gid);
	if (r == 0 && !S_ISLNK(b->mode) && (b->mode & 07777) != (st->stx_mode & 07777))
		r = host_chmod_path(dir->sb->kernel->proc_fd, fd, b->mode & 07777);
	host_close(fd);
	if (r < 0) {
		host_unlink(dirfd, name, S_ISDIR(b->mode));
		return r;
	}
	st->stx_uid = b->uid;
	st->stx_gid = b->gid;
	if (!S_ISLNK(b->mode))
		st->stx_mode = (uint16_t)b->mode;
	return 0;
}

int host_set_owner(struct inode *inode, const struct setattr *attr)
{
	uint32_t uid = attr->valid & ATTR_UID ? attr->uid : UINT32_MAX, gid = attr->valid & ATTR_GID ? attr->gid : UINT32_MAX;
	struct statx st;
	int fd = host_node_handle(inode), r;

	if (fd < 0)
		return fd;
	platform_host_block_begin(inode->sb->kernel->platform);
	r = host_chown(fd, uid, gid);
	if (r == 0)
		r = host_stat(fd, "", &st);
	platform_host_block_end(inode->sb->kernel->platform);
	host_close(fd);
	if (r == 0)
		host_fill_inode(inode, &st); /* the host has taken set-ID bits away */
	return r;
}

/* --- files without a name ------------------------------------------------------------------------------------------------- */

int hostfs_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cred, struct inode **ret)
{
	struct host_birth b;
	struct statx st;
	int dirfd, fd, r;

	if (!hostfs_of(dir)->owners && (mode & (S_ISUID | S_ISGID)))
		return -EPERM;
	host_birth(dir, mode, cred, &b);
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	platform_host_block_begin(dir->sb->kernel->platform);
	fd = host_open_beneath(dirfd, ".", O_TMPFILE | O_RDWR, b.first);
	r = fd < 0 ? fd : host_birth_fd(&b, fd);
	if (r == 0)
		r = host_stat(fd, "", &st);
	platform_host_block_end(dir->sb->kernel->platform);
	host_dir_put(dir);
	if (r == 0)
		r = host_node_orphan(dir, &st, fd, ret);
	if (r < 0 && fd >= 0)
		host_close(fd);
	return r;
}
