/* SPDX-License-Identifier: MIT */
/* /proc/PID/mounts, mountinfo and mountstats. */
#include "fs/nsfs.h"
#include "fs/procfs_internal.h"

#include "vfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

/* References to all mounts of *ns*, in order; the tree's lock is not held while names are built. */
static int snapshot(struct mount_ns *ns, struct mount ***ret, size_t *ret_n)
{
	struct mount *m, **list;
	size_t n = 0;

	mount_read_lock(ns->head.kernel);
	list = reallocarray(NULL, ns->n_mounts + 1, sizeof(struct mount *));
	if (list) {
		list_for_each_entry(m, &ns->mounts, link) {
			mount_get(m);
			list[n++] = m;
		}
	}
	mount_unlock(ns->head.kernel);
	if (!list)
		return -ENOMEM;
	*ret = list;
	*ret_n = n;
	return 0;
}

static void drop_list(struct mount **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mount_put(list[i]);
	free(list);
}

static void seq_options(struct seq *s, const struct mount *m)
{
	unsigned f = m->flags;

	seq_puts(s, f & MS_RDONLY ? "ro" : "rw");
	if (f & MS_NOSUID)
		seq_puts(s, ",nosuid");
	if (f & MS_NODEV)
		seq_puts(s, ",nodev");
	if (f & MS_NOEXEC)
		seq_puts(s, ",noexec");
	if (f & MS_NODIRATIME)
		seq_puts(s, ",nodiratime");
	if (!(f & MS_STRICTATIME))
		seq_puts(s, f & MS_NOATIME ? ",noatime" : ",relatime");
}

/* The mount point as seen from *root*; NULL: not below it. malloc'ed. */
static char *place(const struct path *root, struct mount *m)
{
	struct path p = {.mnt = m->mountpoint ? m->parent : m, .dentry = m->mountpoint ? m->mountpoint : m->root};
	char *buf = malloc(VFS_PATH_MAX);

	if (m == root->mnt) /* what is mounted on the root has its name, though it stands beyond */
		p = *root;
	if (buf && (vfs_path_string_from(root, &p, buf, VFS_PATH_MAX) < 0 || buf[0] != '/')) {
		free(buf);
		return NULL;
	}
	return buf;
}

static const char *source(const struct mount *m)
{
	return m->sb->source && *m->sb->source ? m->sb->source : m->sb->type;
}

#define BLANKS " \t\n\\#"

static int for_each_mount(const struct kobj *o, struct seq *s, void (*show)(struct seq *s, struct mount *m, const char *at))
{
	struct ns_head *ns = task_ns_get(o->task, NS_MNT, false);
	struct fs_context *fs = ns ? proc_fs(o->task) : NULL;
	struct mount **list;
	PATH_SCOPE root = {0};
	size_t n;
	int err = fs ? snapshot((struct mount_ns *)ns, &list, &n) : -EINVAL;

	ns_put(ns);
	if (fs) {
		lock_acquire(&fs->lock);
		root = fs->root;
		path_get(&root);
		lock_release(&fs->lock);
		fs_context_put(fs);
	}
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		char *at = place(&root, list[i]);

		if (at)
			show(s, list[i], at);
		free(at);
	}
	drop_list(list, n);
	return 0;
}

uint64_t proc_poll_mounts(const struct kobj *o, struct waiter *w)
{
	struct mount_ns *ns = (struct mount_ns *)task_ns_get(o->task, NS_MNT, false);
	uint64_t event = 0;

	if (w)
		wait_queue_add(&o->kernel->dcache->mount_wait, w);
	if (!ns)
		return 0;
	event = ns->event;
	mount_ns_put(ns);
	return event;
}

static void show_mount(struct seq *s, struct mount *m, const char *at)
{
	seq_escape(s, source(m), BLANKS);
	seq_puts(s, " ");
	seq_escape(s, at, BLANKS);
	seq_printf(s, " %s ", m->sb->type);
	seq_options(s, m);
	if (m->sb->options && *m->sb->options)
		seq_printf(s, ",%s", m->sb->options);
	seq_puts(s, " 0 0\n");
}

int proc_show_mounts(struct task *v, const struct kobj *o, struct seq *s)
{
	return for_each_mount(o, s, show_mount);
}

/* Where in its file system the mount begins: "/" but for bind mounts of a part. */
static void seq_subtree(struct seq *s, struct mount *m)
{
	struct rwlock *names = &m->sb->kernel->dcache->rename_lock;
	const struct dentry *chain[64], *d;
	int n = 0;

	rwlock_read(names);
	for (d = m->root; d != d->parent && n < 64; d = d->parent)
		chain[n++] = d;
	if (!n && m->sb == m->sb->kernel->nsfs)
		seq_puts(s, m->root->name);
	else if (!n)
		seq_puts(s, "/");
	while (n-- > 0) {
		seq_puts(s, "/");
		seq_escape(s, chain[n]->name, BLANKS);
	}
	rwlock_release(names);
}

static void show_info(struct seq *s, struct mount *m, const char *at)
{
	seq_printf(s, "%d %d %u:%u ", m->id, m->parent ? m->parent->id : 0, major(m->sb->dev), minor(m->sb->dev));
	seq_subtree(s, m);
	seq_puts(s, " ");
	seq_escape(s, at, BLANKS);
	seq_puts(s, " ");
	seq_options(s, m);
	if (m->group)
		seq_printf(s, " shared:%d", m->group);
	if (m->master)
		seq_printf(s, " master:%d", m->master->group);
	if (m->unbindable)
		seq_puts(s, " unbindable");
	seq_printf(s, " - %s ", m->sb->type);
	seq_escape(s, source(m), BLANKS);
	seq_puts(s, m->sb->read_only ? " ro" : " rw");
	if (m->sb->options && *m->sb->options)
		seq_printf(s, ",%s", m->sb->options);
	seq_puts(s, "\n");
}

int proc_show_mountinfo(struct task *v, const struct kobj *o, struct seq *s)
{
	return for_each_mount(o, s, show_info);
}

static void show_stats(struct seq *s, struct mount *m, const char *at)
{
	seq_puts(s, "device ");
	seq_escape(s, source(m), BLANKS);
	seq_puts(s, " mounted on ");
	seq_escape(s, at, BLANKS);
	seq_printf(s, " with fstype %s\n", m->sb->type);
}

int proc_show_mountstats(struct task *v, const struct kobj *o, struct seq *s)
{
	return for_each_mount(o, s, show_stats);
}
