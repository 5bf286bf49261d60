/* SPDX-License-Identifier: MIT */
/* overlay: the super block, inodes and their attributes. See overlay.h for the plan. */
#include "fs/overlay.h"
#include "fs/upper.h"
#include "vfs/acl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OVERLAYFS_MAGIC 0x794c7630
#define NEW_INO_FIRST (1ull << 33) /* above what an index or a usual host file system counts to */

/* --- inodes -------------------------------------------------------------------------------------------------------------- */

static const struct inode_ops *ops_of(uint32_t mode, const struct file_ops **fops)
{
	*fops = NULL;
	switch (mode & S_IFMT) {
	case S_IFDIR:
		*fops = &ovl_dir_fops;
		return &ovl_dir_ops;
	case S_IFREG:
		*fops = &ovl_file_fops;
		return &ovl_file_inode_ops;
	case S_IFLNK:
		return &ovl_link_ops;
	default:
		return &ovl_special_ops;
	}
}

struct inode *ovl_node_alloc(struct super_block *sb, uint32_t mode)
{
	struct ovl_node *n = calloc(1, sizeof(*n));
	const struct file_ops *fops;
	const struct inode_ops *ops = ops_of(mode, &fops);
	struct inode *inode = n ? inode_alloc(sb, ops, fops, mode) : NULL;

	if (!inode) {
		free(n);
		return NULL;
	}
	n->entry.inode = inode;
	list_init(&n->pin_link);
	list_init(&n->up.fd_link);
	n->up.fd = -1;
	list_init(&n->names.order);
	simple_xattrs_init(&n->xattrs);
	inode->priv = n;
	return inode;
}

/* One more inode that is in memory alone. -ENOSPC. */
static int charge_node(struct super_block *sb)
{
	struct overlay *ov = sb->priv;

	if (atomic_fetch_add(&ov->nodes, 1) >= ov->max_nodes && ov->max_nodes) {
		atomic_fetch_sub(&ov->nodes, 1);
		return -ENOSPC;
	}
	if (kernel_charge_files(sb->kernel, OVL_NODE_COST) < 0) {
		atomic_fetch_sub(&ov->nodes, 1);
		return -ENOSPC;
	}
	return 0;
}

static void uncharge_node(struct super_block *sb)
{
	struct overlay *ov = sb->priv;

	atomic_fetch_sub(&ov->nodes, 1);
	kernel_uncharge(sb->kernel, OVL_NODE_COST);
}

struct inode *ovl_node_new(struct super_block *sb, uint32_t mode)
{
	bool kept = ((struct overlay *)sb->priv)->up;
	struct inode *inode;

	if (!kept && charge_node(sb) < 0)
		return NULL;
	inode = ovl_node_alloc(sb, mode);
	if (!inode) {
		if (!kept)
			uncharge_node(sb);
		return NULL;
	}
	ovl_node(inode)->charged = !kept;
	ovl_node(inode)->xattrs_up = true;
	return inode;
}

static void take_attributes(struct inode *inode, const struct kstat *st)
{
	inode->uid = st->uid;
	inode->gid = st->gid;
	inode->nlink = st->nlink;
	inode->size = st->size;
	inode->rdev = st->rdev;
	inode->ino = st->ino;
	inode->atime = st->atime;
	inode->mtime = st->mtime;
	inode->ctime = st->ctime;
	inode->btime = st->btime;
}

struct inode *ovl_publish(struct overlay *ov, struct inode *inode)
{
	struct inode *other;

	ovl_node(inode)->cached = true;
	other = icache_insert(&ov->cache, &ovl_node(inode)->entry);
	if (!other)
		return inode;
	ovl_node(inode)->cached = false;
	inode_put(inode);
	return other;
}

