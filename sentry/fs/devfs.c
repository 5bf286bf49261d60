/* SPDX-License-Identifier: MIT */
/*
 * /dev: a tmpfs with the usual nodes and links, and the table of devices behind (major, minor), which device nodes of
 * every file system open through.
 */
#include "fs/fs.h"

#include "fs/tty.h"
#include "host/entropy.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <linux/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* --- memory devices, mem(4), random(4) ---------------------------------------------------------------------------------------- */

static ssize_t null_read(struct file *f, struct uio *dst, int64_t *pos)
{
	return 0;
}

static ssize_t null_write(struct file *f, struct uio *src, int64_t *pos)
{
	size_t n = src->left;

	src->left = 0;
	return (ssize_t)n;
}

static ssize_t zero_read(struct file *f, struct uio *dst, int64_t *pos)
{
	return uio_put_zero(dst, dst->left);
}

static ssize_t full_write(struct file *f, struct uio *src, int64_t *pos)
{
	return -ENOSPC;
}

#define RANDOM_CHUNK 4096

static ssize_t random_read(struct file *f, struct uio *dst, int64_t *pos)
{
	uint8_t chunk[RANDOM_CHUNK];
	ssize_t done = 0;

	while (dst->left) {
		size_t n = dst->left < sizeof(chunk) ? dst->left : sizeof(chunk);
		ssize_t r = host_random(chunk, n);

		if (r > 0)
			r = uio_put(dst, chunk, (size_t)r);
		if (r <= 0)
			return done ? done : r;
		done += r;
		if ((size_t)r < n || (dst->task && signal_pending(dst->task)))
			break;
	}
	return done;
}

/* Seeding: the bytes are read and forgotten; the host's generator needs none of ours. */
static ssize_t random_write(struct file *f, struct uio *src, int64_t *pos)
{
	uint8_t chunk[RANDOM_CHUNK];
	ssize_t done = 0;

	while (src->left) {
		ssize_t r = uio_take(src, chunk, src->left < sizeof(chunk) ? src->left : sizeof(chunk));

		if (r <= 0)
			return done ? done : r;
		done += r;
	}
	return done;
}

static int64_t random_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	int entropy = 256;

	switch (cmd) {
	case RNDGETENTCNT:
		return copy_out(t, arg, &entropy, sizeof(entropy));
	case RNDADDTOENTCNT:
	case RNDADDENTROPY:
	case RNDZAPENTCNT:
	case RNDCLEARPOOL:
	case RNDRESEEDCRNG:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

static int64_t mem_lseek(struct file *f, int64_t off, int whence)
{
	return f->pos = 0;
}

static int zero_mmap(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags,
	struct mmap_info *ret)
{
	*ret = (struct mmap_info){.host_fd = -1, .host_len = len};
	return 0;
}

static const struct file_ops null_fops = {.read = null_read, .write = null_write, .lseek = mem_lseek};
static const struct file_ops zero_fops = {
	.read = zero_read, .write = null_write, .lseek = mem_lseek, .mmap = zero_mmap};
static const struct file_ops full_fops = {.read = zero_read, .write = full_write, .lseek = mem_lseek};
static const struct file_ops random_fops = {
	.read = random_read, .write = random_write, .ioctl = random_ioctl, .lseek = mem_lseek};

/* --- the table of devices ------------------------------------------------------------------------------------------------------- */

static const struct device {
	unsigned major, minor;
	const char *name;
	uint32_t mode;
	const struct file_ops *fops;				     /* or */
	int (*open)(struct task *t, unsigned minor, struct file *f); /* sets f->ops and f->priv */
} devices[] = {
	{1, 3, "null", 0666, .fops = &null_fops},
	{1, 5, "zero", 0666, .fops = &zero_fops},
	{1, 7, "full", 0666, .fops = &full_fops},
	{1, 8, "random", 0666, .fops = &random_fops},
	{1, 9, "urandom", 0666, .fops = &random_fops},
	{TTYAUX_MAJOR, 0, "tty", 0666, .open = tty_open_current},
	{TTYAUX_MAJOR, 1, "console", 0620, .open = tty_open_console},
	{TTYAUX_MAJOR, 2, "ptmx", 0666, .open = tty_open_ptmx},
};

int dev_open(struct task *t, uint64_t rdev, bool is_block, struct file *f)
{
	unsigned maj = major(rdev), min = minor(rdev);

	if (is_block)
		return -ENXIO;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		const struct device *d = &devices[i];

		if (d->major != maj || d->minor != min)
			continue;
		if (d->open)
			return d->open(t, min, f);
		f->ops = d->fops;
		return 0;
	}
	if (maj == UNIX98_PTY_SLAVE_MAJOR)
		return tty_open_slave(t, min, f);
	return -ENXIO;
}

/* --- the tree ----------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},     {"stdin", "/proc/self/fd/0"},  {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},
};

static const char *const dirs[] = {"shm", "pts", "mqueue"};

static int populate(struct inode *root, const struct cred *cred)
{
	const struct inode_ops *ops = root->ops;
	struct inode *inode;
	int err = 0;

	LOCK_SCOPE(&root->lock);
	for (size_t i = 0; i < ARRAY_SIZE(devices) && !err; i++) {
		const struct device *d = &devices[i];

		err = ops->create(root, d->name, strlen(d->name), S_IFCHR | d->mode, makedev(d->major, d->minor), cred,
			&inode);
		if (!err)
			inode_put(inode);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links) && !err; i++) {
		err = ops->symlink(root, links[i].name, strlen(links[i].name), links[i].target, cred, &inode);
		if (!err)
			inode_put(inode);
	}
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && !err; i++) {
		uint32_t mode = i == 1 ? 0755 : 01777;

		err = ops->create(root, dirs[i], strlen(dirs[i]), S_IFDIR | mode, 0, cred, &inode);
		if (!err)
			inode_put(inode);
	}
	return err;
}

int devfs_create(struct kernel *k, struct super_block **ret)
{
	const struct tmpfs_options opt = {.mode = 0755, .size = 64 << 20};
	struct super_block *sb;
	struct cred *cred = cred_alloc_root(k->user_ns);
	int err;

	if (!cred)
		return -ENOMEM;
	err = tmpfs_create(k, &opt, &sb);
	if (!err) {
		err = populate(sb->root->inode, cred);
		if (err)
			super_put(sb);
		else
			*ret = sb;
	}
	cred_put(cred);
	return err;
}
