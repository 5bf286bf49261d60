/* SPDX-License-Identifier: MIT */
/* hostfs: operations on names. */
#include "fs/hostfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int name_copy(char *buf, const char *name, size_t len)
{
	if (len > VFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (len == 0 || memchr(name, '/', len) || memchr(name, 0, len))
		return -EINVAL;
	memcpy(buf, name, len);
	buf[len] = 0;
	return strcmp(buf, ".") == 0 || strcmp(buf, "..") == 0 ? -EINVAL : 0;
}

static int stat_entry(struct inode *dir, const char *name, struct statx *st)
{
	int r, fd = host_dir_get(dir);

	if (fd < 0)
		return fd;
	platform_host_block_begin(dir->sb->kernel->platform);
	r = host_stat(fd, name, st);
	platform_host_block_end(dir->sb->kernel->platform);
	host_dir_put(dir);
	return r;
}

/*
 * -EACCES: *name*, which is *st*, is of a procfs of the host's. The sentry opens files as itself: self there is the sentry, whose memory its own
 * user may write. Only what is mounted there has another device than its directory; files of procfs have no size (those of an overlay have
 * devices of their own).
 */
static int check_mounted(struct inode *dir, const char *name, const struct statx *st)
{
	int fd, entry, r;

	if (host_stx_dev(st) == host_node_of(dir)->entry.key1 || S_ISLNK(st->stx_mode) || (!S_ISDIR(st->stx_mode) && st->stx_size > 0))
		return 0;
	fd = host_dir_get(dir);
	if (fd < 0)
		return fd;
	entry = host_open_beneath(fd, name, O_PATH, 0);
	host_dir_put(dir);
	if (entry < 0)
		return entry;
	r = host_check_served(entry);
	host_close(entry);
	return r;
}

static int hostfs_lookup(struct inode *dir, const char *name_in, size_t len, struct inode **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct statx st;
	int r = name_copy(name, name_in, len);

	if (r == 0)
		r = stat_entry(dir, name, &st);
	if (r < 0)
		return r;
	if (host_hidden(dir, name, &st))
		return -ENOENT;
	r = check_mounted(dir, name, &st);
	if (r < 0)
		return r;
	r = host_node_get(dir, name, &st, ret);
	if (r == 0 && host_guarded(hostfs_of(dir), name))
		atomic_store_explicit(&host_node_of(*ret)->guarded, true, memory_order_relaxed);
	return r;
}

/* Set-user-ID and set-group-ID programs of the host user are nothing a sandbox may make on the host. */
static int check_new_mode(const struct hostfs *fs, uint32_t mode)
{
	return !fs->owners && !S_ISDIR(mode) && (mode & (S_ISUID | S_ISGID)) ? -EPERM : 0;
}

static int make_regular(struct inode *dir, int dirfd, const char *name, const struct host_birth *b, int *ret_fd, struct statx *st)
{
	int fd = host_open_beneath(dirfd, name, O_CREAT | O_EXCL | O_RDWR, b->first), r;

	if (fd < 0)
		return fd;
	r = host_birth_fd(b, fd);
	if (r < 0)
		host_unlink(dirfd, name, false);
	else
		r = host_stat(fd, "", st);
	if (r < 0)
		host_close(fd);
	else
		*ret_fd = fd;
	return r;
}

/* *ret_fd*: of a regular file. */
static int host_create(struct inode *dir, int dirfd, const char *name, const struct host_birth *b, uint64_t rdev, int *ret_fd,
	struct statx *st)
{
	int r = -EPERM;

	switch (b->mode & S_IFMT) {
	case S_IFREG:
		return make_regular(dir, dirfd, name, b, ret_fd, st);
	case S_IFDIR:
		r = host_mkdir(dirfd, name, b->first & 01777);
		break;
	case S_IFIFO:
	case S_IFSOCK:
		r = host_mknod(dirfd, name, b->first & (S_IFMT | 0777), 0);
		break;
	case S_IFCHR:
	case S_IFBLK: /* the host allows whiteouts, and nothing else in a user namespace */
		if (b->owned)
			r = host_mknod(dirfd, name, b->first & (S_IFMT | 0777), rdev);
		break;
	default:
		break;
	}
	return r < 0 ? r : host_birth_name(dir, dirfd, name, b, st);
}

static int hostfs_create_op(struct inode *dir, const char *name_in, size_t len, uint32_t mode, uint64_t rdev,
			    const struct cred *cred, struct inode **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct host_birth b;
	struct statx st;
	int r = name_copy(name, name_in, len), fd = -1, dirfd;

	if (r == 0)
		r = host_held(dir, name) ? -EPERM : check_new_mode(hostfs_of(dir), mode);
	if (r < 0)
		return r;
	host_birth(dir, mode, cred, &b);
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	platform_host_block_begin(dir->sb->kernel->platform);
	r = host_create(dir, dirfd, name, &b, rdev, &fd, &st);
	platform_host_block_end(dir->sb->kernel->platform);
	host_dir_put(dir);
	if (r == 0)
		r = host_node_get(dir, name, &st, ret);
	if (r == 0 && fd >= 0) {
		lock_acquire(&hostfs_of(dir)->lock);
		int old = host_node_of(*ret)->spare_fd;

		host_node_of(*ret)->spare_fd = fd;
		lock_release(&hostfs_of(dir)->lock);
		fd = old;
	}
	host_close(fd);
	return r;
}

static int hostfs_symlink(struct inode *dir, const char *name_in, size_t len, const char *target, const struct cred *cred,
			  struct inode **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct host_birth b;
	struct statx st;
	int r = name_copy(name, name_in, len), dirfd;

	if (r == 0 && host_held(dir, name))
		r = -EPERM;
	if (r < 0)
		return r;
	host_birth(dir, S_IFLNK | 0777, cred, &b);
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	r = host_symlink(target, dirfd, name);
	if (r == 0)
		r = host_birth_name(dir, dirfd, name, &b, &st);
	host_dir_put(dir);
	return r < 0 ? r : host_node_get(dir, name, &st, ret);
}

/* Give *target* the name: by the one it has, or, if it has none yet, by its descriptor. */
static int link_node(struct inode *target, int dirfd, const char *name)
{
	char oname[VFS_NAME_MAX + 1];
	struct inode *oparent;
	int r, ofd = host_place_get(target, oname, &oparent);

	if (ofd >= 0) {
		r = host_link(ofd, oname, dirfd, name);
		host_place_put(oparent);
		return r;
	}
	ofd = target->linkable ? host_node_handle(target) : ofd;
	if (ofd < 0)
		return ofd;
	r = host_link_fd(target->sb->kernel->proc_fd, ofd, dirfd, name);
	host_close(ofd);
	return r;
}

static int hostfs_link(struct inode *dir, const char *name_in, size_t len, struct inode *target)
{
	char name[VFS_NAME_MAX + 1];
	int r = name_copy(name, name_in, len), dirfd;
	struct statx st;

	if (r == 0 && (host_held(dir, name) || atomic_load(&host_node_of(target)->guarded)))
		r = -EPERM;
	if (r < 0)
		return r;
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	r = link_node(target, dirfd, name);
	if (r == 0 && host_stat(dirfd, name, &st) == 0) {
		host_fill_inode(target, &st);
		if (target->linkable)
			host_set_place(target, dir, name);
	}
	host_dir_put(dir);
	return r;
}

static int remove_entry(struct inode *dir, const char *name_in, size_t len, struct inode *victim, bool is_dir)
{
	char name[VFS_NAME_MAX + 1];
	int r = name_copy(name, name_in, len), dirfd;

	if (r == 0 && host_held(dir, name))
		r = -EPERM;
	if (r < 0)
		return r;
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	platform_host_block_begin(dir->sb->kernel->platform);
	host_node_keep(victim, dirfd, name);
	r = host_unlink(dirfd, name, is_dir);
	platform_host_block_end(dir->sb->kernel->platform);
	host_dir_put(dir);
	if (r == 0)
		victim->nlink = is_dir || victim->nlink == 0 ? 0 : victim->nlink - 1;
	return r;
}

static int hostfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove_entry(dir, name, len, victim, false);
}

