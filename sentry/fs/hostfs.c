/* SPDX-License-Identifier: MIT */
/*
 * hostfs: directories and files of the host that the command line named (volumes, --rootfs, the host root).
 *
 * Objects are reached one component at a time beneath the donated descriptor, never through a symbolic link of the host
 * (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS): links are the guest's to follow, in the guest's own tree.
 *
 * A node knows its parent node and its name there. Directories keep an O_PATH descriptor while in use (a bounded number,
 * given up oldest first and opened again by place). Other objects are reached by (parent, name), and their identity is
 * compared after each open. The host may change things under us: no_dcache makes the VFS look each name up again.
 *
 * Nothing special of the host is opened: fifos and sockets are the sandbox's own rendezvous under that name, devices
 * are the sentry's.
 */
#include "fs/hostfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define DIR_FDS_MAX 256u

static const struct inode_ops hostfs_dir_ops, hostfs_link_ops, hostfs_file_ops, hostfs_top_ops;
static const struct file_ops hostfs_top_fops;

/* --- descriptors of directories -------------------------------------------------------------------------------------------- */

static int pin_fd(struct hostfs *fs, struct host_node *n)
{
	if (n->fd < 0)
		return -1;
	n->fd_users++;
	if (!n->pinned) {
		list_del(&n->fd_link);
		list_add(&n->fd_link, &fs->fds);
	}
	return n->fd;
}

/* Close what was not used for longest, as long as there are too many. hostfs.lock held. */
static void prune_fds(struct hostfs *fs)
{
	struct list_head *at = fs->fds.prev;

	while (fs->n_fds > DIR_FDS_MAX && at != &fs->fds) {
		struct host_node *n = container_of(at, struct host_node, fd_link);

		at = at->prev;
		if (n->fd_users > 0)
			continue;
		host_close(n->fd);
		n->fd = -1;
		list_del(&n->fd_link);
		fs->n_fds--;
	}
}

static int check_identity(struct inode *inode, int fd)
{
	struct statx st;
	int r = host_stat(fd, "", &st);

	if (r < 0)
		return r;
	return host_node_is(inode, &st) ? 0 : -ESTALE;
}

static int install_fd(struct inode *dir, int fd)
{
	struct hostfs *fs = hostfs_of(dir);
	struct host_node *n = host_node_of(dir);
	int old;

	lock_acquire(&fs->lock);
	old = pin_fd(fs, n);
	if (old < 0) {
		n->fd = fd;
		n->fd_users = 1;
		list_add(&n->fd_link, &fs->fds);
		fs->n_fds++;
		prune_fds(fs);
	}
	lock_release(&fs->lock);
	if (old >= 0)
		host_close(fd);
	return old >= 0 ? old : fd;
}

/* Copy a node's place; the parent is held. -ESTALE: a root. */
static int copy_place(struct inode *inode, char *name, struct inode **ret_parent)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);

	LOCK_SCOPE(&fs->lock);
	if (!n->parent)
		return -ESTALE;
	inode_get(n->parent);
	strcpy(name, n->name);
	*ret_parent = n->parent;
	return 0;
}

/* Open *dir* beneath its parent's descriptor and pin it. */
static int open_dir(struct inode *dir, int pfd, const char *name)
{
	int r, fd = host_open_beneath(pfd, name, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	r = check_identity(dir, fd);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	return install_fd(dir, fd);
}

static int try_pin(struct inode *dir)
{
	struct hostfs *fs = hostfs_of(dir);
	int fd;

	lock_acquire(&fs->lock);
	fd = pin_fd(fs, host_node_of(dir));
	lock_release(&fs->lock);
	return fd;
}

struct chain { /* directories from the wanted one up, each held */
	struct inode **dirs;
	size_t n, room;
};

static int chain_add(struct chain *c, struct inode *dir)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 16;
		struct inode **more = reallocarray(c->dirs, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->dirs = more;
		c->room = room;
	}
	inode_get(dir);
	c->dirs[c->n++] = dir;
	return 0;
}

