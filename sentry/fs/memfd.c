/* SPDX-License-Identifier: MIT */
/*
 * memfd_create(2) and file seals. A file that has been mapped stands in a host memfd, which is sealed alike: the host knows the
 * writable mappings that forbid F_SEAL_WRITE, the sentry does not.
 */
#include "fs/memfd.h"
#include "fs/tmpfs.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)

/* The super block of all memfds, made at first use; of two made at once one is thrown away. */
static struct super_block *memfs_of(struct kernel *k)
{
	static const struct tmpfs_options opt = {.mode = 0700};
	struct super_block *sb = __atomic_load_n(&k->memfs, __ATOMIC_ACQUIRE), *none = NULL;
	struct dentry *root;

	if (sb || tmpfs_create(k, &opt, &sb) < 0)
		return sb;
	if (__atomic_compare_exchange_n(&k->memfs, &none, sb, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return sb;
	root = sb->root;
	sb->root = NULL;
	dentry_put(root);
	super_put(sb);
	return none;
}

int memfd_create_file(struct kernel *k, const char *name, unsigned flags, struct file **ret)
{
	struct super_block *sb = memfs_of(k);
	char shown[VFS_NAME_MAX + 32];
	struct path p = {0};
	struct inode *inode;
	struct file *f;
	int r;

	if (!sb)
		return -ENOMEM;
	r = tmpfs_new_file(sb, flags & MFD_NOEXEC_SEAL ? 0666 : 0777, &inode);
	if (r < 0)
		return r;
	tmpfs_i(inode)->data.seals = flags & MFD_NOEXEC_SEAL ? F_SEAL_EXEC :
				     flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
	snprintf(shown, sizeof(shown), "/memfd:%s (deleted)", name);
	p.dentry = d_alloc_anon(inode, shown);
	if (!p.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	f = file_alloc(&p, inode, &tmpfs_file_ops, O_RDWR);
	dentry_put(p.dentry);
	if (!f)
		return -ENFILE;
	*ret = f;
	return 0;
}

static bool is_tmpfs(const struct file *f)
{
	return f->ops == &tmpfs_file_ops && f->inode->ops == &tmpfs_file_iops;
}

static int add_locked(struct inode *inode, unsigned seals)
{
	struct tmpfs_data *d = &tmpfs_i(inode)->data;

	if (d->seals & F_SEAL_SEAL)
		return -EPERM;
	if ((seals & F_SEAL_EXEC) && (inode->mode & 0111))
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	if (d->memfd >= 0 && (seals & ~(unsigned)(F_SEAL_SEAL | F_SEAL_EXEC))) {
		int r = host_add_seals(d->memfd, seals & ~(unsigned)(F_SEAL_SEAL | F_SEAL_EXEC));

		if (r < 0)
			return r;
	}
	d->seals |= seals;
	return 0;
}

int memfd_add_seals(struct file *f, unsigned seals)
{
	int r;

	if (!is_tmpfs(f))
		return -EINVAL;
	if ((f->flags & O_ACCMODE) == O_RDONLY)
		return -EPERM;
	if (seals & ~(unsigned)SEALS_KNOWN)
		return -EINVAL;
	lock_acquire(&f->inode->lock);
	r = add_locked(f->inode, seals);
	lock_release(&f->inode->lock);
	return r;
}

int memfd_get_seals(struct file *f)
{
	return is_tmpfs(f) ? (int)tmpfs_i(f->inode)->data.seals : -EINVAL;
}
