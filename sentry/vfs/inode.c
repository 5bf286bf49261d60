/* SPDX-License-Identifier: MIT */
/* Inodes: life, permission, ownership, times. */
#include "vfs/acl.h"
#include "vfs/internal.h"
#include "vfs/locks.h"
#include "vfs/names_table.h"
#include "vfs/notify.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

struct inode *inode_alloc(struct super_block *sb, const struct inode_ops *ops, const struct file_ops *fops, uint32_t mode)
{
	struct inode *inode = calloc(1, sizeof(*inode));
	enum lock_rank rank = sb->lower ? RANK_INODE_LOWER : S_ISDIR(mode) ? RANK_INODE_PARENT : RANK_INODE;

	if (!inode)
		return NULL;
	refs_init(&inode->refs);
	lock_init(&inode->lock, rank);
	wait_queue_init(&inode->waiters);
	super_get(sb);
	inode->sb = sb;
	inode->ops = ops;
	inode->fops = fops;
	inode->ino = atomic_fetch_add(&sb->next_ino, 1);
	atomic_init(&inode->mode, mode);
	atomic_init(&inode->nlink, 1);
	inode->atime = inode->mtime = inode->ctime = inode->btime = inode_now(inode);
	return inode;
}

void inode_get(struct inode *inode)
{
	refs_get(&inode->refs);
}

void inode_free(struct inode *inode)
{
	struct super_block *sb = inode->sb;

	names_inode(inode);
	if (inode->locks)
		locks_inode_free(inode);
	if (inode->watches)
		fsnotify_inode_free(inode);
	if (S_ISFIFO(inode->mode) && inode->bound)
		fifo_inode_free(inode);
	acl_inode_free(inode);
	lock_destroy(&inode->lock);
	lock_destroy(&inode->waiters.lock);
	free(inode);
	super_put(sb);
}

void inode_put(struct inode *inode)
{
	if (!refs_put(&inode->refs))
		return;
	if (inode->sb->ops && inode->sb->ops->free_inode)
		inode->sb->ops->free_inode(inode);
	else
		inode_free(inode);
}

struct timespec inode_now(struct inode *inode)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts); /* Linux stamps files with the tick's time too */
	return ts;
}

