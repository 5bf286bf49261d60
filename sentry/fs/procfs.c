/* SPDX-License-Identifier: MIT */
/* /proc: its root, the directories of processes and threads. */
#include "fs/fs.h"
#include "fs/procfs_internal.h"

#include "kernel/pid.h"
#include "kernel/pid_ns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PROC_MAGIC 0x9fa0

/* --- small constant answers -------------------------------------------------------------------------------------------------------- */

static int show_id_map(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_puts(s, "         0          0 4294967295\n");
	return 0;
}

static int show_cgroup(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_puts(s, "0::/\n");
	return 0;
}

static int show_oom_score(struct task *v, const struct kobj *o, struct seq *s)
{
	int adj = o->task->tg->oom_score_adj;

	seq_printf(s, "%d\n", adj > -1000 ? 666 + adj * 2 / 3 : 0);
	return 0;
}

/* Settings that Linux has and nothing here depends on: they cannot be changed. */
static int refuse(struct task *v, const struct kobj *o, char *text, size_t len)
{
	return -EPERM;
}

static int show_children(struct task *v, const struct kobj *o, struct seq *s)
{
	struct thread_group *c;

	LOCK_SCOPE(&o->kernel->tasklist_lock);
	list_for_each_entry(c, &o->task->tg->children, sibling)
		if (pid_nr_ns(o->pid_ns, c->pid))
			seq_printf(s, "%d ", pid_nr_ns(o->pid_ns, c->pid));
	return 0;
}

static int show_security(struct task *v, const struct kobj *o, struct seq *s)
{
	return -EINVAL; /* no security module is active */
}

static const struct kentry attr_entries[] = {
	{.name = "current", .mode = S_IFREG | 0666, .show = show_security, .store = refuse},
	{.name = "exec", .mode = S_IFREG | 0666, .show = show_security, .store = refuse},
	{.name = "fscreate", .mode = S_IFREG | 0666, .show = show_security, .store = refuse},
	{.name = "prev", .mode = S_IFREG | 0444, .show = show_security},
};

/* --- a task's directory ---------------------------------------------------------------------------------------------------------------- */

#define SECRET(name_, show_) {.name = name_, .mode = S_IFREG | 0400, .show = show_, .flags = KERNFS_INSPECT}
#define MAGIC(name_, read_, get_)                                                                                      \
	{.name = name_, .mode = S_IFLNK | 0777, .readlink = read_, .get_link = get_, .flags = KERNFS_INSPECT}

/* What a process and each of its threads have. */
#define COMMON_ENTRIES                                                                                                 \
	{.name = "attr", .mode = S_IFDIR | 0555, .children = attr_entries, .n_children = ARRAY_SIZE(attr_entries)},    \
		{.name = "fd", .mode = S_IFDIR | 0500, .dir = &proc_fd_dir, .flags = KERNFS_INSPECT},                  \
		{.name = "fdinfo", .mode = S_IFDIR | 0555, .dir = &proc_fdinfo_dir, .flags = KERNFS_INSPECT},          \
		{.name = "net", .mode = S_IFDIR | 0555, .dir = &proc_net_dir}, SECRET("auxv", proc_show_auxv),         \
		SECRET("environ", proc_show_environ), SECRET("io", proc_show_io),                                      \
		SECRET("personality", proc_show_personality), SECRET("syscall", proc_show_syscall),                    \
		KSHOW("cgroup", 0444, show_cgroup), KSHOW("cmdline", 0444, proc_show_cmdline),                         \
		{.name = "comm", .mode = S_IFREG | 0644, .show = proc_show_comm, .store = proc_store_comm},            \
		KTEXT("cpuset", "/\n"), MAGIC("cwd", proc_read_cwd, proc_cwd_link),                                    \
		MAGIC("exe", proc_read_exe, proc_exe_link), MAGIC("root", proc_read_root, proc_root_link),             \
		{.name = "gid_map", .mode = S_IFREG | 0644, .show = show_id_map, .store = refuse},                     \
		{.name = "uid_map", .mode = S_IFREG | 0644, .show = show_id_map, .store = refuse},                     \
		{.name = "projid_map", .mode = S_IFREG | 0644, .show = show_id_map, .store = refuse},                  \
		{.name = "setgroups", .mode = S_IFREG | 0644, .text = "allow\n", .store = refuse},                     \
		KSHOW("limits", 0444, proc_show_limits),                                                               \
		{.name = "loginuid", .mode = S_IFREG | 0644, .text = "4294967295", .store = refuse},                   \
		KTEXT("sessionid", "4294967295"),                                                                      \
		{.name = "maps", .mode = S_IFREG | 0444, .show = proc_show_maps, .flags = KERNFS_INSPECT},             \
		{.name = "smaps", .mode = S_IFREG | 0444, .show = proc_show_smaps, .flags = KERNFS_INSPECT},           \
		{.name = "smaps_rollup", .mode = S_IFREG | 0444, .show = proc_show_smaps_rollup,                       \
			.flags = KERNFS_INSPECT},                                                                      \
		KSHOW("mountinfo", 0444, proc_show_mountinfo), KSHOW("mounts", 0444, proc_show_mounts),                \
		{.name = "oom_adj", .mode = S_IFREG | 0644, .text = "0\n", .store = refuse},                           \
		KSHOW("oom_score", 0444, show_oom_score),                                                              \
		{.name = "oom_score_adj", .mode = S_IFREG | 0644, .show = proc_show_oom_adj,                           \
			.store = proc_store_oom_adj},                                                                  \
		KSHOW("schedstat", 0444, proc_show_schedstat), KSHOW("stat", 0444, proc_show_stat),                    \
		KSHOW("statm", 0444, proc_show_statm), KSHOW("status", 0444, proc_show_status),                        \
		KSHOW("wchan", 0444, proc_show_wchan), KSHOW("children", 0444, show_children)

