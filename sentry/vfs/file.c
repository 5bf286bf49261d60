/* SPDX-License-Identifier: MIT */
/* Open files: life, positions, directory listing helpers. */
#include "fs/dnotify.h"
#include "vfs/internal.h"
#include "vfs/leases.h"
#include "vfs/locks.h"
#include "vfs/notify.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct file *file_alloc(const struct path *p, struct inode *inode, const struct file_ops *ops, int flags)
{
	struct kernel *k = inode->sb->kernel;
	struct file *f;

	if (kernel_charge(k, sizeof(*f)) < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		kernel_uncharge(k, sizeof(*f));
		return NULL;
	}
	refs_init(&f->refs);
	lock_init(&f->pos_lock, RANK_FILE_POS);
	list_init(&f->epolls);
	f->ops = ops;
	f->inode = inode;
	inode_get(inode);
	atomic_fetch_add(&inode->n_files, 1);
	f->path = *p;
	path_get(&f->path);
	atomic_init(&f->flags, flags);
	return f;
}

int file_alloc_anon(struct kernel *k, const char *name, const struct file_ops *ops, uint32_t mode, int flags, void *priv,
		    struct file **ret)
{
	struct super_block *sb = S_ISFIFO(mode) ? k->pipefs : S_ISSOCK(mode) ? k->sockfs : k->anonfs;
	struct inode *inode = inode_alloc(sb, NULL, ops, mode);
	struct path p = {0};
	struct file *f;

	if (!inode)
		return -ENOMEM;
	p.dentry = d_alloc_anon(inode, name);
	if (!p.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	f = file_alloc(&p, inode, ops, flags);
	dentry_put(p.dentry);
	if (!f)
		return -ENFILE;
	f->stream = true;
	f->priv = priv;
	*ret = f;
	return 0;
}

void file_get(struct file *f)
{
	refs_get(&f->refs);
}

static void tell_closed(struct file *f)
{
	if (f->flags & O_PATH)
		return;
	fsnotify_dentry(f->path.dentry,
			(f->flags & O_ACCMODE) == O_RDONLY ? IN_CLOSE_NOWRITE : IN_CLOSE_WRITE);
}

void file_put(struct file *f)
{
	struct kernel *k = f->inode->sb->kernel;

	if (!refs_put(&f->refs))
		return;
	if (!list_empty(&f->epolls))
		epoll_forget_file(f);
	if (f->inode->locks)
		locks_file_gone(f);
	if (f->inode->leases)
		lease_file_gone(f);
	if (f->inode->watches)
		dnotify_closed(f, NULL);
	fasync_free(f);
	if (f->ops) {
		tell_closed(f);
		if (f->ops->release)
			f->ops->release(f);
	}
	if (f->wrote)
		inode_put_write(f->inode);
	atomic_fetch_sub(&f->inode->n_files, 1);
	fsnotify_closed(f->inode);
	path_put(&f->path);
	inode_put(f->inode);
	lock_destroy(&f->pos_lock);
	free(f);
	kernel_uncharge(k, sizeof(*f));
}

uint32_t file_poll(struct file *f, struct waiter *w)
{
	if (f->ops && f->ops->poll)
		return f->ops->poll(f, w);
	return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
}

int64_t file_lseek_nowhere(struct file *f, int64_t off, int whence)
{
	return f->pos;
}

int64_t file_lseek_endless(struct file *f, int64_t off, int whence)
{
	return whence == SEEK_SET || whence == SEEK_CUR ? file_lseek_size(f, off, whence, 0) : -EINVAL;
}

int64_t file_lseek_size(struct file *f, int64_t off, int whence, uint64_t size)
{
	int64_t base, pos;

	switch (whence) {
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		base = f->pos;
		break;
	case SEEK_END:
		base = (int64_t)size;
		break;
	case SEEK_DATA: /* all data, one hole at the end */
	case SEEK_HOLE:
		if (off < 0 || (uint64_t)off >= size)
			return -ENXIO;
		base = 0;
		off = whence == SEEK_DATA ? off : (int64_t)size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &pos))
		return -EOVERFLOW;
	if (pos < 0)
		return -EINVAL;
	f->pos = pos;
	return pos;
}

bool dir_emit_dots(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct dentry *d = f->path.dentry;

	if (*pos == 0) {
		if (!de->emit(de, ".", 1, d->inode->ino, DT_DIR, 1))
			return false;
		*pos = 1;
	}
	if (*pos == 1) {
		struct dentry *parent = d_parent_get(d);
		uint64_t ino = parent->inode->ino;

		dentry_put(parent);
		if (!de->emit(de, "..", 2, ino, DT_DIR, 2))
			return false;
		*pos = 2;
	}
	return true;
}
