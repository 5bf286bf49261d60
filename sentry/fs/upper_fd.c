/* SPDX-License-Identifier: MIT */
/*
 * The overlay's store on disk: where host objects are, and their descriptors. A node knows the directory that has its name; its
 * descriptor is opened beneath that one's. Opening holds the tree lock, under which no place changes.
 */
#include "fs/upper.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FDS_MAX 512u

/* --- open descriptors -------------------------------------------------------------------------------------------------------- */

static int try_pin(struct inode *inode)
{
	struct upper *up = upper_of(inode);
	struct upper_node *n = upper_node(inode);

	LOCK_SCOPE(&up->fd_lock);
	if (n->fd < 0)
		return -1;
	n->fd_users++;
	if (!n->fd_kept) {
		list_del(&n->fd_link);
		list_add(&n->fd_link, &up->fds);
	}
	return n->fd;
}

/* Close what was not used for longest. fd_lock held. */
static void prune(struct upper *up)
{
	struct list_head *at = up->fds.prev;

	while (up->n_fds > FDS_MAX && at != &up->fds) {
		struct upper_node *n = container_of(at, struct upper_node, fd_link);

		at = at->prev;
		if (n->fd_users > 0)
			continue;
		host_close(n->fd);
		n->fd = -1;
		list_del(&n->fd_link);
		list_init(&n->fd_link);
		up->n_fds--;
	}
}

static int install(struct inode *inode, int fd, unsigned users)
{
	struct upper *up = upper_of(inode);
	struct upper_node *n = upper_node(inode);
	int old;

	lock_acquire(&up->fd_lock);
	old = n->fd;
	n->fd_users += users;
	if (old < 0) {
		n->fd = fd;
		list_add(&n->fd_link, &up->fds);
		up->n_fds++;
		prune(up);
	}
	lock_release(&up->fd_lock);
	if (old >= 0)
		host_close(fd);
	return old >= 0 ? old : fd;
}

void upper_fd_give(struct inode *inode, int fd)
{
	install(inode, fd, 0);
}

void upper_fd_put(struct inode *inode)
{
	struct upper *up = upper_of(inode);

	lock_acquire(&up->fd_lock);
	upper_node(inode)->fd_users--;
	lock_release(&up->fd_lock);
}

int upper_fd_keep(struct inode *inode)
{
	struct upper *up = upper_of(inode);
	struct upper_node *n = upper_node(inode);
	int fd = upper_fd(inode, true);

	if (fd < 0)
		return fd;
	lock_acquire(&up->fd_lock);
	n->fd_users--;
	if (!n->fd_kept) {
		n->fd_kept = true;
		list_del(&n->fd_link);
		list_init(&n->fd_link);
		up->n_fds--;
	}
	lock_release(&up->fd_lock);
	return 0;
}

void upper_fd_close(struct inode *inode)
{
	struct upper *up = upper_of(inode);
	struct upper_node *n = upper_node(inode);
	int fd;

	lock_acquire(&up->fd_lock);
	fd = n->fd;
	n->fd = -1;
	if (fd >= 0 && !n->fd_kept)
		up->n_fds--;
	list_del(&n->fd_link);
	list_init(&n->fd_link);
	lock_release(&up->fd_lock);
	host_close(fd);
}

/* --- places ------------------------------------------------------------------------------------------------------------------ */

int upper_set_place(struct inode *inode, int where, struct inode *parent, const char *name)
{
	struct upper *up = upper_of(inode);
	struct upper_node *n = upper_node(inode);
	struct inode *old_parent;
	char *copy = name ? strdup(name) : NULL, *old_name;

	if (name && !copy)
		return -ENOMEM;
	if (n->aside)
		host_unlink(up->work, n->name, false);
	n->aside = false;
	if (parent)
		inode_get(parent);
	lock_acquire(&up->fd_lock);
	old_parent = n->parent;
	old_name = n->name;
	n->where = where;
	n->parent = parent;
	n->name = copy;
	if (n->fd_kept && where != UPPER_NOWHERE) { /* it has a name again */
		n->fd_kept = false;
		list_add(&n->fd_link, &up->fds);
		up->n_fds++;
	}
	lock_release(&up->fd_lock);
	free(old_name);
	if (old_parent)
		inode_put(old_parent);
	return 0;
}

