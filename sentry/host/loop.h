/* SPDX-License-Identifier: MIT */
/*
 * One thread of the sentry waits in epoll for host descriptors (sockets of the sandbox's net namespace, the descriptors of
 * stdio, the control socket) and turns their readiness into wake-ups of wait queues.
 */
#pragma once

#include "lib/wait.h"

#include <stdint.h>

struct kernel;
struct host_loop;

struct host_event {
	int fd;
	struct wait_queue *queue; /* woken with the EPOLL* bits that became ready (edge-triggered); or */
	void (*fn)(struct host_event *he, uint32_t events); /* called on the loop's thread instead; must not block */
	struct host_loop *loop;
	void *data;
};

int host_loop_create(struct host_loop **ret);
/* Start the thread; after lock-down's preparation, before the first guest runs. */
int host_loop_start(struct host_loop *l);
/* Watch he->fd for EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLPRI, edge-triggered. -EPERM: a file that is always ready (regular file). */
int host_loop_add(struct host_loop *l, struct host_event *he);
/* When it returns, neither queue nor fn will be touched again. Not from within fn. */
void host_loop_remove(struct host_event *he);
/* Ready events of a host descriptor now: poll(2) with time-out 0, EPOLL* bits. */
uint32_t host_poll_now(int fd);
