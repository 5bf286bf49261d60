/* SPDX-License-Identifier: MIT */
/*
 * overlay: regular files. Data stays below until the first change, also of a file that is open for writing; then it is
 * copied into an unnamed file of the upper tmpfs. Every open file goes to where the data is now, so one that was opened
 * before the copy sees later writes too (Linux's overlayfs shows it the old data for ever). Only private mappings made before
 * the copy keep the lower pages.
 */
#include "fs/overlay.h"
#include "fs/upper.h"
#include "kernel/views.h"
#include "vfs/uio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CHUNK (256u << 10)

static struct file *data_of(struct inode *inode)
{
	return atomic_load_explicit(&ovl_node(inode)->data, memory_order_acquire);
}

/* --- copy-up ----------------------------------------------------------------------------------------------------------------- */

static bool all_zero(const char *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* Copy bytes [0, size) from *from* to *to*; runs of zeros stay holes. */
static int copy_data(struct file *from, struct file *to, uint64_t size)
{
	char *buf = malloc(COPY_CHUNK);
	uint64_t at = 0;
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	while (at < size) {
		size_t want = size - at < COPY_CHUNK ? (size_t)(size - at) : COPY_CHUNK;
		int64_t pos = (int64_t)at;
		struct uio u;

		uio_init_kernel(&u, buf, want);
		n = from->ops->read(from, &u, &pos);
		if (n <= 0)
			break; /* the lower file became shorter: its end is the end */
		if (!all_zero(buf, (size_t)n)) {
			ssize_t put;

			pos = (int64_t)at;
			uio_init_kernel(&u, buf, (size_t)n);
			put = to->ops->write(to, &u, &pos);
			if (put != n) {
				n = put < 0 ? put : -ENOSPC;
				break;
			}
		}
		at += (uint64_t)n;
	}
	free(buf);
	return n < 0 ? (int)n : 0;
}

static int data_set_size(struct file *data, uint64_t size)
{
	const struct setattr attr = {.valid = ATTR_SIZE, .size = size};
	int r;

	lock_acquire(&data->inode->lock);
	r = data->inode->ops->setattr(data->inode, &attr);
	lock_release(&data->inode->lock);
	return r;
}

static int new_data(struct inode *inode, struct file **ret)
{
	struct inode *up;
	int r;

	if (ovl_kept(inode))
		return upper_data_file(inode, ret);
	r = tmpfs_new_file(ovl_of(inode)->upper, S_IFREG | 0600, &up);

	if (r < 0)
		return r;
	r = ovl_layer_open(up, O_RDWR, ret);
	inode_put(up);
	return r;
}

int ovl_data(struct inode *inode, uint64_t limit, struct file **ret)
{
	struct ovl_node *n = ovl_node(inode);
	struct file *data = n->data, *low;
	uint64_t size = inode->size < limit ? inode->size : limit;
	int r;

	if (data) {
		*ret = data;
		return 0;
	}
	r = ovl_pin(inode);
	if (r == 0)
		r = new_data(inode, &data);
	if (r < 0)
		return r;
	if (n->lower && size > 0 && (!ovl_kept(inode) || n->up.below)) {
		r = ovl_layer_open(n->lower, O_RDONLY, &low);
		if (r == 0) {
			r = copy_data(low, data, size);
			file_put(low);
		}
		if (r == 0)
			r = data_set_size(data, size);
	}
	if (r == 0 && ovl_kept(inode))
		r = upper_data_done(inode, size > 0);
	if (r < 0) {
		file_put(data);
		return r;
	}
	atomic_store(&n->data, data);
	views_forget(inode->sb->kernel, inode);
	*ret = data;
	return 0;
}

int ovl_set_size(struct inode *inode, uint64_t size)
{
	struct file *data;
	int r;

	if (!ovl_is(inode, S_IFREG))
		return -EINVAL;
	if (size == inode->size) {
		inode_touch_mtime(inode);
		if (ovl_kept(inode))
			upper_touch(inode, false);
		return 0;
	}
	r = ovl_data(inode, size, &data);
	if (r == 0)
		r = data_set_size(data, size);
	if (r < 0)
		return r;
	inode->size = size;
	inode_touch_mtime(inode);
	return 0;
}

/* --- open files ------------------------------------------------------------------------------------------------------------ */

/* file->priv: the lower file, held; NULL where the data was above already, or there is none. */
static struct file *lower_of(struct file *f)
{
	return f->priv;
}

static int ovl_open(struct task *t, struct inode *inode, struct file *f)
{
	struct ovl_node *n = ovl_node(inode);
	struct file *low = NULL, *data;
	int r = 0;

	if (!data_of(inode) && ovl_kept(inode) && n->up.on_host) {
		LOCK_SCOPE(&inode->lock);
		r = n->up.below ? 0 : ovl_data(inode, UINT64_MAX, &data);
	}
	if (r == 0 && !data_of(inode) && n->lower)
		r = ovl_layer_open(n->lower, O_RDONLY, &low);
	if (r < 0)
		return r;
	f->priv = low;
	f->ops = &ovl_file_fops;
	return 0;
}

static void ovl_release(struct file *f)
{
	if (f->priv)
		file_put(f->priv);
	f->priv = NULL;
}

static ssize_t ovl_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct inode *inode = f->inode;
	struct file *data = data_of(inode), *low = lower_of(f);
	ssize_t n;

	if (!data)
		return low ? low->ops->read(low, dst, pos) : 0;
	n = data->ops->read(data, dst, pos);
	lock_acquire(&inode->lock);
	inode_touch_atime(inode, f);
	lock_release(&inode->lock);
	return n;
}