/* Go up from *dir* to one that has a descriptor, which is pinned and last in the chain. */
static int climb(struct inode *dir, struct chain *c)
{
	int r = chain_add(c, dir), fd;

	while (r == 0) {
		char name[VFS_NAME_MAX + 1];
		struct inode *parent;

		fd = try_pin(c->dirs[c->n - 1]);
		if (fd >= 0)
			return fd;
		r = copy_place(c->dirs[c->n - 1], name, &parent);
		if (r == 0) {
			r = chain_add(c, parent);
			inode_put(parent);
		}
	}
	return r;
}

/* Open what was given up, from the top down; a loop, since trees are as deep as the guest likes. */
static int dir_get(struct inode *dir)
{
	struct chain c = {0};
	int fd = try_pin(dir);
	size_t at;

	if (fd >= 0)
		return fd;
	fd = climb(dir, &c);
	for (at = c.n; fd >= 0 && at > 1; at--) {
		struct inode *upper = c.dirs[at - 1], *parent;
		char name[VFS_NAME_MAX + 1];
		int next = copy_place(c.dirs[at - 2], name, &parent);

		if (next == 0) {
			next = parent == upper ? open_dir(c.dirs[at - 2], fd, name) : -ESTALE;
			inode_put(parent);
		}
		host_dir_put(upper);
		fd = next;
	}
	while (c.n > 0)
		inode_put(c.dirs[--c.n]);
	free(c.dirs);
	return fd;
}

/*
 * A name that was just changed by another task of ours has a new place by now: stale answers are asked again. What is not
 * found at its place then is gone: removed, replaced, or moved by the host.
 */
int host_dir_get(struct inode *dir)
{
	int fd = -ESTALE;

	for (int i = 0; i < HOSTFS_RETRIES && fd == -ESTALE; i++)
		fd = dir_get(dir);
	return fd == -ESTALE ? -ENOENT : fd;
}

void host_dir_put(struct inode *dir)
{
	struct hostfs *fs = hostfs_of(dir);

	lock_acquire(&fs->lock);
	host_node_of(dir)->fd_users--;
	lock_release(&fs->lock);
}

int host_place_get(struct inode *inode, char *name, struct inode **ret_parent)
{
	struct inode *parent;
	int fd = copy_place(inode, name, &parent);

	if (fd < 0)
		return -ENOENT;
	fd = host_dir_get(parent);
	if (fd < 0)
		inode_put(parent);
	else
		*ret_parent = parent;
	return fd;
}

void host_place_put(struct inode *parent)
{
	host_dir_put(parent);
	inode_put(parent);
}

static int node_open_once(struct inode *inode, int flags)
{
	char name[VFS_NAME_MAX + 1];
	struct inode *parent;
	int fd, pfd, r;

	if (S_ISDIR(inode->mode)) {
		pfd = host_dir_get(inode);
		if (pfd < 0)
			return pfd;
		fd = host_open_beneath(pfd, ".", flags | O_DIRECTORY, 0);
		host_dir_put(inode);
		return fd;
	}
	pfd = host_place_get(inode, name, &parent);
	if (pfd < 0)
		return pfd;
	/* O_NONBLOCK: should a fifo stand there now, the open must not wait for its other end. */
	fd = host_open_beneath(pfd, name, flags | O_NONBLOCK | O_NOCTTY, 0);
	host_place_put(parent);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	r = check_identity(inode, fd);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	return fd;
}

int host_node_open(struct inode *inode, int flags)
{
	int fd = -ESTALE;

	for (int i = 0; i < HOSTFS_RETRIES && fd == -ESTALE; i++)
		fd = node_open_once(inode, flags);
	return fd == -ESTALE ? -ENOENT : fd;
}

/* --- nodes --------------------------------------------------------------------------------------------------------------- */

static const struct inode_ops *ops_of(uint32_t mode, const struct file_ops **fops)
{
	*fops = NULL;
	switch (mode & S_IFMT) {
	case S_IFDIR:
		*fops = &hostfs_dir_fops;
		return &hostfs_dir_ops;
	case S_IFLNK:
		return &hostfs_link_ops;
	case S_IFREG:
		*fops = &hostfs_file_fops;
		return &hostfs_file_ops;
	default:
		return &hostfs_file_ops;
	}
}

