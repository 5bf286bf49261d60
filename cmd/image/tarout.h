/* SPDX-License-Identifier: MIT */
/* Writing tar archives into a file, with their digest; an archive may be a member of another one. */
#ifndef PICKET_CMD_TAROUT_H
#define PICKET_CMD_TAROUT_H

#include <stddef.h>
#include <stdint.h>

#include "cmd/copy/tarhead.h"
#include "fuse-snap/digest.h"

struct tarout {
	int fd;		      /* -1: nothing is written, bytes are only counted and hashed */
	struct sha256 *hash;  /* of what goes through; may be NULL */
	uint64_t len;	      /* bytes so far */
	int err;	      /* the first failure, an errno; nothing is written behind it */
	unsigned char buf[65536];
	size_t used;
};

void tarout_begin(struct tarout *t, int fd, struct sha256 *hash);
/* Of a regular file just e->size bytes follow by tarout_data(), then tarout_pad(). */
void tarout_entry(struct tarout *t, const struct tar_entry *e);
void tarout_data(struct tarout *t, const void *data, size_t len);
void tarout_zeros(struct tarout *t, uint64_t len);
void tarout_pad(struct tarout *t);
/* A regular file from memory. */
void tarout_file(struct tarout *t, const char *path, const void *data, size_t len);
/* The end mark; writes out what is buffered. 0 or a negative errno. */
int tarout_end(struct tarout *t);
/* What is buffered, without an end mark. */
int tarout_flush(struct tarout *t);

#endif
