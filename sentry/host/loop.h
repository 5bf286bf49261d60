/* SPDX-License-Identifier: MIT */
/*
 * One thread of the sentry waits in epoll for host descriptors (sockets of the sandbox's net namespace, the descriptors
 * of stdio, the control socket) and turns their readiness into wake-ups of wait queues.
 */
#pragma once

#include "lib/wait.h"

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct host_loop;

/*
 * A *lazy* watch costs nobody anything while nobody sleeps: its descriptor's readiness is kept by the host, and is passed on by whoever asks
 * (host_loop_gather()), at the latest when a task is about to sleep on a queue that is fed from there, and by the thread
 * only while such tasks sleep. So a busy server's packets wake no second thread.
 */
struct host_event {
	int fd;
	bool lazy;
	struct wait_queue *queue; /* woken with the EPOLL* bits that became ready (edge-triggered); or */
	void (*fn)(struct host_event *he, uint32_t events); /* called on the loop's thread (lazy: any thread) instead; must not block */
	void *data;
	/* Private to the loop. */
	struct host_loop *loop; /* NULL when not watched */
	uint64_t token;
};

int host_loop_create(struct host_loop **ret);
/* Call *fn* after each round of events, with no lock held. Before the start. */
void host_loop_after(struct host_loop *l, void (*fn)(struct kernel *k), struct kernel *k);
/* Start the thread; after lock-down's preparation, before the first guest runs. */
int host_loop_start(struct host_loop *l);
/* Stop the thread, if started, and free the loop. Nothing may be watched any more. Not from within a callback. */
void host_loop_destroy(struct host_loop *l);
/*
 * Watch he->fd for EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLPRI, edge-triggered. -EPERM: a file that is always ready (regular
 * file).
 */
int host_loop_add(struct host_loop *l, struct host_event *he);
/*
 * Stop watching; before the descriptor is closed. When it returns, neither queue nor fn will be touched again: it waits
 * for a running fn, so the caller holds no lock that fn takes. Not from within its own fn. Harmless when not watched.
 */
void host_loop_remove(struct host_event *he);
/*
 * Pass on what has become ready of the lazily watched descriptors up to now: when it returns, all of it has reached the wait
 * queues. Takes RANK_GATHER.
 */
void host_loop_gather(struct host_loop *l);
/*
 * A task is about to sleep on a queue fed by lazy watches (struct waiter.lazy says so): gather, and have the thread see to what comes from
 * now on. *sleeping* is the task's own; whoever wakes the task, and the task itself behind its sleep, calls host_loop_sleep_end().
 */
void host_loop_sleep_begin(struct host_loop *l, _Atomic bool *sleeping);
void host_loop_sleep_end(struct host_loop *l, _Atomic bool *sleeping);
/* The count of waiters on lazy queues that no sleeping task stands behind; arm the thread after counting up by a queue. */
_Atomic unsigned *host_loop_pins(struct host_loop *l);
void host_loop_arm(struct host_loop *l);
/* Ready events of a host descriptor now: poll(2) with time-out 0, EPOLL* bits. */
uint32_t host_poll_now(int fd);
