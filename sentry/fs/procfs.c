/* SPDX-License-Identifier: MIT */
/* /proc: its root, the directories of processes and threads. */
#include "fs/fs.h"
#include "fs/procfs_internal.h"

#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/user_ns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PROC_MAGIC 0x9fa0

/* --- small constant answers -------------------------------------------------------------------------------------------------------- */

static int show_cgroup(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_puts(s, "0::/\n");
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

static int store_security(struct task *v, const struct kobj *o, char *text, size_t len)
{
	return v == o->task ? -EINVAL : -EACCES;
}

#define SECURITY(name_) {.name = name_, .mode = S_IFREG | 0666, .show = show_security, .store = store_security}

static const struct kentry attr_entries[] = {
	SECURITY("current"),  {.name = "prev", .mode = S_IFREG | 0444, .show = show_security},
	SECURITY("exec"),     SECURITY("fscreate"),
	SECURITY("keycreate"), SECURITY("sockcreate"),
};

/* --- a task's directory ---------------------------------------------------------------------------------------------------------------- */

#define SECRET(name_, show_) {.name = name_, .mode = S_IFREG | 0400, .show = show_, .flags = KERNFS_INSPECT}
#define SECRET_TEXT(name_, text_) {.name = name_, .mode = S_IFREG | 0400, .text = text_}
#define BINARY(name_, mode_, fops_)                                                                                    \
	{.name = name_, .mode = S_IFREG | (mode_), .fops = &fops_, .open = proc_open_mm, .flags = KERNFS_INSPECT}
#define MAGIC(name_, read_, get_)                                                                                      \
	{.name = name_, .mode = S_IFLNK | 0777, .readlink = read_, .get_link = get_, .flags = KERNFS_INSPECT}

#define READABLE(name_, show_) {.name = name_, .mode = S_IFREG | 0444, .show = show_, .flags = KERNFS_INSPECT}
#define SETTING(name_, mode_, show_, store_) {.name = name_, .mode = S_IFREG | (mode_), .show = show_, .store = store_}
#define MOUNTS(name_, mode_, show_) {.name = name_, .mode = S_IFREG | (mode_), .show = show_, .poll = proc_poll_mounts}

#define ID_FILE(name_)                                                                                                 \
	{.name = #name_, .mode = S_IFREG | 0644, .show = proc_show_##name_, .store_as = proc_store_##name_}

/* What a process and each of its threads have. */
#define COMMON_ENTRIES                                                                                                 \
	{.name = "fd", .mode = S_IFDIR | 0500, .dir = &proc_fd_dir, .flags = KERNFS_INSPECT},                          \
		{.name = "fdinfo", .mode = S_IFDIR | 0555, .dir = &proc_fdinfo_dir, .flags = KERNFS_INSPECT},          \
		{.name = "ns", .mode = S_IFDIR | 0511, .dir = &proc_ns_dir, .flags = KERNFS_INSPECT},                  \
		{.name = "net", .mode = S_IFDIR | 0555, .children = proc_net_entries, .n_children = PROC_N_NET,           \
			.dir = &proc_net_dir},                                         \
		SECRET("environ", proc_show_environ), SECRET("auxv", proc_show_auxv),                                  \
		KSHOW("status", 0444, proc_show_status), KSHOW("personality", 0400, proc_show_personality),            \
		KSHOW("limits", 0444, proc_show_limits), SETTING("sched", 0644, proc_show_sched, proc_store_sched),    \
		SETTING("comm", 0644, proc_show_comm, proc_store_comm), KSHOW("syscall", 0400, proc_show_syscall),     \
		KSHOW("cmdline", 0444, proc_show_cmdline), KSHOW("stat", 0444, proc_show_stat),                        \
		KSHOW("statm", 0444, proc_show_statm), READABLE("maps", proc_show_maps),                               \
		BINARY("mem", 0600, proc_mem_fops), BINARY("pagemap", 0400, proc_pagemap_fops),                        \
		MAGIC("cwd", proc_read_cwd, proc_cwd_link), MAGIC("root", proc_read_root, proc_root_link),             \
		MAGIC("exe", proc_read_exe, proc_exe_link), MOUNTS("mounts", 0444, proc_show_mounts),                  \
		MOUNTS("mountinfo", 0444, proc_show_mountinfo), READABLE("smaps", proc_show_smaps),                    \
		READABLE("smaps_rollup", proc_show_smaps_rollup), KDIR("attr", 0555, attr_entries),                    \
		KSHOW("wchan", 0444, proc_show_wchan), KSHOW("stack", 0400, proc_show_stack),                          \
		KSHOW("schedstat", 0444, proc_show_schedstat), KTEXT("cpuset", "/\n"),                                 \
		KSHOW("cgroup", 0444, show_cgroup), KSHOW("oom_score", 0444, proc_show_oom_score),                     \
		SETTING("oom_adj", 0644, proc_show_old_oom_adj, proc_store_old_oom_adj),                               \
		SETTING("oom_score_adj", 0644, proc_show_oom_adj, proc_store_oom_adj),                                 \
		SETTING("loginuid", 0644, proc_show_loginuid, proc_store_loginuid),                                    \
		KSHOW("sessionid", 0444, proc_show_sessionid), KSHOW("io", 0400, proc_show_io),                        \
		ID_FILE(uid_map), ID_FILE(gid_map), ID_FILE(projid_map), ID_FILE(setgroups),                           \
		KTEXT("arch_status", "AVX512_elapsed_ms:\t-1\n"), SECRET_TEXT("ksm_merging_pages", "0\n"),            \
		SECRET_TEXT("ksm_rmap_items", "0\n")

static const struct kentry thread_entries[] = {
	COMMON_ENTRIES,
	KSHOW("children", 0444, show_children),
};

static const struct kentry thread_dir = KDIR("thread", 0555, thread_entries);
static const struct kdir_ops threads_dir;

static const struct kentry process_entries[] = {
	COMMON_ENTRIES,
	{.name = "task", .mode = S_IFDIR | 0555, .dir = &threads_dir},
	SETTING("autogroup", 0644, proc_show_autogroup, refuse),
	SETTING("coredump_filter", 0644, proc_show_coredump, proc_store_coredump),
	KSHOW("mountstats", 0400, proc_show_mountstats),
	{.name = "timens_offsets", .mode = S_IFREG | 0644, .text = "monotonic           0         0\nboottime            0         0\n",
		.store = refuse},
	KSHOW("timers", 0444, proc_show_timers),
	SETTING("timerslack_ns", 0666, proc_show_slack, proc_store_slack),
};

static const struct kentry process_dir = {.name = "process", .mode = S_IFDIR | 0555, .children = process_entries,
	.n_children = ARRAY_SIZE(process_entries), .flags = KERNFS_LIVE};

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

static unsigned threads_count(const struct kobj *dir)
{
	LOCK_SCOPE(&dir->kernel->tasklist_lock);
	return dir->task->tg->n_threads;
}

static const struct kdir_ops threads_dir = {.lookup = threads_lookup, .next = threads_next, .n_dirs = threads_count};

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
		if (!strcmp((*entry)->name, name)) {
			child->strict = *entry == &proc_sys_entry;
			return 0;
		}
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
	int nr;

	if (*cookie < PID_BASE) {
		*entry = fixed_entry(*cookie);
		if (*entry) {
			snprintf(name, 64, "%s", (*entry)->name);
			return 0;
		}
		*cookie = PID_BASE;
	}
	LOCK_SCOPE(&dir->kernel->tasklist_lock);
	nr = (int)(*cookie - PID_BASE);
	tg = tg_next_ns(dir->kernel, dir->pid_ns, &nr);
	if (!tg || !tg->leader)
		return -ENOENT;
	*cookie = PID_BASE + (uint64_t)nr;
	snprintf(name, 64, "%d", nr);
	*entry = &process_dir;
	child->n = PROC_PROCESS;
	child->task = tg->leader;
	task_get(child->task);
	return 0;
}

static int count_group(struct thread_group *tg, void *arg)
{
	++*(unsigned *)arg;
	return 0;
}

static unsigned root_count(const struct kobj *dir)
{
	const struct kentry *e;
	unsigned n = 0;

	for (size_t i = 0; (e = fixed_entry(i)); i++)
		n += S_ISDIR(e->mode);
	tg_for_each(dir->kernel, count_group, &n);
	return n;
}

static const struct kdir_ops root_dir = {.lookup = root_lookup, .next = root_next, .n_dirs = root_count};
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

static int parse_hide(const char *s, enum kernfs_hide *ret)
{
	static const char *const names[] = {"off", "noaccess", "invisible", NULL, "ptraceable"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!names[i] || (strcmp(s, names[i]) && !(s[0] == (char)('0' + i) && !s[1])))
			continue;
		*ret = i;
		return 0;
	}
	return -EINVAL;
}

