/* SPDX-License-Identifier: MIT */
/* Who may change a directory's entries, and access(2). */
#include "vfs/internal.h"

#include "kernel/user_ns.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

bool owner_or_capable(struct task *t, const struct inode *inode)
{
	return t->cred->fsuid == inode->uid || cred_id_capable(t->cred, inode->uid, inode->gid, CAP_FOWNER);
}

int may_create(struct task *t, struct inode *dir)
{
	if (dir->dead)
		return -ENOENT;
	return inode_permission(t, dir, MAY_WRITE | MAY_EXEC);
}

int may_delete(struct task *t, struct dentry *dir, struct dentry *victim, bool isdir)
{
	struct inode *d = dir->inode, *v = victim->inode;
	int r;

	if (!v)
		return -ENOENT;
	r = inode_permission(t, d, MAY_WRITE | MAY_EXEC);
	if (r < 0)
		return r;
	if ((d->mode & S_ISVTX) && t->cred->fsuid != v->uid && t->cred->fsuid != d->uid &&
	    !cred_id_capable(t->cred, v->uid, v->gid, CAP_FOWNER))
		return -EPERM;
	if (isdir) {
		if (!inode_is(v, S_IFDIR))
			return -ENOTDIR;
		if (victim->parent == victim)
			return -EBUSY;
	} else if (inode_is(v, S_IFDIR)) {
		return -EISDIR;
	}
	return d->dead ? -ENOENT : 0;
}

/* The capabilities access(2) judges by: root's for a real root of its user namespace, none for others. */
static uint64_t real_caps(const struct cred *c)
{
	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return c->cap_effective;
	return c->uid == make_kuid(c->user_ns, 0) ? c->cap_permitted : 0;
}

/*
 * The credentials access(2) judges by take the place of the caller's own, in a copy of its own: other tasks may read and hold them.
 * Returns 0 and in *saved what task_cred_replace() brings back, NULL when they are the same, as nearly always.
 */
static int begin_real_cred(struct task *t, struct cred **saved)
{
	struct cred *c = t->cred;

	*saved = NULL;
	if (c->fsuid == c->uid && c->fsgid == c->gid && c->cap_effective == real_caps(c))
		return 0;
	c = cred_copy(c);
	if (!c)
		return -ENOMEM;
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	c->cap_effective = real_caps(c);
	*saved = task_cred_get(t);
	task_cred_replace(t, c);
	return 0;
}

static int access_path(struct task *t, const struct path *p, int mask)
{
	struct inode *inode = p->dentry->inode;
	int r;

	if ((mask & MAY_EXEC) && inode_is(inode, S_IFREG) && p->mnt && (p->mnt->flags & MS_NOEXEC))
		return -EACCES;
	r = inode_permission(t, inode, mask);
	if (!r && (mask & MAY_WRITE) && p->mnt && mount_read_only(p->mnt) &&
	    (inode_is(inode, S_IFREG) || inode_is(inode, S_IFDIR) || inode_is(inode, S_IFLNK)))
		r = -EROFS;
	return r;
}

int vfs_access(struct task *t, int dirfd, const char *name, int mask, int flags)
{
	unsigned walk = (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	struct cred *saved = NULL;
	PATH_SCOPE p = {0};
	int r = 0;

	if ((mask & ~(R_OK | W_OK | X_OK)) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	if (!(flags & AT_EACCESS))
		r = begin_real_cred(t, &saved);
	if (r)
		return r;
	r = vfs_walk(t, dirfd, name, walk, &p);
	if (r >= 0 && mask)
		r = access_path(t, &p, mask);
	if (saved)
		task_cred_replace(t, saved);
	return r;
}
