/* SPDX-License-Identifier: MIT */
/* Twins (docs/twins.md) of a layer. */
#ifndef PICKET_SNAP_LAYERTWINS_H
#define PICKET_SNAP_LAYERTWINS_H

#include "tree.h"

struct store;

/**
 * layer_twins_write - write the twin file of a layer to the empty file @fd
 * @meta: the layer's packs and its digest
 * @pack_fd: its own pack, complete
 *
 * Not synced. Returns 1, 0 (none of its files has twins: nothing was written), or a negative errno; then the layer does without.
 */
int layer_twins_write(const struct store *s, struct tree *tree, const struct tree_meta *meta, int pack_fd, int fd);

#endif
