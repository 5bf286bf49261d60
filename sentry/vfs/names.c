/* SPDX-License-Identifier: MIT */
/* Operations that add and remove names: mknod, mkdir, symlink, link, unlink, rmdir. */
#include "vfs/acl.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"
#include "vfs/notify.h"
#include "vfs/touched.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A place for a new name: the directory is locked until create_end(). */
struct create {
	struct walk w;
	struct inode *dir;
	struct dentry *d; /* negative, held */
};

static void create_end(struct create *c)
{
	if (c->d)
		dentry_put(c->d);
	lock_release(&c->dir->lock);
	walk_end(&c->w);
}

/* filename_create(): an existing name is -EEXIST before anything else is said against making it. */
static int create_begin(struct create *c, struct task *t, int dirfd, const char *name, bool isdir)
{
	struct path p = {0};
	int r = walk_begin(&c->w, t, dirfd, NULL, name, 0);

	if (r < 0)
		return r;
	r = walk_to_parent(&c->w);
	if (!r && c->w.last_type != LAST_NORM)
		r = -EEXIST;
	if (!r)
		r = walk_last(&c->w, &p); /* mounts on top of the name count as the name */
	if (r < 0) {
		walk_end(&c->w);
		return r;
	}
	path_put(&p);
	c->dir = c->w.cur.dentry->inode;
	c->d = NULL;
	lock_acquire(&c->dir->lock);
	r = d_lookup_slow(c->w.cur.dentry, c->w.last, c->w.last_len, true, &c->d);
	if (!r && d_positive(c->d))
		r = -EEXIST;
	if (!r && c->w.trailing_slash && !isdir)
		r = -ENOENT;
	if (!r && mount_read_only(c->w.cur.mnt))
		r = -EROFS;
	if (r < 0)
		create_end(c);
	return r;
}

/* Publish *inode* (reference consumed) under the name. */
static int create_done(struct create *c, struct inode *inode)
{
	struct dentry *d;
	int r = d_add(c->w.cur.dentry, c->w.last, c->w.last_len, inode, &d);

	if (r < 0) {
		d_drop(c->d); /* the name is there although memory for its dentry is not: the next look-up finds it */
		inode_put(inode);
		return 0;
	}
	fsnotify_name(c->dir, IN_CREATE, d->name, inode);
	touched(d, TOUCHED_MADE);
	dentry_put(d);
	return 0;
}

/* The umask, or the directory's default list, is applied here. */
static int create_node(struct task *t, int dirfd, const char *name, uint32_t mode, uint64_t rdev, struct path *ret)
{
	struct acl_birth birth = {0};
	struct inode *inode = NULL;
	struct create c;
	int r = create_begin(&c, t, dirfd, name, S_ISDIR(mode));

	if (r < 0)
		return r;
	NAMES_CHANGE(c.dir->sb->kernel);
	names_inode(c.dir);
	r = may_create(t, c.dir);
	if (!r && (S_ISCHR(mode) || S_ISBLK(mode)) && !(S_ISCHR(mode) && !rdev) && !cred_capable(t->cred, CAP_MKNOD))
		r = -EPERM;
	if (!r && !c.dir->ops->create)
		r = -EPERM;
	if (!r)
		r = acl_birth_begin(t, c.dir, &mode, &birth);
	if (!r)
		r = c.dir->ops->create(c.dir, c.w.last, c.w.last_len, mode, rdev, t->cred, &inode);
	acl_birth_end(&birth, r ? NULL : inode);
	if (!r && ret) {
		struct dentry *d;

		r = d_add(c.w.cur.dentry, c.w.last, c.w.last_len, inode, &d);
		if (r < 0) {
			inode_put(inode);
		} else {
			fsnotify_name(c.dir, IN_CREATE, d->name, inode);
			touched(d, TOUCHED_MADE);
			*ret = (struct path){.mnt = c.w.cur.mnt, .dentry = d};
			mount_get(ret->mnt);
		}
	} else if (!r) {
		r = create_done(&c, inode);
	}
	create_end(&c);
	return r;
}

int vfs_mknod(struct task *t, int dirfd, const char *name, uint32_t mode, uint64_t rdev)
{
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	if (!S_ISCHR(mode) && !S_ISBLK(mode))
		rdev = 0;
	return create_node(t, dirfd, name, (mode & S_IFMT) | (mode & 07777), rdev, NULL);
}

int vfs_mkdir(struct task *t, int dirfd, const char *name, uint32_t mode)
{
	return create_node(t, dirfd, name, S_IFDIR | (mode & 01777), 0, NULL);
}

int vfs_bind_socket(struct task *t, const char *name, uint32_t mode, struct path *ret)
{
	return create_node(t, AT_FDCWD, name, S_IFSOCK | (mode & 0777), 0, ret);
}

int vfs_symlink(struct task *t, const char *target, int dirfd, const char *name)
{
	struct inode *inode = NULL;
	struct create c;
	int r = create_begin(&c, t, dirfd, name, false);

	if (r < 0)
		return r;
	NAMES_CHANGE(c.dir->sb->kernel);
	names_inode(c.dir);
	r = may_create(t, c.dir);
	if (!r && !c.dir->ops->symlink)
		r = -EPERM;
	if (!r)
		r = c.dir->ops->symlink(c.dir, c.w.last, c.w.last_len, target, t->cred, &inode);
	if (!r)
		r = create_done(&c, inode);
	create_end(&c);
	return r;
}

