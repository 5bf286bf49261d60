/* SPDX-License-Identifier: MIT */
/*
 * Files by name out of a directory or a tar archive (plain, gzip or zstd; from a file or a pipe), all of it hostile.
 * Symbolic and hard links between members are followed inside the archive alone.
 */
#ifndef PICKET_NET_ARCHIVE_H
#define PICKET_NET_ARCHIVE_H

#include "fuse-snap/store.h"
#include "inflate.h"

struct archive;

struct member {
	int fd; /* to pread from; the archive's, unless `owned` */
	bool owned;
	uint64_t off; /* of its first byte */
	uint64_t size;
};

/* source: a path, or "-" for standard input. What cannot be sought in is spooled into a nameless file of the
 * transaction. */
int archive_open(const char *source, struct store_txn *txn, const struct inflate_limits *limits, struct archive **ret,
	struct snap_error *e);
void archive_close(struct archive *a);

/* Find a regular file; member_close it. 0, -ENOENT, or -ELOOP for links that lead nowhere. */
int archive_find(const struct archive *a, const char *name, struct member *out);
void member_close(struct member *m);

/* Read a file whole if it has at most `limit` bytes; malloc'd, a NUL is behind it. Names it in *e. */
int archive_read(
	const struct archive *a, const char *name, size_t limit, void **data, size_t *len, struct snap_error *e);

#endif
