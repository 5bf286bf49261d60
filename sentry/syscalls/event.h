/* SPDX-License-Identifier: MIT */
/* What the waiting calls share: time-outs and temporary signal masks. */
#pragma once

#include "kernel/task.h"

#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC instant *ns* from now (-1: never; 0: at once, as epoll_collect() and task_block() take it). */
int64_t event_deadline(int64_t ns);

/*
 * The mask of ppoll, pselect6 and epoll_pwait: block *mask_addr* (0: nothing changes) until event_mask_end(). size is the
 * guest's sigsetsize.
 */
struct event_mask {
	bool set;
	ksigset old;
};
int event_mask_begin(struct task *t, uint64_t mask_addr, uint64_t size, struct event_mask *m);
/* interrupted: a handler shall run under the temporary mask; the old one comes back behind it. */
void event_mask_end(struct task *t, const struct event_mask *m, bool interrupted);