static const struct kdir_ops proc_ns_dir;

static const struct kentry thread_entries[] = {
	COMMON_ENTRIES,
	{.name = "ns", .mode = S_IFDIR | 0511, .dir = &proc_ns_dir, .flags = KERNFS_INSPECT},
};

static const struct kentry thread_dir = KDIR("thread", 0555, thread_entries);
static const struct kdir_ops threads_dir;

static const struct kentry process_entries[] = {
	COMMON_ENTRIES,
	{.name = "ns", .mode = S_IFDIR | 0511, .dir = &proc_ns_dir, .flags = KERNFS_INSPECT},
	{.name = "task", .mode = S_IFDIR | 0555, .dir = &threads_dir},
	{.name = "coredump_filter", .mode = S_IFREG | 0644, .text = "00000033\n", .store = refuse},
	SECRET("mountstats", proc_show_mountstats),
	{.name = "timerslack_ns", .mode = S_IFREG | 0666, .show = proc_show_slack, .store = proc_store_slack},
	{.name = "autogroup", .mode = S_IFREG | 0644, .text = "/autogroup-1 nice 0\n", .store = refuse},
	KTEXT("timens_offsets", "monotonic           0         0\nboottime            0         0\n"),
};

static const struct kentry process_dir = KDIR("process", 0555, process_entries);

/* The namespaces' table is constant, but lives in another file: its size is not known to the compiler here. */
static int ns_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	for (size_t i = 0; i < proc_n_ns_entries; i++) {
		if (strcmp(proc_ns_entries[i].name, name) != 0)
			continue;
		*entry = &proc_ns_entries[i];
		task_get(child->task);
		return 0;
	}
	return -ENOENT;
}

static int ns_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	if (*cookie >= proc_n_ns_entries)
		return -ENOENT;
	*entry = &proc_ns_entries[*cookie];
	snprintf(name, 64, "%s", (*entry)->name);
	return 0;
}

static const struct kdir_ops proc_ns_dir = {.lookup = ns_lookup, .next = ns_next};

/* --- /proc/PID/task ---------------------------------------------------------------------------------------------------------------------- */

static bool parse_pid(const char *name, int *pid)
{
	int v = 0;

	if (*name < '1' || *name > '9' || strlen(name) > 8)
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return false;
		v = v * 10 + (*name - '0');
	}
	*pid = v;
	return true;
}

static int threads_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	struct task *t;
	int tid;

	if (!parse_pid(name, &tid))
		return -ENOENT;
	t = task_find(dir->kernel, pid_from_nr_ns(dir->pid_ns, tid));
	if (!t)
		return -ENOENT;
	if (t->tg != dir->task->tg) {
		task_put(t);
		return -ENOENT;
	}
	child->task = t;
	child->n = PROC_THREAD;
	*entry = &thread_dir;
	return 0;
}

static int threads_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry,
	struct kobj *child)
{
	struct task *t, *best = NULL;

