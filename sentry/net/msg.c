/* SPDX-License-Identifier: MIT */
/*
 * Control messages, cmsg(3): reading what a guest sent (already copied, nothing in it believed), writing what it
 * receives.
 */
#include "net/socket.h"

#include <string.h>

_Static_assert(sizeof(struct cmsghdr) == 16 && CMSG_ALIGN(1) == 8, "layout of x86-64 and other 64-bit Linux");

int cmsg_next(struct cmsg_iter *it, int *level, int *type, const uint8_t **data, size_t *len)
{
	struct cmsghdr h;

	/* Like Linux, a rest too short for a header is ignored. */
	if (it->len - it->off < sizeof(h))
		return 0;
	memcpy(&h, it->buf + it->off, sizeof(h));
	if (h.cmsg_len < sizeof(h) || h.cmsg_len > it->len - it->off)
		return -EINVAL;
	*level = h.cmsg_level;
	*type = h.cmsg_type;
	*data = it->buf + it->off + sizeof(h);
	*len = h.cmsg_len - sizeof(h);
	if (CMSG_ALIGN(h.cmsg_len) >= it->len - it->off)
		it->off = it->len;
	else
		it->off += CMSG_ALIGN(h.cmsg_len);
	return 1;
}

void cmsg_put(struct cmsg_sink *sink, int level, int type, const void *data, size_t len)
{
	struct cmsghdr h = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
	size_t left = sink->cap - sink->used, space = CMSG_SPACE(len);
	uint8_t *at = sink->buf + sink->used;

	if (left < sizeof(h)) {
		sink->flags |= MSG_CTRUNC;
		return;
	}
	if (left < h.cmsg_len) {
		sink->flags |= MSG_CTRUNC;
		h.cmsg_len = left;
	}
	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), data, h.cmsg_len - sizeof(h));
	if (space > left)
		space = left;
	memset(at + h.cmsg_len, 0, space - h.cmsg_len);
	sink->used += space;
}

size_t cmsg_room_ints(const struct cmsg_sink *sink)
{
	size_t left = sink->cap - sink->used;

	return left <= sizeof(struct cmsghdr) ? 0 : (left - sizeof(struct cmsghdr)) / sizeof(int);
}
