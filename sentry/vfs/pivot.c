/* SPDX-License-Identifier: MIT */
/* pivot_root(2). */
#include "kernel/task.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"

/* Does the place lie below *top*, or is it *top*? The lock is held. */
static bool reachable(const struct path *p, const struct path *top)
{
	struct mount *m = p->mnt;
	struct dentry *d = p->dentry;

	while (m != top->mnt && m->parent) {
		d = m->mountpoint;
		m = m->parent;
	}
	return m == top->mnt && d_is_ancestor(top->dentry, d);
}

static int may_pivot(
	struct mount_ns *ns, const struct path *root, const struct path *new_root, const struct path *put_old)
{
	const struct mount *n = new_root->mnt, *o = put_old->mnt, *r = root->mnt;

	if (o->group || (n->parent && n->parent->group) || (r->parent && r->parent->group))
		return -EINVAL;
	if (r->ns != ns || n->ns != ns || o->ns != ns || (n->flags & MNT_LOCKED))
		return -EINVAL;
	if (n == r || o == r)
		return -EBUSY;
	if (root->dentry != r->root || new_root->dentry != n->root || !n->parent)
		return -EINVAL;
	return reachable(put_old, new_root) && reachable(new_root, root) ? 0 : -EINVAL;
}

/* A reference to a mount's place, to be put when the lock is gone. */
static void forget_place(struct mount *m, struct path *old)
{
	mount_unhook(m);
	*old = (struct path){.mnt = m->parent, .dentry = m->mountpoint};
	m->parent = NULL;
	m->mountpoint = NULL;
}

static void swap_roots(struct mount_ns *ns, const struct path *root, const struct path *new_root,
	const struct path *put_old, struct path old[2])
{
	struct mount *r = root->mnt, *n = new_root->mnt;

	forget_place(n, &old[0]);
	if (r->parent)
		forget_place(r, &old[1]);
	if (r->flags & MNT_LOCKED) {
		n->flags |= MNT_LOCKED;
		r->flags &= ~MNT_LOCKED;
	}
	mount_hook(r, put_old->mnt, put_old->dentry);
	if (old[1].mnt)
		mount_hook(n, old[1].mnt, old[1].dentry);
	else
		ns->root = n;
	mount_tree_changed(ns);
}

struct pivot {
	const struct path *from, *to;
};

/* Whoever stood at the old root stands at the new one. */
static int move_refs(struct thread_group *tg, void *arg)
{
	struct pivot *pv = arg;
	struct fs_context *fs[64];
	unsigned n = 0;
	struct task *t;

	lock_acquire(&tg->kernel->tasklist_lock);
	list_for_each_entry (t, &tg->threads, tg_link) {
		lock_acquire(&t->cred_lock);
		if (t->fs && n < 64 && (!n || fs[n - 1] != t->fs)) {
			refs_get(&t->fs->refs);
			fs[n++] = t->fs;
		}
		lock_release(&t->cred_lock);
	}
	lock_release(&tg->kernel->tasklist_lock);
	while (n > 0) {
		fs_context_replace(fs[--n], pv->from, pv->to);
		fs_context_put(fs[n]);
	}
	return 0;
}

int mount_pivot(struct task *t, const struct path *new_root, const struct path *put_old)
{
	struct pivot pv = {.to = new_root};
	struct path root, old[2] = {{0}};
	int r;

	names_off(t->kernel);
	fs_get_root(t, &root);
	pv.from = &root;
	mount_write_lock(t->kernel);
	r = may_pivot(task_mount_ns(t), &root, new_root, put_old);
	if (!r)
		swap_roots(task_mount_ns(t), &root, new_root, put_old, old);
	mount_unlock(t->kernel);
	if (!r)
		tg_for_each(t->kernel, move_refs, &pv);
	path_put(&old[0]);
	path_put(&old[1]);
	path_put(&root);
	return r;
}
