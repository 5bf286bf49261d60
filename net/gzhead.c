/* SPDX-License-Identifier: MIT */
/* A gzip header, byte by byte. Its own checksum (FHCRC) is passed over: the member's covers what matters. */
#include "gzhead.h"

enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };

#define FIXED_LENGTH 10

/* On to the next field that the flags announce. */
static void gzhead_next(struct gzhead *h)
{
	static const uint8_t needs[] = {
		[GZHEAD_EXTRA_LEN] = FEXTRA,
		[GZHEAD_EXTRA] = FEXTRA,
		[GZHEAD_NAME] = FNAME,
		[GZHEAD_COMMENT] = FCOMMENT,
		[GZHEAD_CRC] = FHCRC,
	};

	h->at = 0;
	do
		h->field++;
	while (h->field != GZHEAD_DONE && !(h->flags & needs[h->field]));
	if (h->field == GZHEAD_EXTRA && !h->extra)
		gzhead_next(h);
}

static bool gzhead_fixed(struct gzhead *h, unsigned char c)
{
	static const unsigned char magic[] = {0x1f, 0x8b, 8};

	if (h->at < sizeof(magic) && c != magic[h->at])
		return false;
	if (h->at == 3) {
		if (c & RESERVED)
			return false;
		h->flags = c;
	}
	return true;
}

ptrdiff_t gzhead_feed(struct gzhead *h, const unsigned char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && h->field != GZHEAD_DONE; i++) {
		bool last;

		switch (h->field) {
		case GZHEAD_FIXED:
			if (!gzhead_fixed(h, data[i]))
				return -1;
			last = h->at == FIXED_LENGTH - 1;
			break;
		case GZHEAD_EXTRA_LEN:
			h->extra |= (uint32_t)data[i] << (8 * h->at);
			last = h->at == 1;
			break;
		case GZHEAD_EXTRA:
			last = h->at == h->extra - 1;
			break;
		case GZHEAD_CRC:
			last = h->at == 1;
			break;
		default:
			last = !data[i];
		}
		h->at++;
		if (last)
			gzhead_next(h);
	}
	return (ptrdiff_t)i;
}