static int hostfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove_entry(dir, name, len, victim, true);
}

static int hostfs_rename(struct inode *odir, const char *oname_in, size_t olen, struct inode *what, struct inode *ndir,
			 const char *nname_in, size_t nlen, struct inode *target, unsigned flags)
{
	char oname[VFS_NAME_MAX + 1], nname[VFS_NAME_MAX + 1];
	int r = name_copy(oname, oname_in, olen), ofd, nfd;

	if (r == 0)
		r = name_copy(nname, nname_in, nlen);
	if (r == 0 && (host_held(odir, oname) || host_held(ndir, nname)))
		r = -EPERM;
	if (r < 0)
		return r;
	ofd = host_dir_get(odir);
	if (ofd < 0)
		return ofd;
	nfd = host_dir_get(ndir);
	if (nfd < 0) {
		host_dir_put(odir);
		return nfd;
	}
	platform_host_block_begin(odir->sb->kernel->platform);
	if (target && !(flags & RENAME_EXCHANGE))
		host_node_keep(target, nfd, nname);
	r = host_rename(ofd, oname, nfd, nname, flags & (RENAME_NOREPLACE | RENAME_EXCHANGE));
	platform_host_block_end(odir->sb->kernel->platform);
	host_dir_put(ndir);
	host_dir_put(odir);
	if (r < 0)
		return r;
	host_set_place(what, ndir, nname);
	if (target && (flags & RENAME_EXCHANGE))
		host_set_place(target, odir, oname);
	else if (target)
		target->nlink = S_ISDIR(target->mode) || target->nlink == 0 ? 0 : target->nlink - 1;
	return 0;
}

