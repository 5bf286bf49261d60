/* SPDX-License-Identifier: MIT */
/* What the files of vfs/ share with each other alone: the dentry cache, the state of a path walk, super block life. */
#pragma once

#include "kernel/kernel.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

#include <sys/stat.h>

#define DCACHE_MAX 65536u  /* dentries kept beyond this are pruned, oldest first */
#define DCACHE_BATCH 256u

#define MOUNT_BUCKETS 1024

struct dcache {
	struct rwlock mount_lock;  /* RANK_MOUNTS: the trees of all mount namespaces */
	struct list_head mount_hash[MOUNT_BUCKETS];
	struct wait_queue mount_wait; /* for changes of any namespace, which may go while somebody waits for it */
	int next_mount_id, next_group;
	unsigned propagation;	   /* counts them */
	struct list_head dead_ns;  /* mount namespaces to be freed by who does so already (mount_ns_put_late()) */
	bool freeing_ns;
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

/* --- mounts: mount.c, mount_tree.c, propagation.c; the mount lock is held for writing --------------------------------------- */

/* An unattached mount; takes over a reference of *sb* on success. */
struct mount *mount_alloc(struct super_block *sb, struct dentry *root, unsigned flags);
/* The mount on *dentry* of *mnt*; the newest if several. The lock is held, for reading at least. */
struct mount *mount_find_child(const struct mount *mnt, const struct dentry *dentry);
/* The place to mount on at *at*, beyond what is mounted there; not held. */
struct path mount_topmost(const struct path *at);
/* Put the unattached *m* on *at*, giving it a namespace. Takes over the caller's reference. -ENOENT: the directory is gone. */
int mount_attach(struct mount_ns *ns, const struct path *at, struct mount *m);
/* Give an unattached tree to *ns*. */
void mount_enter_ns(struct mount_ns *ns, struct mount *top);
/* Take *m* off its place; it keeps its namespace and children. */
void mount_unhook(struct mount *m);
void mount_hook(struct mount *m, struct mount *parent, struct dentry *at);
/* Take *m* and all below it out of the tree; they are added to *gone*, whose members the caller puts after unlocking. */
void mount_take_down(struct mount *m, struct list_head *gone);
void mount_put_gone(struct list_head *gone);
void mount_tree_changed(struct mount_ns *ns);
/* Next of the tree below *top*, in depth-first order; NULL: that was the last. */
struct mount *mount_next(struct mount *m, const struct mount *top);

#define COPY_SLAVE 1u	      /* the copies are slaves of the originals */
#define COPY_SHARED 2u	      /* the copies are shared */
#define COPY_PRIVATE 4u	      /* neither peers nor slaves */
#define COPY_UNBINDABLE 8u    /* unbindable mounts too */
#define COPY_SHARED_SLAVE 16u /* the copies of shared mounts are their slaves */
/* A copy of *m* showing *root*, unattached. -ENOMEM, -ENOSPC. */
int mount_copy_one(struct mount *m, struct dentry *root, unsigned how, struct mount **ret);
/* A copy of the tree below *root* in *m*, unattached: a parent keeps its children, nothing has a namespace. */
int mount_copy_tree(struct mount *m, struct dentry *root, unsigned how, struct mount **ret);
/* For a mount namespace of less privilege: what *top*'s tree hides stays hidden, its flags stay. */
void mount_lock_tree(struct mount *top);
/* Free a tree that was never attached. */
void mount_free_tree(struct mount *m);

/* propagation.c */
void propagation_init(struct mount *m);
/* m's membership after a change, or on its way out (MS_PRIVATE). */
void propagation_set(struct mount *m, unsigned type);
/* Attach the tree *m* at *at* (topmost), and a copy of it at all places that receive what is mounted there. */
int propagation_attach(struct mount_ns *ns, const struct path *at, struct mount *m);
/* What was mounted at the same place in the receivers of *m*'s parent goes too. */
void propagation_take_down(struct mount *m, struct list_head *gone);

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
