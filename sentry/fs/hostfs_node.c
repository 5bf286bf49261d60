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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIR_FDS_MAX 256u


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
		/* "." wants search permission of the directory itself, which chmod(2) of one does not. */
		fd = flags & O_PATH ? host_dup(pfd) : host_open_beneath(pfd, ".", flags | O_DIRECTORY, 0);
		host_dir_put(inode);
		return fd;
	}
	pfd = host_place_get(inode, name, &parent);
	if (pfd < 0)
		return pfd;
	/* O_NONBLOCK: should a fifo stand there now, the open must not wait for its other end. O_PATH goes with neither. */
	fd = host_open_beneath(pfd, name, flags & O_PATH ? flags : flags | O_NONBLOCK | O_NOCTTY, 0);
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

/* A copy of a descriptor that the node has of itself. */
static int own_fd(struct inode *inode)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	int fd;

	LOCK_SCOPE(&fs->lock);
	fd = n->fd; /* a directory's is closed when others need it more */
	if (fd < 0)
		fd = n->last_fd >= 0 ? n->last_fd : n->spare_fd;
	if (fd < 0 && !list_empty(&n->handles))
		fd = list_first(&n->handles, struct host_handle, link)->fd;
	return fd < 0 ? -EBADF : host_dup(fd);
}

/* Once more what is open already, whatever has become of its name. */
static int open_again(struct inode *inode, int flags)
{
	int own = own_fd(inode), fd;

	if (own < 0 || (flags & O_PATH))
		return own;
	fd = host_reopen(inode->sb->kernel->proc_fd, own, flags | O_NONBLOCK | O_NOCTTY);
	host_close(own);
	return fd;
}

int host_node_open_stale(struct inode *inode, int flags)
{
	int fd = -ESTALE, again;

	for (int i = 0; i < HOSTFS_RETRIES && fd == -ESTALE; i++)
		fd = node_open_once(inode, flags);
	if (fd != -ESTALE && fd != -ENOENT)
		return fd;
	again = S_ISREG(inode->mode) ? open_again(inode, flags) : -EBADF;
	return again == -EBADF ? -ESTALE : again;
}

int host_node_open(struct inode *inode, int flags)
{
	int fd = host_node_open_stale(inode, flags);

	return fd == -ESTALE ? -ENOENT : fd;
}

int host_node_handle(struct inode *inode)
{
	int fd = own_fd(inode);

	return fd >= 0 ? fd : host_node_open(inode, O_PATH);
}

static void keep_dir(struct inode *dir)
{
	struct hostfs *fs = hostfs_of(dir);
	struct host_node *n = host_node_of(dir);

	if (host_dir_get(dir) < 0)
		return;
	lock_acquire(&fs->lock);
	n->fd_users--;
	if (!n->pinned) {
		n->pinned = true;
		list_del(&n->fd_link);
		list_init(&n->fd_link);
		fs->n_fds--;
	}
	lock_release(&fs->lock);
}

void host_node_keep(struct inode *inode, int dirfd, const char *name)
{
	struct host_node *n = inode ? host_node_of(inode) : NULL;
	int fd;

	if (!n)
		return;
	if (S_ISDIR(inode->mode)) {
		keep_dir(inode);
		return;
	}
	if (n->last_fd >= 0 || (!n->mapped && !atomic_load_explicit(&inode->n_files, memory_order_relaxed)))
		return;
	fd = host_open_beneath(dirfd, name, O_PATH, 0);
	if (fd >= 0 && check_identity(inode, fd) == 0) {
		LOCK_SCOPE(&hostfs_of(inode)->lock);
		if (n->last_fd < 0) {
			n->last_fd = fd;
			fd = -1;
		}
	}
	host_close(fd);
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

struct inode *host_node_alloc(struct super_block *sb, uint32_t mode)
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
	n->fd = n->spare_fd = n->last_fd = n->record_fd = n->flock_fd = -1;
	n->entry.inode = inode;
	list_init(&n->fd_link);
	list_init(&n->handles);
	list_init(&n->listing_link);
	inode->priv = n;
	return inode;
}

int host_node_orphan(struct inode *dir, const struct statx *st, int fd, struct inode **ret)
{
	struct hostfs *fs = hostfs_of(dir);
	struct inode *inode = host_node_alloc(dir->sb, st->stx_mode), *other;

	if (!inode)
		return -ENOMEM;
	host_node_of(inode)->entry.key1 = host_stx_dev(st);
	host_node_of(inode)->entry.key2 = st->stx_ino;
	inode->ino = host_ino(fs, host_stx_dev(st), st->stx_ino);
	host_fill_inode(inode, st);
	/* An inode of that number that is still known was another file's, which is gone on the host. */
	other = icache_insert(&fs->cache, &host_node_of(inode)->entry);
	if (other) {
		icache_remove(&fs->cache, &host_node_of(other)->entry);
		inode_put(other);
		other = icache_insert(&fs->cache, &host_node_of(inode)->entry);
		if (other)
			inode_put(other);
	}
	host_node_of(inode)->spare_fd = fd;
	*ret = inode;
	return 0;
}

/* Remember where *inode* was seen. */
void host_set_place(struct inode *inode, struct inode *parent, const char *name)
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
int host_node_get(struct inode *parent, const char *name, const struct statx *st, struct inode **ret)
{
	struct hostfs *fs = hostfs_of(parent);
	struct inode *inode = icache_get(&fs->cache, host_stx_dev(st), st->stx_ino), *other;

	if (inode && (inode->mode & S_IFMT) != (st->stx_mode & S_IFMT)) { /* the number was used again on the host */
		icache_remove(&fs->cache, &host_node_of(inode)->entry);
		inode_put(inode);
		inode = NULL;
	}
	if (!inode) {
		inode = host_node_alloc(parent->sb, st->stx_mode);
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
	host_set_place(inode, parent, name);
	host_fill_inode(inode, st);
	*ret = inode;
	return 0;
}

void hostfs_free_inode(struct inode *inode)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);

	icache_remove(&fs->cache, &n->entry);
	host_node_unshare(inode);
	lock_acquire(&fs->lock);
	if (n->fd >= 0 && !n->pinned)
		fs->n_fds--;
	list_del(&n->fd_link);
	lock_release(&fs->lock);
	host_close(n->fd);
	host_close(n->spare_fd);
	host_close(n->last_fd);
	host_close(n->record_fd);
	host_close(n->flock_fd);
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
