/* SPDX-License-Identifier: MIT */
/* POSIX message queues. mq_overview(7). All queues of a namespace and their names are guarded by struct mqfs.lock. */
#pragma once

#include "ipc/ipc.h"
#include "vfs/vfs.h"

#define MQ_PRIO_TOP 32767
#define MQ_COOKIE_LEN 32 /* what SIGEV_THREAD puts into the socket that the library listens on */

struct socket;

struct mq_params { /* struct mq_attr of the guest: eight longs */
	int64_t flags, max_msgs, msg_size, n_msgs;
	int64_t reserved[4];
};

struct mqfs { /* the file system: one a namespace */
	struct lock lock;   /* RANK_IPC */
	struct ipc_ns *ns;  /* NULL once it is gone; not held */
	struct list_head names;	 /* mq_name */
	struct list_head queues; /* mqueue.all_link, also those without a name */
	uint64_t next_cookie;
	unsigned n_queues; /* of *queues* */
};

struct mq_name {
	struct list_head link;
	struct inode *inode; /* held */
	int64_t cookie;	     /* place in a listing */
	size_t len;
	char name[];
};

struct mq_registration { /* mq_notify(2) */
	struct thread_group *tg; /* held; NULL: nobody */
	int kind, signo;	 /* SIGEV_* */
	uint64_t value;
	struct socket *sock;	 /* held; SIGEV_THREAD */
	uint8_t cookie[MQ_COOKIE_LEN];
};

struct mq_sleeper { /* on its stack */
	struct list_head link;
	struct task *task;
	struct sysv_msg *msg;
	int result; /* 1: not yet served */
};

struct mqueue {
	struct mqfs *fs;
	struct inode *inode; /* not held: its inode */
	struct list_head all_link;
	struct list_head messages; /* highest priority first */
	struct list_head senders, receivers;
	uint64_t max_msgs, msg_size, n, bytes;
	uint32_t uid;	  /* charged with *charge* bytes of RLIMIT_MSGQUEUE */
	uint64_t charge;
	struct mq_registration notify;
};

extern const struct file_ops mqueue_fops;

static inline struct mqfs *mqfs_of(struct ipc_ns *ns)
{
	return ns->mqfs->priv;
}
/* The queue of an open file; NULL: it is something else. */
static inline struct mqueue *mqueue_of(const struct file *f)
{
	return f->ops == &mqueue_fops ? f->inode->priv : NULL;
}

/* mq_open(2) without the descriptor. *params* NULL: the defaults. */
int mq_open_file(struct task *t, const char *name, int flags, uint32_t mode, const struct mq_params *params, struct file **ret);
int mq_unlink_name(struct task *t, const char *name);

/* *m* (type: priority) is taken over on success. deadline_ns: CLOCK_MONOTONIC or -1. */
int mq_send(struct task *t, struct mqueue *q, struct sysv_msg *m, bool nonblock, int64_t deadline_ns);
int mq_receive(struct task *t, struct mqueue *q, bool nonblock, int64_t deadline_ns, struct sysv_msg **ret);

/* *r* is taken over on success. -EBUSY. */
int mq_register(struct task *t, struct mqueue *q, struct mq_registration *r);
void mq_unregister(struct task *t, struct mqueue *q);
/* lock held: the registration, if there is one, is the caller's now, to be fired or dropped without the lock. */
void mq_registration_take(struct mqueue *q, struct mq_registration *ret);
/* Tell the process of a message that *t* has sent, or that its registration ended; and let it go. */
void mq_registration_fire(struct mq_registration *r, struct task *t);
void mq_registration_end(struct mq_registration *r);
