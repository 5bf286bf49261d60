/* SPDX-License-Identifier: MIT */
/* What the files of hostfs share: the super block's and the inodes' private parts, and how a node's descriptor is had. */
#pragma once

#include "fs/fs.h"
#include "fs/icache.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "vfs/vfs.h"

#include <string.h>

#define HOSTFS_NOBODY 65534u
#define HOSTFS_RETRIES 4

/* A file that had no access lists when it had this change time. */
struct host_plain {
	uint64_t dev, ino;
	int64_t sec;
	uint32_t nsec;
};

struct hostfs {
	uint64_t root_dev;
	uint32_t own_uid, own_gid;
	bool lower, hide, system, guard, owners, shared;
	const struct host_object *hidden;
	size_t n_hidden;
	const struct host_place *places;
	size_t n_places;
	struct icache cache;
	struct lock lock; /* RANK_LEAF: places, directory descriptors and lists of handles of all nodes */
	struct list_head fds; /* of directories with a descriptor, most recently used first */
	unsigned n_fds;
	/* Below an overlay: */
	struct list_head shared_files, listings; /* most recently used first */
	unsigned n_shared, max_shared;
	size_t listing_bytes;
	struct host_plain *plain; /* with real owners: HOSTFS_PLAIN of them, by a hash */
};

#define HOSTFS_PLAIN 1024u

/*
 * Below an overlay files are taken as stable, so one that was opened for reading stays open for the next: what is used again and again
 * costs no host call. A node has one while it is on hostfs.shared_files, open files hold it too.
 */
struct host_view;
struct host_shared {
	struct refs refs;
	struct list_head link; /* hostfs.shared_files, most recently used first */
	struct host_node *node; /* hostfs.lock; NULL: given up */
	int fd;
	uint64_t size;
	_Atomic unsigned reads;
	_Atomic(struct host_view *) view; /* made when it is read again */
};

struct host_node {
	struct icache_entry entry; /* host device and inode number */
	/* hostfs.lock: where the object was last seen; parent NULL for roots */
	struct inode *parent; /* held */
	char *name;
	int fd;		      /* directories: O_PATH or donated; others: the donated file of a single-file volume; -1: none now */
	_Atomic bool guarded; /* it was seen under the name PICKET_FILE of a guarded volume */
	bool pinned;	      /* fd is donated: never closed before the node */
	unsigned fd_users;
	struct list_head fd_link;
	struct list_head handles; /* struct host_handle, open files */
	struct timespec ctime; /* last seen */
	bool acl_known;	      /* the access lists in the inode are those of that time */
	_Atomic bool mapped; /* it may be opened again when its name is gone */
	int record_fd, flock_fd; /* of files with locks, hostfs_lock.c; -1 */
	int last_fd;	      /* of a file whose name is gone, which is still in use; -1 */
	struct host_shared *open_file; /* below an overlay: of a regular file; hostfs.lock, as the next two */
	struct host_listing *listing;  /* of a directory; held */
	struct list_head listing_link; /* hostfs.listings */
	int spare_fd;	      /* of a file just created: for the open that follows, whatever its mode says; -1 */
	/* the root of `host` mode */
	struct host_top *top;
	size_t n_top;
	char *target;	      /* of its links */
};

struct host_top {
	char *name;
	struct inode *inode; /* held */
};

struct host_handle { /* file->priv of hostfs files */
	struct list_head link;
	int fd;
	bool writable;
	struct host_shared *shared; /* whose fd it is; held */
	struct host_listing *listing; /* directories: names as read at the start; file.pos_lock; held */
};

extern const struct file_ops hostfs_file_fops, hostfs_dir_fops;
extern const struct inode_ops hostfs_dir_ops, hostfs_link_ops, hostfs_file_ops, hostfs_special_ops;

static inline struct hostfs *hostfs_of(const struct inode *inode)
{
	return inode->sb->priv;
}

static inline struct host_node *host_node_of(const struct inode *inode)
{
	return inode->priv;
}

/* Descriptor of a directory node, opened again if it was given up; host_dir_put() after use. -ENOENT: it is gone from its place. */
int host_dir_get(struct inode *dir);
void host_dir_put(struct inode *dir);
/* The parent directory's descriptor and the object's name in *name* (VFS_NAME_MAX + 1); *ret_parent is put with host_place_put(). */
int host_place_get(struct inode *inode, char *name, struct inode **ret_parent);
void host_place_put(struct inode *parent);
/*
 * Open the object itself (not a directory's entry) and make sure that it still is the one this inode stands for. -ESTALE: something else is
 * at its place now, or nothing; whoever came by a name looks it up again. host_node_open() says -ENOENT to that.
 */
