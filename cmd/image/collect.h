/* SPDX-License-Identifier: MIT */
/* Freeing what neither a name nor a sandbox needs. */
#ifndef PICKET_CMD_COLLECT_H
#define PICKET_CMD_COLLECT_H

#include <stdbool.h>

#include "cmd/keep/record.h"
#include "fuse-snap/store.h"

/* Free what became useless; entries keep their images. A running pull puts it off, which is said and is no failure. */
int collect(struct store *s, struct store_gc_stats *stats);

/* Forget images without a name, or with `all` those that no sandbox uses, and say which; then collect. *freed grows by the bytes. */
int prune_images(bool all, uint64_t *freed);

/* How many names an image has in the store. */
size_t image_names(const struct store *s, const struct image_ref *ref);

/* The first of the entries whose image this is; NULL: none. */
const struct entry *image_user(const struct entry_list *list, const struct image_ref *ref);

#endif
