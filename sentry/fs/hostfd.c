/* SPDX-License-Identifier: MIT */
/*
 * Files over the host descriptors of standard input, output and error, when the guest has no terminal of its own. They
 * may be pipes, sockets, regular files or the caller's terminal; a terminal shows as a pipe: its settings are the
 * caller's, and job control on it would act on the caller's processes (`-t` gives a terminal).
 */
#include "fs/fs.h"

#include "host/loop.h"
#include "host/stdio.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct hostfd { /* one per inode */
	int fd;
	/*
	 * What it was given for. A terminal can mostly be read and written through any of the three: opened again by
	 * /proc/PID/fd its output would be a way to what the user types for others.
	 */
	bool input, output;
	bool regular, watched;
	struct host_event event;
};

static const struct inode_ops hostfd_iops;
static const struct file_ops hostfd_fops, own_pos_fops, stream_fops;

#define CHUNK 65536

/* Where to read or write: the description's own position unless the caller named one (pread, pwrite). */
static int64_t offset(const struct file *f, const struct hostfd *h, const int64_t *pos)
{
	return h->regular && (pos != &f->pos || f->ops == &own_pos_fops) ? *pos : -1;
}

static ssize_t hostfd_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct hostfd *h = f->priv;
	int64_t off = offset(f, h, pos);
	ssize_t done = 0;
	char *chunk;

	if (!h->input)
		return -EBADF;
	chunk = malloc(CHUNK);
	if (!chunk)
		return -ENOMEM;
	while (dst->left) {
		size_t want = dst->left < CHUNK ? dst->left : CHUNK;
		ssize_t n = host_stdio_read(h->fd, chunk, want, off < 0 ? -1 : off + done), put;

		if (n <= 0) {
			done = done ? done : n;
			break;
		}
		put = uio_put(dst, chunk, (size_t)n);
		if (put < n && h->regular && off < 0) /* not all could be delivered: take it back */
			host_stdio_seek(h->fd, put < 0 ? -n : put - n, SEEK_CUR);
		if (put < 0) {
			done = done ? done : put;
			break;
		}
		done += put;
		if (put < n || (size_t)n < want || !h->regular)
			break;
	}
	free(chunk);
	if (done > 0 && off >= 0)
		*pos += done;
	return done;
}

static ssize_t hostfd_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct hostfd *h = f->priv;
	int64_t off = offset(f, h, pos);
	ssize_t done = 0;
	char *chunk;

	if (!h->output)
		return -EBADF;
	chunk = malloc(CHUNK);
	if (!chunk)
		return -ENOMEM;
	while (src->left) {
		ssize_t n = uio_take(src, chunk, src->left < CHUNK ? src->left : CHUNK), w;

		if (n <= 0) {
			done = done ? done : n;
			break;
		}
		w = host_stdio_write(h->fd, chunk, (size_t)n, off < 0 ? -1 : off + done);
		if (w < n)
			uio_rewind(src, (size_t)(w < 0 ? n : n - w));
		if (w <= 0) {
			done = done ? done : w;
			break;
		}
		done += w;
		if (w < n)
			break;
	}
	free(chunk);
	if (done > 0 && off >= 0)
		*pos += done;
	return done;
}

static int64_t hostfd_lseek(struct file *f, int64_t off, int whence)
{
	struct hostfd *h = f->priv;

	return h->regular ? host_stdio_seek(h->fd, off, whence) : -ESPIPE;
}

/* A regular file opened again has a position of its own. */
static int64_t own_pos_lseek(struct file *f, int64_t off, int whence)
{
	struct hostfd *h = f->priv;
	struct stat hs;
	int err = host_stdio_stat(h->fd, &hs);

	return err ? err : file_lseek_size(f, off, whence, (uint64_t)hs.st_size);
}

static uint32_t hostfd_poll(struct file *f, struct waiter *w)
{
	struct hostfd *h = f->priv;

	if (w)
		wait_queue_add(&f->inode->waiters, w);
	if (h->regular || !h->watched)
		return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	return host_poll_now(h->fd);
}

static int64_t hostfd_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	struct hostfd *h = f->priv;
	int n, err;

	if (cmd != FIONREAD)
		return -ENOTTY;
	err = host_stdio_pending(h->fd, &n);
	return err ? err : copy_out(t, arg, &n, sizeof(n));
}

static const struct file_ops hostfd_fops = {
	.read = hostfd_read,
	.write = hostfd_write,
	.lseek = hostfd_lseek,
	.poll = hostfd_poll,
	.ioctl = hostfd_ioctl,
};

static const struct file_ops own_pos_fops = {
	.read = hostfd_read,
	.write = hostfd_write,
	.lseek = own_pos_lseek,
	.poll = hostfd_poll,
	.ioctl = hostfd_ioctl,
};

static const struct file_ops stream_fops = { /* pipes, sockets, terminals, which seem pipes */
	.async = EPOLLIN | EPOLLOUT,
	.read = hostfd_read,
	.write = hostfd_write,
	.lseek = hostfd_lseek,
	.poll = hostfd_poll,
	.ioctl = hostfd_ioctl,
};

