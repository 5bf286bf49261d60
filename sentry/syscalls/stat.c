/* SPDX-License-Identifier: MIT */
/* stat(2), statx(2), statfs(2). */
#include "platform/slot.h"
#include "syscalls/names.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

_Static_assert(sizeof(struct stat) == 144, "struct stat as the x86-64 kernel has it");
_Static_assert(sizeof(struct statx) == 256, "struct statx");
_Static_assert(sizeof(struct statfs) == 120, "struct statfs as the x86-64 kernel has it");

static int put_stat(struct task *t, uint64_t dst, const struct kstat *k)
{
	struct stat st = {
		.st_dev = k->dev, .st_ino = k->ino, .st_nlink = k->nlink, .st_mode = k->mode,
		.st_uid = show_kuid(t->cred->user_ns, k->uid), .st_gid = show_kgid(t->cred->user_ns, k->gid),
		.st_rdev = k->rdev, .st_size = (off_t)k->size,
		.st_blksize = k->blksize, .st_blocks = (blkcnt_t)k->blocks,
		.st_atim = k->atime, .st_mtim = k->mtime, .st_ctim = k->ctime,
	};

	return copy_out(t, dst, &st, sizeof(st));
}

/* The attributes of a name or, with AT_EMPTY_PATH and no name, of a descriptor. *at*, if not NULL, gets the held path. */
static int stat_name(struct task *t, int dirfd, uint64_t path, int flags, struct kstat *k, struct path *at)
{
	unsigned walk = flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	NAME_SCOPE name = NULL;
	PATH_SCOPE p = {0};
	int r;

	if ((flags & AT_EMPTY_PATH) && !path) { /* as Linux 6.11: NULL stands for "" */
		name = strdup("");
		r = name ? 0 : -ENOMEM;
	} else {
		r = copy_in_path(t, path, flags & AT_EMPTY_PATH, &name);
	}
	for (int i = 0; !r; i++) {
		path_put(&p);
		r = vfs_walk(t, dirfd, name, walk | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &p);
		if (!r && p.dentry->inode->ops && p.dentry->inode->ops->visible && !p.dentry->inode->ops->visible(t, p.dentry->inode))
			r = -ENOENT;
		if (!r)
			r = inode_getattr(p.dentry->inode, k);
		if (r != -ESTALE)
			break;
		r = i < VFS_STALE_TRIES ? 0 : -ENOENT;
	}
	if ((!r || r == -ENOENT) && name && (dirfd == AT_FDCWD || *name == '/') && gthread_by_slot(t->th))
		names_export(t, name, flags & AT_SYMLINK_NOFOLLOW);
	if (!r && at) {
		*at = p;
		p = (struct path){0};
	}
	return r;
}

static int64_t do_stat(struct task *t, int dirfd, uint64_t path, int flags, uint64_t dst)
{
	struct kstat k;
	int r = stat_name(t, dirfd, path, flags, &k, NULL);

	return r < 0 ? r : put_stat(t, dst, &k);
}

int64_t sys_stat(struct task *t, const uint64_t *a)
{
	return do_stat(t, AT_FDCWD, a[0], 0, a[1]);
}

int64_t sys_lstat(struct task *t, const uint64_t *a)
{
	return do_stat(t, AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, a[1]);
}

int64_t sys_newfstatat(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 3);

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	return do_stat(t, ARG_INT(a, 0), a[1], flags, a[2]);
}

int64_t sys_fstat(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get_path(t, ARG_INT(a, 0));
	struct kstat k;
	int r = f ? inode_getattr(f->inode, &k) : -EBADF;

	return r < 0 ? r : put_stat(t, a[1], &k);
}

static struct statx_timestamp xtime(struct timespec ts)
{
	return (struct statx_timestamp){.tv_sec = ts.tv_sec, .tv_nsec = (uint32_t)ts.tv_nsec};
}

