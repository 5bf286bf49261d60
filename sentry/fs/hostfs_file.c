/* SPDX-License-Identifier: MIT */
/* hostfs: open files and directories. */
#include "fs/hostfs.h"
#include "mm/twin.h"
#include "vfs/uio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTING_MAX (64u << 20) /* bytes of names of one directory */

struct linux_dirent64_head { /* getdents64(2) */
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
} __attribute__((packed));

static struct host_handle *handle_of(struct file *f)
{
	return f->priv;
}

static struct platform *platform_of(struct file *f)
{
	return f->inode->sb->kernel->platform;
}

/* --- opening ------------------------------------------------------------------------------------------------------------- */

/* The descriptor of a file that was just created, or of a single-file volume. */
static int take_ready_fd(struct inode *inode, bool write, bool *writable)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	int fd = -1;

	lock_acquire(&fs->lock);
	if (n->spare_fd >= 0) {
		fd = n->spare_fd;
		n->spare_fd = -1;
		*writable = true;
	} else if (n->pinned && !S_ISDIR(inode->mode)) {
		fd = host_dup(n->fd);
		*writable = write;
	}
	lock_release(&fs->lock);
	return fd;
}

static int open_host(struct inode *inode, int flags, bool *writable)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;
	int fd = take_ready_fd(inode, write, writable);

	if (fd >= 0)
		return fd;
	*writable = write;
	platform_host_block_begin(inode->sb->kernel->platform);
	/* Linux maps and copies up through descriptors that can be read too; the mode may allow writing alone. */
	fd = host_node_open_stale(inode, (write ? O_RDWR : O_RDONLY) | (flags & (O_SYNC | O_DSYNC)));
	if (fd == -EACCES && (flags & O_ACCMODE) == O_WRONLY)
		fd = host_node_open_stale(inode, O_WRONLY | (flags & (O_SYNC | O_DSYNC)));
	platform_host_block_end(inode->sb->kernel->platform);
	return fd;
}

/* As open_host(), but what is open for reading already does for the next, where the host changes nothing. */
static int open_handle(struct inode *inode, int flags, struct host_handle *h)
{
	bool read_only = (flags & O_ACCMODE) == O_RDONLY;
	int fd;

	h->shared = read_only ? host_shared_get(inode) : NULL;
	if (h->shared)
		return h->shared->fd;
	fd = open_host(inode, flags, &h->writable);
	if (fd >= 0 && read_only && !h->writable)
		h->shared = host_shared_add(inode, fd);
	return fd;
}

int hostfs_open(struct task *t, struct inode *inode, struct file *f)
{
	struct hostfs *fs = hostfs_of(inode);
	bool dir = S_ISDIR(inode->mode);
	struct host_handle *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	if ((f->flags & O_ACCMODE) != O_RDONLY && atomic_load_explicit(&host_node_of(inode)->guarded, memory_order_relaxed)) {
		free(h);
		return -EPERM;
	}
	h->fd = dir ? -1 : open_handle(inode, f->flags, h); /* directories: opened when read */
	if (!dir && h->fd < 0) {
		int r = h->fd;

		free(h);
		return r;
	}
	list_init(&h->link);
	if (!dir) {
		lock_acquire(&fs->lock);
		list_add(&h->link, &host_node_of(inode)->handles);
		lock_release(&fs->lock);
	}
	f->priv = h;
	f->ops = dir ? &hostfs_dir_fops : &hostfs_file_fops;
	return 0;
}

static void hostfs_release(struct file *f)
{
	struct host_handle *h = handle_of(f);
	struct hostfs *fs = hostfs_of(f->inode);

	lock_acquire(&fs->lock);
	list_del(&h->link);
	lock_release(&fs->lock);
	if (h->shared)
		host_shared_put(h->shared);
	else
		host_close(h->fd);
	host_listing_put(h->listing);
	free(h);
	f->priv = NULL;
}

/* --- files ----------------------------------------------------------------------------------------------------------------- */

static ssize_t hostfs_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct host_handle *h = handle_of(f);
	ssize_t n = h->shared ? host_shared_read(h->shared, (uint64_t)*pos, dst) : -EAGAIN;

	if (n < 0)
		n = host_file_to_uio(platform_of(f), h->fd, (uint64_t)*pos, dst->left, dst);
	if (n > 0)
		*pos += n;
	return n;
}

