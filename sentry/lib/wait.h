/* SPDX-License-Identifier: MIT */
/*
 * Wait queues: who is told when an object becomes ready. A waiter names the events (EPOLLIN and friends) it wants; wake()
 * calls the notify function of each waiter whose mask meets the events. Notify functions run under the queue's lock
 * and may only wake tasks or forward to another queue (epoll).
 */
#pragma once

#include "lib/list.h"
#include "lib/lock.h"

#include <stdint.h>
#include <sys/epoll.h>

struct waiter;
typedef void (*waiter_notify_fn)(struct waiter *w, uint32_t events);

struct waiter {
	struct list_head link;	    /* in wait_queue.waiters; guarded by its lock */
	struct wait_queue *queue;   /* NULL when not queued */
	waiter_notify_fn notify;
	uint32_t mask;		    /* EPOLLERR and EPOLLHUP are always delivered */
	bool exclusive;		    /* wake_one() stops behind the first exclusive waiter it notified */
	_Atomic unsigned *lazy;	    /* counted up while on a lazy queue; may be NULL */
};

struct wait_queue {
	struct lock lock;
	struct list_head waiters;
	bool lazy; /* what wakes it is only looked for when somebody sleeps on it (host/loop.h); set before it is used */
};

void wait_queue_init(struct wait_queue *q);
void wait_queue_add(struct wait_queue *q, struct waiter *w);
/* Remove *w* from its queue, if any; when it returns, notify is not running and will not run. */
void wait_queue_remove(struct waiter *w);
/* Tell every waiter interested in *events*. */
void wait_queue_wake(struct wait_queue *q, uint32_t events);
/* As wait_queue_wake(), but only the first exclusive waiter is told. */
void wait_queue_wake_one(struct wait_queue *q, uint32_t events);
