/* SPDX-License-Identifier: MIT */
/*
 * The overlay's store on disk: data of regular files. A data file is what the overlay reads, writes and maps where in memory it has an
 * unnamed tmpfs file; it goes to the host object of the inode that owns it, and lives as long as that.
 */
#include "fs/upper.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct inode *owner_of(const struct file *f)
{
	return f->inode->priv;
}

static struct platform *platform_of(const struct inode *inode)
{
	return inode->sb->kernel->platform;
}

/* --- room --------------------------------------------------------------------------------------------------------------------------- */

static uint64_t pages(uint64_t bytes)
{
	return bytes / 4096 + !!(bytes % 4096);
}

/* What [pos, end) may allocate at most. */
static uint64_t worst_case(const struct inode *inode, uint64_t pos, uint64_t end)
{
	const struct upper_node *u = upper_node(inode);
	bool dense = u->charged * 512 >= pages(inode->size) * 4096 && pos <= inode->size;

	if (!dense)
		return (pages(end) - pos / 4096) * 4096;
	return pages(end) > pages(inode->size) ? (pages(end) - pages(inode->size)) * 4096 : 0;
}

/* Make the books agree with the host. Never fails: what is there is there. */
static void recount(struct inode *inode, int fd, uint64_t taken)
{
	struct upper *up = upper_of(inode);
	struct upper_node *u = upper_node(inode);
	struct statx st;

	if (!up->max_bytes || host_stat(fd, "", &st) < 0)
		return;
	atomic_fetch_add(&up->bytes, (st.stx_blocks - u->charged) * 512 - taken);
	u->charged = u->blocks = st.stx_blocks;
}

/* --- operations ------------------------------------------------------------------------------------------------------------------------ */

static ssize_t data_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct inode *inode = owner_of(f);
	int fd = upper_fd(inode, false);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = host_file_to_uio(platform_of(inode), fd, (uint64_t)*pos, dst->left, dst);
	upper_fd_put(inode);
	if (n > 0)
		*pos += n;
	return n;
}

static ssize_t data_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct inode *inode = owner_of(f);
	struct upper *up = upper_of(inode);
	uint64_t start = (uint64_t)*pos, end = start + src->left, worst = 0;
	ssize_t n;
	int fd;

	if (start > INT64_MAX || end > INT64_MAX)
		return -EFBIG;
	if (up->max_bytes) {
		worst = worst_case(inode, start, end);
		if (upper_charge(up, worst, 0) < 0)
			return -ENOSPC;
	}
	fd = upper_fd(inode, false);
	n = fd < 0 ? fd : host_file_from_uio(platform_of(inode), fd, start, src->left, src);
	if (up->max_bytes && fd < 0)
		upper_uncharge(up, worst, 0);
	else if (worst)
		recount(inode, fd, worst);
	if (fd >= 0)
		upper_fd_put(inode);
	if (n > 0) {
		*pos += n;
		if ((uint64_t)*pos > f->inode->size)
			f->inode->size = (uint64_t)*pos;
	}
	upper_node(inode)->stale = true; /* after a failure too: the host has noted the attempt */
	return n;
}

static int64_t data_lseek(struct file *f, int64_t off, int whence)
{
	struct inode *inode = owner_of(f);
	int fd = off < 0 ? -ENXIO : upper_fd(inode, false);
	int64_t at = fd;

	if (fd >= 0) {
		at = host_lseek(fd, off, whence);
		upper_fd_put(inode);
	}
	return at;
}

static int data_mmap(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags, struct mmap_info *ret)
{
	struct inode *inode = owner_of(f);
	int fd = upper_fd(inode, false), dup;

	if (fd < 0)
		return fd;
	dup = host_dup(fd);
	upper_fd_put(inode);
	if (dup < 0)
		return dup == -EMFILE ? -ENFILE : dup;
	if ((flags & MAP_SHARED) && (prot & PROT_WRITE))
		upper_node(inode)->mapped = true;
	*ret = (struct mmap_info){.host_fd = dup, .host_off = off, .host_len = UINT64_MAX, .dup = true};
	return 0;
}

