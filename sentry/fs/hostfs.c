/* SPDX-License-Identifier: MIT */
/* hostfs: super blocks over donated descriptors, and the root of `host` mode. */
#include "fs/hostfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define HOSTFS_SHARED_MAX 1024u /* files kept open below an overlay; at most an eighth of what the host lets us have */

/* --- the root of `host` mode ------------------------------------------------------------------------------------------------- */

static int top_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct host_node *n = host_node_of(dir);

	for (size_t i = 0; i < n->n_top; i++) {
		if (strlen(n->top[i].name) == len && memcmp(n->top[i].name, name, len) == 0) {
			inode_get(n->top[i].inode);
			*ret = n->top[i].inode;
			return 0;
		}
	}
	return -ENOENT;
}

static int top_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct host_node *n = host_node_of(f->inode);

	for (; *pos >= 0 && (uint64_t)*pos < n->n_top + 2; (*pos)++) {
		struct host_top *top = *pos < 2 ? NULL : &n->top[*pos - 2];
		bool ok = top ? de->emit(de, top->name, strlen(top->name), top->inode->ino,
					 (top->inode->mode & S_IFMT) >> 12, *pos + 1) :
				de->emit(de, "..", (size_t)*pos + 1, f->inode->ino, S_IFDIR >> 12, *pos + 1);

		if (!ok)
			break;
	}
	return 0;
}

static int top_getattr(struct inode *inode, struct kstat *st)
{
	*st = (struct kstat){
		.dev = inode->sb->dev, .ino = inode->ino, .mode = inode->mode, .nlink = inode->nlink,
		.size = inode->size, .blksize = 4096,
		.atime = inode->mtime, .mtime = inode->mtime, .ctime = inode->mtime, .btime = inode->mtime,
	};
	return 0;
}

static const struct inode_ops hostfs_top_ops = {
	.lookup = top_lookup,
	.readlink = hostfs_readlink, /* of its links; directories are never asked */
	.getattr = top_getattr,
};

static const struct file_ops hostfs_top_fops = {
	.readdir = top_readdir,
};

/* --- super block ----------------------------------------------------------------------------------------------------------- */

static int hostfs_statfs(struct super_block *sb, struct kstatfs *st)
{
	struct statfs h;
	struct inode *root = sb->root ? sb->root->inode : NULL;
	int r, fd;

	*st = (struct kstatfs){.type = 0x65735546 /* FUSE_SUPER_MAGIC */, .bsize = 4096, .namelen = VFS_NAME_MAX};
	if (!root || host_node_of(root)->n_top > 0)
		return 0;
	fd = host_dir_get(root);
	if (fd < 0)
		return fd;
	platform_host_block_begin(sb->kernel->platform);
	r = host_statfs(fd, &h);
	platform_host_block_end(sb->kernel->platform);
	host_dir_put(root);
	if (r < 0)
		return r;
	*st = (struct kstatfs){
		.type = (uint64_t)h.f_type, .bsize = (uint64_t)h.f_bsize,
		.blocks = h.f_blocks, .bfree = h.f_bfree, .bavail = h.f_bavail,
		.files = h.f_files, .ffree = h.f_ffree, .namelen = (uint64_t)h.f_namelen,
	};
	return 0;
}

static void hostfs_free(struct hostfs *fs)
{
	if (fs)
		free(fs->plain);
	free(fs);
}

static void hostfs_destroy(struct super_block *sb)
{
	struct hostfs *fs = sb->priv;

	icache_destroy(&fs->cache);
	lock_destroy(&fs->lock);
	hostfs_free(fs);
}

static const struct super_ops hostfs_super_ops = {
	.free_inode = hostfs_free_inode,
	.statfs = hostfs_statfs,
	.destroy = hostfs_destroy,
};

static struct super_block *hostfs_super(struct kernel *k, const struct hostfs_options *opt)
{
	const bool owners = opt->owners && k->host_owners;
	struct hostfs *fs = calloc(1, sizeof(*fs));
	struct super_block *sb;

	if (fs && owners)
		fs->plain = calloc(HOSTFS_PLAIN, sizeof(*fs->plain));
	if (!fs || (owners && !fs->plain) || icache_init(&fs->cache) < 0) {
		hostfs_free(fs);
		return NULL;
	}
	lock_init(&fs->lock, RANK_LEAF);
	list_init(&fs->fds);
	list_init(&fs->shared_files);
	list_init(&fs->listings);
	fs->max_shared = host_fd_limit() / 8 < HOSTFS_SHARED_MAX ? (unsigned)host_fd_limit() / 8 : HOSTFS_SHARED_MAX;
	fs->own_uid = k->host_uid;
	fs->own_gid = k->host_gid;
	fs->lower = opt->lower;
	fs->hide = fs->system = opt->hide;
	fs->guard = opt->guard;
	fs->owners = owners;
	fs->shared = opt->shared;
	fs->hidden = opt->hidden;
	fs->n_hidden = opt->n_hidden;
	fs->places = opt->places;
	fs->n_places = opt->n_places;
	sb = super_alloc(k, "hostfs", &hostfs_super_ops, fs);
	if (!sb) {
		icache_destroy(&fs->cache);
		hostfs_free(fs);
		return NULL;
	}
	sb->read_only = opt->read_only || opt->lower;
	sb->lower = opt->lower;
	sb->posix_acl = sb->whiteouts = owners;
	sb->no_dcache = !opt->lower;
	return sb;
}

