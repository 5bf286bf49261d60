/* SPDX-License-Identifier: MIT */
/* /dev/pts: a node for each pseudo terminal whose master is open, and ptmx, which makes new ones. */
#include "fs/fs.h"
#include "fs/tty_internal.h"
#include "kernel/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEVPTS_MAGIC 0x1cd1
#define DEVPTS_MAX 4096
#define TTY_GROUP 5
#define PTMX_INO 2

struct devpts {
	struct lock lock; /* RANK_LEAF */
	struct tty *ttys[DEVPTS_MAX]; /* no reference: the master takes itself out */
	struct inode *ptmx;	      /* held */
};

static int node_setattr(struct inode *inode, const struct setattr *attr)
{
	inode_setattr_copy(inode, attr);
	return 0;
}

static const struct inode_ops pts_iops = {.setattr = node_setattr};

static struct devpts *devpts_of(struct kernel *k)
{
	return k->devpts ? k->devpts->priv : NULL;
}

struct tty *devpts_find(struct kernel *k, unsigned index)
{
	struct devpts *dp = devpts_of(k);
	struct tty *tty;

	if (!dp || index >= DEVPTS_MAX)
		return NULL;
	LOCK_SCOPE(&dp->lock);
	tty = dp->ttys[index];
	return tty && refs_tryget(&tty->refs) ? tty : NULL;
}

/* Give *tty* the lowest free number. */
static int enter(struct devpts *dp, struct tty *tty)
{
	LOCK_SCOPE(&dp->lock);
	for (unsigned i = 0; i < DEVPTS_MAX; i++) {
		if (dp->ttys[i])
			continue;
		dp->ttys[i] = tty;
		tty->index = i;
		return 0;
	}
	return -ENOSPC;
}

int devpts_new(struct kernel *k, uint32_t uid, struct tty **ret)
{
	struct devpts *dp = devpts_of(k);
	struct inode *inode;
	struct tty *tty;
	int err;

	if (!dp)
		return -ENODEV;
	tty = tty_alloc(k);
	inode = inode_alloc(k->devpts, &pts_iops, NULL, S_IFCHR | 0620);
	if (!tty || !inode) {
		tty_put(tty);
		if (inode)
			inode_put(inode);
		return -ENOMEM;
	}
	inode->uid = uid;
	inode->gid = TTY_GROUP;
	tty->inode = inode;
	err = enter(dp, tty);
	if (err) {
		inode_put(inode);
		tty_put(tty);
		return err;
	}
	inode->rdev = tty_rdev(tty);
	*ret = tty;
	return 0;
}

void devpts_remove(struct tty *tty)
{
	struct devpts *dp = devpts_of(tty->kernel);
	struct inode *inode;

	lock_acquire(&dp->lock);
	if (dp->ttys[tty->index] == tty)
		dp->ttys[tty->index] = NULL;
	lock_release(&dp->lock);
	lock_acquire(&tty->lock);
	inode = tty->inode;
	tty->inode = NULL;
	lock_release(&tty->lock);
	if (inode) {
		inode->nlink = 0;
		inode_put(inode);
	}
}

/* --- the directory ---------------------------------------------------------------------------------------------------------------- */

static bool parse_index(const char *name, size_t len, unsigned *index)
{
	unsigned v = 0;

	if (!len || len > 4 || (len > 1 && name[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + (unsigned)(name[i] - '0');
	}
	*index = v;
	return v < DEVPTS_MAX;
}

static int devpts_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct devpts *dp = dir->sb->priv;
	struct inode *inode = NULL;
	struct tty *tty;
	unsigned index;

	if (len == 4 && !memcmp(name, "ptmx", 4)) {
		inode_get(dp->ptmx);
		*ret = dp->ptmx;
		return 0;
	}
	tty = parse_index(name, len, &index) ? devpts_find(dir->sb->kernel, index) : NULL;
	if (!tty)
		return -ENOENT;
	lock_acquire(&tty->lock);
	inode = tty->inode;
	if (inode)
		inode_get(inode);
	lock_release(&tty->lock);
	tty_put(tty);
	if (!inode)
		return -ENOENT;
	*ret = inode;
	return 0;
}

static int devpts_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct kernel *k = f->inode->sb->kernel;
	struct devpts *dp = f->inode->sb->priv;

	if (!dir_emit_dots(f, de, pos))
		return 0;
	if (*pos == 2) {
		if (!de->emit(de, "ptmx", 4, dp->ptmx->ino, S_IFCHR >> 12, 3))
			return 0;
		*pos = 3;
	}
	for (; *pos - 3 < DEVPTS_MAX; ++*pos) {
		struct tty *tty = devpts_find(k, (unsigned)(*pos - 3));
		char name[16];
		uint64_t ino = 0;
		int n;

		if (!tty)
			continue;
		lock_acquire(&tty->lock);
		if (tty->inode)
			ino = tty->inode->ino;
		lock_release(&tty->lock);
		n = snprintf(name, sizeof(name), "%u", tty->index);
		tty_put(tty);
		if (ino && !de->emit(de, name, (size_t)n, ino, S_IFCHR >> 12, *pos + 1))
			return 0;
	}
	return 0;
}

static int64_t devpts_lseek(struct file *f, int64_t off, int whence)
{
	return file_lseek_size(f, off, whence, DEVPTS_MAX + 3);
}

static const struct inode_ops dir_iops = {.lookup = devpts_lookup};
static const struct file_ops dir_fops = {.readdir = devpts_readdir, .lseek = devpts_lseek};

/* --- the super block ---------------------------------------------------------------------------------------------------------------- */

static int devpts_statfs(struct super_block *sb, struct kstatfs *st)
{
	*st = (struct kstatfs){.type = DEVPTS_MAGIC, .bsize = 4096, .namelen = VFS_NAME_MAX};
	return 0;
}

static void devpts_destroy(struct super_block *sb)
{
	struct devpts *dp = sb->priv;

	lock_destroy(&dp->lock);
	free(dp);
}

static const struct super_ops devpts_super_ops = {
	.statfs = devpts_statfs,
	.destroy = devpts_destroy,
};

int devpts_create(struct kernel *k, struct super_block **ret)
{
	struct devpts *dp = calloc(1, sizeof(*dp));
	struct super_block *sb;
	struct inode *root;
	int err = -ENOMEM;

	if (!dp)
		return -ENOMEM;
	lock_init(&dp->lock, RANK_LEAF);
	sb = super_alloc(k, "devpts", &devpts_super_ops, dp);
	if (!sb) {
		free(dp);
		return -ENOMEM;
	}
	sb->no_dcache = true;
	sb->options = strdup("gid=5,mode=620,ptmxmode=666");
	root = inode_alloc(sb, &dir_iops, &dir_fops, S_IFDIR | 0755);
	dp->ptmx = inode_alloc(sb, &pts_iops, NULL, S_IFCHR | 0666);
	if (root && dp->ptmx) {
		root->nlink = 2;
		dp->ptmx->rdev = makedev(TTYAUX_MAJOR, 2);
		err = d_alloc_root(sb, root);
		root = err ? root : NULL;
	}
	if (err) {
		if (root)
			inode_put(root);
		super_put(sb);
		return err;
	}
	k->devpts = sb;
	super_get(sb);
	*ret = sb;
	return 0;
}