/* A device's, fifo's or socket's opening is the VFS's business, by its kind: such inodes have no open operation. */
static const struct inode_ops hostfs_special_ops;

static struct inode *node_alloc(struct super_block *sb, uint32_t mode)
{
	struct host_node *n = calloc(1, sizeof(*n));
	const struct file_ops *fops;
	const struct inode_ops *ops = ops_of(mode, &fops);
	struct inode *inode;

	if (!n)
		return NULL;
	if (ops == &hostfs_file_ops && !fops)
		ops = &hostfs_special_ops;
	inode = inode_alloc(sb, ops, fops, mode);
	if (!inode) {
		free(n);
		return NULL;
	}
	n->fd = n->spare_fd = -1;
	n->entry.inode = inode;
	list_init(&n->fd_link);
	list_init(&n->handles);
	inode->priv = n;
	return inode;
}

/* Remember where *inode* was seen. */
static void set_place(struct inode *inode, struct inode *parent, const char *name)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	struct inode *old = NULL;
	char *copy = NULL, *old_name = NULL;

	lock_acquire(&fs->lock);
	if (n->parent != parent || !n->name || strcmp(n->name, name) != 0) {
		copy = strdup(name); /* without memory the old place stays: at worst -ESTALE later */
		if (copy && !n->pinned) {
			old = n->parent;
			old_name = n->name;
			inode_get(parent);
			n->parent = parent;
			n->name = copy;
			copy = NULL;
		}
	}
	lock_release(&fs->lock);
	free(copy);
	free(old_name);
	if (old)
		inode_put(old);
}

/* The inode for what *st* describes, seen as *name* in *parent*; held. */
static int node_get(struct inode *parent, const char *name, const struct statx *st, struct inode **ret)
{
	struct hostfs *fs = hostfs_of(parent);
	struct inode *inode = icache_get(&fs->cache, host_stx_dev(st), st->stx_ino), *other;

	if (inode && (inode->mode & S_IFMT) != (st->stx_mode & S_IFMT)) { /* the number was used again on the host */
		icache_remove(&fs->cache, &host_node_of(inode)->entry);
		inode_put(inode);
		inode = NULL;
	}
	if (!inode) {
		inode = node_alloc(parent->sb, st->stx_mode);
		if (!inode)
			return -ENOMEM;
		host_node_of(inode)->entry.key1 = host_stx_dev(st);
		host_node_of(inode)->entry.key2 = st->stx_ino;
		inode->ino = host_ino(fs, host_stx_dev(st), st->stx_ino);
		other = icache_insert(&fs->cache, &host_node_of(inode)->entry);
		if (other) {
			inode_put(inode);
			inode = other;
		}
	}
	set_place(inode, parent, name);
	host_fill_inode(inode, st);
	*ret = inode;
	return 0;
}

static void hostfs_free_inode(struct inode *inode)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);

	icache_remove(&fs->cache, &n->entry);
	lock_acquire(&fs->lock);
	if (n->fd >= 0 && !n->pinned)
		fs->n_fds--;
	list_del(&n->fd_link);
	lock_release(&fs->lock);
	host_close(n->fd);
	host_close(n->spare_fd);
	for (size_t i = 0; i < n->n_top; i++) {
		free(n->top[i].name);
		inode_put(n->top[i].inode);
	}
	free(n->top);
	free(n->target);
	free(n->name);
	if (n->parent)
		inode_put(n->parent);
	free(n);
	inode_free(inode);
}

/* --- names --------------------------------------------------------------------------------------------------------------- */

