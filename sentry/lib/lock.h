/* SPDX-License-Identifier: MIT */
/*
 * Ranked locks. A thread takes locks in rising rank; two locks of one rank are taken in address order through
 * lock_two(). The ranks are the sentry's lock order in one list; docs/locking.md explains them. With -Dlockdep=true
 * each thread checks the order at run time and aborts with both ranks on a breach.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
	RANK_NONE,
	RANK_FILE_POS,	   /* struct file.pos_lock: held over a whole read, write, seek or readdir */
	RANK_EXEC,	   /* struct thread_group.exec_lock: one exec or exit_group at a time */
	RANK_MM,	   /* struct mm.lock */
	RANK_MOUNTS,	   /* struct dcache.mount_lock: the trees of all mount namespaces */
	RANK_RENAME,	   /* struct super_block.rename_lock: one cross-directory rename at a time in a file system */
	RANK_INODE_PARENT, /* struct inode.lock of a directory whose entries change; parents before children */
	RANK_INODE,	   /* struct inode.lock */
	RANK_UPPER,	   /* struct upper.tree: names and places of an overlay whose changes are on disk */
	RANK_INODE_LOWER,  /* inode locks of file systems below an overlay */
	RANK_EPOLL_TREE,   /* struct kernel.epoll_lock: which instance watches which file */
	RANK_EPOLL,	   /* struct epoll.lock; an instance before those it watches, so one rank for each level */
	RANK_EPOLL_INNER = RANK_EPOLL + 5,
	RANK_CONSOLE,	   /* one mover of bytes between the console's pseudo terminal and the host at a time */
	RANK_TTY,	   /* struct tty.lock */
	RANK_SOCKET_IO,	   /* one reader of a socket at a time; held while data is copied to the guest; net_state.ports_lock */
	RANK_SOCKET,	   /* socket locks */
	RANK_SOCKET_PEER,  /* what is taken under a socket's lock: name tables, the accounting of files in flight */
	RANK_PIPE,	   /* struct pipe.lock */
	RANK_FILE_LOCKS,   /* record locks and flock of all inodes of a sandbox (vfs/locks.c) */
	RANK_WATCHES,	   /* struct watch_list.lock: the inotify watches of one inode */
	RANK_INOTIFY,	   /* one inotify instance: its queue and its table of watches */
	RANK_IPC,	   /* tables of System V objects, message queues of a namespace, seccomp listeners */
	RANK_FDTABLE,	   /* struct fd_table.lock */
	RANK_FS,	   /* struct fs_context.lock (cwd, root, umask) */
	RANK_DRENAME,	   /* struct dcache.rename_lock: every dentry's name and parent */
	RANK_DENTRY,	   /* struct dentry.lock (children) */
	RANK_FUTEX,	   /* struct futex_table.lock */
	RANK_TASKLIST,	   /* struct kernel.tasklist_lock: pid tables, parent/child, sessions and groups */
	RANK_SIGHAND,	   /* struct thread_group.siglock: signals, masks, stop state, of all its threads */
	RANK_SIGACTION,	   /* struct sighand.lock: actions, which several groups may share */
	RANK_TIMERS,	   /* struct kernel.timers.lock */
	RANK_GATHER,	   /* host_loop.gather_lock: who passes on what has become ready of lazily watched descriptors */
	RANK_WAITQ,	   /* struct wait_queue.lock; wake-up callbacks run under it and may only wake tasks */
	RANK_WAITQ_NESTED, /* a wait queue woken from another's callback (epoll), one rank for each level */
	RANK_WAITQ_OUTER = RANK_WAITQ_NESTED + 5,
	RANK_TASK_WAKE,	   /* the sleep state of one task or worker */
	RANK_PLATFORM,	   /* platform: struct listener.lock */
	RANK_PLATFORM_INNER, /* platform: address spaces, pools, workers */
	RANK_LEAF,	   /* allocators, id tables, logs: nothing is taken under these */
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
#ifdef PICKET_LOCKDEP
	const void *last; /* who held it last: a mark of the thread */
#endif
};

#define LOCK_INIT(r)                                                                                                   \
	{                                                                                                              \
		.mutex = PTHREAD_MUTEX_INITIALIZER, .rank = (r)                                                        \
	}

void lock_init(struct lock *l, enum lock_rank rank);
void lock_destroy(struct lock *l);
void lock_acquire(struct lock *l);
bool lock_tryacquire(struct lock *l);
void lock_release(struct lock *l);

/* Take two locks of one rank in address order; the same lock twice is taken once. */
void lock_two(struct lock *a, struct lock *b);
void unlock_two(struct lock *a, struct lock *b);

/* Take *n* locks of one rank in address order: the array is sorted in place, NULLs and doubles are left out. Small n. */
void lock_many(struct lock **locks, unsigned *n);
void unlock_many(struct lock **locks, unsigned n);

/* Assert, in lockdep builds, that the calling thread holds *l*. */
void lock_assert_held(const struct lock *l);

/* In lockdep builds, where $PICKET_LOCK_COUNTS is set: how often locks were taken and waited for, on standard error. */
void lock_counts_print(void);

struct rwlock {
	pthread_rwlock_t rw;
	enum lock_rank rank;
};

void rwlock_init(struct rwlock *l, enum lock_rank rank);
void rwlock_destroy(struct rwlock *l);
void rwlock_read(struct rwlock *l);
void rwlock_write(struct rwlock *l);
void rwlock_release(struct rwlock *l);

static inline void lock_cleanup_(struct lock **l)
{
	if (*l)
		lock_release(*l);
}

/* Hold *l* until the end of the scope. */
#define LOCK_CAT2_(a, b) a##b
#define LOCK_CAT_(a, b) LOCK_CAT2_(a, b)
#define LOCK_SCOPE(l)                                                                                                  \
	struct lock *LOCK_CAT_(scope_, __LINE__) __attribute__((cleanup(lock_cleanup_), unused)) = (l);                \
	lock_acquire(LOCK_CAT_(scope_, __LINE__))