static void fill_statx(struct task *t, struct statx *x, const struct kstat *k, const struct path *p)
{
	*x = (struct statx){
		.stx_mask = STATX_BASIC_STATS | STATX_BTIME, .stx_blksize = k->blksize, .stx_nlink = k->nlink,
		.stx_uid = show_kuid(t->cred->user_ns, k->uid), .stx_gid = show_kgid(t->cred->user_ns, k->gid),
		.stx_mode = (uint16_t)k->mode, .stx_ino = k->ino,
		.stx_size = k->size, .stx_blocks = k->blocks, .stx_atime = xtime(k->atime), .stx_btime = xtime(k->btime),
		.stx_ctime = xtime(k->ctime), .stx_mtime = xtime(k->mtime),
		.stx_rdev_major = major(k->rdev), .stx_rdev_minor = minor(k->rdev),
		.stx_dev_major = major(k->dev), .stx_dev_minor = minor(k->dev),
	};
	x->stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
	if (!p->mnt)
		return;
	x->stx_mask |= STATX_MNT_ID;
	x->stx_mnt_id = (uint64_t)p->mnt->id;
	if (p->dentry == p->mnt->root)
		x->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
}

int64_t sys_statx(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 2), sync = flags & AT_STATX_SYNC_TYPE;
	PATH_SCOPE p = {0};
	struct kstat k;
	struct statx x;
	int r;

	if (ARG_UINT(a, 3) & STATX__RESERVED)
		return -EINVAL;
	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) ||
	    sync == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	r = stat_name(t, ARG_INT(a, 0), a[1], flags, &k, &p);
	if (r < 0)
		return r;
	fill_statx(t, &x, &k, &p);
	return copy_out(t, a[4], &x, sizeof(x));
}

static long mount_flags(const struct path *p)
{
	long f = 0x20; /* ST_VALID */
	unsigned m = p->mnt ? p->mnt->flags : 0;

	f |= p->mnt && mount_read_only(p->mnt) ? ST_RDONLY : 0;
	f |= m & MS_NOSUID ? ST_NOSUID : 0;
	f |= m & MS_NODEV ? ST_NODEV : 0;
	f |= m & MS_NOEXEC ? ST_NOEXEC : 0;
	f |= m & MS_NOATIME ? ST_NOATIME : 0;
	f |= m & (MS_NOATIME | MS_STRICTATIME) ? 0 : ST_RELATIME;
	return f;
}

static int64_t put_statfs(struct task *t, const struct path *p, uint64_t dst)
{
	struct super_block *sb = p->dentry->sb;
	struct kstatfs k = {.bsize = 4096, .namelen = VFS_NAME_MAX};
	struct statfs st;
	int r = sb->ops && sb->ops->statfs ? sb->ops->statfs(sb, &k) : 0;

	if (r < 0)
		return r;
	st = (struct statfs){
		.f_type = (long)k.type, .f_bsize = (long)k.bsize, .f_blocks = k.blocks, .f_bfree = k.bfree,
		.f_bavail = k.bavail, .f_files = k.files, .f_ffree = k.ffree, .f_namelen = (long)k.namelen,
		.f_frsize = (long)k.bsize, .f_flags = mount_flags(p),
	};
	st.f_fsid.__val[0] = (int)sb->dev;
	return copy_out(t, dst, &st, sizeof(st));
}

int64_t sys_statfs(struct task *t, const uint64_t *a)
{
	NAME_SCOPE name = NULL;
	PATH_SCOPE p = {0};
	int r = copy_in_path(t, a[0], false, &name);

	if (!r)
		r = vfs_walk(t, AT_FDCWD, name, WALK_FOLLOW, &p);
	return r < 0 ? r : put_statfs(t, &p, a[1]);
}

int64_t sys_fstatfs(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get_path(t, ARG_INT(a, 0));

	return f ? put_statfs(t, &f->path, a[1]) : -EBADF;
}
