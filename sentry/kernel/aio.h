/* SPDX-License-Identifier: MIT */
/*
 * Contexts of asynchronous I/O: queues of finished requests. Requests are done when they are submitted, as Linux may do them too; so
 * none is ever under way. io_setup(2).
 */
#pragma once

#include "kernel/task.h"

struct aio_context;

struct aio_event { /* struct io_event */
	uint64_t data, obj;
	int64_t res, res2;
};

/* A context for *n* requests, known by *id* (an address of the guest's). -EAGAIN: too many in the sandbox; -ENOMEM. */
int aio_create(struct task *t, uint64_t id, unsigned n);
/* Held; NULL: none of that id in the process of *t*. */
struct aio_context *aio_find(struct task *t, uint64_t id);
void aio_put(struct aio_context *c);
/* Take it from the process; sleepers end. -EINVAL: there is none. */
int aio_destroy(struct task *t, uint64_t id);

/* Room for one more result, which aio_complete() fills or aio_unreserve() gives back. -EAGAIN: full. */
int aio_reserve(struct aio_context *c);
void aio_unreserve(struct aio_context *c);
void aio_complete(struct aio_context *c, const struct aio_event *ev);
/* Take up to *n* results. -EINVAL: the context has been destroyed. */
int aio_take(struct aio_context *c, struct aio_event *ev, unsigned n);
/* Queue *w* for results. */
void aio_wait(struct aio_context *c, struct waiter *w);

/* All contexts of a process end (exec, exit). Idempotent. */
void tg_aio_free(struct thread_group *tg);
