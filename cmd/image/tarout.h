/* SPDX-License-Identifier: MIT */
/* Writing tar archives: ustar, with pax headers for what does not fit it (long names, times, extended attributes). */
#ifndef PICKET_CMD_TAROUT_H
#define PICKET_CMD_TAROUT_H

#include <stddef.h>
#include <stdint.h>

#include "fuse-snap/digest.h"

struct tarout {
	int fd;		      /* -1: nothing is written, bytes are only counted and hashed */
	struct sha256 *hash;  /* of what goes through; may be NULL */
	uint64_t len;	      /* bytes so far */
	int err;	      /* the first failure, an errno; nothing is written behind it */
	unsigned char buf[65536];
	size_t used;
};

struct tarout_xattr {
	const char *name;
	size_t name_len;
	const void *value;
	size_t len;
};

struct tarout_entry {
	char type;	  /* '0' regular, '1' hard link, '2' symlink, '3' char, '4' block, '5' directory, '6' fifo */
	const char *path; /* without a leading slash */
	const char *link; /* types 1 and 2 */
	uint32_t mode, uid, gid, major, minor;
	uint64_t size; /* regular files: tarout_data() of just that follows, then tarout_pad() */
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	const struct tarout_xattr *xattrs;
	size_t xattr_count;
};

void tarout_begin(struct tarout *t, int fd, struct sha256 *hash);
void tarout_entry(struct tarout *t, const struct tarout_entry *e);
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
