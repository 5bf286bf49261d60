/* SPDX-License-Identifier: MIT */
/*
 * The header of a gzip member (RFC 1952, 2.3), in pieces of any size. ISA-L reads headers too, but fails on those with
 * optional fields that are cut by the end of its input, as a stream of many members is bound to have them.
 */
#ifndef PICKET_NET_GZHEAD_H
#define PICKET_NET_GZHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gzhead_field {
	GZHEAD_FIXED,
	GZHEAD_EXTRA_LEN,
	GZHEAD_EXTRA,
	GZHEAD_NAME,
	GZHEAD_COMMENT,
	GZHEAD_CRC,
	GZHEAD_DONE
};

/* Zeros are the beginning of a header. */
struct gzhead {
	enum gzhead_field field;
	uint32_t at;	/* bytes of this field so far */
	uint32_t extra; /* length of the extra field */
	uint8_t flags;
};

/* Take the next bytes. Returns how many belong to the header (field is GZHEAD_DONE behind its end); -1: it is none. */
ptrdiff_t gzhead_feed(struct gzhead *h, const unsigned char *data, size_t len);

#endif
