/* SPDX-License-Identifier: MIT */
/* Between the files of procfs. Each contributes tables of entries; procfs.c puts them together. */
#pragma once

#include "fs/fs.h"
#include "fs/kernfs.h"
#include "kernel/task.h"
#include "mm/mm.h"

#define PROC_HZ 100 /* clock ticks a second, AT_CLKTCK */

/* kobj.n of a task's directory: is it /proc/PID (the whole process) or /proc/PID/task/TID? */
#define PROC_PROCESS 0
#define PROC_THREAD 1

/* What a task has, held, or NULL when it has exited. */
struct fd_table *proc_fds(struct task *t);
struct fs_context *proc_fs(struct task *t);

static inline uint64_t ns_to_ticks(uint64_t ns)
{
	return ns / (1000000000 / PROC_HZ);
}

/* procfs_task.c: what stands in both /proc/PID and /proc/PID/task/TID. */
int proc_show_stat(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_status(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_statm(struct task *v, const struct kobj *o, struct seq *s);

/* procfs_text.c */
int proc_show_cmdline(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_environ(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_auxv(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_comm(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_comm(struct task *v, const struct kobj *o, char *text, size_t len);
int proc_show_maps(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_smaps(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_smaps_rollup(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_limits(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_io(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_wchan(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_stack(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_personality(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_schedstat(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_oom_adj(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_oom_adj(struct task *v, const struct kobj *o, char *text, size_t len);
int proc_show_slack(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_slack(struct task *v, const struct kobj *o, char *text, size_t len);
int proc_show_syscall(struct task *v, const struct kobj *o, struct seq *s);


/* procfs_settings.c */
int proc_show_oom_score(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_old_oom_adj(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_old_oom_adj(struct task *v, const struct kobj *o, char *text, size_t len);
int proc_show_loginuid(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_loginuid(struct task *v, const struct kobj *o, char *text, size_t len);
int proc_show_sessionid(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_coredump(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_coredump(struct task *v, const struct kobj *o, char *text, size_t len);
int proc_show_autogroup(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_sched(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_sched(struct task *v, const struct kobj *o, char *text, size_t len);
int proc_show_timers(struct task *v, const struct kobj *o, struct seq *s);
int proc_parse_number(const char *text, long long *ret); /* decimal, octal or hexadecimal, and blanks behind; -EINVAL */

/* procfs_mem.c */
int proc_open_mm(struct task *t, const struct kobj *o, struct file *f);
extern const struct file_ops proc_mem_fops, proc_pagemap_fops;

/* procfs_load.c: is *t* running or wanting to? Asks the host where the sentry cannot know. No locks held. */
bool proc_task_running(struct task *t);
unsigned proc_running_threads(struct thread_group *tg); /* how many of them, of the first so many */

/* procfs_fd.c */
extern const struct kdir_ops proc_fd_dir, proc_fdinfo_dir;
int proc_exe_link(struct task *v, const struct kobj *o, struct path *ret);
int proc_cwd_link(struct task *v, const struct kobj *o, struct path *ret);
int proc_root_link(struct task *v, const struct kobj *o, struct path *ret);
int proc_read_exe(struct task *v, const struct kobj *o, char **ret);
int proc_read_cwd(struct task *v, const struct kobj *o, char **ret);
int proc_read_root(struct task *v, const struct kobj *o, char **ret);

/* procfs_ns.c */
extern const struct kdir_ops proc_ns_dir;
int proc_show_uid_map(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_gid_map(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_projid_map(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_setgroups(struct task *v, const struct kobj *o, struct seq *s);
int proc_store_uid_map(struct task *v, const struct cred *opener, const struct kobj *o, char *text, size_t len);
int proc_store_gid_map(struct task *v, const struct cred *opener, const struct kobj *o, char *text, size_t len);
int proc_store_projid_map(struct task *v, const struct cred *opener, const struct kobj *o, char *text, size_t len);
int proc_store_setgroups(struct task *v, const struct cred *opener, const struct kobj *o, char *text, size_t len);

/* procfs_mounts.c */
int proc_show_mounts(struct task *v, const struct kobj *o, struct seq *s);
int proc_show_mountinfo(struct task *v, const struct kobj *o, struct seq *s);
uint64_t proc_poll_mounts(const struct kobj *o, struct waiter *w);
int proc_show_mountstats(struct task *v, const struct kobj *o, struct seq *s);

/* procfs_system.c: files of /proc itself. */
extern const struct kentry proc_system_entries[];
extern const size_t proc_n_system_entries;

/* procfs_sysctl.c: /proc/sys. */
extern const struct kentry proc_sys_entry;

/* procfs_ipc.c: /proc/sysvipc, and limits of IPC in /proc/sys by their field of struct ipc_ns. */
#define PROC_N_SYSVIPC 3
#define PROC_N_MQUEUE 5
extern const struct kentry proc_sysvipc_entries[PROC_N_SYSVIPC], proc_mqueue_entries[PROC_N_MQUEUE];
#define PROC_IPC_LIMIT(field)                                                                                          \
	int proc_show_##field(struct task *v, const struct kobj *o, struct seq *s);                                    \
	int proc_store_##field(struct task *v, const struct kobj *o, char *text, size_t len)
PROC_IPC_LIMIT(shm_max);
PROC_IPC_LIMIT(shm_all);
PROC_IPC_LIMIT(shm_mni);
PROC_IPC_LIMIT(shm_rmid_forced);
PROC_IPC_LIMIT(msg_max);
PROC_IPC_LIMIT(msg_mnb);
PROC_IPC_LIMIT(msg_mni);
PROC_IPC_LIMIT(sem_limits);
PROC_IPC_LIMIT(mq_queues_max);
PROC_IPC_LIMIT(mq_msg_max);
PROC_IPC_LIMIT(mq_msgsize_max);
PROC_IPC_LIMIT(mq_msg_default);
PROC_IPC_LIMIT(mq_msgsize_default);
#define PROC_IPC(name_, field)                                                                                         \
	{.name = name_, .mode = S_IFREG | 0644, .show = proc_show_##field, .store = proc_store_##field}

/* procfs_sysnet.c: /proc/sys/net. */
#define PROC_N_SYSNET 4
extern const struct kentry proc_sysnet_entries[PROC_N_SYSNET];

/* procfs_net.c: /proc/net. */
extern const struct kdir_ops proc_net_dir;
#define PROC_N_NET 17
extern const struct kentry proc_net_entries[PROC_N_NET];
