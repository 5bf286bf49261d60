/* SPDX-License-Identifier: MIT */
/*
 * One large blob over several connections: pieces of it are fetched at the same time and handed on in order. A single
 * TCP connection to a distant registry rarely fills the line.
 */
#ifndef PICKET_NET_CHUNKS_H
#define PICKET_NET_CHUNKS_H

#include "registry.h"

#define CHUNK_SIZE (UINT64_C(8) << 20)
#define CHUNK_CONNECTIONS_MAX 16u

/*
 * Fetch a blob from offset *from on with up to `connections` connections. *from moves with what the sink has got.
 * Returns as registry_blob, and -EOPNOTSUPP if the registry knows no ranges: go on from *from with registry_blob then.
 */
int chunks_fetch(struct registry *r, struct http *h, const struct descriptor *d, unsigned int connections,
	uint64_t *from, registry_sink *sink, void *arg, struct snap_error *e);

#endif