int hostfs_readlink(struct task *t, struct inode *inode, char **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct inode *parent;
	char buf[VFS_PATH_MAX];
	ssize_t n;
	int fd;

	if (host_node_of(inode)->target) {
		*ret = strdup(host_node_of(inode)->target);
		return *ret ? 0 : -ENOMEM;
	}
	fd = host_place_get(inode, name, &parent);
	if (fd < 0)
		return fd;
	n = host_readlink(fd, name, buf, sizeof(buf));
	host_place_put(parent);
	if (n < 0)
		return (int)n;
	if (n == 0 || n >= (ssize_t)sizeof(buf))
		return -ENAMETOOLONG;
	*ret = strndup(buf, (size_t)n);
	return *ret ? 0 : -ENOMEM;
}

const struct inode_ops hostfs_dir_ops = {
	.lookup = hostfs_lookup,
	.create = hostfs_create_op,
	.symlink = hostfs_symlink,
	.link = hostfs_link,
	.unlink = hostfs_unlink,
	.rmdir = hostfs_rmdir,
	.rename = hostfs_rename,
	.tmpfile = hostfs_tmpfile,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
	.getxattr = hostfs_getxattr,
	.setxattr = hostfs_setxattr,
	.listxattr = hostfs_listxattr,
	.removexattr = hostfs_removexattr,
	.acl_load = hostfs_acl_load,
	.acl_changed = hostfs_acl_changed,
	.lock_prepare = hostfs_lock_prepare,
	.lock = hostfs_lock,
	.lock_ask = hostfs_lock_ask,
	.open = hostfs_open,
};

const struct inode_ops hostfs_link_ops = {
	.readlink = hostfs_readlink,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
};

const struct inode_ops hostfs_file_ops = {
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
	.getxattr = hostfs_getxattr,
	.setxattr = hostfs_setxattr,
	.listxattr = hostfs_listxattr,
	.removexattr = hostfs_removexattr,
	.acl_load = hostfs_acl_load,
	.acl_changed = hostfs_acl_changed,
	.lock_prepare = hostfs_lock_prepare,
	.lock = hostfs_lock,
	.lock_ask = hostfs_lock_ask,
	.open = hostfs_open,
};

/* A device's, fifo's or socket's opening is the VFS's business, by its kind: such inodes have no open operation. */
const struct inode_ops hostfs_special_ops = {
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
};
