/* SPDX-License-Identifier: MIT */
/* Twins (docs/twins.md) of a layer. */
#ifndef PICKET_SNAP_LAYERTWINS_H
#define PICKET_SNAP_LAYERTWINS_H

#include "digest.h"
#include "index.h"

struct store;

/**
 * layer_twins_write - write the twin file of a layer to the empty file @fd
 * @pack_fd: its own pack, complete
 *
 * Not synced. A layer without anything worth it gets a head alone: it has been looked at. Returns 0 or a negative errno; then the layer does
 * without.
 */
int layer_twins_write(const struct store *s, const struct snap_index *ix, int pack_fd, int fd);

/** layer_twins_renew - make the twin file of a published layer anew. What goes wrong leaves it as it was, or without. */
void layer_twins_renew(const struct store *s, const struct digest *id);

#endif
