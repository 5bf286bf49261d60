/* SPDX-License-Identifier: MIT */
/*
 * Writing the data of files into a layer's pack. Every extent begins on a page of the pack and of the file, and the
 * rest of its last page is zero: any piece of it can be mapped.
 */
#ifndef PICKET_SNAP_PACK_H
#define PICKET_SNAP_PACK_H

#include "dedup.h"
#include "tree.h"

struct pack_writer;

/** pack_writer_new - write to the empty file @fd (borrowed, read-write). NULL when out of memory. */
struct pack_writer *pack_writer_new(struct store_txn *t, int fd);
void pack_writer_free(struct pack_writer *w);

/**
 * pack_begin - begin a file; its extents are added to @node
 * @size: its length; @whole: all of it will come in order (not sparse), so it may be de-duplicated
 */
void pack_begin(struct pack_writer *w, struct tree *tree, struct tree_node *node, uint64_t size, bool whole);

/** pack_data - data at offset @off, ascending from call to call. Returns 0 or as write(2). */
int pack_data(struct pack_writer *w, uint64_t off, const void *data, size_t len);

/** pack_end - the file is complete. */
int pack_end(struct pack_writer *w);

/** pack_flush - write what is buffered; afterwards the pack is whole (not synced). */
int pack_flush(struct pack_writer *w);

/** pack_tables - the packs and fingerprints for the index; valid until pack_writer_free. */
void pack_tables(const struct pack_writer *w, struct tree_meta *m);

#endif