static ssize_t ovl_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct inode *inode = f->inode;
	struct file *data;
	ssize_t n;
	int r;

	if (src->left == 0)
		return 0;
	LOCK_SCOPE(&inode->lock);
	r = ovl_data(inode, UINT64_MAX, &data);
	if (r < 0)
		return r;
	if ((f->flags & O_APPEND) || src->append)
		*pos = (int64_t)inode->size;
	n = data->ops->write(data, src, pos);
	if (n > 0) {
		inode->size = data->inode->size;
		inode_touch_mtime(inode);
	}
	if (n > 0 && ovl_kept(inode) && (f->flags & (O_SYNC | O_DSYNC))) {
		r = upper_fsync(inode, (f->flags & O_SYNC) != O_SYNC);
		n = r < 0 ? r : n;
	}
	return n;
}

/* Until its data move up. */
static bool ovl_stable(struct file *f)
{
	return !data_of(f->inode) && lower_of(f);
}

static int64_t ovl_lseek(struct file *f, int64_t off, int whence)
{
	struct file *from = data_of(f->inode) ? data_of(f->inode) : lower_of(f);
	int64_t at;

	/* Holes are known to the file that has the data. */
	if ((whence != SEEK_DATA && whence != SEEK_HOLE) || !from || !from->ops->lseek)
		return file_lseek_size(f, off, whence, f->inode->size);
	at = from->ops->lseek(from, off, whence);
	if (at >= 0)
		f->pos = at;
	return at;
}

/* A mapping through which data may change, or must be seen to change, is one of the upper data. */
static bool map_needs_data(const struct file *f, int prot, int flags)
{
	return (f->flags & O_ACCMODE) != O_RDONLY || ((flags & MAP_SHARED) && (prot & PROT_WRITE));
}

static int ovl_mmap(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags, struct mmap_info *ret)
{
	struct inode *inode = f->inode;
	struct file *data = data_of(inode), *low = lower_of(f);
	int r = 0;

	if ((flags & MAP_SHARED) && (prot & PROT_WRITE) && (f->flags & O_ACCMODE) == O_RDONLY)
		return -EACCES;
	if (!data && (!low || map_needs_data(f, prot, flags))) {
		lock_acquire(&inode->lock);
		r = ovl_data(inode, UINT64_MAX, &data);
		lock_release(&inode->lock);
		if (r < 0)
			return r;
	}
	if (!data)
		return low->ops->mmap ? low->ops->mmap(t, low, off, len, prot, flags, ret) : -ENODEV;
	return data->ops->mmap(t, data, off, len, prot, flags, ret);
}

/* In memory nothing outlives the sandbox: it is as safe as it gets. */
static int ovl_fsync(struct file *f, bool data_only)
{
	return ovl_kept(f->inode) ? upper_fsync(f->inode, data_only) : 0;
}

static int ovl_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
	struct inode *inode = f->inode;
	struct file *data;
	int r;

	LOCK_SCOPE(&inode->lock);
	r = ovl_data(inode, UINT64_MAX, &data);
	if (r < 0)
		return r;
	if (!data->ops->fallocate)
		return -EOPNOTSUPP;
	r = data->ops->fallocate(data, mode, off, len);
	if (r == 0) {
		inode->size = data->inode->size;
		inode_touch_mtime(inode);
	}
	return r;
}

const struct inode_ops ovl_file_inode_ops = {
	.acl_changed = ovl_acl_changed,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
	.removexattr = ovl_removexattr,
	.open = ovl_open,
};

const struct file_ops ovl_file_fops = {
	.read = ovl_read,
	.write = ovl_write,
	.lseek = ovl_lseek,
	.mmap = ovl_mmap,
	.stable = ovl_stable,
	.fsync = ovl_fsync,
	.fallocate = ovl_fallocate,
	.release = ovl_release,
};