	lock_acquire(&dir->kernel->tasklist_lock);
	list_for_each_entry(t, &dir->task->tg->threads, tg_link)
		if ((uint64_t)t->tid >= *cookie && (!best || t->tid < best->tid))
			best = t;
	if (best)
		task_get(best);
	lock_release(&dir->kernel->tasklist_lock);
	if (!best)
		return -ENOENT;
	*cookie = (uint64_t)best->tid;
	snprintf(name, 64, "%d", pid_nr_ns(dir->pid_ns, best->tid));
	child->n = PROC_THREAD;
	*entry = &thread_dir;
	if (best == dir->task)
		task_put(best); /* the directory holds it */
	else
		child->task = best;
	return 0;
}

static const struct kdir_ops threads_dir = {.lookup = threads_lookup, .next = threads_next};

/* --- the root ------------------------------------------------------------------------------------------------------------------------------ */

static int link_text(char **ret, int a, int b)
{
	char buf[64], *copy;

	if (!a)
		return -ENOENT; /* the reader has no number in this tree's namespace */
	snprintf(buf, sizeof(buf), b ? "%d/task/%d" : "%d", a, b);
	copy = strdup(buf);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static int read_self(struct task *v, const struct kobj *o, char **ret)
{
	return link_text(ret, pid_nr_ns(o->pid_ns, v->tg->pid), 0);
}

static int read_thread_self(struct task *v, const struct kobj *o, char **ret)
{
	return link_text(ret, pid_nr_ns(o->pid_ns, v->tg->pid), pid_nr_ns(o->pid_ns, v->tid));
}

static const struct kentry root_links[] = {
	{.name = "self", .mode = S_IFLNK | 0777, .readlink = read_self},
	{.name = "thread-self", .mode = S_IFLNK | 0777, .readlink = read_thread_self},
	{.name = "mounts", .mode = S_IFLNK | 0777, .text = "self/mounts"},
	{.name = "net", .mode = S_IFLNK | 0777, .text = "self/net"},
};

/* Everything in /proc that is no process: first the links, then the system's files. */
static const struct kentry *fixed_entry(size_t i)
{
	if (i < ARRAY_SIZE(root_links))
		return &root_links[i];
	i -= ARRAY_SIZE(root_links);
	if (!i--)
		return &proc_sys_entry;
	return i < proc_n_system_entries ? &proc_system_entries[i] : NULL;
}

static int root_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	int pid;

	for (size_t i = 0; (*entry = fixed_entry(i)); i++)
		if (!strcmp((*entry)->name, name))
			return 0;
	if (!parse_pid(name, &pid))
		return -ENOENT;
	child->task = task_find(dir->kernel, pid_from_nr_ns(dir->pid_ns, pid));
	child->n = PROC_PROCESS;
	*entry = &process_dir;
	return child->task ? 0 : -ENOENT;
}

/* Cookies: the fixed entries, then 1024 + pid. */
#define PID_BASE 1024

static int root_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	struct thread_group *tg;

	if (*cookie < PID_BASE) {
		*entry = fixed_entry(*cookie);
		if (*entry) {
			snprintf(name, 64, "%s", (*entry)->name);
			return 0;
		}
		*cookie = PID_BASE;
	}
	LOCK_SCOPE(&dir->kernel->tasklist_lock);
	tg = tg_next(dir->kernel, (int)(*cookie - PID_BASE));
	if (!tg || !tg->leader)
		return -ENOENT;
	*cookie = PID_BASE + (uint64_t)tg->pid;
	snprintf(name, 64, "%d", tg->pid);
	*entry = &process_dir;
	child->n = PROC_PROCESS;
	child->task = tg->leader;
	task_get(child->task);
	return 0;
}

static const struct kdir_ops root_dir = {.lookup = root_lookup, .next = root_next};
static const struct kentry root_entry = {.name = "", .mode = S_IFDIR | 0555, .dir = &root_dir};

struct thread_group *procfs_dir_group(const struct file *f)
{
	struct task *task;

	if (!f->inode || !f->inode->sb || strcmp(f->inode->sb->type, "proc") || kernfs_entry(f->inode) != &process_dir)
		return NULL;
	task = kernfs_object(f->inode)->task;
	if (!task)
		return NULL;
	tg_get(task->tg);
	return task->tg;
}

int procfs_create(struct kernel *k, struct super_block **ret)
{
	return kernfs_create(k, "proc", PROC_MAGIC, &root_entry, true, ret);
}
