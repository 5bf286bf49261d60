/* SPDX-License-Identifier: MIT */
/* Names of unix sockets: nodes of the file system, abstract names, and names made up by autobind. */
#include "net/netns.h"
#include "net/unix.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUN_PATH_OFF offsetof(struct sockaddr_un, sun_path)

static struct unix_name *name_alloc(const void *path, size_t path_len)
{
	struct unix_name *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	refs_init(&n->refs);
	n->un.sun_family = AF_UNIX;
	memcpy(n->un.sun_path, path, path_len);
	n->len = (uint32_t)(SUN_PATH_OFF + path_len);
	return n;
}

struct unix_name *unix_name_get(struct unix_name *n)
{
	if (n)
		refs_get(&n->refs);
	return n;
}

void unix_name_put(struct unix_name *n)
{
	if (n && refs_put(&n->refs))
		free(n);
}

/* The path of a pathname address, NUL-terminated; its length. dst holds sizeof(sun_path) + 1 bytes. */
static size_t path_of(const struct net_addr *addr, char *dst)
{
	size_t len = addr->len - SUN_PATH_OFF;

	memcpy(dst, addr->un.sun_path, len);
	dst[len] = '\0';
	return strlen(dst);
}

static int check_addr(const struct net_addr *addr)
{
	if (addr->len <= SUN_PATH_OFF || addr->len > sizeof(struct sockaddr_un) || addr->sa.sa_family != AF_UNIX)
		return -EINVAL;
	return 0;
}

static bool is_abstract(const struct net_addr *addr)
{
	return addr->un.sun_path[0] == '\0';
}

/* --- abstract names ---------------------------------------------------------------------------------------------- */

/* Each type of socket has names of its own. */
static struct list_head *bucket(struct net_state *net, const struct sockaddr_un *un, uint32_t len, int type)
{
	uint32_t h = 2166136261u ^ (uint32_t)type;

	for (uint32_t i = 0; i < len - SUN_PATH_OFF; i++)
		h = (h ^ (uint8_t)un->sun_path[i]) * 16777619u;
	return &net->names[(h ^ h >> 16) % UNIX_HASH_SIZE];
}

/* names_lock held. */
static struct unix_sock *find_name(struct net_state *net, const struct net_ns *ns, const struct sockaddr_un *un, uint32_t len,
				   int type)
{
	struct unix_sock *u;

	list_for_each_entry(u, bucket(net, un, len, type), name_link)
		if (u->sock.type == type && u->sock.net_ns == ns && u->name->len == len &&
			memcmp(u->name->un.sun_path, un->sun_path, len - SUN_PATH_OFF) == 0)
			return u;
	return NULL;
}

/* Give *u* the name *n* (taken over on success), and enter it in the table. u->lock held. */
static int set_abstract(struct unix_sock *u, struct unix_name *n)
{
	struct net_state *net = u->net;

	LOCK_SCOPE(&net->names_lock);
	if (find_name(net, u->sock.net_ns, &n->un, n->len, u->sock.type))
		return -EADDRINUSE;
	u->name = n;
	list_add(&u->name_link, bucket(net, &n->un, n->len, u->sock.type));
	return 0;
}

static int bind_abstract(struct unix_sock *u, const struct net_addr *addr)
{
	struct unix_name *n = name_alloc(addr->un.sun_path, addr->len - SUN_PATH_OFF);
	int err;

	if (!n)
		return -ENOMEM;
	lock_acquire(&u->lock);
	err = u->name ? -EINVAL : set_abstract(u, n);
	lock_release(&u->lock);
	if (err)
		unix_name_put(n);
	return err;
}

/* Five hexadecimal digits behind a NUL, unix(7). */
int unix_autobind(struct unix_sock *u)
{
	struct net_state *net = u->net;
	struct unix_name *n;
	char text[8];
	int err = -ENOSPC;

	for (unsigned tries = 0; tries <= 0xfffff; tries++) {
		snprintf(text, sizeof(text), "%c%05x", 0, atomic_fetch_add(&net->autobind_next, 1) & 0xfffff);
		n = name_alloc(text, 6);
		if (!n)
			return -ENOMEM;
		lock_acquire(&u->lock);
		err = u->name ? 0 : set_abstract(u, n);
		if (u->name == n)
			n = NULL;
		lock_release(&u->lock);
		unix_name_put(n);
		if (err != -EADDRINUSE)
			return err;
	}
	return err;
}