static int parse_option(char *o, const struct user_ns *ns, enum kernfs_hide *hide, uint32_t *gid)
{
	char *value = strchr(o, '='), *end;
	unsigned long n;

	if (!value)
		return -EINVAL;
	*value++ = 0;
	if (!strcmp(o, "hidepid"))
		return parse_hide(value, hide);
	n = strtoul(value, &end, 10);
	if (strcmp(o, "gid") || end == value || *end || n > UINT32_MAX)
		return -EINVAL;
	*gid = make_kgid(ns, (uint32_t)n);
	return *gid == ID_INVALID ? -EINVAL : 0;
}

int procfs_options(struct super_block *sb, const struct user_ns *ns, char *data)
{
	static const char *const shown[] = {NULL, "hidepid=noaccess", "hidepid=invisible", NULL, "hidepid=ptraceable"};
	enum kernfs_hide hide = KERNFS_HIDE_NONE;
	uint32_t gid = 0;
	char *save = NULL;
	int r = 0;

	if (!*data)
		return 0;
	for (char *o = strtok_r(data, ",", &save); o && !r; o = strtok_r(NULL, ",", &save))
		r = parse_option(o, ns, &hide, &gid);
	if (r < 0)
		return r;
	kernfs_set_hide(sb, hide, gid);
	if (!sb->options && shown[hide]) /* a remount does not change what others may be reading */
		sb->options = strdup(shown[hide]);
	return 0;
}

int procfs_create_for(struct kernel *k, struct pid_ns *ns, struct super_block **ret)
{
	load_averages_start(k);
	return kernfs_create_for(k, "proc", PROC_MAGIC, &root_entry, true, ns, ret);
}

int procfs_create(struct kernel *k, struct super_block **ret)
{
	return procfs_create_for(k, k->nsproxy ? k->nsproxy->pid_for_children : NULL, ret);
}