int ovl_node_for_lower(struct super_block *sb, struct inode *lower, struct inode **ret)
{
	struct overlay *ov = sb->priv;
	struct inode *inode = icache_get(&ov->cache, (uintptr_t)lower, 0);
	struct kstat st;
	int r;

	if (inode) {
		inode_put(lower);
		*ret = inode;
		return 0;
	}
	r = inode_getattr(lower, &st);
	inode = r == 0 ? ovl_node_alloc(sb, st.mode) : NULL;
	if (!inode) {
		inode_put(lower);
		return r < 0 ? r : -ENOMEM;
	}
	take_attributes(inode, &st);
	ovl_node(inode)->lower = lower;
	ovl_node(inode)->entry.key1 = (uintptr_t)lower;
	r = acl_from_lower(inode, lower);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	*ret = ovl_publish(ov, inode);
	return 0;
}

int ovl_pin(struct inode *inode)
{
	struct overlay *ov = ovl_of(inode);
	struct ovl_node *n = ovl_node(inode);

	/* What was made above is held by its names; the root by the super block; what is on disk is there. */
	if (ov->up)
		return upper_need(inode);
	if (n->pinned || !n->lower || (inode->sb->root && inode == inode->sb->root->inode))
		return 0;
	if (!n->charged) {
		if (charge_node(inode->sb) < 0)
			return -ENOSPC;
		n->charged = true;
	}
	inode_get(inode);
	n->pinned = true;
	lock_acquire(&ov->lock);
	list_add_tail(&n->pin_link, &ov->pins);
	lock_release(&ov->lock);
	return 0;
}

void ovl_unpin(struct inode *inode)
{
	struct overlay *ov = ovl_of(inode);
	struct ovl_node *n = ovl_node(inode);

	if (!n->pinned)
		return;
	n->pinned = false;
	lock_acquire(&ov->lock);
	list_del(&n->pin_link);
	lock_release(&ov->lock);
	inode_put(inode);
}

/* The root goes when nothing can reach the tree any more: let go of all that was changed in it. */
static void drop_pins(struct overlay *ov)
{
	for (;;) {
		struct ovl_node *n = NULL;

		lock_acquire(&ov->lock);
		if (!list_empty(&ov->pins)) {
			n = list_first(&ov->pins, struct ovl_node, pin_link);
			list_del(&n->pin_link);
		}
		lock_release(&ov->lock);
		if (!n)
			return;
		n->pinned = false;
		inode_put(n->entry.inode);
	}
}

/* Returns the directory that a store on disk holds for its place. */
static struct inode *free_one(struct inode *inode)
{
	struct overlay *ov = ovl_of(inode);
	struct ovl_node *n = ovl_node(inode);
	struct file *data = n->data;
	bool root = n->lower && ov->lower->root && n->lower == ov->lower->root->inode;
	struct inode *parent = NULL;

	if (n->cached)
		icache_remove(&ov->cache, &n->entry);
	if (ov->up)
		parent = upper_forget(inode);
	ovl_names_free(inode->sb->kernel, &n->names);
	simple_xattrs_free(inode->sb->kernel, &n->xattrs);
	if (data)
		file_put(data);
	if (n->lower)
		inode_put(n->lower);
	if (n->charged)
		uncharge_node(inode->sb);
	free(n->target);
	free(n);
	if (root)
		drop_pins(ov);
	inode_free(inode);
	return parent;
}

/* With an inode may go the last user of those above it: a loop, since trees are as deep as the guest likes. */
static void overlay_free_inode(struct inode *inode)
{
	while (inode) {
		inode = free_one(inode);
		if (inode && !refs_put(&inode->refs))
			inode = NULL;
	}
}

