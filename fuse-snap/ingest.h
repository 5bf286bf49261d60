/* SPDX-License-Identifier: MIT */
/*
 * Turning layers into snapshots: push the bytes of an uncompressed tar in, get layers/<diffid>/{index,pack} out; then
 * merge the layers of an image. The archive is hostile; what is accepted and what is refused is in docs/store.md.
 */
#ifndef PICKET_SNAP_INGEST_H
#define PICKET_SNAP_INGEST_H

#include <stddef.h>
#include <stdint.h>

#include "store.h"

struct layer_writer;

#define LAYER_HASH                                                                                                     \
	1u /* compute the diffID here (slow); without it layer_writer_finish must be given the computed one */

/**
 * layer_writer_new - begin a layer
 * @expected: the diffID the image's config promises, or NULL if it is not known
 *
 * Writers of one transaction may run in different threads; one writer belongs to one thread at a time.
 */
int layer_writer_new(struct store_txn *t, const struct digest *expected, unsigned int flags, struct layer_writer **ret,
	struct snap_error *e);

/**
 * layer_writer_feed - give it the next bytes of the archive, in pieces of any size (big ones are faster)
 *
 * After an error the writer takes nothing more; abort it.
 */
int layer_writer_feed(struct layer_writer *w, const void *data, size_t len, struct snap_error *e);

/**
 * layer_writer_finish - end of the archive: check it, publish the layer, free the writer (also on failure)
 * @computed: SHA-256 of all bytes fed; NULL with LAYER_HASH
 * @ret: the diffID; may be NULL
 *
 * Returns 0, or -EBADMSG (digest is not the expected one, archive cut short), -ENOSPC ...
 */
int layer_writer_finish(
	struct layer_writer *w, const struct digest *computed, struct digest *ret, struct snap_error *e);

/** layer_writer_abort - drop it and its temporaries. NULL is allowed. */
void layer_writer_abort(struct layer_writer *w);

/**
 * image_merge - publish images/<chainid>/index from the published layers @diffids, lowest first
 *
 * Does nothing if the image is there. @ret_chain may be NULL.
 */
int image_merge(
	struct store_txn *t, const struct digest *diffids, size_t n, struct digest *ret_chain, struct snap_error *e);

#endif
