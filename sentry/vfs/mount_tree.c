/* SPDX-License-Identifier: MIT */
/* Whole trees of mounts: copies, bind mounts, moves. */
#include "kernel/task.h"
#include "vfs/internal.h"

#include <sys/mount.h>
#include <sys/stat.h>

/* --- copies
 * ------------------------------------------------------------------------------------------------------------------ */

/* Where a copy stands among peers and masters. */
static void inherit_propagation(struct mount *from, struct mount *m, unsigned how)
{
	if ((how & COPY_SLAVE) || ((how & COPY_SHARED_SLAVE) && from->group)) {
		m->master = from;
		list_add(&m->slave_link, &from->slaves);
	} else if (!(how & COPY_PRIVATE)) {
		if (from->group) {
			m->group = from->group;
			list_add(&m->peers, &from->peers);
		}
		if (from->master) {
			m->master = from->master;
			list_add(&m->slave_link, &from->slave_link);
		}
	}
	if ((how & COPY_SHARED) && !m->group)
		propagation_set(m, MS_SHARED);
}

int mount_copy_one(struct mount *from, struct dentry *root, unsigned how, struct mount **ret)
{
	struct mount *m;

	super_get(from->sb);
	m = mount_alloc(from->sb, root, from->flags);
	if (!m) {
		super_put(from->sb);
		return -ENOMEM;
	}
	inherit_propagation(from, m, how);
	*ret = m;
	return 0;
}

void mount_free_tree(struct mount *m)
{
	for (;;) {
		struct mount *leaf = m, *parent;

		while (!list_empty(&leaf->children))
			leaf = list_first(&leaf->children, struct mount, child_link);
		parent = leaf == m ? NULL : leaf->parent;
		propagation_set(leaf, MS_PRIVATE);
		if (parent)
			mount_unhook(leaf);
		mount_put(leaf); /* with it its hold on the parent */
		if (!parent)
			return;
	}
}

/* The mount namespace that *d* is the file of (fs/nsfs.c), or NULL. */
static const struct ns_head *mount_ns_of_file(const struct dentry *d)
{
	const struct ns_head *h = d->sb == d->sb->kernel->nsfs ? d->inode->priv : NULL;

	return h && h->kind == NS_MNT ? h : NULL;
}

/* Is the child *c* of a bound tree left out? -EPERM: it hides something and must not be left out. */
static int left_out(const struct mount *c, unsigned how)
{
	/* A namespace does not get files of others by being copied: they would keep each other. */
	if ((how & COPY_UNBINDABLE) && mount_ns_of_file(c->root))
		return 1;
	if ((how & COPY_UNBINDABLE) || !c->unbindable)
		return 0;
	return c->flags & MNT_LOCKED ? -EPERM : 1;
}

static int copy_children(struct mount *m, struct dentry *root, unsigned how, struct mount *top)
{
	struct mount *c = m, *copy;
	int r;

	/* Depth first; a copy's parent is the copy of its parent. */
	m->copy = top;
	for (;;) {
		bool skip = false;

		if (c != m) {
			skip = c->parent == m && !d_is_ancestor(root, c->mountpoint);
			r = skip ? 0 : left_out(c, how);
			if (r < 0)
				return r;
			skip |= r > 0;
			if (!skip) {
				r = mount_copy_one(c, c->root, how, &copy);
				if (r)
					return r;
				mount_hook(copy, c->parent->copy, c->mountpoint);
				c->copy = copy;
			}
		}
		if (!skip && !list_empty(&c->children)) {
			c = list_first(&c->children, struct mount, child_link);
			continue;
		}
		while (c != m && c->child_link.next == &c->parent->children)
			c = c->parent;
		if (c == m)
			return 0;
		c = container_of(c->child_link.next, struct mount, child_link);
	}
}

