/* SPDX-License-Identifier: MIT */
/* What the files of vfs/ share with each other alone: the dentry cache, the state of a path walk, super block life. */
#pragma once

#include "kernel/kernel.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

#include <sys/stat.h>

#define DCACHE_MAX 65536u  /* dentries kept beyond this are pruned, oldest first */
#define DCACHE_BATCH 256u

struct dcache {
	struct rwlock rename_lock; /* RANK_DRENAME: name and parent of every dentry */
	struct lock lock;	   /* RANK_LEAF: the list */
	struct list_head lru;	   /* every hashed dentry, newest first */
	_Atomic unsigned count;
	_Atomic bool pruning;
};

int dcache_create(struct kernel *k);
/* FNV-like hash over whole words. */
uint32_t d_hash(const char *name, size_t len);
/* A cached child, held; NULL: not cached (a held negative dentry is a known absence). */
struct dentry *d_lookup(struct dentry *parent, const char *name, size_t len);
/*
 * The child *name* of *parent*, from the cache or the file system; held, maybe negative. *locked*: parent's inode lock is held.
 * no_dcache file systems are asked each time.
 */
int d_lookup_slow(struct dentry *parent, const char *name, size_t len, bool locked, struct dentry **ret);
/* Add a new dentry for *inode* (reference taken over on success; NULL: negative) in place of whatever has that name. */
int d_add(struct dentry *parent, const char *name, size_t len, struct inode *inode, struct dentry **ret);
/* Take *d* out of its parent's table: it is deleted, or stale. */
void d_drop(struct dentry *d);
/* Give *d* a new place; whatever was there is dropped. Both directories' inode locks are held. */
int d_move(struct dentry *d, struct dentry *new_parent, const char *name, size_t len);
int d_exchange(struct dentry *a, struct dentry *b);
bool d_is_ancestor(struct dentry *maybe_ancestor, struct dentry *d);
struct dentry *d_parent_get(struct dentry *d);
/* Forget every unused dentry of *sb*. */
void dcache_shrink_sb(struct super_block *sb);

static inline bool d_positive(const struct dentry *d)
{
	return d->inode;
}

static inline bool inode_is(const struct inode *i, uint32_t type)
{
	return (i->mode & S_IFMT) == type;
}

static inline bool d_is_dir(const struct dentry *d)
{
	return d->inode && inode_is(d->inode, S_IFDIR);
}

/* --- walk ------------------------------------------------------------------------------------------------------------- */

struct walk_string {
	const char *p, *end;
	char *buf; /* malloc'ed owner of p, or NULL */
};

struct walk {
	struct task *t;
	unsigned flags;	       /* WALK_* */
	unsigned n_links;
	struct path root, cur; /* held */
	bool in_root;	       /* root is the start (RESOLVE_IN_ROOT) */
	unsigned depth;
	struct walk_string now, stack[VFS_SYMLINKS_MAX];
	struct walk_string held; /* what last points into */
	const char *last;
	size_t last_len;
	enum last_type last_type;
	bool trailing_slash;
};

/* Begin at *dirfd* or, if *base* is given, there. On failure nothing is to be ended. */
int walk_begin(struct walk *w, struct task *t, int dirfd, const struct path *base, const char *name, unsigned flags);
void walk_end(struct walk *w);
/* Go to the parent of the last component. */
int walk_to_parent(struct walk *w);
/* Go through all. */
int walk_to_end(struct walk *w);
/* The dentry of the last component in w->cur, crossed into mounts: held path, dentry maybe negative. */
int walk_last(struct walk *w, struct path *ret);
/* *link* is the symlink found at the last component: go on with its target, to the parent of *its* last component. */
int walk_follow_last(struct walk *w, struct path *link);

/* Cross into mounts on top of *p*; consumes and replaces references. */
int walk_cross(struct walk *w, struct path *p);

/* --- permission helpers ----------------------------------------------------------------------------------------------- */

/* May *t* remove *victim* from *dir* (may_delete): write and search permission, sticky bit, kinds, mount points. */
int may_delete(struct task *t, struct dentry *dir, struct dentry *victim, bool isdir);
int may_create(struct task *t, struct inode *dir);
/* Is *t* owner of the inode or capable of CAP_FOWNER? */
bool owner_or_capable(struct task *t, const struct inode *inode);
/* Open *p* for *flags* after all look-ups. *created*: no permission checks. */
int open_finish(struct task *t, const struct path *p, int flags, bool created, struct file **ret);
int do_truncate(struct task *t, const struct path *p, uint64_t size);
