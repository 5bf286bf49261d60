/* SPDX-License-Identifier: MIT */
/*
 * struct kernel: all state of one sandbox hangs here; there are no other globals. Passed explicitly, or reached through
 * task->kernel.
 */
#pragma once

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/wait.h"
#include "platform/platform.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct task;
struct thread_group;
struct user_ns;
struct nsproxy;
struct pid_numbers;
struct mount_ns;
struct super_block;
struct trace;
struct report;
struct console;
struct config;
struct net_state;
struct tty;
struct timer_queue;
struct host_loop;
struct ipc_ns;
struct inode;
struct file;
struct dcache;
struct names;
struct locks_state;
struct load_averages;
struct futex_table;
struct quota;

#define PID_MAX 32768
#define AIO_MAX_NR 65536u
/* What uname(2) and /proc/version say; the second one to whoever has asked for UNAME26, by Linux's formula. */
#define KERNEL_RELEASE "6.1.0-picket"
#define KERNEL_RELEASE_26 "2.6.61-picket"
#define KERNEL_VERSION "#1 SMP PREEMPT_DYNAMIC Picket"

struct pid_table; /* kernel/pid.c: pid → task, thread group, process group, session */

struct kernel {
	struct platform *platform;
	const struct config *config;

	struct lock tasklist_lock; /* RANK_TASKLIST */
	struct pid_table *pids;
	struct user_ns *user_ns;   /* the initial one */
	struct nsproxy *nsproxy;   /* the other initial namespaces; held */
	_Atomic uint32_t n_namespaces, next_ns_inum;
	_Atomic bool user_ns_made; /* a user namespace below the initial one was ever made */
	struct lock pid_lock;	   /* RANK_LEAF: kernel/pid_ns.h */
	struct pid_numbers **pid_numbers; /* by number; NULL until the first nested pid namespace */
	struct super_block *nsfs;
	struct list_head ended_ns; /* tasklist_lock: first processes whose pid namespaces are empty now; held */
	_Atomic unsigned n_ended_ns;
	struct task *init;	   /* first task; its exit ends the sandbox */
	_Atomic unsigned n_tasks;  /* tasklist_lock; also read without it */
	_Atomic unsigned max_tasks; /* likewise */
	_Atomic uint64_t forks;    /* for /proc/stat */
	_Atomic(struct quota *) quota; /* kernel/quota.h */
	bool quota_held;	   /* kernel/quota.h */
	_Atomic uint64_t quota_shown; /* the limit that is held elsewhere */
	_Atomic uint32_t frozen;   /* FREEZE_* (kernel/freezer.h); changed under tasklist_lock */

	struct timer_queue *timers;
	struct host_loop *loop;
	struct timespec boot_monotonic, boot_realtime; /* when the sandbox started */
	uint64_t boot_ticks;			       /* arch_ticks() at boot_monotonic */

	struct mount_ns *mounts;
	struct super_block *pipefs, *sockfs, *anonfs, *devpts, *memfs; /* internal super blocks */
	_Atomic uint64_t next_dev;
	struct lock epoll_lock; /* RANK_EPOLL_TREE: which epoll instance watches which file */
	struct lock fasync_mutex; /* RANK_EPOLL_TREE: file->fasync */
	struct lock fasync_lock;  /* RANK_LEAF: file->owner, and what follows */
	struct list_head fasyncs; /* vfs/fasync.c: files whose owners are to be told */
	_Atomic unsigned n_fasync; /* their number, for a look without the lock */
	_Atomic unsigned n_fasync_files; /* files with a struct fasync */
	struct lock lease_lock;	  /* RANK_FILE_LOCKS */
	struct list_head leases;  /* vfs/leases.c */
	struct wait_queue lease_wait;
	struct dcache *dcache;
	struct names *names; /* vfs/names_table.c; NULL: none */
	struct twins *twins; /* mm/twin.h; NULL: none */
	struct lock acl_lock; /* RANK_LEAF: exchange of access control lists */
	_Atomic(struct locks_state *) locks; /* vfs/locks.c; made at first use */
	_Atomic(struct futex_table *) futexes; /* kernel/futex.c; likewise */
	_Atomic uint32_t inotify_cookie, n_inotify, n_watches;