int mount_copy_tree(struct mount *m, struct dentry *root, unsigned how, struct mount **ret)
{
	struct mount *top;
	int r;

	if (how & COPY_UNBINDABLE ? mount_ns_of_file(m->root) != NULL : m->unbindable)
		return -EINVAL; /* nor does the file of a mount namespace spread to others */
	r = mount_copy_one(m, root, how, &top);
	if (r)
		return r;
	r = copy_children(m, root, how, top);
	if (r)
		mount_free_tree(top);
	else
		*ret = top;
	return r;
}

static unsigned count_tree(struct mount *top)
{
	unsigned n = 0;

	for (struct mount *m = top; m; m = mount_next(m, top))
		n++;
	return n;
}

void mount_lock_tree(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		unsigned f = m->flags, lock = MNT_LOCK_ATIME;

		if (f & MS_RDONLY)
			lock |= MNT_LOCK_RDONLY;
		if (f & MS_NODEV)
			lock |= MNT_LOCK_NODEV;
		if (f & MS_NOSUID)
			lock |= MNT_LOCK_NOSUID;
		if (f & MS_NOEXEC)
			lock |= MNT_LOCK_NOEXEC;
		m->flags |= lock | (m == top ? 0 : MNT_LOCKED);
	}
}

/* --- bind and move
 * ------------------------------------------------------------------------------------------------------------ */

/* The last steps of putting a tree at *at*: kinds agree, there is room. The lock is held. */
static int attach_tree(struct mount_ns *ns, const struct path *at, struct mount *m)
{
	struct path p;

	if (ns->n_mounts + count_tree(m) > MOUNTS_MAX)
		return -ENOSPC;
	p = mount_topmost(at);
	if (S_ISDIR(m->root->inode->mode) != S_ISDIR(p.dentry->inode->mode))
		return -ENOTDIR;
	return propagation_attach(ns, &p, m);
}

static bool has_locked_children(struct mount *m, struct dentry *root)
{
	struct mount *c;

	list_for_each_entry (c, &m->children, child_link)
		if ((c->flags & MNT_LOCKED) && d_is_ancestor(root, c->mountpoint))
			return true;
	return false;
}

/* The file of a namespace, which has no place in any tree. */
static bool is_nsfs(const struct path *p)
{
	return !p->mnt && p->dentry->sb == p->dentry->sb->kernel->nsfs;
}

static int copy_for_bind(struct task *t, const struct path *from, unsigned flags, struct mount **ret)
{
	const struct ns_head *file_of;
	struct mount *m;

	if (is_nsfs(from)) {
		file_of = mount_ns_of_file(from->dentry);
		if (file_of && file_of->inum <= task_mount_ns(t)->head.inum)
			return -EINVAL; /* only a younger one: no two can hold each other */
		super_get(from->dentry->sb);
		m = mount_alloc(from->dentry->sb, from->dentry, 0);
		if (!m)
			super_put(from->dentry->sb);
		*ret = m;
		return m ? 0 : -ENOMEM;
	}
	if (from->mnt->ns != task_mount_ns(t) || from->mnt->unbindable)
		return -EINVAL;
	if (flags & MS_REC)
		return mount_copy_tree(from->mnt, from->dentry, 0, ret);
	return has_locked_children(from->mnt, from->dentry) ? -EINVAL : mount_copy_one(from->mnt, from->dentry, 0, ret);
}

int mount_bind(struct task *t, const struct path *from, const struct path *at, unsigned flags)
{
	struct mount_ns *ns = task_mount_ns(t);
	struct mount *m = NULL;
	int r;

	if (!from->mnt && !is_nsfs(from))
		return -EINVAL;
	mount_write_lock(t->kernel);
	r = at->mnt->ns == ns ? copy_for_bind(t, from, flags, &m) : -EINVAL;
	if (!r) {
		m->flags &= ~MNT_LOCKED;
		r = attach_tree(ns, at, m);
	}
	mount_unlock(t->kernel);
	if (r && m) {
		mount_write_lock(t->kernel);
		mount_free_tree(m);
		mount_unlock(t->kernel);
	}
	return r;
}

static bool tree_has_unbindable(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top))
		if (m->unbindable)
			return true;
	return false;
}

