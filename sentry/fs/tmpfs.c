/* SPDX-License-Identifier: MIT */
/* tmpfs: a file system in sentry memory. Super blocks, inodes, attributes. */
#include "fs/tmpfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void inode_uncharge(struct inode *inode)
{
	struct tmpfs_sb *ts = tmpfs_sb(inode);

	kernel_uncharge(ts->kernel, tmpfs_i(inode)->charged);
	atomic_fetch_sub(&ts->inodes, 1);
}

static void tmpfs_free_inode(struct inode *inode)
{
	struct tmpfs_inode *ti = tmpfs_i(inode);

	if (!ti) {
		inode_free(inode);
		return;
	}
	if (S_ISDIR(inode->mode))
		tmpfs_dir_free(inode);
	else if (S_ISREG(inode->mode))
		tmpfs_data_free(inode);
	else if (S_ISLNK(inode->mode))
		free(ti->target);
	simple_xattrs_free(tmpfs_sb(inode)->kernel, &ti->xattrs);
	inode_uncharge(inode);
	free(ti);
	inode_free(inode);
}

static int tmpfs_statfs(struct super_block *sb, struct kstatfs *st)
{
	struct tmpfs_sb *ts = sb->priv;
	uint64_t left = kernel_files_left(ts->kernel) / TMPFS_PAGE, used = ts->pages, inodes = ts->inodes;
	uint64_t blocks = ts->max_pages ? ts->max_pages : used + left, bfree = used < blocks ? blocks - used : 0;
	uint64_t files = ts->max_inodes ? ts->max_inodes : blocks;

	*st = (struct kstatfs){.type = TMPFS_MAGIC, .bsize = TMPFS_PAGE, .blocks = blocks, .namelen = VFS_NAME_MAX};
	st->bfree = st->bavail = bfree < left ? bfree : left;
	st->files = files;
	st->ffree = inodes < files ? files - inodes : 0;
	return 0;
}

static void tmpfs_destroy(struct super_block *sb)
{
	struct tmpfs_sb *ts = sb->priv;

	lock_destroy(&ts->lock);
	free(ts);
}

/* A mapped file's blocks change without us. */
static bool tmpfs_exportable(struct inode *inode)
{
	bool ok;

	lock_acquire(&inode->lock);
	ok = S_ISDIR(inode->mode) || S_ISLNK(inode->mode) || (S_ISREG(inode->mode) && tmpfs_i(inode)->data.memfd < 0);
	lock_release(&inode->lock);
	return ok;
}

static const struct super_ops tmpfs_super_ops = {
	.exportable = tmpfs_exportable,
	.free_inode = tmpfs_free_inode,
	.statfs = tmpfs_statfs,
	.destroy = tmpfs_destroy,
};

static const struct inode_ops *iops_of(uint32_t mode)
{
	return S_ISDIR(mode) ? &tmpfs_dir_ops : S_ISREG(mode) ? &tmpfs_file_iops : S_ISLNK(mode) ? &tmpfs_symlink_ops :
												   &tmpfs_special_ops;
}

static const struct file_ops *fops_of(uint32_t mode)
{
	return S_ISDIR(mode) ? &tmpfs_dir_fops : S_ISREG(mode) ? &tmpfs_file_ops : NULL;
}

int tmpfs_new_inode(struct super_block *sb, uint32_t mode, struct inode **ret)
{
	struct tmpfs_sb *ts = sb->priv;
	struct tmpfs_inode *ti;
	struct inode *inode;

	if (atomic_fetch_add(&ts->inodes, 1) >= ts->max_inodes && ts->max_inodes) {
		atomic_fetch_sub(&ts->inodes, 1);
		return -ENOSPC;
	}
	if (kernel_charge_files(ts->kernel, sizeof(*ti) + sizeof(*inode)) < 0) {
		atomic_fetch_sub(&ts->inodes, 1);
		return -ENOSPC;
	}
	ti = calloc(1, sizeof(*ti));
	inode = ti ? inode_alloc(sb, iops_of(mode), fops_of(mode), mode) : NULL;
	if (!inode) {
		free(ti);
		kernel_uncharge(ts->kernel, sizeof(*ti) + sizeof(*inode));
		atomic_fetch_sub(&ts->inodes, 1);
		return -ENOMEM;
	}
	ti->charged = sizeof(*ti) + sizeof(*inode);
	simple_xattrs_init(&ti->xattrs);
	inode->priv = ti;
	if (S_ISDIR(mode)) {
		inode->nlink = 2;
		inode->size = 40;
		ti->dir.next_cookie = 2;
	} else if (S_ISREG(mode)) {
		ti->data.memfd = -1;
		ti->data.seals = F_SEAL_SEAL;
	}
	*ret = inode;
	return 0;
}