int host_node_open(struct inode *inode, int flags);
int host_node_open_stale(struct inode *inode, int flags);
/* The name *name* of *dirfd* is about to go: keep what opens *inode* if it is in use. *inode* may be NULL. */
void host_node_keep(struct inode *inode, int dirfd, const char *name);
/* An inode of that kind, without identity or place. NULL: no memory. */
struct inode *host_node_alloc(struct super_block *sb, uint32_t mode);
/* The inode for what *st* describes, seen as *name* in *parent*; held. */
int host_node_get(struct inode *parent, const char *name, const struct statx *st, struct inode **ret);
/* Remember where *inode* was seen. */
void host_set_place(struct inode *inode, struct inode *parent, const char *name);
void hostfs_free_inode(struct inode *inode);
int hostfs_readlink(struct task *t, struct inode *inode, char **ret);
/* 0, or -EACCES: that descriptor is of a procfs, which would show the sentry itself. */
int host_check_served(int fd);
/* Is what has this name in the directory, and is *st*, not shown: an object or a place to hide, or what `host` mode hides? */
bool host_hidden(struct inode *dir, const char *name, const struct statx *st);
uint64_t host_ino(const struct hostfs *fs, uint64_t dev, uint64_t ino);
/* What is kept open and listed below an overlay: hostfs_shared.c. The file's, held; NULL: none yet, or not of such a tree. */
struct host_shared *host_shared_get(struct inode *inode);
/* Keep *fd* (taken over), just opened for reading, and hold it. NULL: no memory, *fd* stays the caller's. */
struct host_shared *host_shared_add(struct inode *inode, int fd);
void host_shared_put(struct host_shared *s);
/* Read without a host call. Less than 0: that cannot be. */
ssize_t host_shared_read(struct host_shared *s, uint64_t off, struct uio *dst);
/* The names of a directory as they were read before, held; NULL: read them, and keep them by host_listing_keep(). */
struct host_listing *host_listing_get(struct inode *dir);
void host_listing_keep(struct inode *dir, struct host_listing *l);
/* The node goes, or is not to keep anything any more. */
void host_node_unshare(struct inode *inode);

/*
 * The names of a directory as they were when reading began: positions are indices and so stay the same whatever is made or
 * removed meanwhile.
 */
struct host_listing {
	struct refs refs;
	struct host_name *entries;
	size_t n, room;
	char *names;
	size_t names_len, names_room;
};
struct host_name {
	uint64_t ino;
	size_t off; /* in listing.names */
	uint8_t len, type;
};
void host_listing_put(struct host_listing *l);
int hostfs_open(struct task *t, struct inode *inode, struct file *f);

/* Attributes: hostfs_attr.c */
void host_fill_inode(struct inode *inode, const struct statx *st);
int hostfs_getattr(struct inode *inode, struct kstat *st);
int hostfs_setattr(struct inode *inode, const struct setattr *attr);
ssize_t hostfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int hostfs_setxattr(struct inode *inode, const char *name, const void *buf, size_t size, int flags);
ssize_t hostfs_listxattr(struct inode *inode, char *buf, size_t size);
int hostfs_removexattr(struct inode *inode, const char *name);

/* A descriptor that reads or writes, for the caller to close: a copy of an open one, or one opened for it (*opened* false). */
int host_node_fd(struct inode *inode, bool writable, bool *opened);
/* A descriptor of the object for what needs no reading or writing, for the caller to close: a copy of an open one, or O_PATH. */
int host_node_handle(struct inode *inode);
/* The inode of a file without a name beside *dir*; *fd* is its descriptor, taken over on success. */
int host_node_orphan(struct inode *dir, const struct statx *st, int fd, struct inode **ret);

/* Owners: hostfs_owner.c. How something is made: with the bits *first*, then it gets its owner, then the bits *mode*. */
struct host_birth {
	uint32_t first, mode, uid, gid;
	bool owned;
};
void host_birth(struct inode *dir, uint32_t mode, const struct cred *cred, struct host_birth *b);
/* The regular file just opened gets owner and mode. */
int host_birth_fd(const struct host_birth *b, int fd);
/* What has just been made under *name* gets owner and mode; its attributes in *st*. If that fails it is gone again. */
int host_birth_name(struct inode *dir, int dirfd, const char *name, const struct host_birth *b, struct statx *st);
int host_set_owner(struct inode *inode, const struct setattr *attr);
/* Locks towards others: hostfs_lock.c. */
void hostfs_lock_prepare(struct inode *inode, bool flock);
int hostfs_lock(struct inode *inode, bool flock, int type, int64_t start, int64_t end);
int hostfs_lock_ask(struct inode *inode, struct flock *fl);
/* Access lists: hostfs_acl.c. */
int hostfs_acl_load(struct inode *inode);
int hostfs_acl_changed(struct inode *inode);
int hostfs_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cred, struct inode **ret);

/* Is that name one that the guest may not touch? */
static inline bool host_guarded(const struct hostfs *fs, const char *name)
{
	return fs->guard && strcmp(name, PICKET_FILE) == 0;
}

/* Is that a name in *dir* that the guest may neither make, move nor remove? */
bool host_held(struct inode *dir, const char *name);

static inline uint64_t host_stx_dev(const struct statx *st)
{
	return (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
}

static inline bool host_node_is(const struct inode *inode, const struct statx *st)
{
	const struct host_node *n = host_node_of(inode);

	return n->entry.key1 == host_stx_dev(st) && n->entry.key2 == st->stx_ino;
}