/* After an append: where the end is now. */
static void set_end(struct file *f, ssize_t n, int64_t *pos)
{
	struct statx st;

	*pos = host_stat(handle_of(f)->fd, "", &st) == 0 ? (int64_t)st.stx_size : *pos + n;
}

static ssize_t hostfs_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct inode *inode = f->inode;
	bool append = (f->flags & O_APPEND) || src->append;
	ssize_t n;

	LOCK_SCOPE(&inode->lock);
	n = host_file_from_uio(platform_of(f), handle_of(f)->fd, append ? HOST_APPEND : (uint64_t)*pos, src->left, src);
	if (n <= 0)
		return n;
	if (append)
		set_end(f, n, pos);
	else
		*pos += n;
	if ((uint64_t)*pos > inode->size)
		inode->size = (uint64_t)*pos;
	return n;
}

static int64_t hostfs_lseek(struct file *f, int64_t off, int whence)
{
	int64_t at = off;
	struct statx st;

	if (whence == SEEK_CUR && __builtin_add_overflow(f->pos, off, &at))
		return -EOVERFLOW;
	if (whence == SEEK_END) {
		int r = host_stat(handle_of(f)->fd, "", &st);

		if (r < 0)
			return r;
		if (__builtin_add_overflow((int64_t)st.stx_size, off, &at))
			return -EOVERFLOW;
	}
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		at = host_lseek(handle_of(f)->fd, off, whence);
		if (at < 0)
			return at;
	} else if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END) {
		return -EINVAL;
	}
	if (at < 0)
		return -EINVAL;
	f->pos = at;
	return at;
}

static int hostfs_mmap(struct task *t, struct file *f, uint64_t off, uint64_t len, int prot, int flags,
		       struct mmap_info *ret)
{
	if ((flags & MAP_SHARED) && (prot & PROT_WRITE) && !handle_of(f)->writable)
		return -EACCES;
	host_node_of(f->inode)->mapped = true;
	*ret = (struct mmap_info){.host_fd = handle_of(f)->fd, .host_off = off, .host_len = UINT64_MAX};
	if ((prot & PROT_EXEC) && (flags & MAP_PRIVATE) && f->inode->sb->lower) {
		const struct icache_entry *e = &host_node_of(f->inode)->entry;

		ret->twin = twin_of_file(f->inode->sb->kernel, e->key1, e->key2, ret->host_fd, off);
	}
	return 0;
}

static int hostfs_fsync(struct file *f, bool data_only)
{
	int r, fd = handle_of(f)->fd, own = -1;

	if (fd < 0) { /* a directory */
		fd = own = host_node_open(f->inode, O_RDONLY);
		if (fd < 0)
			return fd;
	}
	platform_host_block_begin(platform_of(f));
	r = host_fsync(fd, data_only);
	platform_host_block_end(platform_of(f));
	host_close(own);
	return r;
}

static int hostfs_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
	int r;

	platform_host_block_begin(platform_of(f));
	r = host_fallocate(handle_of(f)->fd, mode, off, len);
	platform_host_block_end(platform_of(f));
	return r;
}

/* --- directories --------------------------------------------------------------------------------------------------------- */

static void *room_for(void *array, size_t need, size_t *room, size_t elem)
{
	size_t n = *room ? *room : 64;
	void *p;

	if (need <= *room)
		return array;
	while (n < need)
		n *= 2;
	p = reallocarray(array, n, elem);
	if (p)
		*room = n;
	return p;
}