static int name_copy(char *buf, const char *name, size_t len)
{
	if (len > VFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (len == 0 || memchr(name, '/', len) || memchr(name, 0, len))
		return -EINVAL;
	memcpy(buf, name, len);
	buf[len] = 0;
	return strcmp(buf, ".") == 0 || strcmp(buf, "..") == 0 ? -EINVAL : 0;
}

static int stat_entry(struct inode *dir, const char *name, struct statx *st)
{
	int r, fd = host_dir_get(dir);

	if (fd < 0)
		return fd;
	platform_host_block_begin(dir->sb->kernel->platform);
	r = host_stat(fd, name, st);
	platform_host_block_end(dir->sb->kernel->platform);
	host_dir_put(dir);
	return r;
}

static int hostfs_lookup(struct inode *dir, const char *name_in, size_t len, struct inode **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct statx st;
	int r = name_copy(name, name_in, len);

	if (r == 0)
		r = stat_entry(dir, name, &st);
	if (r < 0)
		return r;
	if (host_hidden(hostfs_of(dir), name, &st))
		return -ENOENT;
	return node_get(dir, name, &st, ret);
}

/* Set-user-ID and set-group-ID programs of the host user are nothing a sandbox may make on the host. */
static int check_new_mode(uint32_t mode)
{
	return !S_ISDIR(mode) && (mode & (S_ISUID | S_ISGID)) ? -EPERM : 0;
}

static int host_create(int dirfd, const char *name, uint32_t mode, int *ret_fd)
{
	int fd;

	switch (mode & S_IFMT) {
	case S_IFDIR:
		return host_mkdir(dirfd, name, mode & 01777);
	case S_IFREG:
		fd = host_open_beneath(dirfd, name, O_CREAT | O_EXCL | O_RDWR, mode & 07777);
		if (fd < 0)
			return fd;
		*ret_fd = fd;
		return 0;
	case S_IFIFO:
	case S_IFSOCK:
		return host_mknod(dirfd, name, mode & (S_IFMT | 0777));
	default:
		return -EPERM;
	}
}

static int hostfs_create_op(struct inode *dir, const char *name_in, size_t len, uint32_t mode, uint64_t rdev,
			    const struct cred *cred, struct inode **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct statx st;
	int r = name_copy(name, name_in, len), fd = -1, dirfd;

	if (r == 0)
		r = check_new_mode(mode);
	if (r < 0)
		return r;
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	platform_host_block_begin(dir->sb->kernel->platform);
	r = host_create(dirfd, name, mode, &fd);
	if (r == 0)
		r = fd >= 0 ? host_stat(fd, "", &st) : host_stat(dirfd, name, &st);
	platform_host_block_end(dir->sb->kernel->platform);
	host_dir_put(dir);
	if (r == 0)
		r = node_get(dir, name, &st, ret);
	if (r == 0 && fd >= 0) {
		lock_acquire(&hostfs_of(dir)->lock);
		int old = host_node_of(*ret)->spare_fd;

		host_node_of(*ret)->spare_fd = fd;
		lock_release(&hostfs_of(dir)->lock);
		fd = old;
	}
	host_close(fd);
	return r;
}

static int hostfs_symlink(struct inode *dir, const char *name_in, size_t len, const char *target, const struct cred *cred,
			  struct inode **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct statx st;
	int r = name_copy(name, name_in, len), dirfd;

	if (r < 0)
		return r;
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	r = host_symlink(target, dirfd, name);
	if (r == 0)
		r = host_stat(dirfd, name, &st);
	host_dir_put(dir);
	return r < 0 ? r : node_get(dir, name, &st, ret);
}

static int hostfs_link(struct inode *dir, const char *name_in, size_t len, struct inode *target)
{
	char name[VFS_NAME_MAX + 1], oname[VFS_NAME_MAX + 1];
	struct inode *oparent;
	int r = name_copy(name, name_in, len), dirfd, ofd;
	struct statx st;

	if (r < 0)
		return r;
	ofd = host_place_get(target, oname, &oparent);
	if (ofd < 0)
		return ofd;
	dirfd = host_dir_get(dir);
	r = dirfd < 0 ? dirfd : host_link(ofd, oname, dirfd, name);
	if (r == 0 && host_stat(dirfd, name, &st) == 0)
		host_fill_inode(target, &st);
	if (dirfd >= 0)
		host_dir_put(dir);
	host_place_put(oparent);
	return r;
}

static int remove_entry(struct inode *dir, const char *name_in, size_t len, struct inode *victim, bool is_dir)
{
	char name[VFS_NAME_MAX + 1];
	int r = name_copy(name, name_in, len), dirfd;

	if (r < 0)
		return r;
	dirfd = host_dir_get(dir);
	if (dirfd < 0)
		return dirfd;
	platform_host_block_begin(dir->sb->kernel->platform);
	r = host_unlink(dirfd, name, is_dir);
	platform_host_block_end(dir->sb->kernel->platform);
	host_dir_put(dir);
	if (r == 0)
		victim->nlink = is_dir || victim->nlink == 0 ? 0 : victim->nlink - 1;
	return r;
}

static int hostfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove_entry(dir, name, len, victim, false);
}