static int data_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
	struct inode *inode = owner_of(f);
	struct upper *up = upper_of(inode);
	uint64_t end = (uint64_t)off + (uint64_t)len, worst = 0;
	int fd, r;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (up->max_bytes && !(mode & FALLOC_FL_PUNCH_HOLE)) {
		worst = (pages(end) - (uint64_t)off / 4096) * 4096;
		if (upper_charge(up, worst, 0) < 0)
			return -ENOSPC;
	}
	fd = upper_fd(inode, false);
	platform_host_block_begin(platform_of(inode));
	r = fd < 0 ? fd : host_fallocate(fd, mode, off, len);
	platform_host_block_end(platform_of(inode));
	if (fd < 0)
		upper_uncharge(up, worst, 0);
	else
		recount(inode, fd, worst);
	if (fd >= 0)
		upper_fd_put(inode);
	if (r == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && end > f->inode->size)
		f->inode->size = end;
	upper_node(inode)->stale = true;
	return r;
}

static int data_setattr(struct inode *data, const struct setattr *attr)
{
	struct inode *inode = data->priv;
	int fd, r;

	if (!(attr->valid & ATTR_SIZE))
		return 0;
	fd = upper_fd(inode, false);
	if (fd < 0)
		return fd;
	platform_host_block_begin(platform_of(inode));
	r = host_ftruncate(fd, attr->size);
	platform_host_block_end(platform_of(inode));
	if (r == 0) {
		data->size = attr->size;
		recount(inode, fd, 0);
		upper_node(inode)->stale = true;
	}
	upper_fd_put(inode);
	return r;
}

static const struct inode_ops data_inode_ops = {
	.setattr = data_setattr,
};

static const struct file_ops data_file_ops = {
	.read = data_read,
	.write = data_write,
	.lseek = data_lseek,
	.mmap = data_mmap,
	.fallocate = data_fallocate,
};

static void data_free_inode(struct inode *data)
{
	inode_free(data);
}

static const struct super_ops data_super_ops = {
	.free_inode = data_free_inode,
};

int upper_data_super(struct kernel *k, struct super_block **ret)
{
	struct super_block *sb = super_alloc(k, "upper", &data_super_ops, NULL);

	if (!sb)
		return -ENOMEM;
	sb->lower = true;
	*ret = sb;
	return 0;
}

/* --- copy-up -------------------------------------------------------------------------------------------------------------------------------- */

int upper_data_file(struct inode *inode, struct file **ret)
{
	struct upper_node *u = upper_node(inode);
	struct inode *data;
	struct file *f;
	int r = upper_need(inode);

	if (r < 0)
		return r;
	data = inode_alloc(ovl_of(inode)->upper, &data_inode_ops, &data_file_ops, S_IFREG | 0600);
	if (!data)
		return -ENOMEM;
	data->priv = inode;
	data->size = u->below ? 0 : inode->size;
	r = ovl_layer_open(data, O_RDWR, &f);
	inode_put(data);
	if (r < 0)
		return r;
	if (u->below) { /* what an unfinished copy has left */
		const struct setattr none = {.valid = ATTR_SIZE};
		bool before = u->copying;

		u->copying = true;
		r = upper_record(inode, false);
		if (r < 0)
			u->copying = before; /* nothing has begun: later records need not hold what this one had no room for */
		if (r == 0)
			r = data_setattr(f->inode, &none);
		if (r < 0) {
			file_put(f);
			return r;
		}
	}
	*ret = f;
	return 0;
}

int upper_data_done(struct inode *inode, bool copied)
{
	struct upper_node *u = upper_node(inode);
	const struct timespec ts[2] = {inode->atime, inode->mtime};
	int fd, r;

	if (!u->below)
		return 0;
	fd = upper_fd(inode, false);
	if (fd < 0)
		return fd;
	platform_host_block_begin(platform_of(inode));
	r = copied ? host_fsync(fd, true) : 0;
	platform_host_block_end(platform_of(inode));
	if (r == 0)
		r = host_utimens(fd, "", ts);
	if (r == 0) {
		u->below = u->copying = false;
		r = upper_record(inode, false);
		u->below = u->copying = r < 0;
	}
	upper_fd_put(inode);
	return r;
}
