/* SPDX-License-Identifier: MIT */
/* Changes of attributes: chmod(2), chown(2), utimensat(2), truncate(2). */
#include "vfs/acl.h"
#include "vfs/filecap.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"
#include "vfs/leases.h"
#include "vfs/notify.h"
#include "vfs/touched.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define ATTR_TIMES (ATTR_ATIME | ATTR_MTIME)

/* chown(2): only the capable give away; the owner may choose a group he is in. */
static int may_chown(struct task *t, const struct inode *inode, const struct setattr *a)
{
	const struct cred *c = t->cred;

	if (cred_id_capable(c, inode->uid, inode->gid, CAP_CHOWN))
		return 0;
	if ((a->valid & ATTR_UID) && (c->fsuid != inode->uid || a->uid != inode->uid))
		return -EPERM;
	if ((a->valid & ATTR_GID) && (c->fsuid != inode->uid || (a->gid != inode->gid && !cred_in_group(c, a->gid))))
		return -EPERM;
	return 0;
}

/* Ownership changes take the set-ID bits of files away. */
static void drop_set_ids(const struct inode *inode, struct setattr *a)
{
	uint32_t mode = a->valid & ATTR_MODE ? a->mode : inode->mode;

	if (inode_is(inode, S_IFDIR) || !(mode & (S_ISUID | S_ISGID)))
		return;
	mode &= ~(uint32_t)S_ISUID;
	if (mode & S_IXGRP)
		mode &= ~(uint32_t)S_ISGID;
	a->mode = mode & 07777;
	a->valid |= ATTR_MODE;
}

static int check_setattr(struct task *t, struct inode *inode, struct setattr *a)
{
	int r;

	if (a->valid & (ATTR_UID | ATTR_GID)) {
		r = may_chown(t, inode, a);
		if (r < 0)
			return r;
	}
	if (a->valid & ATTR_MODE) {
		if (!owner_or_capable(t, inode))
			return -EPERM;
		if (!cred_in_group(t->cred, a->valid & ATTR_GID ? a->gid : inode->gid) &&
		    !cred_id_capable(t->cred, inode->uid, inode->gid, CAP_FSETID))
			a->mode &= ~(uint32_t)S_ISGID;
	}
	/* utimensat(2): both times "now" need only the right to write; the caller says so by ATTR_TOUCH. */
	if (a->valid & ATTR_TIMES) {
		if (owner_or_capable(t, inode))
			r = 0;
		else
			r = a->valid & ATTR_TOUCH ? inode_permission(t, inode, MAY_WRITE) : -EPERM;
		if (r < 0)
			return r;
	}
	if (a->valid & ATTR_CHOWN)
		drop_set_ids(inode, a);
	return 0;
}

int vfs_setattr(struct task *t, const struct path *p, struct setattr *attr)
{
	struct inode *inode = p->dentry->inode;
	uint32_t told;
	int r;

	if ((p->mnt && mount_read_only(p->mnt)) || inode->sb->read_only)
		return -EROFS;
	r = check_setattr(t, inode, attr);
	if (r < 0)
		return r;
	if (inode->sb == inode->sb->kernel->anonfs)
		return -EOPNOTSUPP;
	if (inode->ops && !inode->ops->setattr)
		return -EPERM;
	if ((attr->valid & ATTR_CHOWN) && !inode_is(inode, S_IFDIR))
		r = filecap_kill(inode);
	if (r < 0)
		return r;
	NAMES_CHANGE(inode->sb->kernel);
	names_inode(inode);
	lock_acquire(&inode->lock);
	if (inode->ops)
		r = inode->ops->setattr(inode, attr);
	else /* pipes and sockets without a name */
		inode_setattr_copy(inode, attr);
	if (!r && (attr->valid & ATTR_MODE))
		r = acl_chmod(inode);
	lock_release(&inode->lock);
	told = attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_TIMES) ? IN_ATTRIB : IN_MODIFY;
	if (!r)
		fsnotify_dentry(p->dentry, told);
	if (!r && (attr->valid & ~(uint32_t)ATTR_TIMES))
		touched(p->dentry, TOUCHED_ATTR);
	return r;
}

int do_truncate(struct task *t, const struct path *p, uint64_t size)
{
	struct inode *inode = p->dentry->inode;
	struct setattr a = {.valid = ATTR_SIZE, .size = size};
	int r;

	if (!inode->ops || !inode->ops->setattr)
		return -EINVAL;
	if ((inode->mode & (S_ISUID | S_ISGID)) && !cred_capable(t->cred, CAP_FSETID))
		drop_set_ids(inode, &a);
	r = filecap_kill(inode);
	if (r < 0)
		return r;
	NAMES_CHANGE(inode->sb->kernel);
	names_inode(inode);
	lock_acquire(&inode->lock);
	r = inode->ops->setattr(inode, &a);
	lock_release(&inode->lock);
	if (!r) {
		fsnotify_dentry(p->dentry, IN_MODIFY);
		touched(p->dentry, TOUCHED_WRITTEN);
	}
	return r;
}

int vfs_newsize_ok(struct task *t, const struct inode *inode, uint64_t size)
{
	if (size <= inode->size || size <= task_rlimit(t, RLIMIT_FSIZE))
		return 0;
	signal_kernel_task(t, SIGXFSZ);
	return -EFBIG;
}

int vfs_truncate(struct task *t, const struct path *p, uint64_t size)
{
	struct inode *inode = p->dentry->inode;
	int r;

	if (inode_is(inode, S_IFDIR))
		return -EISDIR;
	if (!inode_is(inode, S_IFREG))
		return -EINVAL;
	if (p->mnt && mount_read_only(p->mnt))
		return -EROFS;
	r = inode_permission(t, inode, MAY_WRITE);
	if (!r)
		r = inode_get_write(inode);
	if (r < 0)
		return r;
	r = lease_break(t, inode, true, false);
	if (!r)
		r = vfs_newsize_ok(t, inode, size);
	if (!r)
		r = do_truncate(t, p, size);
	inode_put_write(inode);
	return r;
}

int vfs_ftruncate(struct task *t, struct file *f, uint64_t size)
{
	int r;

	if (!inode_is(f->inode, S_IFREG) || (f->flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	r = vfs_newsize_ok(t, f->inode, size);
	return r < 0 ? r : do_truncate(t, &f->path, size);
}