static int hostfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove_entry(dir, name, len, victim, true);
}

static int hostfs_rename(struct inode *odir, const char *oname_in, size_t olen, struct inode *what, struct inode *ndir,
			 const char *nname_in, size_t nlen, struct inode *target, unsigned flags)
{
	char oname[VFS_NAME_MAX + 1], nname[VFS_NAME_MAX + 1];
	int r = name_copy(oname, oname_in, olen), ofd, nfd;

	if (r == 0)
		r = name_copy(nname, nname_in, nlen);
	if (r < 0)
		return r;
	ofd = host_dir_get(odir);
	if (ofd < 0)
		return ofd;
	nfd = host_dir_get(ndir);
	if (nfd < 0) {
		host_dir_put(odir);
		return nfd;
	}
	platform_host_block_begin(odir->sb->kernel->platform);
	r = host_rename(ofd, oname, nfd, nname, flags & (RENAME_NOREPLACE | RENAME_EXCHANGE));
	platform_host_block_end(odir->sb->kernel->platform);
	host_dir_put(ndir);
	host_dir_put(odir);
	if (r < 0)
		return r;
	set_place(what, ndir, nname);
	if (target && (flags & RENAME_EXCHANGE))
		set_place(target, odir, oname);
	else if (target)
		target->nlink = S_ISDIR(target->mode) || target->nlink == 0 ? 0 : target->nlink - 1;
	return 0;
}

static int hostfs_readlink(struct task *t, struct inode *inode, char **ret)
{
	char name[VFS_NAME_MAX + 1];
	struct inode *parent;
	char buf[VFS_PATH_MAX];
	ssize_t n;
	int fd;

	if (host_node_of(inode)->target) {
		*ret = strdup(host_node_of(inode)->target);
		return *ret ? 0 : -ENOMEM;
	}
	fd = host_place_get(inode, name, &parent);
	if (fd < 0)
		return fd;
	n = host_readlink(fd, name, buf, sizeof(buf));
	host_place_put(parent);
	if (n < 0)
		return (int)n;
	if (n == 0 || n >= (ssize_t)sizeof(buf))
		return -ENAMETOOLONG;
	*ret = strndup(buf, (size_t)n);
	return *ret ? 0 : -ENOMEM;
}

static const struct inode_ops hostfs_dir_ops = {
	.lookup = hostfs_lookup,
	.create = hostfs_create_op,
	.symlink = hostfs_symlink,
	.link = hostfs_link,
	.unlink = hostfs_unlink,
	.rmdir = hostfs_rmdir,
	.rename = hostfs_rename,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
	.getxattr = hostfs_getxattr,
	.setxattr = hostfs_setxattr,
	.listxattr = hostfs_listxattr,
	.removexattr = hostfs_removexattr,
	.open = hostfs_open,
};

static const struct inode_ops hostfs_link_ops = {
	.readlink = hostfs_readlink,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
};

static const struct inode_ops hostfs_file_ops = {
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
	.getxattr = hostfs_getxattr,
	.setxattr = hostfs_setxattr,
	.listxattr = hostfs_listxattr,
	.removexattr = hostfs_removexattr,
	.open = hostfs_open,
};

static const struct inode_ops hostfs_special_ops = {
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
};

/* --- the root of `host` mode ------------------------------------------------------------------------------------------------- */

static int top_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct host_node *n = host_node_of(dir);

	for (size_t i = 0; i < n->n_top; i++) {
		if (strlen(n->top[i].name) == len && memcmp(n->top[i].name, name, len) == 0) {
			inode_get(n->top[i].inode);
			*ret = n->top[i].inode;
			return 0;
		}
	}
	return -ENOENT;
}