int tmpfs_new_file(struct super_block *sb, uint32_t mode, struct inode **ret)
{
	struct inode *inode;
	int r = tmpfs_new_inode(sb, S_IFREG | (mode & 07777), &inode);

	if (r < 0)
		return r;
	inode->nlink = 0;
	*ret = inode;
	return 0;
}

int tmpfs_getattr(struct inode *inode, struct kstat *st)
{
	lock_acquire(&inode->lock);
	*st = (struct kstat){
		.dev = inode->sb->dev, .ino = inode->ino, .rdev = inode->rdev,
		.mode = inode->mode, .nlink = inode->nlink, .uid = inode->uid, .gid = inode->gid,
		.size = inode->size, .blksize = TMPFS_PAGE,
		.atime = inode->atime, .mtime = inode->mtime, .ctime = inode->ctime, .btime = inode->btime,
	};
	if (S_ISREG(inode->mode))
		st->blocks = tmpfs_data_pages(inode) * (TMPFS_PAGE / 512);
	lock_release(&inode->lock);
	return 0;
}

int tmpfs_setattr(struct inode *inode, const struct setattr *attr)
{
	if (attr->valid & ATTR_SIZE) {
		int r = S_ISREG(inode->mode) ? tmpfs_truncate(inode, attr->size) : -EINVAL;

		if (r < 0)
			return r;
		inode_touch_mtime(inode);
	}
	inode_setattr_copy(inode, attr);
	return 0;
}

ssize_t tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	LOCK_SCOPE(&inode->lock);
	return simple_xattr_get(&tmpfs_i(inode)->xattrs, name, buf, size);
}

int tmpfs_setxattr(struct inode *inode, const char *name, const void *buf, size_t size, int flags)
{
	int r = simple_xattr_set(tmpfs_sb(inode)->kernel, &tmpfs_i(inode)->xattrs, name, buf, size, flags);

	if (!r)
		inode->ctime = inode_now(inode);
	return r;
}

ssize_t tmpfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	LOCK_SCOPE(&inode->lock);
	return simple_xattr_list(&tmpfs_i(inode)->xattrs, buf, size);
}

int tmpfs_removexattr(struct inode *inode, const char *name)
{
	return tmpfs_setxattr(inode, name, NULL, 0, 0);
}

static int tmpfs_readlink(struct task *t, struct inode *inode, char **ret)
{
	char *copy;

	lock_acquire(&inode->lock);
	inode_touch_atime(inode, NULL);
	lock_release(&inode->lock);
	copy = strdup(tmpfs_i(inode)->target); /* a link's target never changes */
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

const struct inode_ops tmpfs_symlink_ops = {.readlink = tmpfs_readlink, TMPFS_COMMON_OPS};
const struct inode_ops tmpfs_special_ops = {TMPFS_COMMON_OPS};
const struct inode_ops tmpfs_file_iops = {TMPFS_COMMON_OPS};

static int make_root(struct super_block *sb, const struct tmpfs_options *opt)
{
	struct inode *root;
	int r = tmpfs_new_inode(sb, S_IFDIR | (opt ? opt->mode & 07777 : 01777), &root);

	if (r < 0)
		return r;
	if (opt) {
		root->uid = opt->uid;
		root->gid = opt->gid;
	}
	r = d_alloc_root(sb, root);
	if (r < 0)
		inode_put(root);
	return r;
}

int tmpfs_create(struct kernel *k, const struct tmpfs_options *opt, struct super_block **ret)
{
	struct tmpfs_sb *ts = calloc(1, sizeof(*ts));
	struct super_block *sb = ts ? super_alloc(k, "tmpfs", &tmpfs_super_ops, ts) : NULL;
	int r;

	if (!sb) {
		free(ts);
		return -ENOMEM;
	}
	sb->posix_acl = sb->whiteouts = true;
	ts->kernel = k;
	lock_init(&ts->lock, RANK_LEAF);
	if (opt) {
		ts->max_pages = (opt->size + TMPFS_PAGE - 1) / TMPFS_PAGE;
		ts->max_inodes = opt->max_inodes;
		sb->lower = opt->lower;
	}
	r = make_root(sb, opt);
	if (r < 0) {
		super_put(sb);
		return r;
	}
	*ret = sb;
	return 0;
}
