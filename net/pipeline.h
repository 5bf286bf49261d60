/* SPDX-License-Identifier: MIT */
/*
 * One layer on its way into the store: bytes as they come → SHA-256 → (inflate) → (diffID SHA-256) and (layer writer).
 * What stands in brackets is a thread of its own; the first two run in the caller's, which is the one that fetches.
 */
#ifndef PICKET_NET_PIPELINE_H
#define PICKET_NET_PIPELINE_H

#include "fuse-snap/store.h"
#include "inflate.h"
#include "registry.h"

struct pipeline;

struct pipeline_options {
	struct store_txn *txn;
	const char *what;	     /* for messages: "layer sha256:…" */
	const struct digest *digest; /* of the bytes as they come, or NULL if nobody promised one */
	const struct digest *diffid; /* of the tar, from the image's config */
	uint64_t size;		     /* of the bytes as they come */
	struct inflate_limits limits;
};

/* Start the threads. 0 or a negative errno. */
int pipeline_start(const struct pipeline_options *opt, struct pipeline **ret, struct snap_error *e);

/* Feed the next bytes. A registry_sink with the pipeline as its argument. */
int pipeline_feed(void *pipeline, const void *data, size_t len, struct snap_error *e);

/*
 * End of the bytes: wait for the threads, check both digests, publish the layer, free the pipeline. -EBADMSG if a
 * digest is not as promised. On any failure nothing is left in the store.
 */
int pipeline_finish(struct pipeline *p, struct snap_error *e);

/* Drop all. */
void pipeline_abort(struct pipeline *p);

#endif