static int top_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct host_node *n = host_node_of(f->inode);

	for (; *pos >= 0 && (uint64_t)*pos < n->n_top + 2; (*pos)++) {
		struct host_top *top = *pos < 2 ? NULL : &n->top[*pos - 2];
		bool ok = top ? de->emit(de, top->name, strlen(top->name), top->inode->ino,
					 (top->inode->mode & S_IFMT) >> 12, *pos + 1) :
				de->emit(de, "..", (size_t)*pos + 1, f->inode->ino, S_IFDIR >> 12, *pos + 1);

		if (!ok)
			break;
	}
	return 0;
}

static int top_getattr(struct inode *inode, struct kstat *st)
{
	*st = (struct kstat){
		.dev = inode->sb->dev, .ino = inode->ino, .mode = inode->mode, .nlink = inode->nlink,
		.size = inode->size, .blksize = 4096,
		.atime = inode->mtime, .mtime = inode->mtime, .ctime = inode->mtime, .btime = inode->mtime,
	};
	return 0;
}

static const struct inode_ops hostfs_top_ops = {
	.lookup = top_lookup,
	.readlink = hostfs_readlink, /* of its links; directories are never asked */
	.getattr = top_getattr,
};

static const struct file_ops hostfs_top_fops = {
	.readdir = top_readdir,
};

/* --- super block ----------------------------------------------------------------------------------------------------------- */

static int hostfs_statfs(struct super_block *sb, struct kstatfs *st)
{
	struct statfs h;
	struct inode *root = sb->root ? sb->root->inode : NULL;
	int r, fd;

	*st = (struct kstatfs){.type = 0x65735546 /* FUSE_SUPER_MAGIC */, .bsize = 4096, .namelen = VFS_NAME_MAX};
	if (!root || host_node_of(root)->n_top > 0)
		return 0;
	fd = host_dir_get(root);
	if (fd < 0)
		return fd;
	platform_host_block_begin(sb->kernel->platform);
	r = host_statfs(fd, &h);
	platform_host_block_end(sb->kernel->platform);
	host_dir_put(root);
	if (r < 0)
		return r;
	*st = (struct kstatfs){
		.type = (uint64_t)h.f_type, .bsize = (uint64_t)h.f_bsize,
		.blocks = h.f_blocks, .bfree = h.f_bfree, .bavail = h.f_bavail,
		.files = h.f_files, .ffree = h.f_ffree, .namelen = (uint64_t)h.f_namelen,
	};
	return 0;
}

static void hostfs_destroy(struct super_block *sb)
{
	struct hostfs *fs = sb->priv;

	icache_destroy(&fs->cache);
	lock_destroy(&fs->lock);
	free(fs);
}

static const struct super_ops hostfs_super_ops = {
	.free_inode = hostfs_free_inode,
	.statfs = hostfs_statfs,
	.destroy = hostfs_destroy,
};

static struct super_block *hostfs_super(struct kernel *k, const struct hostfs_options *opt)
{
	struct hostfs *fs = calloc(1, sizeof(*fs));
	struct super_block *sb;

	if (!fs || icache_init(&fs->cache) < 0) {
		free(fs);
		return NULL;
	}
	lock_init(&fs->lock, RANK_LEAF);
	list_init(&fs->fds);
	fs->own_uid = k->host_uid;
	fs->own_gid = k->host_gid;
	fs->lower = opt->lower;
	fs->hide = fs->system = opt->hide;
	sb = super_alloc(k, "hostfs", &hostfs_super_ops, fs);
	if (!sb) {
		icache_destroy(&fs->cache);
		free(fs);
		return NULL;
	}
	sb->read_only = opt->read_only || opt->lower;
	sb->lower = opt->lower;
	sb->no_dcache = !opt->lower;
	return sb;
}

