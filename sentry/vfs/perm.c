/* SPDX-License-Identifier: MIT */
/* Who may change a directory's entries, and access(2). */
#include "vfs/internal.h"

#include <fcntl.h>
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

/* The credentials access(2) judges by: the real ids, and root's capabilities only for a real root. */
static struct cred real_cred(const struct cred *c)
{
	struct cred tmp = *c;

	tmp.fsuid = c->uid;
	tmp.fsgid = c->gid;
	tmp.cap_effective = c->uid == 0 ? c->cap_permitted : 0;
	return tmp;
}

static int access_path(struct task *t, const struct path *p, int mask, bool effective)
{
	struct inode *inode = p->dentry->inode;
	struct cred real, *saved = t->cred;
	int r;

	if ((mask & MAY_EXEC) && inode_is(inode, S_IFREG) && p->mnt && (p->mnt->flags & MS_NOEXEC))
		return -EACCES;
	if (!effective) {
		real = real_cred(saved);
		t->cred = &real; /* the task stands still: only its own worker reads its credentials without the lock */
	}
	r = inode_permission(t, inode, mask);
	t->cred = saved;
	if (!r && (mask & MAY_WRITE) && p->mnt && mount_read_only(p->mnt) &&
	    (inode_is(inode, S_IFREG) || inode_is(inode, S_IFDIR) || inode_is(inode, S_IFLNK)))
		r = -EROFS;
	return r;
}

int vfs_access(struct task *t, int dirfd, const char *name, int mask, int flags)
{
	unsigned walk = (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	PATH_SCOPE p = {0};
	int r;

	if ((mask & ~(R_OK | W_OK | X_OK)) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	r = vfs_walk(t, dirfd, name, walk, &p);
	if (r < 0 || !mask)
		return r;
	return access_path(t, &p, mask, flags & AT_EACCESS);
}
