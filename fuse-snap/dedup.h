/* SPDX-License-Identifier: MIT */
/*
 * Finding file data that a published pack holds already.
 *
 * Each layer's index lists fingerprints of its files (struct snap_print): a hash of the size and the first bytes. A
 * transaction builds one table of them from all published layers. That is no state of its own, so a crash cannot damage
 * it. A fingerprint only names a candidate: whether it is the same file is settled by comparing all the bytes, so a
 * forged collision gains nothing but a missed saving.
 */
#ifndef PICKET_SNAP_DEDUP_H
#define PICKET_SNAP_DEDUP_H

#include "store_priv.h"

#define DEDUP_HEAD 4096u /* bytes of the beginning that the fingerprint covers */

struct dedup_hit {
	struct digest layer; /* whose pack */
	uint64_t pack_off;
	uint64_t pack_size;
	uint32_t crc;
	int pack_fd; /* the table's */
};

/** dedup_print - fingerprint of a file of @size bytes that begins with @head (the smaller of DEDUP_HEAD and @size). */
uint64_t dedup_print(uint64_t size, const void *head);

/** dedup_find - a file with this fingerprint and size. Takes the transaction's lock. */
bool dedup_find(struct store_txn *t, uint64_t print, uint64_t size, struct dedup_hit *hit);

/** dedup_add_layer - add a newly published layer. Failure costs only savings. Takes the transaction's lock. */
void dedup_add_layer(struct store_txn *t, const struct digest *diffid);

#endif