int host_check_served(int fd)
{
	struct statfs h;
	int r = host_statfs(fd, &h);

	return r < 0 ? r : h.f_type == PROC_SUPER_MAGIC ? -EACCES : 0;
}

/* A node for a donated descriptor. */
static int donated_node(struct super_block *sb, int fd, struct inode **ret)
{
	struct hostfs *fs = sb->priv;
	struct inode *inode;
	struct host_node *n;
	struct statx st;
	int r = host_stat(fd, "", &st);

	if (r == 0)
		r = host_check_served(fd);
	if (r < 0)
		return r;
	if (!S_ISDIR(st.stx_mode) && !S_ISREG(st.stx_mode))
		return -ENOTSUP;
	inode = host_node_alloc(sb, st.stx_mode);
	if (!inode)
		return -ENOMEM;
	n = host_node_of(inode);
	n->entry.key1 = host_stx_dev(&st);
	n->entry.key2 = st.stx_ino;
	if (!fs->root_dev)
		fs->root_dev = n->entry.key1;
	inode->ino = host_ino(fs, n->entry.key1, st.stx_ino);
	n->fd = fd;
	n->pinned = true;
	host_fill_inode(inode, &st);
	/* The same object may be donated twice (two names of `host`); the second stays out of the table. */
	struct inode *other = icache_insert(&fs->cache, &n->entry);

	if (other)
		inode_put(other);
	*ret = inode;
	return 0;
}

static int set_root(struct super_block *sb, struct inode *root, struct super_block **ret)
{
	int r = d_alloc_root(sb, root);

	if (r < 0)
		return r;
	*ret = sb;
	return 0;
}

/* Is openat2(2) there? It came with Linux 5.6; some container sandboxes refuse it. */
static int probe_openat2(int fd)
{
	int probe = host_open_beneath(fd, ".", O_PATH | O_DIRECTORY, 0);

	if (probe < 0)
		return probe;
	host_close(probe);
	return 0;
}

int hostfs_create(struct kernel *k, int fd, const struct hostfs_options *opt, struct super_block **ret)
{
	struct super_block *sb = hostfs_super(k, opt);
	struct inode *root;
	int r;

	if (!sb)
		return -ENOMEM;
	r = donated_node(sb, fd, &root);
	if (r == 0) {
		if (S_ISDIR(root->mode))
			r = probe_openat2(fd);
		if (r == 0)
			r = set_root(sb, root, ret);
		if (r < 0) {
			host_node_of(root)->fd = -1; /* stays the caller's */
			inode_put(root);
		}
	}
	if (r < 0)
		super_put(sb);
	return r;
}

static int top_entry(struct super_block *sb, const struct hostfs_entry *e, struct host_top *top)
{
	struct inode *inode;
	int r = 0;

	if (e->fd >= 0) {
		r = donated_node(sb, e->fd, &inode);
	} else {
		inode = host_node_alloc(sb, S_IFLNK | 0777);
		if (!inode)
			return -ENOMEM;
		inode->ops = &hostfs_top_ops;
		inode->size = strlen(e->target);
		inode->ino = host_ino(sb->priv, UINT64_MAX, atomic_fetch_add(&sb->next_ino, 1));
		host_node_of(inode)->target = strdup(e->target);
		host_node_of(inode)->entry.key1 = UINT64_MAX;
		host_node_of(inode)->entry.key2 = inode->ino;
		r = host_node_of(inode)->target ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	top->name = strdup(e->name);
	top->inode = inode;
	return top->name ? 0 : -ENOMEM;
}

int hostfs_create_root(struct kernel *k, const struct hostfs_entry *entries, size_t n, struct super_block **ret)
{
	const struct hostfs_options opt = {.read_only = true, .lower = true, .hide = true};
	struct super_block *sb = hostfs_super(k, &opt);
	struct inode *root = sb ? host_node_alloc(sb, S_IFDIR | 0755) : NULL;
	struct host_node *node;
	int r = 0;

	if (!root) {
		if (sb)
			super_put(sb);
		return -ENOMEM;
	}
	root->ops = &hostfs_top_ops;
	root->fops = &hostfs_top_fops;
	root->ino = host_ino(sb->priv, UINT64_MAX, 0);
	node = host_node_of(root);
	node->entry.key1 = UINT64_MAX;
	node->top = calloc(n ? n : 1, sizeof(*node->top));
	if (!node->top)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = top_entry(sb, &entries[i], &node->top[i]);
		if (r == 0) {
			node->n_top++;
			root->nlink += S_ISDIR(node->top[i].inode->mode);
		}
	}
	if (r == 0)
		r = set_root(sb, root, ret);
	if (r < 0) {
		inode_put(root);
		super_put(sb);
	}
	return r;
}
