/* SPDX-License-Identifier: MIT */
/* Making twin files (docs/twins.md): for a layer while it is published, for libraries of the host when a run wants them. */
#ifndef PICKET_SNAP_TWINWRITE_H
#define PICKET_SNAP_TWINWRITE_H

#include "digest.h"
#include "twin.h"

struct twin_writer;
struct store;

/** twin_writer_new - begin a twin file in the empty file @fd, which stays the caller's. NULL: no memory. */
struct twin_writer *twin_writer_new(int fd);
void twin_writer_free(struct twin_writer *w);

/** twin_worth_a_look - may these be the first bytes of a program or library that has twins? */
bool twin_worth_a_look(const uint8_t *head, size_t len);

/**
 * twin_add - add the twins of a file's segments, if it is worth it
 * @file: all of it; hostile
 * @pack, @off: where its first byte is (TWIN_OF_FILE: 0, 0)
 *
 * Returns 0 (also where there is nothing to add), -ENOMEM, or as write(2).
 */
int twin_add(struct twin_writer *w, const uint8_t *file, size_t len, uint32_t pack, uint64_t off);

/** twin_count - segments so far. */
uint32_t twin_count(const struct twin_writer *w);

/**
 * twin_finish - write tables and head
 * @of: TWIN_OF_FILE: which one, else NULL
 * @layer: TWIN_OF_LAYER: its digest; @packs, @n_packs: the digests of the packs that twin_add() named, zeros: its own
 *
 * Not synced. Returns 0, -ENOMEM, -EOVERFLOW (too much of something), or as write(2).
 */
int twin_finish(struct twin_writer *w, const struct twin_file *of, const uint8_t layer[32], const uint8_t (*packs)[32], uint32_t n_packs);

#define TWIN_CACHE_MAX 8u /* descriptors of one run */

/**
 * twin_cache_open - the twins of the C library and its kin below the directory @root, made where they are missing
 * @s: they are kept in its twins/
 * @fds: room for TWIN_CACHE_MAX descriptors, read-only, close-on-exec
 *
 * Returns how many there are. What goes wrong only means fewer: the originals do too. A file is left out while it is so young that it could be
 * changed without it being seen.
 */
unsigned int twin_cache_open(const struct store *s, int root, int *fds);

/**
 * twin_layers_open - the twin files of an image's layers
 * @ret: malloc'd, descriptors, read-only, close-on-exec
 *
 * The image is in use (its index locked). Returns how many there are; a layer without one is not counted. Where one is missing, or is of another version,
 * it is made beside, by a process of its own.
 */
unsigned int twin_layers_open(const struct store *s, const struct digest *chain, int **ret);

#endif