int ovl_layer_open(struct inode *inode, int flags, struct file **ret)
{
	struct path p = {0};
	struct file *f;
	int r = 0;

	inode_get(inode);
	p.dentry = d_alloc_anon(inode, "overlay");
	if (!p.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	f = file_alloc(&p, inode, inode->fops, flags);
	dentry_put(p.dentry);
	if (!f)
		return -ENOMEM;
	if (inode->ops && inode->ops->open)
		r = inode->ops->open(NULL, inode, f);
	if (r == 0 && !f->ops)
		r = -EIO;
	if (r < 0) {
		f->ops = NULL;
		file_put(f);
		return r;
	}
	*ret = f;
	return 0;
}

/* --- attributes ------------------------------------------------------------------------------------------------------------ */

int ovl_getattr(struct inode *inode, struct kstat *st)
{
	struct file *data;
	struct kstat up;

	LOCK_SCOPE(&inode->lock);
	if (ovl_kept(inode))
		upper_refresh(inode);
	if (ovl_kept(inode) && ovl_is(inode, S_IFDIR) && ovl_node(inode)->lower) { /* the number of links needs the names */
		LOCK_SCOPE(&upper_of(inode)->tree);
		upper_load(inode);
	}
	*st = (struct kstat){
		.dev = inode->sb->dev, .ino = inode->ino, .rdev = inode->rdev,
		.mode = inode->mode, .nlink = inode->nlink, .uid = inode->uid, .gid = inode->gid,
		.size = inode->size, .blocks = (inode->size + 511) / 512, .blksize = 4096,
		.atime = inode->atime, .mtime = inode->mtime, .ctime = inode->ctime, .btime = inode->btime,
	};
	data = ovl_is(inode, S_IFREG) ? ovl_node(inode)->data : NULL;
	if (ovl_kept(inode) && ovl_is(inode, S_IFREG) && upper_node(inode)->on_host && !upper_node(inode)->below)
		st->blocks = upper_node(inode)->blocks;
	else if (data && inode_getattr(data->inode, &up) == 0)
		st->blocks = up.blocks;
	if (ovl_is(inode, S_IFDIR) && !st->size)
		st->size = 4096;
	return 0;
}

/* On disk it is not done until it is written: a failure leaves the inode as it was. */
static int setattr_kept(struct inode *inode, const struct setattr *attr)
{
	const struct setattr old = {.valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME,
		.mode = inode->mode & 07777, .uid = inode->uid, .gid = inode->gid,
		.atime = inode->atime, .mtime = inode->mtime, .ctime = inode->ctime};
	int r;

	inode_setattr_copy(inode, attr);
	r = upper_setattr(inode, attr->valid);
	if (r < 0)
		inode_setattr_copy(inode, &old);
	return r;
}

int ovl_setattr(struct inode *inode, const struct setattr *attr)
{
	int r = ovl_pin(inode);

	if (r == 0 && (attr->valid & ATTR_SIZE))
		r = ovl_set_size(inode, attr->size);
	if (r < 0)
		return r;
	if (ovl_kept(inode))
		return setattr_kept(inode, attr);
	inode_setattr_copy(inode, attr);
	return 0;
}

int ovl_acl_changed(struct inode *inode)
{
	int r = ovl_kept(inode) ? upper_need(inode) : 0;

	return r == 0 && ovl_kept(inode) ? upper_record(inode, false) : r;
}

ssize_t ovl_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct ovl_node *n = ovl_node(inode);
	ssize_t r = -ENODATA;

	LOCK_SCOPE(&inode->lock);
	if (n->xattrs_up)
		return simple_xattr_get(&n->xattrs, name, buf, size);
	if (n->lower->ops && n->lower->ops->getxattr)
		r = n->lower->ops->getxattr(n->lower, name, buf, size);
	return r == -EOPNOTSUPP ? -ENODATA : r;
}

ssize_t ovl_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct ovl_node *n = ovl_node(inode);

	LOCK_SCOPE(&inode->lock);
	if (n->xattrs_up)
		return simple_xattr_list(&n->xattrs, buf, size);
	return n->lower->ops && n->lower->ops->listxattr ? n->lower->ops->listxattr(n->lower, buf, size) : 0;
}

static int copy_one_xattr(struct inode *inode, const char *name, char *value)
{
	struct ovl_node *n = ovl_node(inode);
	ssize_t len = n->lower->ops->getxattr(n->lower, name, value, XATTR_VALUE_BYTES);

	if (len < 0)
		return len == -ENODATA ? 0 : (int)len;
	return simple_xattr_set(inode->sb->kernel, &n->xattrs, name, value, (size_t)len, 0);
}

