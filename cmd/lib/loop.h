/* SPDX-License-Identifier: MIT */
/*
 * A poll(2) loop: descriptors that are watched, and timers. Watches and timers are parts of the objects they belong to; they
 * may be added and removed at any time, also by the functions that the loop calls.
 */
#ifndef PICKET_CMD_LOOP_H
#define PICKET_CMD_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch {
	int fd;	      /* -1: not asked for */
	short events; /* may be changed at any time; 0: only hang-ups are told */
	void (*fn)(void *arg, short revents);
	void *arg;
	size_t slot; /* private: 1 + index, 0: not in the loop */
};

struct timer {
	int64_t due; /* ns of CLOCK_MONOTONIC */
	void (*fn)(void *arg);
	void *arg;
	struct timer *next; /* private */
	bool on;	    /* read only */
};

struct loop {
	struct watch **watches; /* holes are NULL */
	struct pollfd *fds;
	size_t count, size;
	struct timer *timers; /* soonest first */
};

void loop_watch(struct loop *l, struct watch *w);
void loop_unwatch(struct loop *l, struct watch *w);

/* Call t->fn once in `ms` milliseconds; a timer that is on is set anew. */
void loop_timer(struct loop *l, struct timer *t, int64_t ms);
void loop_untimer(struct loop *l, struct timer *t);

/* Wait until something happened, at most `ms` milliseconds (-1: for ever), and call the functions of all that did. */
void loop_once(struct loop *l, int64_t ms);
void loop_free(struct loop *l);

/* Now, in ns of CLOCK_MONOTONIC. */
int64_t loop_now(void);

#endif