static int hostfd_getattr(struct inode *inode, struct kstat *st)
{
	const struct hostfd *h = inode->priv;
	struct stat hs;
	int err = host_stdio_stat(h->fd, &hs);

	if (err)
		return err;
	/* The host's user is the guest's root; device and inode numbers of the host stay outside. */
	*st = (struct kstat){
		.dev = inode->sb->dev,
		.ino = inode->ino,
		.mode = inode->mode,
		.nlink = 1,
		.uid = inode->uid,
		.gid = inode->gid,
		.rdev = inode->rdev,
		.blksize = 4096,
		.size = h->regular ? (uint64_t)hs.st_size : 0,
		.blocks = h->regular ? (uint64_t)hs.st_blocks : 0,
		.atime = hs.st_atim,
		.mtime = hs.st_mtim,
		.ctime = hs.st_ctim,
		.btime = hs.st_ctim,
	};
	return 0;
}

static int hostfd_setattr(struct inode *inode, const struct setattr *attr)
{
	const struct hostfd *h = inode->priv;

	if (attr->valid & ATTR_SIZE) {
		int err = h->regular ? host_stdio_truncate(h->fd, attr->size) : -EINVAL;

		if (err)
			return err;
	}
	inode_setattr_copy(inode, attr);
	return 0;
}

/* Opened again through /dev/stdout or /proc/PID/fd. */
static int hostfd_open(struct task *t, struct inode *inode, struct file *file)
{
	struct hostfd *h = inode->priv;

	file->ops = h->regular ? &own_pos_fops : &stream_fops;
	file->priv = h;
	file->stream = file->write_all = !h->regular;
	return 0;
}

static const struct inode_ops hostfd_iops = {
	.getattr = hostfd_getattr,
	.setattr = hostfd_setattr,
	.open = hostfd_open,
};

static void hostfd_free_inode(struct inode *inode)
{
	struct hostfd *h = inode->priv;

	if (h->watched)
		host_loop_remove(&h->event);
	host_stdio_close(h->fd);
	free(h);
	inode_free(inode);
}

static const struct super_ops hostfd_super_ops = {.free_inode = hostfd_free_inode};

static uint32_t guest_mode(const struct stat *hs, struct hostfd *h)
{
	h->regular = S_ISREG(hs->st_mode);
	if (h->regular || S_ISSOCK(hs->st_mode))
		return (hs->st_mode & S_IFMT) | 0600;
	if (S_ISCHR(hs->st_mode) && hs->st_rdev == makedev(1, 3))
		return S_IFCHR | 0666;
	return S_IFIFO | 0600;
}

/* A file on *inode*, whose reference is taken over. */
static int open_anon(struct inode *inode, const char *name, int flags, struct file **ret)
{
	struct path path = {.dentry = d_alloc_anon(inode, name)};
	struct file *f;

	if (!path.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	f = file_alloc(&path, inode, &hostfd_fops, flags);
	dentry_put(path.dentry);
	if (!f)
		return -ENOMEM;
	hostfd_open(NULL, inode, f);
	if (f->ops == &own_pos_fops)
		f->ops = &hostfd_fops; /* shares the caller's position */
	*ret = f;
	return 0;
}

int hostfd_file_create(struct kernel *k, int host_fd, int flags, struct file **ret)
{
	struct hostfd *h = calloc(1, sizeof(*h));
	struct super_block *sb = NULL;
	struct inode *inode = NULL;
	struct stat hs;
	char name[48];
	int err = host_stdio_stat(host_fd, &hs);

	if (!h || err) {
		free(h);
		return err ? err : -ENOMEM;
	}
	h->fd = host_fd;
	sb = super_alloc(k, "pipefs", &hostfd_super_ops, NULL);
	if (sb)
		inode = inode_alloc(sb, &hostfd_iops, &hostfd_fops, guest_mode(&hs, h));
	if (sb)
		super_put(sb); /* held by the inode */
	if (!inode) {
		free(h);
		return -ENOMEM;
	}
	inode->priv = h;
	if (S_ISCHR(inode->mode))
		inode->rdev = hs.st_rdev;
	/* Of a file and of /dev/null the caller has said the rest by how they were opened. */
	h->input = h->regular || S_ISCHR(inode->mode) || (flags & O_ACCMODE) != O_WRONLY;
	h->output = h->regular || S_ISCHR(inode->mode) || (flags & O_ACCMODE) != O_RDONLY;
	h->event = (struct host_event){.fd = host_fd, .queue = &inode->waiters};
	err = h->regular ? -EPERM : host_loop_add(k->loop, &h->event);
	h->watched = err == 0;
	if (err && err != -EPERM) {
		h->fd = -1;
		inode_put(inode);
		return err;
	}
	snprintf(name, sizeof(name), "%s:[%lu]", S_ISSOCK(inode->mode) ? "socket" : h->regular ? "host file" : "pipe",
		(unsigned long)inode->ino);
	return open_anon(inode, name, flags, ret);
}
