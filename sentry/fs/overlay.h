/* SPDX-License-Identifier: MIT */
/*
 * What the files of the overlay share.
 *
 * An overlay inode is the lower object plus what was changed about it. Attributes and
 * extended attributes are in the inode; a directory has a table of names that differ from the lower directory (an inode, or a whiteout); a
 * regular file has its data in an unnamed tmpfs file once it was written. So nothing is copied up but what changes: no parent
 * directories, and a renamed directory takes its lower content along, because its inode still points to it.
 *
 * One lower object has one overlay inode (by icache), so hard links stay linked and inode numbers stay the same. An inode that
 * was changed is *pinned*: it holds itself until its last link goes, because it is the only place the change is in.
 *
 * Where changes are kept is the *store*: memory alone (overlay.up NULL), or a host directory (fs/upper.h). On disk each change
 * is made at once, before the tables here; the tables are then a cache, nothing is pinned, and inodes come and go with their dentries.
 *
 * Locks: inode.lock guards all of ovl_node below it but lower and target, which never change. Inodes of the lower tree and of
 * the upper tmpfs rank below (RANK_INODE_LOWER). With a store on disk, tables of names are changed by copy-up too, whose caller may
 * hold no lock of the directory: upper.tree guards them beside the directory's lock (ovl_enter()).
 */
#pragma once

#include "fs/fs.h"
#include "fs/icache.h"
#include "kernel/kernel.h"
#include "vfs/simple_xattr.h"
#include "vfs/vfs.h"

#include <sys/stat.h>

#define OVL_NODE_COST 1024u /* charged for each inode that is held for the guest */

struct upper;

struct overlay {
	struct super_block *lower, *upper; /* held; lower NULL: a volume, which has none */
	struct upper *up;		   /* NULL: changes are in memory */
	uint64_t max_nodes;		   /* in memory: of what is held, 0: no limit */
	_Atomic uint64_t nodes;
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
	/* A store on disk, where inode is NULL always: */
	bool there;		 /* an object */
	bool white;		 /* a whiteout, maybe under the object */
	bool hex;		 /* of the host name: upper_name_encode() */
	uint8_t type;		 /* DT_*, with ino, once known: 0 */
	uint64_t ino;
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

/* What a store on disk knows of an inode: fs/upper.h. Zero in memory. */
struct upper_node {
	enum { UPPER_NOWHERE, UPPER_IN_DIR, UPPER_IN_WORK, UPPER_IN_INDEX } where; /* upper.fd_lock, as the next three */
	struct inode *parent;  /* held; UPPER_IN_DIR */
	char *name;	       /* in it: the host's name if *on_host*, else the lower name */
	int fd;		       /* of the host object, or -1 */
	bool fd_kept;	       /* has no name to be opened by again */
	unsigned fd_users;
	struct list_head fd_link;
	_Atomic bool on_host;  /* there is an object; the rest below by inode.lock or upper.tree */
	bool loaded, filled;   /* directories: the table is complete; numbers of all entries are known */
	bool below;	       /* regular files: the data is the lower file's */
	bool indexed;
	bool stale;	       /* times and blocks: ask the host */
	bool copying;	       /* below, and the host's mtime is not the file's: the record has it */
	bool aside;	       /* its name in work/ is beside others; upper.tree */
	bool mapped;	       /* stale whenever asked */
	_Atomic bool fresh;    /* its name is new since the last fsync */
	bool white_fresh;      /* directories: whiteouts are */
	int32_t links;
	uint64_t host_ino, blocks, charged; /* charged: blocks */
	char *origin;	       /* of lower content; NULL: none, or lower alone */
};

struct ovl_node {
	struct icache_entry entry; /* key1: the lower inode's address, key2 0; or the host's inode number, key2 1 */
	struct inode *lower;	   /* held; NULL: made above */
	char *target;		   /* symbolic links made above */
	bool charged, pinned, cached; /* cached: in the icache */
	_Atomic bool xattrs_up;
	struct list_head pin_link; /* overlay.pins */
	struct simple_xattrs xattrs; /* complete if xattrs_up */
	struct ovl_names names;	   /* directories */
	_Atomic(struct file *) data; /* regular files: the upper data, or NULL; once set it stays */
	struct upper_node up;
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

static inline bool ovl_kept(const struct inode *inode)
{
	return ovl_of(inode)->up != NULL;
}

/* An inode without identity. NULL: no memory. */
struct inode *ovl_node_alloc(struct super_block *sb, uint32_t mode);

/* Make a filled inode known by its entry's key. Returns the one to use: it, or, *inode* being put, another's who was first. */
struct inode *ovl_publish(struct overlay *ov, struct inode *inode);
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

/* Bring the lower object's extended attributes up; lock held, or nobody else changes it. */
int ovl_xattrs_up(struct inode *inode);
/* An entry of that name, or NULL; a new one, a whiteout that is not there (no memory: NULL); take one out. */
struct ovl_entry *ovl_names_find(const struct ovl_names *t, const char *name, size_t len);
struct ovl_entry *ovl_names_add(struct kernel *k, struct ovl_names *t, const char *name, size_t len);
void ovl_names_remove(struct kernel *k, struct ovl_names *t, struct ovl_entry *e);
void ovl_names_free(struct kernel *k, struct ovl_names *names);

int ovl_getattr(struct inode *inode, struct kstat *st);
int ovl_setattr(struct inode *inode, const struct setattr *attr);
ssize_t ovl_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int ovl_setxattr(struct inode *inode, const char *name, const void *buf, size_t size, int flags);
ssize_t ovl_listxattr(struct inode *inode, char *buf, size_t size);
int ovl_removexattr(struct inode *inode, const char *name);
int ovl_acl_changed(struct inode *inode);
