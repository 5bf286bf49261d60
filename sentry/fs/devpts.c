/* SPDX-License-Identifier: MIT */
/*
 * /dev/pts: a node for each pseudo terminal whose master is open, and ptmx, which makes new ones. Every mount(2) is an instance
 * with terminals of its own; a terminal holds its instance until its master closes.
 */
#include "fs/fs.h"
#include "fs/tty_internal.h"
#include "kernel/task.h"
#include "kernel/user_ns.h"
#include "vfs/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEVPTS_MAGIC 0x1cd1
#define DEVPTS_MAX 4096
#define TTY_GROUP 5
#define NOBODY UINT32_MAX /* no owner is given: who opens ptmx owns the terminal */

struct devpts_options {
	uint32_t uid, gid, mode, ptmx_mode;
	unsigned max;
};

struct devpts {
	struct super_block *sb;
	struct devpts_options opt;
	struct lock lock; /* RANK_LEAF: the table, and inode->priv */
	struct tty *ttys[DEVPTS_MAX]; /* no reference: the master takes itself out */
	unsigned n_ttys;
	struct inode *ptmx;	      /* held until the last mount is gone */
};

static int node_setattr(struct inode *inode, const struct setattr *attr)
{
	inode_setattr_copy(inode, attr);
	return 0;
}

static const struct inode_ops pts_iops = {.setattr = node_setattr};
static const struct super_ops devpts_super_ops;

static struct devpts *devpts_of(const struct super_block *sb)
{
	return sb && sb->ops == &devpts_super_ops ? sb->priv : NULL;
}

static struct tty *find(struct devpts *dp, unsigned index)
{
	struct tty *tty;

	if (index >= DEVPTS_MAX)
		return NULL;
	LOCK_SCOPE(&dp->lock);
	tty = dp->ttys[index];
	return tty && refs_tryget(&tty->refs) ? tty : NULL;
}

struct tty *devpts_tty(const struct inode *inode)
{
	struct devpts *dp = devpts_of(inode->sb);
	struct tty *tty;

	if (!dp)
		return NULL;
	LOCK_SCOPE(&dp->lock);
	tty = inode->priv;
	return tty && refs_tryget(&tty->refs) ? tty : NULL;
}

/* Give *tty* the lowest free number. */
static int enter(struct devpts *dp, struct tty *tty)
{
	LOCK_SCOPE(&dp->lock);
	if (dp->n_ttys >= dp->opt.max)
		return -ENOSPC;
	for (unsigned i = 0; i < DEVPTS_MAX; i++) {
		if (dp->ttys[i])
			continue;
		dp->ttys[i] = tty;
		dp->n_ttys++;
		tty->index = i;
		tty->devpts = dp->sb;
		super_get(dp->sb);
		tty->inode->priv = tty;
		return 0;
	}
	return -ENOSPC;
}

int devpts_new(struct super_block *sb, uint32_t uid, uint32_t gid, struct tty **ret)
{
	struct devpts *dp = devpts_of(sb);
	struct inode *inode;
	struct tty *tty;
	int err;

	if (!dp)
		return -ENODEV;
	tty = tty_alloc(sb->kernel);
	inode = inode_alloc(sb, &pts_iops, NULL, S_IFCHR | dp->opt.mode);
	if (!tty || !inode) {
		tty_put(tty);
		if (inode)
			inode_put(inode);
		return -ENOMEM;
	}
	inode->uid = dp->opt.uid == NOBODY ? uid : dp->opt.uid;
	inode->gid = dp->opt.gid == NOBODY ? gid : dp->opt.gid;
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
	struct devpts *dp = devpts_of(tty->devpts);
	struct inode *inode;

	lock_acquire(&tty->lock);
	inode = tty->inode;
	tty->inode = NULL;
	lock_release(&tty->lock);
	if (!inode)
		return;
	lock_acquire(&dp->lock);
	dp->ttys[tty->index] = NULL;
	dp->n_ttys--;
	inode->priv = NULL;
	lock_release(&dp->lock);
	inode->nlink = 0;
	inode_put(inode);
	super_put(dp->sb);
}