int ovl_xattrs_up(struct inode *inode)
{
	struct ovl_node *n = ovl_node(inode);
	char *list = NULL, *value = NULL;
	ssize_t len = 0;
	int r = 0;

	if (n->xattrs_up)
		return r;
	if (n->lower->ops && n->lower->ops->listxattr && n->lower->ops->getxattr)
		len = n->lower->ops->listxattr(n->lower, NULL, 0);
	if (len > 0) {
		list = malloc((size_t)len);
		value = malloc(XATTR_VALUE_BYTES);
		len = list && value ? n->lower->ops->listxattr(n->lower, list, (size_t)len) : -ENOMEM;
	}
	for (ssize_t at = 0; r == 0 && at < len; at += (ssize_t)strlen(list + at) + 1)
		r = copy_one_xattr(inode, list + at, value);
	free(list);
	free(value);
	if (len < 0)
		r = (int)len;
	if (r < 0)
		simple_xattrs_free(inode->sb->kernel, &n->xattrs);
	else
		n->xattrs_up = true;
	return r;
}

/* What was there, for the case that the store refuses the new; *old* is malloc'ed, NULL where there was nothing. */
static int keep_old(struct inode *inode, const char *name, void **old, size_t *size)
{
	ssize_t n = simple_xattr_get(&ovl_node(inode)->xattrs, name, NULL, 0);

	*old = NULL;
	*size = 0;
	if (n < 0)
		return 0;
	*old = malloc((size_t)n + 1);
	if (!*old)
		return -ENOMEM;
	*size = (size_t)n;
	simple_xattr_get(&ovl_node(inode)->xattrs, name, *old, (size_t)n);
	return 0;
}

static int change_xattr(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
	struct simple_xattrs *x = &ovl_node(inode)->xattrs;
	struct kernel *k = inode->sb->kernel;
	size_t old_size = 0;
	void *old = NULL;
	int r = ovl_pin(inode);

	if (r == 0)
		r = ovl_xattrs_up(inode);
	if (r == 0 && ovl_kept(inode))
		r = keep_old(inode, name, &old, &old_size);
	if (r == 0)
		r = simple_xattr_set(k, x, name, value, size, flags);
	if (r == 0 && ovl_kept(inode)) {
		r = upper_record(inode, false);
		if (r < 0)
			simple_xattr_set(k, x, name, old, old_size, 0);
	}
	free(old);
	if (r == 0)
		inode->ctime = inode_now(inode);
	return r;
}

int ovl_setxattr(struct inode *inode, const char *name, const void *buf, size_t size, int flags)
{
	return change_xattr(inode, name, buf ? buf : "", size, flags);
}

int ovl_removexattr(struct inode *inode, const char *name)
{
	return change_xattr(inode, name, NULL, 0, 0);
}

static int ovl_readlink(struct task *t, struct inode *inode, char **ret)
{
	struct ovl_node *n = ovl_node(inode);

	if (!n->target && n->lower)
		return n->lower->ops->readlink(t, n->lower, ret);
	if (!n->target)
		return upper_readlink(inode, ret);
	*ret = strdup(n->target);
	return *ret ? 0 : -ENOMEM;
}

const struct inode_ops ovl_link_ops = {
	.readlink = ovl_readlink,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
	.removexattr = ovl_removexattr,
};

const struct inode_ops ovl_special_ops = {
	.acl_changed = ovl_acl_changed,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
	.removexattr = ovl_removexattr,
};

/* --- super block ----------------------------------------------------------------------------------------------------------- */

/* Room is the upper layer's. */
static int overlay_statfs(struct super_block *sb, struct kstatfs *st)
{
	struct overlay *ov = sb->priv;
	int r = ov->up ? upper_statfs(ov->up, st) : ov->upper->ops->statfs(ov->upper, st);

	if (r == 0) {
		st->type = OVERLAYFS_MAGIC;
		st->namelen = VFS_NAME_MAX;
	}
	return r;
}

/* A layer is not mounted: let go of its root, whose inode holds the super block. */
static void layer_put(struct super_block *sb)
{
	struct dentry *root = sb->root;

	sb->root = NULL;
	if (root)
		dentry_put(root);
	super_put(sb);
}