	struct net_state *net;
	struct seccomp_filter *seccomp; /* held: what first programs begin with (seccomp_set_profile()), or NULL */
	bool no_waitv;			/* it never allows futex_waitv(2) */
	struct ipc_ns *ipc;  /* the initial one */
	struct lock views_lock; /* RANK_LEAF */
	struct list_head views; /* of struct fast_view (kernel/views.h) */
	struct trace *trace; /* NULL: no trace */
	struct report *report; /* NULL: nobody asked for one (kernel/report.h) */
	bool observed;	     /* by either of them */
	bool no_rewrite;     /* programs' text stays as it is: docs/fastpath.md */

	_Atomic uint64_t memory_used, memory_limit; /* bytes the sentry holds for the guest (tmpfs, pipes …); limit 0: none */
	struct lock shared_lock; /* RANK_LEAF */
	struct list_head shared_mem; /* mm/shared.h */
	_Atomic uint64_t memory_seen, memory_copied; /* what there was at the last look; what the sentry has copied to new places since then */
	_Atomic uint32_t memory_look;		     /* its number */
	_Atomic bool memory_watched; /* memory_watch_start() */
	_Atomic bool memory_held; /* a cgroup of the host ends who is over the limit, when it is told */
	_Atomic unsigned oom_kills; /* processes ended by the memory limit */
	uint64_t memory_total; /* bytes of the machine's memory */
	uint32_t host_uid, host_gid; /* whom the host takes the sentry for; asked before the lock-down */
	bool host_owners;	     /* the sentry can give files to anybody; asked then too */
	unsigned n_cpus;
	struct console *console; /* of the first process: relay between a pty master and the host terminal, or NULL */
	struct lock sessions_lock; /* RANK_LEAF */
	struct list_head sessions; /* control/session.h: processes that `exec` started */
	unsigned n_sessions;
	_Atomic bool started;	   /* the first program runs */
	int control_fd, proc_fd, sysnet_fd; /* -1: none; sysnet: /proc/sys/net, else in proc */
	struct load_averages *load;   /* fs/procfs_load.c */
	_Atomic uint64_t dead_utime_ns, dead_stime_ns, dead_switches; /* of processes and tasks that are gone, for /proc/stat */
	_Atomic unsigned aio_nr;      /* results that all contexts of kernel/aio.h have room for; at most AIO_MAX_NR */
	_Atomic uint32_t n_logins;    /* sessions that /proc/PID/loginuid has begun */
	_Atomic int exit_status; /* of init, wait(2) encoding */
	_Atomic int network_settled; /* picket has said how the network came out */
	_Atomic bool held;	     /* all stands, and the first program waits */
	_Atomic uint32_t go;	     /* HOLD_GO: it may; the rest is changed to wake who waits */
};

/* CLOCK_REALTIME / CLOCK_MONOTONIC of the host, nanoseconds. */
int64_t kernel_now_real(void);
int64_t kernel_now_mono(void);

/*
 * Memory that the sentry holds on the guest's behalf (tmpfs pages, pipe and socket buffers): charge before allocating.
 * -ENOMEM when over the limit.
 */
int kernel_charge(struct kernel *k, uint64_t bytes);
/*
 * The same for what stays when a process ends: files, names, attributes. An eighth of the limit is left for processes, so that
 * one can still be started to remove some. Without a limit, half of the machine's memory. -ENOSPC. kernel_uncharge() as well.
 */
int kernel_charge_files(struct kernel *k, uint64_t bytes);
uint64_t kernel_files_left(struct kernel *k); /* bytes that it would still grant */
void kernel_uncharge(struct kernel *k, uint64_t bytes);