/* The lock is held. */
static int may_move(struct task *t, const struct path *from, const struct path *at)
{
	struct mount_ns *ns = task_mount_ns(t);
	struct mount *m = from->mnt;

	if (!ns || m->ns != ns || at->mnt->ns != ns || from->dentry != m->root || !m->parent || (m->flags & MNT_LOCKED))
		return -EINVAL;
	if (S_ISDIR(m->root->inode->mode) != S_ISDIR(at->dentry->inode->mode) || m->parent->group)
		return -EINVAL;
	if (at->mnt->group && tree_has_unbindable(m))
		return -EINVAL;
	for (const struct mount *p = at->mnt; p; p = p->parent)
		if (p == m)
			return -ELOOP;
	return 0;
}

int mount_move(struct task *t, const struct path *from, const struct path *at)
{
	struct mount *m = from->mnt, *old_parent;
	struct dentry *old_point;
	struct path p;
	int r;

	if (!m)
		return -EINVAL;
	mount_write_lock(t->kernel);
	r = may_move(t, from, at);
	if (r) {
		mount_unlock(t->kernel);
		return r;
	}
	old_parent = m->parent;
	old_point = m->mountpoint;
	mount_unhook(m);
	p = mount_topmost(at);
	r = propagation_attach(m->ns, &p, m);
	if (r) {
		mount_hook(m, old_parent, old_point);
		mount_tree_changed(m->ns);
	}
	mount_unlock(t->kernel);
	dentry_put(old_point);
	mount_put(old_parent);
	return r;
}

int mount_set_propagation(struct task *t, const struct path *at, unsigned flags)
{
	unsigned type = flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE);
	struct mount *top = at->mnt;
	int r = 0;

	if ((type & (type - 1)) || (flags & ~(type | MS_REC | MS_SILENT)) || at->dentry != top->root)
		return -EINVAL;
	mount_write_lock(t->kernel);
	if (top->ns != task_mount_ns(t)) {
		r = -EINVAL;
	} else {
		for (struct mount *m = top; m; m = flags & MS_REC ? mount_next(m, top) : NULL)
			propagation_set(m, type);
		mount_tree_changed(top->ns);
	}
	mount_unlock(t->kernel);
	return r;
}

/* How access times are kept; relatime is what goes without saying. */
static unsigned atime_mode(unsigned flags)
{
	unsigned mode = flags & (MS_STRICTATIME | MS_NODIRATIME);

	return flags & MS_STRICTATIME ? mode : mode | (flags & MS_NOATIME);
}

/* The lock is held. */
static int set_flags(struct task *t, const struct path *at, unsigned flags)
{
	static const struct {
		unsigned lock, flag;
	} locks[] = {{MNT_LOCK_RDONLY, MS_RDONLY}, {MNT_LOCK_NODEV, MS_NODEV}, {MNT_LOCK_NOSUID, MS_NOSUID},
		{MNT_LOCK_NOEXEC, MS_NOEXEC}};
	struct mount *m = at->mnt;
	unsigned old = m->flags;

	if (at->dentry != m->root || m->ns != task_mount_ns(t))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
		if ((old & locks[i].lock) && !(flags & locks[i].flag))
			return -EPERM;
	/* Without a word about it access times stay as they are. */
	if (!(flags & MNT_ATIME_FLAGS))
		flags |= old & MNT_ATIME_FLAGS;
	if ((old & MNT_LOCK_ATIME) && atime_mode(flags) != atime_mode(old))
		return -EPERM;
	m->flags = flags | (old & (MNT_LOCKED | MNT_LOCK_RDONLY | MNT_LOCK_NOSUID | MNT_LOCK_NODEV | MNT_LOCK_NOEXEC |
					  MNT_LOCK_ATIME));
	mount_tree_changed(m->ns);
	return 0;
}

int mount_set_flags(struct task *t, const struct path *at, unsigned flags)
{
	int r;

	mount_write_lock(t->kernel);
	r = set_flags(t, at, flags);
	mount_unlock(t->kernel);
	return r;
}