/* --- nodes ------------------------------------------------------------------------------------------------------- */

static int bind_path(struct task *t, struct unix_sock *u, const struct net_addr *addr)
{
	char name[sizeof(addr->un.sun_path) + 1];
	size_t len = path_of(addr, name);
	struct unix_name *n;
	struct path path = {0};
	int err;

	n = name_alloc(name, len < sizeof(addr->un.sun_path) ? len + 1 : len);
	if (!n)
		return -ENOMEM;
	n->len = (uint32_t)(SUN_PATH_OFF + len + 1);
	err = vfs_bind_socket(t, name, S_IFSOCK | 0777, &path);
	if (err) {
		unix_name_put(n);
		return err == -EEXIST ? -EADDRINUSE : err;
	}
	lock_acquire(&u->lock);
	if (u->name) {
		err = -EINVAL;
	} else {
		LOCK_SCOPE(&u->net->names_lock);
		u->name = n;
		u->path = path;
		atomic_store(&path.dentry->inode->bound, u);
	}
	lock_release(&u->lock);
	if (err) {
		unix_name_put(n);
		path_put(&path);
	}
	return err;
}

int unix_bind(struct task *t, struct socket *s, const struct net_addr *addr)
{
	struct unix_sock *u = unix_of(s);
	bool bound;
	int err;

	if (addr->len == SUN_PATH_OFF && addr->sa.sa_family == AF_UNIX)
		return unix_autobind(u);
	err = check_addr(addr);
	if (err)
		return err;
	if (is_abstract(addr))
		return bind_abstract(u, addr);
	lock_acquire(&u->lock);
	bound = u->name;
	lock_release(&u->lock);
	return bound ? -EINVAL : bind_path(t, u, addr);
}

void unix_unbind(struct unix_sock *u)
{
	struct net_state *net = u->net;
	struct path path;

	lock_acquire(&net->names_lock);
	list_del(&u->name_link);
	list_del(&u->all_link);
	path = u->path;
	u->path = (struct path){0};
	if (path.dentry && atomic_load(&path.dentry->inode->bound) == u)
		atomic_store(&path.dentry->inode->bound, NULL);
	lock_release(&net->names_lock);
	if (path.dentry)
		path_put(&path);
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

static struct unix_sock *tryget(struct unix_sock *u)
{
	return u && refs_tryget(&u->sock.refs) ? u : NULL;
}

static int find_path(struct task *t, const struct net_addr *addr, int type, struct unix_sock **ret)
{
	char name[sizeof(addr->un.sun_path) + 1];
	PATH_SCOPE path = {0};
	struct inode *inode;
	struct unix_sock *u;
	int err;

	path_of(addr, name);
	err = vfs_walk(t, AT_FDCWD, name, WALK_FOLLOW, &path);
	if (err)
		return err;
	inode = path.dentry->inode;
	err = inode_permission(t, inode, MAY_WRITE);
	if (err)
		return err;
	if (!S_ISSOCK(inode->mode))
		return -ECONNREFUSED;
	lock_acquire(&t->kernel->net->names_lock);
	u = tryget(atomic_load(&inode->bound));
	lock_release(&t->kernel->net->names_lock);
	if (!u)
		return -ECONNREFUSED;
	if (u->sock.type != type) {
		unix_put(u);
		return -EPROTOTYPE;
	}
	*ret = u;
	return 0;
}

int unix_find(struct task *t, const struct net_addr *addr, int type, struct unix_sock **ret)
{
	struct net_state *net = t->kernel->net;
	struct unix_sock *u;
	int err = check_addr(addr);

	if (err)
		return err;
	if (!is_abstract(addr))
		return find_path(t, addr, type, ret);
	lock_acquire(&net->names_lock);
	u = tryget(find_name(net, netns_of_task(t), &addr->un, addr->len, type));
	lock_release(&net->names_lock);
	if (!u)
		return -ECONNREFUSED;
	*ret = u;
	return 0;
}