/* The instance that an opened ptmx belongs to: its own, or that at "pts" beside it. Held. */
int devpts_of_ptmx(struct task *t, const struct file *f, struct super_block **ret)
{
	struct path beside = {.mnt = f->path.mnt};
	PATH_SCOPE pts = {0};
	int r;

	if (devpts_of(f->inode->sb)) {
		*ret = f->inode->sb;
		super_get(*ret);
		return 0;
	}
	if (!beside.mnt)
		return -ENODEV;
	beside.dentry = d_parent_get(f->path.dentry);
	r = vfs_walk_at(t, &beside, "pts", WALK_DIRECTORY, &pts);
	dentry_put(beside.dentry);
	if (r || !devpts_of(pts.dentry->sb) || pts.dentry != pts.dentry->sb->root)
		return -ENODEV;
	*ret = pts.dentry->sb;
	super_get(*ret);
	return 0;
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

static struct inode *ptmx_get(struct devpts *dp)
{
	LOCK_SCOPE(&dp->lock);
	if (dp->ptmx)
		inode_get(dp->ptmx);
	return dp->ptmx;
}

static int devpts_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct devpts *dp = dir->sb->priv;
	struct inode *inode = NULL;
	struct tty *tty;
	unsigned index;

	if (len == 4 && !memcmp(name, "ptmx", 4)) {
		inode = ptmx_get(dp);
		if (inode)
			*ret = inode;
		return inode ? 0 : -ENOENT;
	}
	tty = parse_index(name, len, &index) ? find(dp, index) : NULL;
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
	struct devpts *dp = f->inode->sb->priv;

	if (!dir_emit_dots(f, de, pos))
		return 0;
	if (*pos == 2) {
		struct inode *ptmx = ptmx_get(dp);
		bool went_in = !ptmx || de->emit(de, "ptmx", 4, ptmx->ino, S_IFCHR >> 12, 3);

		if (ptmx)
			inode_put(ptmx);
		if (!went_in)
			return 0;
		*pos = 3;
	}
	for (; *pos - 3 < DEVPTS_MAX; ++*pos) {
		struct tty *tty = find(dp, (unsigned)(*pos - 3));
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

static void devpts_unmounted(struct super_block *sb)
{
	struct devpts *dp = sb->priv;
	struct inode *ptmx;

	lock_acquire(&dp->lock);
	ptmx = dp->ptmx;
	dp->ptmx = NULL;
	lock_release(&dp->lock);
	if (ptmx)
		inode_put(ptmx);
}

static void devpts_destroy(struct super_block *sb)
{
	struct devpts *dp = sb->priv;

	lock_destroy(&dp->lock);
	kernel_uncharge(sb->kernel, sizeof(*dp));
	free(dp);
}

static const struct super_ops devpts_super_ops = {
	.statfs = devpts_statfs,
	.unmounted = devpts_unmounted,
	.destroy = devpts_destroy,
};

static struct devpts *instance_alloc(struct kernel *k, const struct devpts_options *opt)
{
	struct devpts *dp;

	if (kernel_charge(k, sizeof(*dp)))
		return NULL;
	dp = calloc(1, sizeof(*dp));
	if (!dp) {
		kernel_uncharge(k, sizeof(*dp));
		return NULL;
	}
	dp->opt = *opt;
	lock_init(&dp->lock, RANK_LEAF);
	return dp;
}

static char *describe(const struct devpts_options *opt)
{
	char text[128];
	size_t n = 0;

	if (opt->uid != NOBODY)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "uid=%u,", opt->uid);
	if (opt->gid != NOBODY)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "gid=%u,", opt->gid);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "mode=%03o,ptmxmode=%03o", opt->mode, opt->ptmx_mode);
	if (opt->max < DEVPTS_MAX)
		snprintf(text + n, sizeof(text) - n, ",max=%u", opt->max);
	return strdup(text);
}

