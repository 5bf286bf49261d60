/* SPDX-License-Identifier: MIT */
/* Keys that detach, looked for in what is typed. */
#ifndef PICKET_CMD_KEYS_H
#define PICKET_CMD_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#define DETACH_KEYS_MAX 16

struct keys {
	char keys[DETACH_KEYS_MAX];
	size_t count;
	size_t matched; /* typed and held back */
};

/*
 * Look through *len* typed bytes. What is not (the beginning of) the keys is put into *out*, which has room for len + count bytes;
 * returns how much. *found*: the keys were typed; what came behind them is dropped.
 */
size_t keys_filter(struct keys *k, const char *typed, size_t len, char *out, bool *found);

/*
 * Parse --detach-keys ("ctrl-p,ctrl-q"; NULL or "" is that) into keys[DETACH_KEYS_MAX]. Returns their number, or -1 after
 * a complaint.
 */
int detach_keys(const char *text, char *keys);

#endif