static int link_locked(struct task *t, struct create *c, const struct path *old)
{
	struct inode *inode = old->dentry->inode, *locks_of = inode;
	int r = may_create(t, c->dir);

	if (r < 0)
		return r;
	if (c->w.cur.dentry->sb != old->dentry->sb)
		return -EXDEV;
	if (!c->dir->ops->link || inode_is(inode, S_IFDIR))
		return -EPERM;
	if (!inode->nlink && !inode->linkable)
		return -ENOENT;
	NAMES_CHANGE(inode->sb->kernel);
	names_inode(inode);
	names_inode(c->dir);
	lock_acquire(&locks_of->lock);
	r = c->dir->ops->link(c->dir, c->w.last, c->w.last_len, inode);
	lock_release(&locks_of->lock);
	if (r < 0)
		return r;
	fsnotify(inode, IN_ATTRIB, 0, NULL);
	inode_get(inode);
	return create_done(c, inode);
}

/* fs.protected_hardlinks: names for what is one's own, or what one may write to and that does not run with another's rights. */
static int may_link(struct task *t, struct inode *inode)
{
	const uint32_t setgid = S_ISGID | S_IXGRP;
	bool harmless = S_ISREG(inode->mode) && !(inode->mode & S_ISUID) && (inode->mode & setgid) != setgid;

	if (owner_or_capable(t, inode) || (harmless && inode_permission(t, inode, MAY_READ | MAY_WRITE) == 0))
		return 0;
	return -EPERM;
}

int vfs_link(struct task *t, int odirfd, const char *oname, int ndirfd, const char *nname, int flags)
{
	unsigned walk = (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	PATH_SCOPE old = {0};
	struct create c;
	int r;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && !*oname && !cred_capable(t->cred, CAP_DAC_READ_SEARCH))
		return -ENOENT;
	r = vfs_walk(t, odirfd, oname, walk, &old);
	if (r < 0)
		return r;
	r = create_begin(&c, t, ndirfd, nname, false);
	if (r < 0)
		return r;
	r = old.mnt == c.w.cur.mnt ? may_link(t, old.dentry->inode) : -EXDEV;
	if (r == 0)
		r = link_locked(t, &c, &old);
	create_end(&c);
	return r;
}

/* What the last component of an unlink or rmdir may not be. */
static int check_last(const struct walk *w, bool dir)
{
	if (w->last_type == LAST_NORM)
		return 0;
	if (!dir)
		return -EISDIR;
	return w->last_type == LAST_DOT ? -EINVAL : w->last_type == LAST_DOTDOT ? -ENOTEMPTY : -EBUSY;
}

static int remove_locked(struct task *t, struct walk *w, struct dentry *victim, bool dir)
{
	struct inode *d = w->cur.dentry->inode, *v = victim->inode;
	int r = may_delete(t, w->cur.dentry, victim, dir);

	if (r < 0)
		return r;
	if (victim->n_mounts)
		return -EBUSY;
	if (dir ? !d->ops->rmdir : !d->ops->unlink)
		return -EPERM;
	NAMES_CHANGE(v->sb->kernel);
	names_inode(v);
	names_inode(d);
	r = dir ? d->ops->rmdir(d, w->last, w->last_len, v) : d->ops->unlink(d, w->last, w->last_len, v);
	if (r < 0)
		return r;
	if (dir)
		v->dead = true;
	d_drop(victim);
	return 0;
}

/* Slashes behind a name that is no directory. */
static int slash_error(const struct dentry *d)
{
	return !d_positive(d) ? -ENOENT : d_is_dir(d) ? -EISDIR : -ENOTDIR;
}

/* Look up the victim, lock it with its directory, and see that it is still the one. Sets *victim, held. */
static int remove_try(struct task *t, struct walk *w, bool dir, struct dentry **victim)
{
	struct dentry *parent = w->cur.dentry, *d, *again = NULL;
	struct lock *locks[2];
	unsigned n = 2;
	int r = d_lookup_slow(parent, w->last, w->last_len, false, &d);

	if (r < 0)
		return r;
	*victim = d;
	if (w->trailing_slash && !dir)
		return slash_error(d);
	if (!d_positive(d))
		return -ENOENT;
	locks[0] = &parent->inode->lock;
	/* Ranks: a directory's lock beside its parent's by address, any other's behind. */
	locks[1] = d->inode->lock.rank == parent->inode->lock.rank ? &d->inode->lock : NULL;
	lock_many(locks, &n);
	if (d->inode->lock.rank != parent->inode->lock.rank)
		lock_acquire(&d->inode->lock);
	r = d_lookup_slow(parent, w->last, w->last_len, true, &again);
	if (!r) {
		r = again == d ? remove_locked(t, w, d, dir) : -EAGAIN;
		dentry_put(again);
	}
	if (d->inode->lock.rank != parent->inode->lock.rank)
		lock_release(&d->inode->lock);
	unlock_many(locks, n);
	return r;
}

int vfs_unlink(struct task *t, int dirfd, const char *name, bool dir)
{
	struct walk w;
	int r = walk_begin(&w, t, dirfd, NULL, name, 0);

	if (r < 0)
		return r;
	r = walk_to_parent(&w);
	if (!r)
		r = check_last(&w, dir);
	if (!r && mount_read_only(w.cur.mnt))
		r = -EROFS;
	if (!r)
		r = inode_permission(t, w.cur.dentry->inode, MAY_EXEC);
	while (!r) {
		struct dentry *victim = NULL;

		r = remove_try(t, &w, dir, &victim);
		if (!r) { /* the object is told before its directory, as Linux does */
			fsnotify_unlinked(victim->inode, dir || !victim->inode->nlink);
			fsnotify_name(w.cur.dentry->inode, IN_DELETE, victim->name, victim->inode);
			touched_name(w.cur.dentry, w.last, w.last_len, TOUCHED_REMOVED);
		}
		if (victim)
			dentry_put(victim);
		if (r != -EAGAIN)
			break;
		r = 0;
	}
	walk_end(&w);
	return r;
}