static void overlay_destroy(struct super_block *sb)
{
	struct overlay *ov = sb->priv;

	if (ov->lower)
		layer_put(ov->lower);
	layer_put(ov->upper);
	if (ov->up)
		upper_destroy(ov->up);
	icache_destroy(&ov->cache);
	lock_destroy(&ov->lock);
	free(ov);
}

static int overlay_sync(struct super_block *sb)
{
	struct overlay *ov = sb->priv;

	return ov->up ? upper_sync(ov->up) : 0;
}

/*
 * A mapped file's blocks change without us; so do those of what a store on disk has: there only what lies below is told. Numbers of links of
 * its directories are known when their names are.
 */
static bool overlay_exportable(struct inode *inode)
{
	struct ovl_node *n = ovl_node(inode);
	struct file *data;

	LOCK_SCOPE(&inode->lock);
	if (!ovl_is(inode, S_IFDIR) && !ovl_is(inode, S_IFLNK) && !ovl_is(inode, S_IFREG))
		return false;
	if (ovl_kept(inode))
		return n->lower && !upper_node(inode)->on_host && !ovl_is(inode, S_IFDIR);
	data = ovl_is(inode, S_IFREG) ? n->data : NULL;
	return !data || data->inode->sb->ops->exportable(data->inode);
}

static const struct super_ops overlay_super_ops = {
	.exportable = overlay_exportable,
	.free_inode = overlay_free_inode,
	.statfs = overlay_statfs,
	.sync = overlay_sync,
	.destroy = overlay_destroy,
};

static int overlay_root(struct super_block *sb)
{
	struct overlay *ov = sb->priv;
	struct inode *root;
	int r;

	if (ov->lower)
		inode_get(ov->lower->root->inode);
	r = ov->up ? upper_root(ov->up, ov->lower ? ov->lower->root->inode : NULL, &root)
		   : ovl_node_for_lower(sb, ov->lower->root->inode, &root);
	if (r < 0)
		return r;
	r = d_alloc_root(sb, root);
	if (r < 0)
		inode_put(root);
	return r;
}

void overlay_ended(struct super_block *sb)
{
	struct overlay *ov = sb->ops == &overlay_super_ops ? sb->priv : NULL;

	if (ov && ov->up)
		upper_ended(ov->up);
}

#define MEMORY_AN_INODE 4096u /* how many inodes a limit of bytes allows, and some */

int overlay_create(struct kernel *k, struct super_block *lower, const struct overlay_options *o, struct super_block **ret)
{
	const struct tmpfs_options opt = {.mode = 0755, .lower = true, .size = o ? o->size : 0};
	bool kept = o && o->upper_fd >= 0;
	struct overlay *ov = calloc(1, sizeof(*ov));
	struct super_block *sb;
	int r = -ENOMEM;

	if (!ov || icache_init(&ov->cache) < 0) {
		free(ov);
		return -ENOMEM;
	}
	lock_init(&ov->lock, RANK_LEAF);
	list_init(&ov->pins);
	ov->lower = lower;
	if (opt.size && !kept)
		ov->max_nodes = opt.size / MEMORY_AN_INODE + MEMORY_AN_INODE;
	r = kept ? upper_data_super(k, &ov->upper) : tmpfs_create(k, &opt, &ov->upper);
	if (r < 0)
		goto fail;
	sb = super_alloc(k, "overlay", &overlay_super_ops, ov);
	if (!sb) {
		layer_put(ov->upper);
		r = -ENOMEM;
		goto fail;
	}
	atomic_store(&sb->next_ino, NEW_INO_FIRST);
	sb->posix_acl = true;
	sb->source = strdup("overlay");
	if (lower)
		super_get(lower); /* stays the caller's on failure */
	r = kept ? upper_create(sb, o->upper_fd, o->size, &ov->up) : 0;
	if (r == 0) {
		r = overlay_root(sb);
		if (r < 0 && kept)
			ov->up->top = -1; /* stays the caller's, too */
	}
	if (r < 0) {
		super_put(sb);
		return r;
	}
	if (lower)
		super_put(lower);
	*ret = sb;
	return 0;
fail:
	icache_destroy(&ov->cache);
	lock_destroy(&ov->lock);
	free(ov);
	return r;
}
