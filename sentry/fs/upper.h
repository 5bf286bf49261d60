/* SPDX-License-Identifier: MIT */
/*
 * The overlay's store on disk: a host directory in the format of docs/kept-format.md. What the sentry finds there it takes for
 * hostile; whatever it cannot read is an error of that one name (-EUCLEAN).
 *
 * Descriptors of host objects are opened when needed, beneath their directory's, and a bounded number stays open (upper.fds). Each change is
 * one or more host calls in the order the format page gives, made under upper.tree, so that copy-up, which needs the directories
 * above, and renames do not meet.
 *
 * Functions take upper.tree themselves unless they say "tree held". They return 0 or a negative errno.
 */
#pragma once

#include "fs/overlay.h"
#include "fuse-snap/upper.h"

struct statx;

struct upper {
	struct super_block *sb; /* not held: the overlay's */
	int top, work, index;
	uint64_t dev;
	bool index_empty; /* tree */
	struct lock tree; /* RANK_UPPER */
	struct lock fd_lock; /* RANK_LEAF: places, descriptors */
	struct list_head fds;
	unsigned n_fds;
	_Atomic uint64_t serial; /* of names in work/ */
	uint64_t max_bytes, max_objects; /* 0: no limit, nothing is counted */
	_Atomic uint64_t bytes, objects;
	_Atomic bool ended;
};

static inline struct upper *upper_of(const struct inode *inode)
{
	return ovl_of(inode)->up;
}

static inline struct upper_node *upper_node(const struct inode *inode)
{
	return &ovl_node(inode)->up;
}

/* --- super block: upper.c ------------------------------------------------------------------------------------------------------- */

/* Over the directory *fd* (taken over on success); *size*: a limit in bytes, or 0. -EOPNOTSUPP: no user.* attributes; -EUCLEAN. */
int upper_create(struct super_block *sb, int fd, uint64_t size, struct upper **ret);
/* The root's inode, made at the first start; *lower* (held, NULL: none) is consumed. */
int upper_root(struct upper *up, struct inode *lower, struct inode **ret);
/* The sandbox ends in order: the figures are right for the next start. */
void upper_ended(struct upper *up);
void upper_destroy(struct upper *up);
int upper_statfs(struct upper *up, struct kstatfs *st);
int upper_sync(struct upper *up);
/* The super block that data files are inodes of. */
int upper_data_super(struct kernel *k, struct super_block **ret);

/* --- descriptors and places: upper_fd.c ------------------------------------------------------------------------------------------- */

/* The descriptor of the host object, until upper_fd_put(). *tree*: the caller holds the tree lock. -ENOENT: it has no name any more. */
int upper_fd(struct inode *inode, bool tree);
void upper_fd_put(struct inode *inode);
/* Give *fd* (taken over) to a node that has none. */
void upper_fd_give(struct inode *inode, int fd);
/* The same, for an object that will lose its name. */
int upper_fd_keep(struct inode *inode);
void upper_fd_close(struct inode *inode);
/* *name* is copied. On failure the old place stays. */
int upper_set_place(struct inode *inode, int where, struct inode *parent, const char *name);
/* Descriptor of the directory that has the object's name, and the name (256 bytes of room); tree held. */
int upper_place_get(struct inode *inode, char *name, struct inode **parent);
void upper_place_put(struct inode *parent);

/* --- objects: upper_node.c ---------------------------------------------------------------------------------------------------------- */

/* No name leads to *inode* any more: the host may give its number to another object, which is not to be taken for it. Tree held. */
void upper_uncache(struct inode *inode);
/* Write the record of *inode*; it must be on the host, else nothing is done. */
int upper_record(struct inode *inode, bool tree);
/* The inode of the object *name* in the directory of *where* and *parent*; held. Tree held. */
int upper_get(struct super_block *sb, int where, struct inode *parent, int dirfd, const char *name, bool dir, struct inode **ret);
/* Make sure that there is a host object for *inode*: copy-up, without data. Tree held, or not. */
int upper_need(struct inode *inode);
int upper_need_locked(struct inode *inode);
/* Make a host object for a new inode in work/. Tree held. */
int upper_make(struct inode *inode);
/* The inode of a lower object found as *name* in *dir* (lower's reference consumed). Tree held. */
int upper_lower_get(struct inode *dir, const char *name, size_t len, struct inode *lower, struct inode **ret);
/* Attributes by the host, if they may have changed; lock held. */
void upper_refresh(struct inode *inode);
/* Time of modification now, where the host sees no change. */
void upper_touch(struct inode *inode, bool tree);
/* After a change of the fields: *valid* (ATTR_*) says what. */
int upper_setattr(struct inode *inode, uint32_t valid);
int upper_readlink(struct inode *inode, char **ret);
int upper_fsync(struct inode *inode, bool data_only);
/* free_inode: all but the parent, which the caller puts when the inode is gone. */
struct inode *upper_forget(struct inode *inode);
int upper_charge(struct upper *up, uint64_t bytes, uint64_t objects);
void upper_uncharge(struct upper *up, uint64_t bytes, uint64_t objects);

/* --- names: upper_dir.c; tree held, directory locked -------------------------------------------------------------------------------- */

/* Complete the table of names. */
int upper_load(struct inode *dir);
/* Numbers and types of all entries. */
void upper_fill(struct inode *dir);
int upper_entry_get(struct inode *dir, struct ovl_entry *e, struct inode **ret);
int upper_add(struct inode *dir, struct ovl_entry *e, struct inode *inode);
int upper_remove(struct inode *dir, struct ovl_entry *e, struct inode *victim, bool is_dir);
int upper_rename(struct inode *odir, struct ovl_entry *old, struct inode *what, struct inode *ndir, struct ovl_entry *new,
		 struct inode *target, bool exchange);
int upper_tmpfile(struct inode *inode);

/* --- data: upper_data.c --------------------------------------------------------------------------------------------------------------- */

/* A file for the data of *inode*, which gets a host object if it has none. Lock held. */
int upper_data_file(struct inode *inode, struct file **ret);
/* The data has been copied (or is nothing): it is the lower file's no more. */
int upper_data_done(struct inode *inode, bool copied);
