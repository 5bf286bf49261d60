/* SPDX-License-Identifier: MIT */
/* Mounts: places in the tree of super blocks. One lock for all mount namespaces; crossing a mount point takes it for
 * reading. */
#include "kernel/task.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define MOUNT_COST 512 /* bytes charged for a mount */

void mount_read_lock(struct kernel *k)
{
	rwlock_read(&k->dcache->mount_lock);
}

void mount_write_lock(struct kernel *k)
{
	rwlock_write(&k->dcache->mount_lock);
}

void mount_unlock(struct kernel *k)
{
	rwlock_release(&k->dcache->mount_lock);
}

void mount_get(struct mount *m)
{
	refs_get(&m->refs);
}

void mount_put(struct mount *m)
{
	while (m && refs_put(&m->refs)) {
		struct mount *parent = m->parent;

		kernel_uncharge(m->sb->kernel, MOUNT_COST);
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

	if (!m || (m->flags & MS_NOSUID) || m->ns != task_mount_ns(t))
		return false;
	return !m->sb->user_ns || cred_in_user_ns(t->cred, m->sb->user_ns);
}

struct mount_ns *task_mount_ns(const struct task *t)
{
	return t->nsproxy ? t->nsproxy->mnt : t->kernel->mounts;
}

/* --- looking up
 * ------------------------------------------------------------------------------------------------------------- */

static struct list_head *bucket(const struct mount *parent, const struct dentry *at)
{
	uintptr_t h = ((uintptr_t)parent >> 6) * 0x9e3779b97f4a7c15ull ^ ((uintptr_t)at >> 6) * 0xc2b2ae3d27d4eb4full;

	return &parent->sb->kernel->dcache->mount_hash[(h >> 32) % MOUNT_BUCKETS];
}

struct mount *mount_find_child(const struct mount *mnt, const struct dentry *dentry)
{
	struct mount *m;

	if (!dentry->n_mounts)
		return NULL;
	list_for_each_entry (m, bucket(mnt, dentry), hash)
		if (m->parent == mnt && m->mountpoint == dentry)
			return m;
	return NULL;
}

struct mount *mount_lookup(const struct path *p)
{
	struct kernel *k = p->dentry->sb->kernel;
	struct mount *m;

	if (!p->mnt || !p->mnt->ns || !p->dentry->n_mounts)
		return NULL;
	mount_read_lock(k);
	m = mount_find_child(p->mnt, p->dentry);
	if (m)
		mount_get(m);
	mount_unlock(k);
	return m;
}

struct path mount_topmost(const struct path *at)
{
	struct path p = *at;
	struct mount *m;

	while ((m = mount_find_child(p.mnt, p.dentry)))
		p = (struct path){.mnt = m, .dentry = m->root};
	return p;
}

struct mount *mount_next(struct mount *m, const struct mount *top)
{
	if (!list_empty(&m->children))
		return list_first(&m->children, struct mount, child_link);
	for (; m != top; m = m->parent)
		if (m->child_link.next != &m->parent->children)
			return container_of(m->child_link.next, struct mount, child_link);
	return NULL;
}

/* --- the tree
 * --------------------------------------------------------------------------------------------------------------- */

struct mount *mount_alloc(struct super_block *sb, struct dentry *root, unsigned flags)
{
	struct mount *m = kernel_charge(sb->kernel, MOUNT_COST) < 0 ? NULL : calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	refs_init(&m->refs);
	list_init(&m->link);
	list_init(&m->hash);
	list_init(&m->children);
	list_init(&m->child_link);
	propagation_init(m);
	m->sb = sb;
	m->root = root;
	dentry_get(root);
	m->flags = flags;
	super_activate(sb);
	return m;
}

void mount_tree_changed(struct mount_ns *ns)
{
	atomic_fetch_add(&ns->event, 1);
	wait_queue_wake(&ns->head.kernel->dcache->mount_wait, EPOLLERR | EPOLLPRI);
}

void mount_hook(struct mount *m, struct mount *parent, struct dentry *at)
{
	NAMES_CHANGE(m->sb->kernel);
	names_all(m->sb->kernel);
	m->parent = parent;
	mount_get(parent);
	m->mountpoint = at;
	dentry_get(at);
	at->n_mounts++;
	list_add_tail(&m->child_link, &parent->children);
	list_add(&m->hash, bucket(parent, at));
}

/* The references to parent and mount point are the caller's to put, after unlocking; or stay for who looks at a
 * detached tree. */
void mount_unhook(struct mount *m)
{
	NAMES_CHANGE(m->sb->kernel);

	if (!m->mountpoint)
		return;
	names_all(m->sb->kernel);
	m->mountpoint->n_mounts--;
	list_del(&m->child_link);
	list_del(&m->hash);
	list_init(&m->child_link);
	list_init(&m->hash);
}

static void enter_ns(struct mount_ns *ns, struct mount *m)
{
	struct dcache *dc = m->sb->kernel->dcache;

	m->ns = ns;
	m->id = ++dc->next_mount_id + 20;
	ns->n_mounts++;
	list_add_tail(&m->link, &ns->mounts);
}

int mount_attach(struct mount_ns *ns, const struct path *at, struct mount *m)
{
	struct inode *dir = at->dentry->inode;
	struct mount *c;
	int r = 0;

	lock_acquire(&dir->lock);
	if (dir->dead || (at->dentry->unhashed && at->dentry->parent != at->dentry))
		r = -ENOENT;
	else
		mount_hook(m, at->mnt, at->dentry);
	lock_release(&dir->lock);
	if (r < 0)
		return r;
	for (c = m; c; c = mount_next(c, m))
		if (!c->ns)
			enter_ns(ns, c);
	mount_tree_changed(ns);
	return 0;
}

void mount_enter_ns(struct mount_ns *ns, struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top))
		enter_ns(ns, m);
}

