/* SPDX-License-Identifier: MIT */
/*
 * What the files of the overlay share.
 *
 * The upper layer is not a tree of its own: an overlay inode is the lower object plus what was changed about it. Attributes and
 * extended attributes are in the inode; a directory has a table of names that differ from the lower directory (an inode, or a whiteout); a
 * regular file has its data in an unnamed tmpfs file once it was written. So nothing is copied up but what changes: no parent
 * directories, and a renamed directory takes its lower content along, because its inode still points to it.
 *
 * One lower object has one overlay inode (by icache), so hard links stay linked and inode numbers stay the same. An inode that
 * was changed is *pinned*: it holds itself until its last link goes, because it is the only place the change is in.
 *
 * Locks: inode.lock guards all of ovl_node below it but lower and target, which never change. Inodes of the lower tree and of
 * the upper tmpfs rank below (RANK_INODE_LOWER).
 */
#pragma once

#include "fs/fs.h"
#include "fs/icache.h"
#include "kernel/kernel.h"
#include "vfs/simple_xattr.h"
#include "vfs/vfs.h"

#include <sys/stat.h>

#define OVL_NODE_COST 1024u /* charged for each inode that is held for the guest */

struct overlay {
	struct super_block *lower, *upper; /* held */
	struct icache cache;
	struct lock lock; /* RANK_LEAF: pins */
	struct list_head pins;
};

struct ovl_entry {
	struct ovl_entry *next;	 /* in its bucket */
	struct list_head link;	 /* in ovl_names.order */
	struct inode *inode;	 /* held; NULL: whiteout */
	uint64_t seq;		 /* readdir position of names the lower directory does not have */
	bool covers;		 /* the lower directory has this name */
	uint32_t hash;
	uint16_t len;
	char name[];
};

struct ovl_names {
	struct ovl_entry **buckets;
	uint32_t n_buckets, n;
	uint64_t next_seq;
	struct list_head order; /* by seq */
};

struct ovl_node {
	struct icache_entry entry; /* key1: the lower inode's address; in the cache if lower is set */
	struct inode *lower;	   /* held; NULL: made above */
	char *target;		   /* symbolic links made above */
	bool charged, pinned, xattrs_up;
	struct list_head pin_link; /* overlay.pins */
	struct simple_xattrs xattrs; /* complete if xattrs_up */
	struct ovl_names names;	   /* directories */
	_Atomic(struct file *) data; /* regular files: the upper data, or NULL; once set it stays */
};

static inline struct overlay *ovl_of(const struct inode *inode)
{
	return inode->sb->priv;
}

static inline struct ovl_node *ovl_node(const struct inode *inode)
{
	return inode->priv;
}

static inline bool ovl_is(const struct inode *inode, uint32_t type)
{
	return (inode->mode & S_IFMT) == type;
}

extern const struct inode_ops ovl_dir_ops, ovl_file_inode_ops, ovl_link_ops, ovl_special_ops;
extern const struct file_ops ovl_dir_fops, ovl_file_fops;

/* The overlay inode of a lower object (reference consumed, also on failure); held. */
int ovl_node_for_lower(struct super_block *sb, struct inode *lower, struct inode **ret);
/* A new inode made above. */
struct inode *ovl_node_new(struct super_block *sb, uint32_t mode);
/* Keep a changed inode; its lock or its directory's is held. -ENOSPC. */
int ovl_pin(struct inode *inode);
/* Its last link is gone. The caller holds a reference. */
void ovl_unpin(struct inode *inode);
/* Open an object of a layer without a name. */
int ovl_layer_open(struct inode *inode, int flags, struct file **ret);

/* The upper data of a regular file, copied from below up to *limit* bytes if there was none; lock held. */
int ovl_data(struct inode *inode, uint64_t limit, struct file **ret);
/* Truncate or extend; lock held. */
int ovl_set_size(struct inode *inode, uint64_t size);

void ovl_names_free(struct kernel *k, struct ovl_names *names);

int ovl_getattr(struct inode *inode, struct kstat *st);
int ovl_setattr(struct inode *inode, const struct setattr *attr);
ssize_t ovl_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int ovl_setxattr(struct inode *inode, const char *name, const void *buf, size_t size, int flags);
ssize_t ovl_listxattr(struct inode *inode, char *buf, size_t size);
int ovl_removexattr(struct inode *inode, const char *name);