static int copy_place(struct inode *inode, char *name, struct inode **parent)
{
	struct upper *up = upper_of(inode);
	struct upper_node *n = upper_node(inode);

	LOCK_SCOPE(&up->fd_lock);
	*parent = NULL;
	if (n->where == UPPER_NOWHERE || !n->name || strlen(n->name) > VFS_NAME_MAX)
		return -ENOENT;
	strcpy(name, n->name);
	if (n->where == UPPER_IN_WORK)
		return up->work;
	if (n->where == UPPER_IN_INDEX)
		return up->index;
	*parent = n->parent;
	if (*parent)
		inode_get(*parent);
	return *parent ? 0 : up->top;
}

/* Open *inode*'s object beneath *pfd* and see that it is the one; pinned. */
static int open_at(struct inode *inode, int pfd, const char *name)
{
	bool dir = S_ISDIR(inode->mode);
	int flags = dir ? O_RDONLY | O_DIRECTORY : O_RDWR | O_NONBLOCK | O_NOCTTY;
	struct platform *p = inode->sb->kernel->platform;
	struct statx st;
	int fd, r;

	platform_host_block_begin(p);
	fd = host_open_beneath(pfd, name, inode->sb->read_only && !dir ? O_RDONLY | O_NONBLOCK | O_NOCTTY : flags, 0);
	r = fd < 0 ? fd : host_stat(fd, "", &st);
	platform_host_block_end(p);
	if (r >= 0 && st.stx_ino != upper_node(inode)->host_ino)
		r = -EUCLEAN; /* somebody else was here */
	if (r < 0) {
		host_close(fd);
		return r == -EMFILE ? -ENFILE : r;
	}
	return install(inode, fd, 1);
}

struct chain { /* from the wanted node up, each held */
	struct inode **nodes;
	size_t n, room;
};

static int chain_add(struct chain *c, struct inode *inode)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 16;
		struct inode **p = reallocarray(c->nodes, room, sizeof(struct inode *));

		if (!p)
			return -ENOMEM;
		c->nodes = p;
		c->room = room;
	}
	inode_get(inode);
	c->nodes[c->n++] = inode;
	return 0;
}

/* Go up to what has a descriptor: pinned in *holder*, or one of the store's own (NULL). */
static int climb(struct inode *inode, struct chain *c, struct inode **holder)
{
	struct inode *at = inode;
	char name[VFS_NAME_MAX + 1];

	inode_get(at);
	for (;;) {
		struct inode *parent;
		int fd = try_pin(at), r;

		if (fd >= 0) {
			*holder = at; /* held */
			return fd;
		}
		r = chain_add(c, at);
		fd = r < 0 ? r : copy_place(at, name, &parent);
		inode_put(at);
		*holder = NULL;
		if (fd < 0 || !parent)
			return fd;
		at = parent;
	}
}

/* The tree lock is held. */
static int open_node(struct inode *inode)
{
	struct inode *holder = NULL;
	struct chain c = {0};
	int fd = climb(inode, &c, &holder);

	for (size_t i = c.n; fd >= 0 && i > 0; i--) {
		struct inode *node = c.nodes[i - 1], *parent;
		char name[VFS_NAME_MAX + 1];
		int next = copy_place(node, name, &parent);

		if (parent)
			inode_put(parent);
		next = next < 0 ? next : open_at(node, fd, name);
		if (holder) {
			upper_fd_put(holder);
			inode_put(holder);
		}
		holder = next < 0 ? NULL : node;
		if (holder)
			inode_get(holder);
		fd = next;
	}
	if (holder)
		inode_put(holder); /* stays pinned */
	while (c.n > 0)
		inode_put(c.nodes[--c.n]);
	free(c.nodes);
	return fd;
}

int upper_fd(struct inode *inode, bool tree)
{
	struct upper *up = upper_of(inode);
	int fd = try_pin(inode);

	if (fd >= 0)
		return fd;
	if (!tree)
		lock_acquire(&up->tree);
	fd = open_node(inode);
	if (!tree)
		lock_release(&up->tree);
	return fd;
}

int upper_place_get(struct inode *inode, char *name, struct inode **parent)
{
	int fd = copy_place(inode, name, parent);

	if (fd < 0 || !*parent)
		return fd;
	fd = upper_fd(*parent, true);
	if (fd < 0) {
		inode_put(*parent);
		*parent = NULL;
	}
	return fd;
}

void upper_place_put(struct inode *parent)
{
	if (!parent)
		return;
	upper_fd_put(parent);
	inode_put(parent);
}