/* One mount out of the tree: its list reference goes to *gone*. */
static void take_out(struct mount *m, struct list_head *gone)
{
	struct mount_ns *ns = m->ns;

	propagation_set(m, MS_PRIVATE);
	if ((m->flags & MNT_LOCKED) && m->parent)
		m->parent->hides = true;
	mount_unhook(m);
	list_del(&m->link);
	m->ns = NULL;
	ns->n_mounts--;
	list_add_tail(&m->link, gone);
}

void mount_take_down(struct mount *m, struct list_head *gone)
{
	struct mount_ns *ns = m->ns;

	/* Leaves first: the children's list is what the walk needs. */
	for (;;) {
		struct mount *leaf = m;

		while (!list_empty(&leaf->children))
			leaf = list_first(&leaf->children, struct mount, child_link);
		take_out(leaf, gone);
		if (leaf == m)
			break;
	}
	mount_tree_changed(ns);
}

void mount_put_gone(struct list_head *gone)
{
	struct mount *m, *tmp;

	list_for_each_entry_safe (m, tmp, gone, link) {
		list_del(&m->link);
		list_init(&m->link);
		mount_put(m);
	}
}

/* --- mounting and unmounting
 * ------------------------------------------------------------------------------------------------- */

static int add_root(struct mount_ns *ns, struct mount *m)
{
	enter_ns(ns, m);
	ns->root = m;
	return 0;
}

static int add_at(struct mount_ns *ns, const struct path *at, struct mount *m)
{
	struct path p;

	if (at->mnt->ns != ns)
		return -EINVAL;
	if (ns->n_mounts >= MOUNTS_MAX)
		return -ENOSPC;
	p = mount_topmost(at);
	if (p.mnt->sb == m->sb && p.dentry == p.mnt->root)
		return -EBUSY; /* the same thing there already */
	if (S_ISDIR(m->root->inode->mode) != S_ISDIR(p.dentry->inode->mode))
		return -ENOTDIR;
	return propagation_attach(ns, &p, m);
}

int mount_add(struct mount_ns *ns, const struct path *at, struct super_block *sb, struct dentry *root, unsigned flags,
	struct mount **ret)
{
	struct kernel *k = sb->kernel;
	struct mount *m;
	int r;

	if (!root)
		root = sb->root;
	m = root ? mount_alloc(sb, root, flags) : NULL;
	if (!m)
		return root ? -ENOMEM : -ENODEV;
	mount_write_lock(k);
	r = at && at->mnt ? add_at(ns, at, m) : add_root(ns, m);
	if (!r && ret) {
		mount_get(m);
		*ret = m;
	}
	mount_unlock(k);
	if (r < 0) {
		super_get(sb); /* the caller keeps his reference on failure */
		mount_put(m);
	}
	return r;
}

/* The lock is held. References: the list's, the caller's; more are open files and directories in use. */
static int may_remove(struct mount *m, int flags)
{
	if (flags & MNT_DETACH)
		return 0;
	if (!list_empty(&m->children) || refs_read(&m->refs) > 2)
		return -EBUSY;
	if ((flags & MNT_EXPIRE) && !atomic_exchange(&m->expiring, true))
		return -EAGAIN;
	return 0;
}

int mount_remove(struct task *t, const struct path *at, int flags)
{
	struct mount *m = at->mnt;
	struct list_head gone;
	struct path root;
	int r = 0;

	fs_get_root(t, &root);
	if (at->dentry != m->root || m->ns != task_mount_ns(t) || (m->flags & MNT_LOCKED))
		r = -EINVAL;
	else if ((flags & MNT_FORCE) && !task_capable(t, CAP_SYS_ADMIN))
		r = -EPERM;
	else if ((flags & MNT_EXPIRE) && (m == root.mnt || (flags & (MNT_FORCE | MNT_DETACH))))
		r = -EINVAL;
	else if (m == root.mnt && !(flags & MNT_DETACH))
		r = -EBUSY; /* Linux would make the root read only; it is in use here */
	path_put(&root);
	if (r)
		return r;
	list_init(&gone);
	mount_write_lock(t->kernel);
	if (m->ns != task_mount_ns(t) || !m->parent)
		r = -EINVAL;
	else
		r = may_remove(m, flags);
	if (!r) {
		propagation_take_down(m, &gone);
		mount_take_down(m, &gone);
	}
	mount_unlock(t->kernel);
	mount_put_gone(&gone);
	return r;
}