static int fill(struct super_block *sb, struct devpts *dp)
{
	struct inode *root;
	int err;

	dp->sb = sb;
	sb->no_dcache = true;
	sb->options = describe(&dp->opt);
	root = inode_alloc(sb, &dir_iops, &dir_fops, S_IFDIR | 0755);
	if (!root)
		return -ENOMEM;
	root->nlink = 2;
	root->uid = dp->opt.uid == NOBODY ? 0 : dp->opt.uid;
	root->gid = 0;
	dp->ptmx = inode_alloc(sb, &pts_iops, NULL, S_IFCHR | dp->opt.ptmx_mode);
	if (!dp->ptmx) {
		inode_put(root);
		return -ENOMEM;
	}
	dp->ptmx->uid = root->uid;
	dp->ptmx->rdev = makedev(TTYAUX_MAJOR, 2);
	err = d_alloc_root(sb, root);
	if (err)
		inode_put(root);
	return err;
}

static int create(struct kernel *k, const struct devpts_options *opt, struct super_block **ret)
{
	struct devpts *dp = instance_alloc(k, opt);
	struct super_block *sb;
	int err;

	if (!dp)
		return -ENOMEM;
	sb = super_alloc(k, "devpts", &devpts_super_ops, dp);
	if (!sb) {
		kernel_uncharge(k, sizeof(*dp));
		free(dp);
		return -ENOMEM;
	}
	err = fill(sb, dp);
	if (err) {
		super_put(sb);
		return err;
	}
	*ret = sb;
	return 0;
}

int devpts_create(struct kernel *k, struct super_block **ret)
{
	const struct devpts_options opt = {
		.uid = NOBODY, .gid = TTY_GROUP, .mode = 0620, .ptmx_mode = 0666, .max = DEVPTS_MAX};
	int err = create(k, &opt, ret);

	if (err)
		return err;
	k->devpts = *ret;
	super_get(*ret);
	return 0;
}

static int parse_option(struct task *t, char *o, struct devpts_options *opt)
{
	char *value = strchr(o, '='), *end;
	unsigned long v;

	if (!*o || !strcmp(o, "newinstance")) /* every mount is one */
		return 0;
	if (!value)
		return -EINVAL;
	*value++ = 0;
	v = strtoul(value, &end, strstr(o, "mode") ? 8 : 10);
	if (end == value || *end || v > UINT32_MAX)
		return -EINVAL;
	if (!strcmp(o, "uid"))
		opt->uid = make_kuid(t->cred->user_ns, (uint32_t)v);
	else if (!strcmp(o, "gid"))
		opt->gid = make_kgid(t->cred->user_ns, (uint32_t)v);
	else if (!strcmp(o, "mode"))
		opt->mode = (uint32_t)v & 07777;
	else if (!strcmp(o, "ptmxmode"))
		opt->ptmx_mode = (uint32_t)v & 07777;
	else if (!strcmp(o, "max") && v <= 1u << 20)
		opt->max = v < DEVPTS_MAX ? (unsigned)v : DEVPTS_MAX;
	else
		return -EINVAL;
	/* An owner that the namespace does not know. */
	if ((!strcmp(o, "uid") && opt->uid == NOBODY) || (!strcmp(o, "gid") && opt->gid == NOBODY))
		return -EINVAL;
	return 0;
}

int devpts_mount(struct task *t, char *data, struct super_block **ret)
{
	struct devpts_options opt = {.uid = NOBODY, .gid = NOBODY, .mode = 0600, .max = DEVPTS_MAX};
	struct user_ns *mine = t->cred->user_ns;
	struct super_block *sb;
	char *save = NULL;
	int err;

	for (char *o = strtok_r(data, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		err = parse_option(t, o, &opt);
		if (err)
			return err;
	}
	err = create(t->kernel, &opt, &sb);
	if (err)
		return err;
	if (mine->parent) {
		user_ns_get(mine);
		sb->user_ns = mine;
		sb->root->inode->uid = devpts_of(sb)->ptmx->uid = t->cred->fsuid;
		sb->root->inode->gid = devpts_of(sb)->ptmx->gid = t->cred->fsgid;
	}
	*ret = sb;
	return 0;
}
