/* SPDX-License-Identifier: MIT */
/*
 * Hooks of file system notification (inotify(7)). The VFS calls them after an operation has succeeded; they cost one load
 * where nobody watches. May be called with inode locks held; never with dentry.lock, fd_table.lock or wait-queue locks.
 */
#pragma once

#include "kernel/kernel.h"
#include "vfs/vfs.h"

#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* Slow paths: fs/inotify.c. */
void fsnotify_inode_slow(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name);
void fsnotify_dentry_slow(struct dentry *d, uint32_t mask);
/* The last reference to an inode with watches is never dropped by others: watches hold it. Ends them: IN_DELETE_SELF, IN_IGNORED. */
void fsnotify_inode_deleted_slow(struct inode *inode);
/* A number that pairs IN_MOVED_FROM with IN_MOVED_TO. */
uint32_t fsnotify_cookie(struct inode *dir);

static inline bool fsnotify_watched(struct inode *inode)
{
	return inode && atomic_load_explicit(&inode->watches, memory_order_relaxed);
}

/* An event on *inode* itself; or, with *name* (NUL-terminated), on an entry of directory *inode*. mask: IN_*, IN_ISDIR. */
static inline void fsnotify(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name)
{
	if (fsnotify_watched(inode))
		fsnotify_inode_slow(inode, mask, cookie, name);
}

/*
 * IN_OPEN, IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_CLOSE_NOWRITE on the object *d* (NULL allowed): tells its own
 * watches and, by name, those of its parent. IN_ISDIR is added by itself.
 */
static inline void fsnotify_dentry(struct dentry *d, uint32_t mask)
{
	if (d && atomic_load_explicit(&d->sb->kernel->n_watches, memory_order_relaxed) > 0)
		fsnotify_dentry_slow(d, mask);
}

/* *name* of directory *dir* was created (IN_CREATE) or removed (IN_DELETE). *child* may be NULL. */
static inline void fsnotify_name(struct inode *dir, uint32_t mask, const char *name, struct inode *child)
{
	fsnotify(dir, mask | (child && (child->mode & S_IFMT) == S_IFDIR ? IN_ISDIR : 0), 0, name);
}

/* After an unlink, rmdir or replacing rename took a link of *inode*: IN_ATTRIB; the end of its watches if it was the last and nobody has it open. */
static inline void fsnotify_unlinked(struct inode *inode, bool last_link)
{
	if (!fsnotify_watched(inode))
		return;
	if (!S_ISDIR(inode->mode))
		fsnotify_inode_slow(inode, IN_ATTRIB, 0, NULL);
	if (last_link && !atomic_load(&inode->n_files))
		fsnotify_inode_deleted_slow(inode);
}

/* An open file of *inode* went, whose count is down already. */
static inline void fsnotify_closed(struct inode *inode)
{
	if (fsnotify_watched(inode) && !inode->nlink && !atomic_load(&inode->n_files))
		fsnotify_inode_deleted_slow(inode);
}

/* *what* moved from (odir, oname) to (ndir, nname): IN_MOVED_FROM, IN_MOVED_TO with one cookie, IN_MOVE_SELF. */
static inline void fsnotify_move(struct inode *odir, const char *oname, struct inode *ndir, const char *nname,
				 struct inode *what)
{
	uint32_t isdir = (what->mode & S_IFMT) == S_IFDIR ? IN_ISDIR : 0, cookie = 0;

	if (fsnotify_watched(odir) || fsnotify_watched(ndir))
		cookie = fsnotify_cookie(odir);
	fsnotify(odir, IN_MOVED_FROM | isdir, cookie, oname);
	fsnotify(ndir, IN_MOVED_TO | isdir, cookie, nname);
	fsnotify(what, IN_MOVE_SELF | isdir, 0, NULL);
}

/* The inode is being freed (it has no watches left): free inode->watches. Called by inode_put(). */
void fsnotify_inode_free(struct inode *inode);
