/* SPDX-License-Identifier: MIT */
/*
 * System V IPC and POSIX message queues: sysvipc(7), mq_overview(7). Everything of one ipc namespace hangs from a struct ipc_ns.
 *
 * Locking: each kind of object has one table and one lock (struct ipc_ids.lock, RANK_IPC), which guards the table and
 * all objects in it. An object is used under that lock only, so it needs no reference; a sleeper is told its result by whoever
 * serves it or removes the object. Guest memory is never copied under it. POSIX message queues have one such lock a namespace too.
 */
#pragma once

#include "kernel/ns.h"
#include "kernel/task.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/refs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ipc.h>

struct mm;
struct seq;
struct super_block;
struct user_ns;

#define IPC_SLOTS_MAX 32768 /* objects of a kind: an id is a sequence number above 15 bits of place */

struct ipc_obj { /* the head of every System V object */
	int id;
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t seq;
};

struct ipc_ids {
	struct lock lock; /* RANK_IPC */
	struct ipc_obj **slots;
	unsigned n_slots, in_use;
	int last_idx, max_idx; /* the place given last; the highest in use, or -1 */
	uint16_t seq;
};

struct ipc_ns {
	struct ns_head head;
	struct refs refs;
	struct kernel *kernel;
	struct ipc_ids sem, msg, shm;

	/* /proc/sys/kernel; read without a lock */
	_Atomic uint64_t shm_max, shm_all;
	_Atomic unsigned shm_rmid_forced; /* segments that nobody has attached go, as if marked */
	_Atomic unsigned shm_mni, sem_msl, sem_mns, sem_opm, sem_mni, msg_max, msg_mnb, msg_mni;
	uint64_t shm_pages; /* shm.lock */
	struct super_block *shmfs; /* held: of the segments' inodes */
	unsigned used_sems; /* sem.lock */
	_Atomic uint64_t msg_bytes, msg_hdrs;

	/* POSIX message queues */
	struct super_block *mqfs; /* held */
	_Atomic unsigned mq_queues_max, mq_msg_max, mq_msgsize_max, mq_msg_default, mq_msgsize_default;
};

/* A new namespace with Linux's limits and one reference, owned by *owner*. -ENOMEM. */
int ipc_ns_create(struct kernel *k, struct user_ns *owner, struct ipc_ns **ret);
void ipc_ns_get(struct ipc_ns *ns);
void ipc_ns_put(struct ipc_ns *ns);
/* The namespace of *t*, borrowed. */
struct ipc_ns *task_ipc_ns(struct task *t);

/* --- what the life of tasks and address spaces tells ---------------------------------------------------------------------- */

/* clone(2): with *share* (CLONE_SYSVSEM) the child has the parent's SEM_UNDO adjustments, else none. -ENOMEM. */
int ipc_clone(struct task *t, struct task *child, bool share);
/* The task exits, or leaves its shared adjustments (unshare CLONE_SYSVSEM): the last user's are applied. Idempotent. */
void ipc_exit_sem(struct task *t);
/* fork: *to* has what is attached in *from*. -ENOMEM. */
int shm_mm_copy(struct mm *from, struct mm *to);
/* *mm* is gone, and all that was attached in it. */
void shm_mm_gone(struct mm *mm);

/* --- shared memory ------------------------------------------------------------------------------------------------------- */

int shm_get(struct task *t, int32_t key, uint64_t size, int flags);
int64_t shm_attach(struct task *t, int id, uint64_t addr, int flags); /* full entries only */
int shm_detach(struct task *t, uint64_t addr);
/* *buf*: guest address of the command's structure. */
int64_t shm_control(struct task *t, int id, int cmd, uint64_t buf);
int shm_show(struct task *v, struct seq *s);

/* A process ends: the segments it made have no maker any more. */
void shm_exit(struct task *t);
/* kernel.shm_rmid_forced was set: the segments without maker that nobody has attached go. */
void shm_remove_orphans(struct ipc_ns *ns);

/* --- semaphores ----------------------------------------------------------------------------------------------------------- */

struct sembuf;
int sem_get(struct task *t, int32_t key, int nsems, int flags);
/* deadline_ns: CLOCK_MONOTONIC or -1. -EAGAIN, -EINTR, -EIDRM … as semop(2). */
int sem_operate(struct task *t, int id, const struct sembuf *ops, unsigned n_ops, int64_t deadline_ns);
int64_t sem_control(struct task *t, int id, int num, int cmd, uint64_t arg);
int sem_show(struct task *v, struct seq *s);

/* --- messages --------------------------------------------------------------------------------------------------------------- */

struct sysv_msg { /* one message; text lies behind */
	struct list_head link;
	struct kernel *kernel; /* charged */
	int64_t type;
	size_t len;
	char text[];
};

int msg_get(struct task *t, int32_t key, int flags);
/* -ENOMEM. *ret is charged to the sandbox; sysv_msg_free(). */
int sysv_msg_alloc(struct kernel *k, size_t len, struct sysv_msg **ret);
void sysv_msg_free(struct sysv_msg *m);
/* *m* is taken over on success. */
int msg_send(struct task *t, int id, struct sysv_msg *m, int flags);
/* At most *size* bytes; *ret is the caller's. */
int msg_receive(struct task *t, int id, uint64_t size, int64_t type, int flags, struct sysv_msg **ret);
int64_t msg_control(struct task *t, int id, int cmd, uint64_t buf);
int msg_show(struct task *v, struct seq *s);
