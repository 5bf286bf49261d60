/* SPDX-License-Identifier: MIT */
/* Super blocks: one per file system instance. */
#include "kernel/user_ns.h"
#include "vfs/internal.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

struct super_block *super_alloc(struct kernel *k, const char *type, const struct super_ops *ops, void *priv)
{
	struct super_block *sb = calloc(1, sizeof(*sb));

	if (!sb)
		return NULL;
	refs_init(&sb->refs);
	lock_init(&sb->rename_lock, RANK_RENAME);
	sb->ops = ops;
	sb->type = type;
	sb->dev = makedev(0, (unsigned)atomic_fetch_add(&k->next_dev, 1) + 0x15); /* an unnamed device */
	atomic_init(&sb->next_ino, 1);
	sb->kernel = k;
	sb->priv = priv;
	return sb;
}

void super_get(struct super_block *sb)
{
	refs_get(&sb->refs);
}

void super_put(struct super_block *sb)
{
	if (!refs_put(&sb->refs))
		return;
	if (sb->ops && sb->ops->destroy)
		sb->ops->destroy(sb);
	lock_destroy(&sb->rename_lock);
	if (sb->user_ns)
		user_ns_put(sb->user_ns);
	free(sb->source);
	free(sb->reported);
	free(sb->options);
	free(sb);
}

void super_activate(struct super_block *sb)
{
	atomic_fetch_add(&sb->n_mounts, 1);
}

/*
 * With its last mount gone nothing can reach the tree by name any more: the root is let go, and with the cache's references
 * the ring super block → root → inode → super block is broken. Open files keep what they hold.
 */
void super_deactivate(struct super_block *sb)
{
	struct dentry *root;

	if (atomic_fetch_sub(&sb->n_mounts, 1) != 1 || sb == sb->kernel->devpts)
		return; /* the one devpts of the sandbox can be mounted again */
	super_get(sb);
	if (sb->ops && sb->ops->unmounted)
		sb->ops->unmounted(sb);
	dcache_shrink_sb(sb);
	root = sb->root;
	sb->root = NULL;
	if (root)
		dentry_put(root);
	super_put(sb);
}
