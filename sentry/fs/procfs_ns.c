/* SPDX-License-Identifier: MIT */
/* /proc/PID/ns, and the id maps of the process's user namespace. */
#include "fs/nsfs.h"
#include "fs/procfs_internal.h"
#include "kernel/pid_ns.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- ns -------------------------------------------------------------------------------------------------------------------------- */

#define FOR_CHILDREN 0x100u

static struct ns_head *ns_of_link(const struct kobj *o, int *err)
{
	struct ns_head *h = task_ns_get(o->task, (enum ns_kind)(o->n & 0xff), o->n & FOR_CHILDREN);

	*err = -EACCES;
	if (h && h->kind == NS_PID && (o->n & FOR_CHILDREN) && h->owner && ((struct pid_ns *)h)->level &&
	    !((struct pid_ns *)h)->last) {
		*err = -ENOENT; /* nobody has been born there yet */
		ns_put(h);
		h = NULL;
	}
	return h;
}

static int read_ns(struct task *v, const struct kobj *o, char **ret)
{
	int err;
	struct ns_head *h = ns_of_link(o, &err);

	if (!h)
		return err;
	err = asprintf(ret, "%s:[%lu]", ns_name(h->kind), h->inum) < 0 ? -ENOMEM : 0;
	ns_put(h);
	return err;
}

static int get_ns(struct task *v, const struct kobj *o, struct path *ret)
{
	int err;
	struct ns_head *h = ns_of_link(o, &err);

	if (!h)
		return err;
	err = nsfs_path(h, ret);
	ns_put(h);
	return err;
}

#define NS(name_, kind_)                                                                                               \
	{.name = name_, .mode = S_IFLNK | 0777, .readlink = read_ns, .get_link = get_ns, .flags = KERNFS_INSPECT, .arg = kind_}

static const struct kentry ns_entries[] = {
	NS("cgroup", NS_CGROUP),
	NS("ipc", NS_IPC),
	NS("mnt", NS_MNT),
	NS("net", NS_NET),
	NS("pid", NS_PID),
	NS("pid_for_children", NS_PID | FOR_CHILDREN),
	NS("time", NS_TIME),
	NS("time_for_children", NS_TIME | FOR_CHILDREN),
	NS("user", NS_USER),
	NS("uts", NS_UTS),
};

static int ns_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry, struct kobj *child)
{
	for (size_t i = 0; i < ARRAY_SIZE(ns_entries); i++) {
		if (strcmp(ns_entries[i].name, name) != 0)
			continue;
		*entry = &ns_entries[i];
		child->n = ns_entries[i].arg;
		task_get(child->task);
		return 0;
	}
	return -ENOENT;
}

static int ns_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	if (*cookie >= ARRAY_SIZE(ns_entries))
		return -ENOENT;
	*entry = &ns_entries[*cookie];
	child->n = (*entry)->arg;
	snprintf(name, 64, "%s", (*entry)->name);
	return 0;
}

const struct kdir_ops proc_ns_dir = {.lookup = ns_lookup, .next = ns_next};

/* --- id maps ---------------------------------------------------------------------------------------------------------------------- */

static struct user_ns *user_ns_of(const struct kobj *o)
{
	struct ns_head *h = task_ns_get(o->task, NS_USER, false);

	return (struct user_ns *)h;
}

static void show_extents(const struct user_ns *ns, const struct user_ns *reader, enum id_kind_map which, struct seq *s)
{
	const struct id_map *m = which == MAP_UIDS ? &ns->uids : which == MAP_GIDS ? &ns->gids : &ns->projids;
	uint32_t n = atomic_load_explicit(&m->n, memory_order_acquire);

	/* The lower ids are shown as the reader knows them; to a reader inside, as the namespace above does. */
	if (reader == ns && ns->parent)
		reader = ns->parent;
	for (uint32_t i = 0; i < n; i++) {
		const struct id_map *up = which == MAP_UIDS ? &reader->uids : which == MAP_GIDS ? &reader->gids : &reader->projids;

		seq_printf(s, "%10u %10u %10u\n", m->extents[i].first, id_map_up(reader, up, m->extents[i].lower), m->extents[i].count);
	}
}

static int show_map(struct task *v, const struct kobj *o, struct seq *s, enum id_kind_map which)
{
	struct user_ns *ns = user_ns_of(o);

	if (ns->parent)
		show_extents(ns, v ? v->cred->user_ns : ns, which, s);
	else
		seq_puts(s, "         0          0 4294967295\n");
	user_ns_put(ns);
	return 0;
}

static int store_map(struct task *v, const struct cred *opener, const struct kobj *o, char *text, enum id_kind_map which)
{
	struct user_ns *ns = user_ns_of(o);
	int r = user_ns_write_map(ns, which, opener, v->cred, text);

	user_ns_put(ns);
	return r;
}

#define MAP_FILE(name, which)                                                                                           \
	int proc_show_##name(struct task *v, const struct kobj *o, struct seq *s)                                       \
	{                                                                                                               \
		return show_map(v, o, s, which);                                                                        \
	}                                                                                                               \
	int proc_store_##name(struct task *v, const struct cred *opener, const struct kobj *o, char *text, size_t len)  \
	{                                                                                                               \
		return store_map(v, opener, o, text, which);                                                            \
	}

MAP_FILE(uid_map, MAP_UIDS)
MAP_FILE(gid_map, MAP_GIDS)
MAP_FILE(projid_map, MAP_PROJIDS)

int proc_show_setgroups(struct task *v, const struct kobj *o, struct seq *s)
{
	struct user_ns *ns = user_ns_of(o);

	seq_puts(s, atomic_load(&ns->setgroups_denied) ? "deny\n" : "allow\n");
	user_ns_put(ns);
	return 0;
}

int proc_store_setgroups(struct task *v, const struct cred *opener, const struct kobj *o, char *text, size_t len)
{
	struct user_ns *ns = user_ns_of(o);
	int r = cred_ns_capable(opener, ns, CAP_SYS_ADMIN) ? user_ns_write_setgroups(ns, text) : -EACCES;

	user_ns_put(ns);
	return r;
}
