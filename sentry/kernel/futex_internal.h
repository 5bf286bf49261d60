/* SPDX-License-Identifier: MIT */
/* What futex.c and futex_pi.c share. */
#pragma once

#include "kernel/futex.h"
#include "lib/lock.h"
#include "lib/wait.h"

#define FUTEX_BUCKETS 64

struct futex_key { /* which word: the same from every process that maps it */
	uint64_t space;	 /* 0: private, else the file's device + 1 */
	uint64_t object; /* the address space, or the inode */
	uint64_t offset; /* address, or place in the file */
};

enum futex_state {
	FUTEX_WAITING,
	FUTEX_GRANTING, /* the lock is being given over: the waiter must not leave */
	FUTEX_WOKEN,	/* the lock is the waiter's */
	FUTEX_INHERITED, /* the same, from an owner that died: the word is still to be written */
};

struct futex_waiter { /* on the stack of the sleeping worker; guarded by the table's lock */
	struct list_head link; /* of a bucket, or of futex_pi.waiters */
	struct futex_key key;
	struct task *task;
	struct futex_key key2; /* of a lock that it waits to be moved to */
	struct futex_pi *pi;   /* it waits for this lock */
	enum futex_state state;
};

struct futex_pi { /* a lock with waiters, or one that a call works on */
	struct list_head link; /* of a bucket */
	struct list_head owned; /* owner's pi_owned */
	struct futex_key key;
	struct task *owner;    /* no reference: it leaves the list before it goes */
	struct list_head waiters;
	unsigned users;	       /* calls that know it */
	bool busy;	       /* one of them works on the word, and no lock may be held over that */
	struct wait_queue idle;
};

struct futex_table {
	struct lock lock; /* RANK_FUTEX */
	struct list_head waiters[FUTEX_BUCKETS]; /* of FUTEX_WAIT_REQUEUE_PI, before they are moved */
	struct list_head pis[FUTEX_BUCKETS];
};

/* NULL: out of memory. */
struct futex_table *futex_table(struct kernel *k);
/* 0, -EINVAL (not aligned), -EFAULT. */
int futex_key_get(struct task *t, uint64_t addr, bool shared, struct futex_key *ret);
bool futex_key_eq(const struct futex_key *a, const struct futex_key *b);
unsigned futex_bucket(const struct futex_key *k);
/* Sleep until woken, a signal or *until*. As task_block(). */
int futex_block(struct task *t, const struct futex_time *until);
