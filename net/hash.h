/* SPDX-License-Identifier: MIT */
/* SHA-256 at full speed, by libcrypto; for what is large. */
#ifndef PICKET_NET_HASH_H
#define PICKET_NET_HASH_H

#include "fuse-snap/digest.h"

struct hasher;

/* NULL if there is no memory. */
struct hasher *hasher_new(void);
void hasher_update(struct hasher *h, const void *data, size_t len);
/* The digest of what was fed; the hasher is then ready for the next message. */
void hasher_finish(struct hasher *h, struct digest *out);
void hasher_free(struct hasher *h);

#endif
