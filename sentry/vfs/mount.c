/* SPDX-License-Identifier: MIT */
/* Mounts: the tree of super blocks. Changes take the namespace's lock for writing; crossing a mount point for reading. */
#include "kernel/task.h"
#include "vfs/internal.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define MOUNTS_MAX 4096

struct mount_ns *mount_ns_alloc(void)
{
	struct mount_ns *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return NULL;
	refs_init(&ns->refs);
	rwlock_init(&ns->lock, RANK_MOUNTS);
	list_init(&ns->mounts);
	ns->next_id = 20;
	wait_queue_init(&ns->event_wait);
	return ns;
}

void mount_get(struct mount *m)
{
	refs_get(&m->refs);
}

void mount_put(struct mount *m)
{
	while (m && refs_put(&m->refs)) {
		struct mount *parent = m->parent;

		dentry_put(m->root);
		if (m->mountpoint)
			dentry_put(m->mountpoint);
		super_deactivate(m->sb);
		super_put(m->sb);
		free(m);
		m = parent;
	}
}

void path_get(const struct path *p)
{
	if (p->mnt)
		mount_get(p->mnt);
	dentry_get(p->dentry);
}

void path_put(struct path *p)
{
	if (p->dentry)
		dentry_put(p->dentry);
	if (p->mnt)
		mount_put(p->mnt);
	*p = (struct path){0};
}

bool mount_read_only(const struct mount *m)
{
	return (m->flags & MS_RDONLY) || m->sb->read_only;
}

bool mount_may_suid(struct task *t, const struct path *p)
{
	const struct mount *m = p->mnt;

	if (!m || (m->flags & MS_NOSUID))
		return false;
	return !m->sb->user_ns || cred_in_user_ns(t->cred, m->sb->user_ns);
}

/* The mount on *dentry* of *mnt*; the newest if several. ns->lock is held. */
static struct mount *find_child(struct mount_ns *ns, const struct mount *mnt, const struct dentry *dentry)
{
	struct list_head *pos;

	for (pos = ns->mounts.prev; pos != &ns->mounts; pos = pos->prev) {
		struct mount *m = container_of(pos, struct mount, link);

		if (m->parent == mnt && m->mountpoint == dentry)
			return m;
	}
	return NULL;
}

struct mount *mount_lookup(const struct path *p)
{
	struct mount_ns *ns = p->mnt ? p->mnt->ns : NULL;
	struct mount *m;

	if (!ns || !p->dentry->n_mounts)
		return NULL;
	rwlock_read(&ns->lock);
	m = find_child(ns, p->mnt, p->dentry);
	if (m)
		mount_get(m);
	rwlock_release(&ns->lock);
	return m;
}

static struct mount *mount_alloc(struct super_block *sb, struct dentry *root, unsigned flags)
{
	struct mount *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	refs_init(&m->refs);
	list_init(&m->link);
	m->sb = sb;
	m->root = root;
	dentry_get(root);
	m->flags = flags;
	super_activate(sb);
	return m;
}

static void tree_changed(struct mount_ns *ns)
{
	atomic_fetch_add(&ns->event, 1);
	wait_queue_wake(&ns->event_wait, EPOLLERR | EPOLLPRI);
}

/* Put *m* into the tree at *at*; ns->lock is held for writing. Takes over the caller's reference. */
static int attach(struct mount_ns *ns, const struct path *at, struct mount *m)
{
	struct inode *dir = at->dentry->inode;
	int r = 0;

	lock_acquire(&dir->lock);
	if (dir->dead || (at->dentry->unhashed && at->dentry->parent != at->dentry))
		r = -ENOENT;
	else
		at->dentry->n_mounts++;
	lock_release(&dir->lock);
	if (r < 0)
		return r;
	m->parent = at->mnt;
	mount_get(at->mnt);
	m->mountpoint = at->dentry;
	dentry_get(at->dentry);
	m->ns = ns;
	m->id = ns->next_id++;
	list_add_tail(&m->link, &ns->mounts);
	tree_changed(ns);
	return 0;
}

/* Take *m* out of the tree; ns->lock is held for writing. The list's reference passes to the caller. */
static void detach(struct mount *m)
{
	if (m->ns)
		tree_changed(m->ns);
	list_del(&m->link);
	if (m->mountpoint)
		m->mountpoint->n_mounts--;
	m->ns = NULL;
}

static unsigned count_mounts(const struct mount_ns *ns)
{
	unsigned n = 0;

	for (const struct list_head *pos = ns->mounts.next; pos != &ns->mounts; pos = pos->next)
		n++;
	return n;
}

/* The topmost place at *at* (mounts may be stacked), held. ns->lock is held. */
static struct path topmost(struct mount_ns *ns, const struct path *at)
{
	struct path p = *at;
	struct mount *m;

	while ((m = find_child(ns, p.mnt, p.dentry)))
		p = (struct path){.mnt = m, .dentry = m->root};
	path_get(&p);
	return p;
}

static int attach_top(struct mount_ns *ns, const struct path *at, struct mount *m)
{
	PATH_SCOPE p = {0};

	if (count_mounts(ns) >= MOUNTS_MAX)
		return -ENOSPC;
	p = topmost(ns, at);
	if (S_ISDIR(m->root->inode->mode) != S_ISDIR(p.dentry->inode->mode))
		return -ENOTDIR;
	return attach(ns, &p, m);
}

int mount_add(struct mount_ns *ns, const struct path *at, struct super_block *sb, struct dentry *root, unsigned flags,
	      struct mount **ret)
{
	struct mount *m;
	int r = 0;

