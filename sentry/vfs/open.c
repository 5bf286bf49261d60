/* SPDX-License-Identifier: MIT */
/* open(2), openat2(2): from a name to an open file. */
#include "vfs/acl.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"
#include "vfs/leases.h"
#include "vfs/notify.h"
#include "vfs/touched.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef O_LARGEFILE
#define O_LARGEFILE 0100000
#endif

static int access_mask(int flags)
{
	static const int mask[4] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

	if (flags & VFS_O_EXEC)
		return MAY_EXEC;
	return mask[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static bool can_write(int flags)
{
	return (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
}

/* Device nodes of a file system that a user namespace made say nothing; but a devpts makes its own. */
static bool no_devices(const struct path *p)
{
	const struct super_block *sb = p->dentry->sb;

	return (p->mnt && (p->mnt->flags & MS_NODEV)) || (sb->user_ns && strcmp(sb->type, "devpts") != 0);
}

/* may_open(): what an existing object allows. */
static int may_open(struct task *t, const struct path *p, int flags)
{
	struct inode *inode = p->dentry->inode;
	uint32_t type = inode->mode & S_IFMT;
	int mask = access_mask(flags), r;

	if (type == S_IFLNK)
		return -ELOOP;
	if (type == S_IFDIR && (mask & MAY_WRITE))
		return -EISDIR;
	if ((flags & VFS_O_EXEC) && type != S_IFREG)
		return -EACCES;
	if ((type == S_IFBLK || type == S_IFCHR) && no_devices(p))
		return -EACCES;
	r = inode_permission(t, inode, mask);
	if (r < 0)
		return r;
	if ((flags & O_NOATIME) && !owner_or_capable(t, inode))
		return -EPERM;
	return 0;
}

/* What opens an inode of this kind. */
static int open_kind(struct task *t, struct inode *inode, struct file *f)
{
	if (inode->ops && inode->ops->open)
		return inode->ops->open(t, inode, f);
	switch (inode->mode & S_IFMT) {
	case S_IFIFO:
		return fifo_open(t, f);
	case S_IFCHR:
		return dev_open(t, inode->rdev, false, f);
	case S_IFBLK:
		return dev_open(t, inode->rdev, true, f);
	case S_IFSOCK:
		return -ENXIO;
	case S_IFREG:
	case S_IFDIR:
		f->ops = inode->fops;
		return 0;
	default:
		return -ENXIO; /* eventfd, epoll …: what they are lives in the open file alone */
	}
}

static int check_writable(const struct path *p, struct inode *inode, int flags)
{
	uint32_t type = inode->mode & S_IFMT;

	if (!can_write(flags) && !(flags & O_TRUNC))
		return 0;
	if (type != S_IFREG && type != S_IFDIR)
		return 0;
	return p->mnt && mount_read_only(p->mnt) ? -EROFS : 0;
}

int open_finish(struct task *t, const struct path *p, int flags, bool created, struct file **ret)
{
	struct inode *inode = p->dentry->inode;
	FILE_SCOPE f = NULL;
	int r;

	if (!created) {
		/* What is to be cut must be on a writable mount before anybody looks at rights. */
		r = flags & O_TRUNC && inode_is(inode, S_IFREG) ? check_writable(p, inode, flags) : 0;
		if (!r)
			r = may_open(t, p, flags);
		if (r < 0)
			return r;
	}
	r = check_writable(p, inode, flags);
	if (r < 0)
		return r;
	f = file_alloc(p, inode, inode->fops, flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC));
	if (!f)
		return -ENFILE;
	if (can_write(flags) && inode_is(inode, S_IFREG)) {
		r = inode_get_write(inode);
		if (r < 0) {
			f->ops = NULL; /* it has not been opened: there is nothing to release */
			return r;
		}
		f->wrote = true;
	}
	r = created ? 0 : lease_break(t, inode, can_write(flags) || flags & O_TRUNC, flags & O_NONBLOCK);
	if (!r)
		r = open_kind(t, inode, f);
	if (r < 0) {
		f->ops = NULL;
		return r;
	}
	f->flags &= ~O_NOCTTY; /* the terminal has seen it */
	fsnotify_dentry(p->dentry, IN_OPEN);
	if (f->wrote && !created)
		touched(p->dentry, TOUCHED_WRITTEN);
	if ((flags & O_TRUNC) && inode_is(inode, S_IFREG) && !created) {
		r = do_truncate(t, p, 0);
		if (r < 0)
			return r;
	}
	*ret = f;
	f = NULL;
	return 0;
}

static int open_o_path(const struct path *p, int flags, struct file **ret)
{
	struct file *f = file_alloc(p, p->dentry->inode, NULL, flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW));

	if (!f)
		return -ENFILE;
	*ret = f;
	return 0;
}

static unsigned walk_flags(const struct open_how_args *how)
{
	return how->walk | (how->flags & O_NOFOLLOW ? 0 : WALK_FOLLOW) | (how->flags & O_DIRECTORY ? WALK_DIRECTORY : 0);
}

static int open_existing(struct task *t, int dirfd, const char *name, const struct open_how_args *how, struct file **ret)
{
	PATH_SCOPE p = {0};
	int r = vfs_walk(t, dirfd, name, walk_flags(how), &p);

	if (r < 0)
		return r;
	if (how->flags & O_PATH)
		return open_o_path(&p, how->flags, ret);
	return open_finish(t, &p, how->flags, false, ret);
}

static int open_tmpfile(struct task *t, int dirfd, const char *name, const struct open_how_args *how, struct file **ret)
{
	PATH_SCOPE dir = {0};
	struct acl_birth birth = {0};
	struct inode *inode = NULL;
	struct path p;
	uint32_t mode;
	int r;

	if (!can_write(how->flags))
		return -EINVAL;
	r = vfs_walk(t, dirfd, name, walk_flags(how) | WALK_DIRECTORY, &dir);
	if (r < 0)
		return r;
	if (mount_read_only(dir.mnt))
		return -EROFS;
	r = inode_permission(t, dir.dentry->inode, MAY_WRITE | MAY_EXEC);
	if (r < 0)
		return r;
	if (!dir.dentry->inode->ops->tmpfile)
		return -EOPNOTSUPP;
	NAMES_CHANGE(dir.dentry->sb->kernel);
	names_inode(dir.dentry->inode);
	mode = S_IFREG | (how->mode & 07777);
	r = acl_birth_begin(t, dir.dentry->inode, &mode, &birth);
	if (!r)
		r = dir.dentry->inode->ops->tmpfile(dir.dentry->inode, mode, t->cred, &inode);
	acl_birth_end(&birth, r ? NULL : inode);
	if (r < 0)
		return r;
	p.mnt = dir.mnt;
	p.dentry = d_alloc_tmpfile(dir.dentry, inode);
	if (!p.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	inode->linkable = !(how->flags & O_EXCL);
	r = open_finish(t, &p, how->flags & ~(O_DIRECTORY | O_EXCL), true, ret);
	dentry_put(p.dentry);
	return r;
}

/* Make the regular file w->last in the locked directory. */
static int create_locked(struct task *t, struct walk *w, uint32_t mode, struct path *p)
{
	struct inode *dir = w->cur.dentry->inode, *inode = NULL;
	struct acl_birth birth = {0};
	struct dentry *d;
	int r;

	if (mount_read_only(w->cur.mnt))
		return -EROFS;
	r = may_create(t, dir);
	if (r < 0)
		return r;
	if (!dir->ops->create)
		return -EACCES;
	NAMES_CHANGE(dir->sb->kernel);
	names_inode(dir);
	mode = S_IFREG | (mode & 07777);
	r = acl_birth_begin(t, dir, &mode, &birth);
	if (!r)
		r = dir->ops->create(dir, w->last, w->last_len, mode, 0, t->cred, &inode);
	acl_birth_end(&birth, r ? NULL : inode);
	if (r < 0)
		return r;
	r = d_add(w->cur.dentry, w->last, w->last_len, inode, &d);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	dentry_put(p->dentry);
	p->dentry = d;
	fsnotify_name(dir, IN_CREATE, d->name, inode);
	touched(d, TOUCHED_MADE);
	return 0;
}

/* Look up the last component, and make it if it is not there. *created* tells. *ret* is held. */
static int lookup_or_create(struct task *t, struct walk *w, const struct open_how_args *how, struct path *ret, bool *created)
{
	struct inode *dir = w->cur.dentry->inode;
	struct path p = {0};
	int r;

	*created = false;
	r = walk_last(w, &p);
	if (r < 0)
		return r;
	if (!d_positive(p.dentry)) {
		dentry_put(p.dentry);
		lock_acquire(&dir->lock);
		r = d_lookup_slow(w->cur.dentry, w->last, w->last_len, true, &p.dentry);
		if (r < 0) {
			p.dentry = NULL;
		} else if (!d_positive(p.dentry)) {
			r = create_locked(t, w, how->mode, &p);
			*created = !r;
		}
		lock_release(&dir->lock);
	}
	if (r < 0)
		path_put(&p);
	else
		*ret = p;
	return r;
}

/* The last component is an object that was there, or the directory that ends a path of dots. */
static int open_found(struct task *t, const struct path *p, const struct open_how_args *how, struct file **ret)
{
	if ((how->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (d_is_dir(p->dentry))
		return -EISDIR;
	if (how->flags & O_DIRECTORY)
		return -ENOTDIR;
	return open_finish(t, p, how->flags, false, ret);
}

static int open_create_at(struct task *t, struct walk *w, const struct open_how_args *how, struct file **ret)
{
	int r = walk_to_parent(w);

	while (!r) {
		struct path p = {0};
		bool created;

		if (w->last_type != LAST_NORM) {
			if (w->last_type == LAST_ROOT) /* a magic link's object may be anything */
				return open_found(t, &w->cur, how, ret);
			return how->flags & O_EXCL ? -EEXIST : -EISDIR;
		}
		if (w->trailing_slash)
			return -EISDIR;
		r = lookup_or_create(t, w, how, &p, &created);
		if (r < 0)
			break;
		if (!created && inode_is(p.dentry->inode, S_IFLNK) && !(how->flags & (O_NOFOLLOW | O_EXCL))) {
			r = walk_follow_last(w, &p);
			continue;
		}
		r = created ? open_finish(t, &p, how->flags, true, ret) : open_found(t, &p, how, ret);
		path_put(&p);
		break;
	}
	return r;
}

static int open_create(struct task *t, int dirfd, const char *name, const struct open_how_args *how, struct file **ret)
{
	struct walk w;
	int r = walk_begin(&w, t, dirfd, NULL, name, walk_flags(how) & ~WALK_DIRECTORY);

	if (r < 0)
		return r;
	r = open_create_at(t, &w, how, ret);
	walk_end(&w);
	return r;
}

static int open_once(struct task *t, int dirfd, const char *name, const struct open_how_args *how, struct file **ret)
{
	int flags = how->flags;

	if (flags & O_PATH)
		return open_existing(t, dirfd, name, how, ret);
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return open_tmpfile(t, dirfd, name, how, ret);
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	if (flags & O_CREAT)
		return open_create(t, dirfd, name, how, ret);
	return open_existing(t, dirfd, name, how, ret);
}

/* A host that replaces files while they are looked up makes us look again. */
int vfs_open(struct task *t, int dirfd, const char *name, const struct open_how_args *how, struct file **ret)
{
	int r = -ESTALE;

	for (int i = 0; i < VFS_STALE_TRIES && r == -ESTALE; i++)
		r = open_once(t, dirfd, name, how, ret);
	return r == -ESTALE ? -ENOENT : r;
}

int vfs_open_path(struct task *t, const struct path *p, int flags, struct file **ret)
{
	if (flags & O_PATH)
		return open_o_path(p, flags, ret);
	if ((flags & O_DIRECTORY) && !d_is_dir(p->dentry))
		return -ENOTDIR;
	return open_finish(t, p, flags, false, ret);
}