/* A node for a donated descriptor. */
static int donated_node(struct super_block *sb, int fd, struct inode **ret)
{
	struct hostfs *fs = sb->priv;
	struct inode *inode;
	struct host_node *n;
	struct statx st;
	int r = host_stat(fd, "", &st);

	if (r < 0)
		return r;
	if (!S_ISDIR(st.stx_mode) && !S_ISREG(st.stx_mode))
		return -ENOTSUP;
	inode = node_alloc(sb, st.stx_mode);
	if (!inode)
		return -ENOMEM;
	n = host_node_of(inode);
	n->entry.key1 = host_stx_dev(&st);
	n->entry.key2 = st.stx_ino;
	if (!fs->root_dev)
		fs->root_dev = n->entry.key1;
	inode->ino = host_ino(fs, n->entry.key1, st.stx_ino);
	n->fd = fd;
	n->pinned = true;
	host_fill_inode(inode, &st);
	/* The same object may be donated twice (two names of `host`); the second stays out of the table. */
	struct inode *other = icache_insert(&fs->cache, &n->entry);

	if (other)
		inode_put(other);
	*ret = inode;
	return 0;
}

static int set_root(struct super_block *sb, struct inode *root, struct super_block **ret)
{
	int r = d_alloc_root(sb, root);

	if (r < 0)
		return r;
	*ret = sb;
	return 0;
}

/* Is openat2(2) there? It came with Linux 5.6; some container sandboxes refuse it. */
static int probe_openat2(int fd)
{
	int probe = host_open_beneath(fd, ".", O_PATH | O_DIRECTORY, 0);

	if (probe < 0)
		return probe;
	host_close(probe);
	return 0;
}

int hostfs_create(struct kernel *k, int fd, const struct hostfs_options *opt, struct super_block **ret)
{
	struct super_block *sb = hostfs_super(k, opt);
	struct inode *root;
	int r;

	if (!sb)
		return -ENOMEM;
	r = donated_node(sb, fd, &root);
	if (r == 0) {
		if (S_ISDIR(root->mode))
			r = probe_openat2(fd);
		if (r == 0)
			r = set_root(sb, root, ret);
		if (r < 0) {
			host_node_of(root)->fd = -1; /* stays the caller's */
			inode_put(root);
		}
	}
	if (r < 0)
		super_put(sb);
	return r;
}

static int top_entry(struct super_block *sb, const struct hostfs_entry *e, struct host_top *top)
{
	struct inode *inode;
	int r = 0;

	if (e->fd >= 0) {
		r = donated_node(sb, e->fd, &inode);
	} else {
		inode = node_alloc(sb, S_IFLNK | 0777);
		if (!inode)
			return -ENOMEM;
		inode->ops = &hostfs_top_ops;
		inode->size = strlen(e->target);
		inode->ino = host_ino(sb->priv, UINT64_MAX, atomic_fetch_add(&sb->next_ino, 1));
		host_node_of(inode)->target = strdup(e->target);
		host_node_of(inode)->entry.key1 = UINT64_MAX;
		host_node_of(inode)->entry.key2 = inode->ino;
		r = host_node_of(inode)->target ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	top->name = strdup(e->name);
	top->inode = inode;
	return top->name ? 0 : -ENOMEM;
}

int hostfs_create_root(struct kernel *k, const struct hostfs_entry *entries, size_t n, struct super_block **ret)
{
	const struct hostfs_options opt = {.read_only = true, .lower = true, .hide = true};
	struct super_block *sb = hostfs_super(k, &opt);
	struct inode *root = sb ? node_alloc(sb, S_IFDIR | 0755) : NULL;
	struct host_node *node;
	int r = 0;

	if (!root) {
		if (sb)
			super_put(sb);
		return -ENOMEM;
	}
	root->ops = &hostfs_top_ops;
	root->fops = &hostfs_top_fops;
	root->ino = host_ino(sb->priv, UINT64_MAX, 0);
	node = host_node_of(root);
	node->entry.key1 = UINT64_MAX;
	node->top = calloc(n ? n : 1, sizeof(*node->top));
	if (!node->top)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = top_entry(sb, &entries[i], &node->top[i]);
		if (r == 0) {
			node->n_top++;
			root->nlink += S_ISDIR(node->top[i].inode->mode);
		}
	}
	if (r == 0)
		r = set_root(sb, root, ret);
	if (r < 0) {
		inode_put(root);
		super_put(sb);
	}
	return r;
}