/* Capabilities that make up for what the bits or the list deny. */
static int override(const struct cred *cred, uint32_t mode, uint32_t uid, uint32_t gid, int mask)
{
	if (S_ISDIR(mode)) {
		if (!(mask & MAY_WRITE) && cred_id_capable(cred, uid, gid, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_id_capable(cred, uid, gid, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && cred_id_capable(cred, uid, gid, CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & MAY_EXEC) || (mode & 0111)) && cred_id_capable(cred, uid, gid, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission_generic(const struct cred *cred, uint32_t mode, uint32_t uid, uint32_t gid, int mask)
{
	uint32_t bits = cred->fsuid == uid ? mode >> 6 : cred_in_group(cred, gid) ? mode >> 3 : mode;

	return (uint32_t)mask & ~bits & 7 ? override(cred, mode, uid, gid, mask) : 0;
}

int inode_permission(struct task *t, struct inode *inode, int mask)
{
	uint32_t mode = inode->mode;

	if ((mask & MAY_WRITE) && inode->sb->read_only && (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)))
		return -EROFS;
	if (inode->ops && inode->ops->permission)
		return inode->ops->permission(t, inode, mask);
	/* Who may pass any list need not have it read. */
	if (inode->ops && inode->ops->acl_load && (mode & S_IRWXG) && t->cred->fsuid != inode->uid &&
	    !cred_id_capable(t->cred, inode->uid, inode->gid, CAP_DAC_OVERRIDE) && inode->ops->acl_load(inode) < 0)
		return -EACCES;
	if (inode->acl && (mode & S_IRWXG) && t->cred->fsuid != inode->uid)
		return acl_permission(t->cred, inode, mask) ? override(t->cred, mode, inode->uid, inode->gid, mask) : 0;
	/* Searching a directory that all may search needs no look at who asks. */
	if (mask == MAY_EXEC && (mode & 0111) == 0111)
		return 0;
	return inode_permission_generic(t->cred, mode, inode->uid, inode->gid, mask);
}

int inode_getattr(struct inode *inode, struct kstat *st)
{
	if (inode->ops && inode->ops->getattr)
		return inode->ops->getattr(inode, st);
	lock_acquire(&inode->lock);
	*st = (struct kstat){
		.dev = inode->sb->dev, .ino = inode->ino, .rdev = inode->rdev,
		.mode = inode->mode, .nlink = inode->nlink, .uid = inode->uid, .gid = inode->gid,
		.size = inode->size, .blocks = (inode->size + 511) / 512, .blksize = 4096,
		.atime = inode->atime, .mtime = inode->mtime, .ctime = inode->ctime, .btime = inode->btime,
	};
	lock_release(&inode->lock);
	return 0;
}

void inode_init_owner(struct inode *inode, struct inode *dir, uint32_t mode, const struct cred *cred)
{
	inode->uid = cred->fsuid;
	inode->gid = cred->fsgid;
	if (dir && (dir->mode & S_ISGID)) {
		inode->gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !cred_in_group(cred, inode->gid) &&
			 !cred_id_capable(cred, inode->uid, inode->gid, CAP_FSETID))
			mode &= ~(uint32_t)S_ISGID;
	}
	inode->mode = mode;
}

void inode_setattr_copy(struct inode *inode, const struct setattr *attr)
{
	if (attr->valid & ATTR_MODE)
		inode->mode = (inode->mode & S_IFMT) | (attr->mode & 07777);
	if (attr->valid & ATTR_UID)
		inode->uid = attr->uid;
	if (attr->valid & ATTR_GID)
		inode->gid = attr->gid;
	if (attr->valid & ATTR_ATIME)
		inode->atime = attr->atime;
	if (attr->valid & ATTR_MTIME)
		inode->mtime = attr->mtime;
	inode->ctime = attr->valid & ATTR_CTIME ? attr->ctime : inode_now(inode);
}

static bool earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec <= b->tv_nsec);
}

void inode_touch_atime(struct inode *inode, struct file *f)
{
	struct timespec now;

	if (f && (f->flags & O_NOATIME))
		return;
	if (f && f->path.mnt && (f->path.mnt->flags & (MS_NOATIME | MS_RDONLY)))
		return;
	if (f && f->path.mnt && S_ISDIR(inode->mode) && (f->path.mnt->flags & MS_NODIRATIME))
		return;
	now = inode_now(inode);
	if (earlier(&inode->atime, &inode->mtime) || earlier(&inode->atime, &inode->ctime) ||
	    now.tv_sec - inode->atime.tv_sec >= 24 * 3600) {
		NAMES_CHANGE(inode->sb->kernel);
		names_inode(inode);
		inode->atime = now;
	}
}

void inode_touch_mtime(struct inode *inode)
{
	inode->mtime = inode->ctime = inode_now(inode);
}

/* Move inode->writers by *step* unless its sign says that the other side has it. */
static int writers_add(struct inode *inode, int step)
{
	int c = atomic_load_explicit(&inode->writers, memory_order_relaxed);

	do {
		if (step > 0 ? c < 0 : c > 0)
			return -ETXTBSY;
	} while (!atomic_compare_exchange_weak(&inode->writers, &c, c + step));
	return 0;
}

int inode_get_write(struct inode *inode)
{
	return writers_add(inode, 1);
}

void inode_put_write(struct inode *inode)
{
	atomic_fetch_sub(&inode->writers, 1);
}

int inode_deny_write(struct inode *inode)
{
	return writers_add(inode, -1);
}

void inode_allow_write(struct inode *inode)
{
	atomic_fetch_add(&inode->writers, 1);
}
