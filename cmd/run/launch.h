/* SPDX-License-Identifier: MIT */
/* Writing a launch configuration (docs/launch.md) and collecting the descriptors it names. */
#ifndef PICKET_CMD_LAUNCH_H
#define PICKET_CMD_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#include "sentry/control/config.h"

struct launch {
	char *data;
	size_t len, size;
	int *fds;		 /* in the order of their numbers inside, from SANDBOX_FIRST_FD */
	unsigned char *fd_kinds; /* enum sandbox_fd_kind */
	size_t fd_count;
	bool shares_host; /* something of the host is shown by its path */
	bool by_place; /* of a session: the numbers are places among the descriptors */
	int *owned; /* those of them that launch_free closes */
	size_t owned_count;
	int *held; /* locks of what the sandbox uses, until launch_release() */
	size_t held_count;
};

/* Append a record; the strings after `keyword` must be as many as the table says. A NULL string is an empty one. */
#define launch_record(l, keyword, ...)                                                                                 \
	launch_append(l, keyword, (const char *[]){__VA_ARGS__},                                                       \
		sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))
void launch_append(struct launch *l, enum config_keyword keyword, const char *const *args, size_t count);

/* A record without arguments. */
void launch_word(struct launch *l, enum config_keyword keyword);

/*
 * Let the sandbox have a descriptor; returns its number inside, as the text of a record (static, valid until the 8th
 * next call). launch_give closes fd with the launch, launch_lend leaves it the caller's.
 */
const char *launch_give(struct launch *l, int fd);
const char *launch_lend(struct launch *l, int fd);

/* Give a file or a directory of the host, which the sandbox may write to or not. */
const char *launch_give_host(struct launch *l, int fd, bool writable);

/* The configuration as a sealed memfd at its beginning; -1 with errno. */
int launch_finish(const struct launch *l);
void launch_free(struct launch *l);

/* Keep a descriptor (taken over) open beyond launch_free(), while the sandbox lives: it holds a lock. */
void launch_hold(struct launch *l, int fd);
void launch_release(struct launch *l);

#endif
