/* SPDX-License-Identifier: MIT */
/* Decompression of a stream: gzip (any number of members), zstd (any number of frames), or none, told by the first
 * bytes. */
#ifndef PICKET_NET_INFLATE_H
#define PICKET_NET_INFLATE_H

#include "fuse-snap/error.h"

#include <stddef.h>
#include <stdint.h>

/* What a stream may grow to: at most absolute, and at most slack + ratio × (compressed bytes so far). */
struct inflate_limits {
	uint64_t absolute;
	uint64_t slack;
	uint64_t ratio;
};

#define INFLATE_LIMITS_DEFAULT                                                                                         \
	{                                                                                                              \
		.absolute = UINT64_C(128) << 30, .slack = UINT64_C(4) << 30, .ratio = 200                              \
	}

/* Where compressed bytes come from: *len 0 at the end; NULL if there will be none (the stage before has failed). */
typedef const void *inflate_peek(void *arg, size_t *len);
typedef void inflate_consume(void *arg, size_t len);
/* Where bytes go: space of at least 1 byte, then how much of it was used. NULL if nobody takes them any more. */
typedef void *inflate_reserve(void *arg, size_t *len);
typedef void inflate_commit(void *arg, size_t len);

struct inflate_io {
	inflate_peek *peek;
	inflate_consume *consume;
	inflate_reserve *reserve;
	inflate_commit *commit;
	void *arg;
};

/*
 * Run to the end. what: names the stream in messages. Returns 0, -EBADMSG (damaged), -EFBIG (past the limits), -ENOTSUP
 * (another compression), -ECANCELED (a neighbour failed), -ENOMEM.
 */
int inflate_stream(
	const struct inflate_io *io, const struct inflate_limits *limits, const char *what, struct snap_error *e);

#endif
