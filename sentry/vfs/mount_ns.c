/* SPDX-License-Identifier: MIT */
/* Mount namespaces. mount_namespaces(7). */
#include "kernel/task.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

int mount_ns_create(struct kernel *k, struct user_ns *owner, bool initial, struct mount_ns **ret)
{
	struct mount_ns *ns = calloc(1, sizeof(*ns));
	int r = ns ? ns_head_init(k, &ns->head, NS_MNT, owner, initial) : -ENOMEM;

	if (r) {
		free(ns);
		return r;
	}
	if (!initial)
		names_off(k);
	refs_init(&ns->refs);
	list_init(&ns->mounts);
	*ret = ns;
	return 0;
}

void mount_ns_get(struct mount_ns *ns)
{
	refs_get(&ns->refs);
}

static void destroy(struct mount_ns *ns)
{
	struct list_head gone;

	list_init(&gone);
	mount_write_lock(ns->head.kernel);
	if (ns->root)
		mount_take_down(ns->root, &gone);
	mount_unlock(ns->head.kernel);
	mount_put_gone(&gone);
	ns_head_drop(&ns->head);
	free(ns);
}

void mount_ns_put(struct mount_ns *ns)
{
	if (ns && refs_put(&ns->refs))
		destroy(ns);
}

void mount_ns_put_late(struct mount_ns *ns)
{
	struct kernel *k = ns->head.kernel;
	struct dcache *dc = k->dcache;

	if (!refs_put(&ns->refs))
		return;
	mount_write_lock(k);
	list_add_tail(&ns->dead_link, &dc->dead_ns);
	if (!dc->freeing_ns) {
		dc->freeing_ns = true;
		while (!list_empty(&dc->dead_ns)) {
			ns = list_first(&dc->dead_ns, struct mount_ns, dead_link);
			list_del(&ns->dead_link);
			mount_unlock(k);
			destroy(ns);
			mount_write_lock(k);
		}
		dc->freeing_ns = false;
	}
	mount_unlock(k);
}

/* The copy of the mount that *p* stands on; as held as *p* was. */
static void move_path(const struct mount_ns *from, struct path *p)
{
	struct mount *copy = p->mnt && p->mnt->ns == from ? p->mnt->copy : NULL;

	if (!copy)
		return;
	mount_get(copy);
	mount_put(p->mnt); /* not the last: the old namespace has it */
	p->mnt = copy;
}

int mount_ns_copy(
	struct kernel *k, struct mount_ns *from, struct user_ns *owner, struct fs_context *fs, struct mount_ns **ret)
{
	unsigned how = COPY_UNBINDABLE | (from->head.owner != owner ? COPY_SHARED_SLAVE : 0);
	struct mount_ns *ns;
	struct mount *top = NULL, *m;
	int r = mount_ns_create(k, owner, false, &ns);

	if (r)
		return r;
	mount_write_lock(k);
	list_for_each_entry (m, &from->mounts, link)
		m->copy = NULL;
	r = from->root ? mount_copy_tree(from->root, from->root->root, how, &top) : -EINVAL;
	if (!r) {
		if (from->head.owner != owner)
			mount_lock_tree(top);
		mount_enter_ns(ns, top);
		ns->root = top;
		if (fs) {
			move_path(from, &fs->root);
			move_path(from, &fs->cwd);
		}
	}
	mount_unlock(k);
	if (r)
		mount_ns_put(ns);
	else
		*ret = ns;
	return r;
}

void mount_ns_root(struct mount_ns *ns, struct path *ret)
{
	mount_read_lock(ns->head.kernel);
	*ret = (struct path){.mnt = ns->root, .dentry = ns->root->root};
	*ret = mount_topmost(ret);
	path_get(ret);
	mount_unlock(ns->head.kernel);
}

bool fs_is_chrooted(struct task *t)
{
	struct path top, root;
	bool same;

	mount_ns_root(task_mount_ns(t), &top);
	fs_get_root(t, &root);
	same = top.mnt == root.mnt && top.dentry == root.dentry;
	path_put(&top);
	path_put(&root);
	return !same;
}

/* Locked mounts below hide parts of it. */
static bool hides_nothing(const struct mount *m)
{
	struct mount *c;

	list_for_each_entry (c, &m->children, child_link)
		if ((c->flags & MNT_LOCKED) &&
			!(S_ISDIR(c->mountpoint->inode->mode) && c->mountpoint->inode->nlink <= 2))
			return false;
	return true;
}

bool mount_type_visible(struct mount_ns *ns, const char *type, unsigned *flags)
{
	bool visible = false;
	struct mount *m;

	mount_read_lock(ns->head.kernel);
	list_for_each_entry (m, &ns->mounts, link) {
		if (strcmp(m->sb->type, type) != 0 || m->root != m->sb->root)
			continue;
		if ((m->flags & MNT_LOCK_RDONLY) && !(*flags & MS_RDONLY))
			continue;
		if (!hides_nothing(m))
			continue;
		*flags |= m->flags & (MNT_LOCK_RDONLY | MNT_LOCK_ATIME);
		visible = true;
		break;
	}
	mount_unlock(ns->head.kernel);
	return visible;
}
