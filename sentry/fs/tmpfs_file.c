/* SPDX-License-Identifier: MIT */
/* Open regular files of tmpfs. */
#include "fs/tmpfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

static ssize_t file_read_op(struct file *f, struct uio *dst, int64_t *pos)
{
	struct inode *inode = f->inode;
	ssize_t n;

	lock_acquire(&inode->lock);
	n = tmpfs_data_read(inode, dst, (uint64_t)*pos);
	inode_touch_atime(inode, f);
	lock_release(&inode->lock);
	if (n > 0)
		*pos += n;
	return n;
}

static ssize_t file_write_op(struct file *f, struct uio *src, int64_t *pos)
{
	struct inode *inode = f->inode;
	ssize_t n;

	lock_acquire(&inode->lock);
	if ((f->flags & O_APPEND) || src->append)
		*pos = (int64_t)inode->size;
	n = tmpfs_data_write(inode, src, (uint64_t)*pos);
	lock_release(&inode->lock);
	if (n > 0)
		*pos += n;
	return n;
}

static int64_t file_lseek_op(struct file *f, int64_t off, int whence)
{
	struct inode *inode = f->inode;
	int64_t r;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return file_lseek_size(f, off, whence, inode->size);
	if (off < 0)
		return -ENXIO;
	lock_acquire(&inode->lock);
	r = tmpfs_data_seek(inode, (uint64_t)off, whence == SEEK_HOLE);
	lock_release(&inode->lock);
	if (r >= 0)
		f->pos = r;
	return r;
}

static int file_mmap_op(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags, struct mmap_info *ret)
{
	struct inode *inode = f->inode;
	struct tmpfs_data *d = &tmpfs_i(inode)->data;
	bool shared = flags & MAP_SHARED, writes = shared && (prot & PROT_WRITE);
	int r;

	lock_acquire(&inode->lock);
	r = writes && (d->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) ? -EPERM : tmpfs_to_memfd(inode);
	if (!r) {
		if (shared && !d->mapped) {
			d->shared = (struct shared_mem){.fd = d->memfd, .charged = &d->used};
			shared_mem_add(inode->sb->kernel, &d->shared);
		}
		d->mapped |= shared;
		*ret = (struct mmap_info){.host_fd = d->memfd, .host_off = off, .host_len = UINT64_MAX,
			.no_write = d->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)};
	}
	lock_release(&inode->lock);
	return r;
}

static int file_fallocate_op(struct file *f, int mode, int64_t off, int64_t len)
{
	struct inode *inode = f->inode;
	int r;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	lock_acquire(&inode->lock);
	r = tmpfs_fallocate(inode, mode, (uint64_t)off, (uint64_t)len);
	lock_release(&inode->lock);
	return r;
}

static int file_fsync_op(struct file *f, bool data_only)
{
	return 0;
}

const struct file_ops tmpfs_file_ops = {
	.read = file_read_op,
	.write = file_write_op,
	.lseek = file_lseek_op,
	.mmap = file_mmap_op,
	.fallocate = file_fallocate_op,
	.fsync = file_fsync_op,
};