static int listing_add(struct host_listing *l, const char *name, size_t len, uint64_t ino, uint8_t type)
{
	struct host_name *entries;
	char *names;

	if (l->names_len + len > LISTING_MAX)
		return -ENOMEM;
	entries = room_for(l->entries, l->n + 1, &l->room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	l->entries = entries;
	names = room_for(l->names, l->names_len + len, &l->names_room, 1);
	if (!names)
		return -ENOMEM;
	l->names = names;
	memcpy(names + l->names_len, name, len);
	entries[l->n++] = (struct host_name){.ino = ino, .off = l->names_len, .len = (uint8_t)len, .type = type};
	l->names_len += len;
	return 0;
}

/* One getdents buffer. In `host` mode what is hidden is not listed either. */
static int listing_take(struct inode *dir, int fd, struct host_listing *l, const char *buf, size_t len)
{
	struct hostfs *fs = hostfs_of(dir);

	for (size_t at = 0; at + sizeof(struct linux_dirent64_head) < len;) {
		const struct linux_dirent64_head *d = (const void *)(buf + at);
		size_t n = strnlen(d->d_name, d->d_reclen - sizeof(*d));
		struct statx st;
		int r;

		at += d->d_reclen;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || n > VFS_NAME_MAX)
			continue;
		/* Links are never hidden: no need to look at them. */
		if ((fs->hide || fs->n_hidden || fs->n_places) && d->d_type != DT_LNK &&
			(host_stat(fd, d->d_name, &st) < 0 || host_hidden(dir, d->d_name, &st)))
			continue;
		r = listing_add(l, d->d_name, n, host_ino(fs, host_node_of(dir)->entry.key1, d->d_ino), d->d_type);
		if (r < 0)
			return r;
	}
	return 0;
}

static int listing_read(struct inode *dir, struct host_listing **ret)
{
	struct host_listing *l = host_listing_get(dir);
	char *buf;
	ssize_t n;
	int fd;

	if (l) {
		*ret = l;
		return 0;
	}
	l = calloc(1, sizeof(*l));
	buf = malloc(32768);
	fd = l && buf ? host_node_open(dir, O_RDONLY) : -ENOMEM;
	if (l)
		refs_init(&l->refs);
	n = fd;
	if (fd >= 0) {
		platform_host_block_begin(dir->sb->kernel->platform);
		while ((n = host_getdents(fd, buf, 32768)) > 0) {
			int r = listing_take(dir, fd, l, buf, (size_t)n);

			if (r < 0) {
				n = r;
				break;
			}
		}
		platform_host_block_end(dir->sb->kernel->platform);
		host_close(fd);
	}
	free(buf);
	if (n < 0) {
		host_listing_put(l);
		return (int)n;
	}
	host_listing_keep(dir, l);
	*ret = l;
	return 0;
}

/* 0 and 1 are "." and "..": the directory's own parent is the VFS's to know; its number here is the node's place. */
static uint64_t dotdot_ino(struct inode *dir)
{
	struct hostfs *fs = hostfs_of(dir);
	uint64_t ino;

	lock_acquire(&fs->lock);
	ino = host_node_of(dir)->parent ? host_node_of(dir)->parent->ino : dir->ino;
	lock_release(&fs->lock);
	return ino;
}

static int hostfs_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct host_handle *h = handle_of(f);

	if (*pos < 0)
		return -EINVAL;
	if (*pos == 0 || !h->listing) { /* rewinddir(3) shows the directory as it is now */
		struct host_listing *l = NULL;
		int r = listing_read(f->inode, &l);

		if (r < 0)
			return r;
		host_listing_put(h->listing);
		h->listing = l;
	}
	for (; (uint64_t)*pos < h->listing->n + 2; (*pos)++) {
		const struct host_name *e = *pos < 2 ? NULL : &h->listing->entries[*pos - 2];
		bool ok = e ? de->emit(de, h->listing->names + e->off, e->len, e->ino, e->type, *pos + 1) :
			      de->emit(de, "..", (size_t)*pos + 1, *pos ? dotdot_ino(f->inode) : f->inode->ino, DT_DIR,
				      *pos + 1);

		if (!ok)
			break;
	}
	return 0;
}

const struct file_ops hostfs_file_fops = {
	.read = hostfs_read,
	.write = hostfs_write,
	.lseek = hostfs_lseek,
	.mmap = hostfs_mmap,
	.fsync = hostfs_fsync,
	.fallocate = hostfs_fallocate,
	.release = hostfs_release,
};

const struct file_ops hostfs_dir_fops = {
	.readdir = hostfs_readdir,
	.lseek = file_lseek_endless,
	.fsync = hostfs_fsync,
	.release = hostfs_release,
};