	if (!root)
		root = sb->root;
	m = root ? mount_alloc(sb, root, flags) : NULL;
	if (!m)
		return root ? -ENOMEM : -ENODEV;
	rwlock_write(&ns->lock);
	if (at && at->mnt) {
		r = at->mnt->ns == ns ? attach_top(ns, at, m) : -EINVAL;
	} else {
		m->ns = ns;
		m->id = ns->next_id++;
		list_add_tail(&m->link, &ns->mounts);
		ns->root = m;
	}
	if (!r && ret) {
		mount_get(m);
		*ret = m;
	}
	rwlock_release(&ns->lock);
	if (r < 0) {
		super_get(sb); /* the caller keeps his reference on failure */
		mount_put(m);
	}
	return r;
}

static bool has_children(struct mount_ns *ns, const struct mount *m)
{
	for (struct list_head *pos = ns->mounts.next; pos != &ns->mounts; pos = pos->next)
		if (container_of(pos, struct mount, link)->parent == m)
			return true;
	return false;
}

/* Detach *m* and all below it; collects them in *gone*. ns->lock is held for writing. */
static void detach_tree(struct mount_ns *ns, struct mount *m, struct list_head *gone)
{
	struct mount *c, *tmp;
	bool again;

	detach(m);
	list_add_tail(&m->link, gone);
	do { /* children stand behind their parents in mount order, except after moves */
		again = false;
		list_for_each_entry_safe(c, tmp, &ns->mounts, link) {
			if (c->parent && !c->parent->ns) {
				detach(c);
				list_add_tail(&c->link, gone);
				again = true;
			}
		}
	} while (again);
}

int mount_remove(struct task *t, const struct path *at, int flags)
{
	struct mount *m = at->mnt, *tmp;
	struct mount_ns *ns = m->ns;
	struct list_head gone;
	int r = 0;

	if (!ns || at->dentry != m->root || !m->parent)
		return -EINVAL;
	list_init(&gone);
	rwlock_write(&ns->lock);
	if (m->ns != ns)
		r = -EINVAL;
	/* References: the list's, the caller's; more are open files and directories in use. */
	else if (!(flags & MNT_DETACH) && (has_children(ns, m) || refs_read(&m->refs) > 2))
		r = -EBUSY;
	else
		detach_tree(ns, m, &gone);
	rwlock_release(&ns->lock);
	list_for_each_entry_safe(m, tmp, &gone, link) {
		list_del(&m->link);
		mount_put(m);
	}
	return r;
}

/* A copy of *from* showing *root*; unattached. */
static struct mount *clone_mount(struct mount *from, struct dentry *root)
{
	struct mount *m;

	super_get(from->sb);
	m = mount_alloc(from->sb, root, from->flags);
	if (!m)
		super_put(from->sb);
	return m;
}

/* Copy the mounts below *from* (those inside the bound subtree) onto the copy *to*. ns->lock is held for writing. */
static int clone_children(struct mount_ns *ns, struct mount *from, struct mount *to, unsigned depth)
{
	struct list_head *pos, *last = ns->mounts.prev;
	int r = 0;

	for (pos = ns->mounts.next; !r; pos = pos->next) {
		struct mount *c = container_of(pos, struct mount, link), *copy;

		if (c->parent == from && c != to && d_is_ancestor(to->root, c->mountpoint)) {
			struct path at = {.mnt = to, .dentry = c->mountpoint};

			copy = depth < 64 && count_mounts(ns) < MOUNTS_MAX ? clone_mount(c, c->root) : NULL;
			if (!copy)
				return -ENOMEM;
			r = attach(ns, &at, copy);
			if (r < 0)
				mount_put(copy);
			else
				r = clone_children(ns, c, copy, depth + 1);
		}
		if (pos == last)
			break;
	}
	return r;
}

int mount_bind(const struct path *from, const struct path *at, unsigned flags)
{
	struct mount_ns *ns = at->mnt->ns;
	struct mount *m = clone_mount(from->mnt, from->dentry);
	int r;

	if (!m)
		return -ENOMEM;
	if (!ns || from->mnt->ns != ns) {
		mount_put(m);
		return -EINVAL;
	}
	rwlock_write(&ns->lock);
	r = attach_top(ns, at, m);
	if (!r && (flags & MS_REC))
		r = clone_children(ns, from->mnt, m, 0);
	else if (r < 0)
		mount_put(m);
	rwlock_release(&ns->lock);
	return r;
}

int mount_move(const struct path *from, const struct path *at)
{
	struct mount *m = from->mnt, *old_parent;
	struct mount_ns *ns = m->ns;
	struct dentry *old_point;
	int r = 0;

	if (!ns || at->mnt->ns != ns || from->dentry != m->root || !m->parent)
		return -EINVAL;
	if (S_ISDIR(m->root->inode->mode) != S_ISDIR(at->dentry->inode->mode))
		return -EINVAL;
	rwlock_write(&ns->lock);
	for (struct mount *p = at->mnt; p && !r; p = p->parent)
		r = p == m ? -ELOOP : 0;
	if (!r) {
		old_parent = m->parent;
		old_point = m->mountpoint;
		list_del(&m->link);
		r = attach(ns, at, m);
		if (r < 0)
			list_add_tail(&m->link, &ns->mounts);
	}
	rwlock_release(&ns->lock);
	if (!r) {
		old_point->n_mounts--;
		dentry_put(old_point);
		mount_put(old_parent);
	}
	return r;
}
