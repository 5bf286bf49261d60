/* SPDX-License-Identifier: MIT */
/*
 * hostfs with real owners: access control lists are the host's. They are read when somebody's rights depend on them, which root's do
 * not, and not again before the file's change time is another: files without lists, nearly all, are remembered by it.
 */
#include "fs/hostfs.h"
#include "vfs/acl.h"
#include "vfs/simple_xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct host_plain plain_of(const struct host_node *n)
{
	return (struct host_plain){.dev = n->entry.key1, .ino = n->entry.key2, .sec = n->ctime.tv_sec, .nsec = (uint32_t)n->ctime.tv_nsec};
}

static struct host_plain *plain_slot(struct hostfs *fs, const struct host_plain *p)
{
	return &fs->plain[((p->ino ^ p->dev) * 0x9e3779b97f4a7c15u >> 32) % HOSTFS_PLAIN];
}

static bool plain_same(const struct host_plain *a, const struct host_plain *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->sec == b->sec && a->nsec == b->nsec;
}

/* Nothing is to be read: it was already, or there is nothing. *at*: the change time to read for. */
static bool is_known(struct inode *inode, struct host_plain *at)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);

	LOCK_SCOPE(&fs->lock);
	*at = plain_of(n);
	if (!n->acl_known && plain_same(plain_slot(fs, at), at) && !inode->acl && !inode->default_acl)
		n->acl_known = true;
	return n->acl_known;
}

static void set_known(struct inode *inode, const struct host_plain *at)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	struct host_plain now;

	LOCK_SCOPE(&fs->lock);
	now = plain_of(n);
	if (!plain_same(&now, at))
		return;
	n->acl_known = true;
	if (!inode->acl && !inode->default_acl)
		*plain_slot(fs, at) = *at;
}

static int read_list(struct inode *inode, int fd, bool dflt)
{
	const char *name = dflt ? ACL_DEFAULT_NAME : ACL_ACCESS_NAME;
	char first[512], *buf = first;
	ssize_t n = host_fgetxattr(fd, name, first, sizeof(first));
	int r;

	if (n == -ERANGE) {
		buf = malloc(XATTR_VALUE_BYTES);
		n = buf ? host_fgetxattr(fd, name, buf, XATTR_VALUE_BYTES) : -ENOMEM;
	}
	if (n == -ENODATA || n == -EOPNOTSUPP)
		n = 0;
	r = n < 0 ? (int)n : acl_import(inode, dflt, buf, (size_t)n);
	if (buf != first)
		free(buf);
	return r;
}

int hostfs_acl_load(struct inode *inode)
{
	struct host_plain at;
	bool opened;
	int fd, r;

	if (!hostfs_of(inode)->owners || !(S_ISREG(inode->mode) || S_ISDIR(inode->mode)) || is_known(inode, &at))
		return 0;
	fd = host_node_fd(inode, false, &opened);
	if (fd < 0)
		return fd;
	platform_host_block_begin(inode->sb->kernel->platform);
	r = read_list(inode, fd, false);
	if (r == 0 && S_ISDIR(inode->mode))
		r = read_list(inode, fd, true);
	platform_host_block_end(inode->sb->kernel->platform);
	host_close(fd);
	if (r == 0)
		set_known(inode, &at);
	return r;
}

static int write_list(struct inode *inode, int fd, bool dflt)
{
	const char *name = dflt ? ACL_DEFAULT_NAME : ACL_ACCESS_NAME;
	void *bytes;
	ssize_t n = acl_export(inode, dflt, &bytes);
	int r;

	if (n < 0)
		return (int)n;
	r = n ? host_fsetxattr(fd, name, bytes, (size_t)n, 0) : host_fremovexattr(fd, name);
	free(bytes);
	return n == 0 && (r == -ENODATA || r == -EOPNOTSUPP) ? 0 : r;
}

int hostfs_acl_changed(struct inode *inode)
{
	bool opened;
	int fd, r;

	if (!hostfs_of(inode)->owners || !(S_ISREG(inode->mode) || S_ISDIR(inode->mode)))
		return -EOPNOTSUPP;
	fd = host_node_fd(inode, false, &opened);
	if (fd < 0)
		return fd;
	r = write_list(inode, fd, false);
	if (r == 0 && S_ISDIR(inode->mode))
		r = write_list(inode, fd, true);
	host_close(fd);
	return r;
}
