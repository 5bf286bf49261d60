/* SPDX-License-Identifier: MIT */
/*
 * The inodes of one super block by identity, so that hard links share one. Entries hold no reference: a file system embeds an entry in
 * its private part, inserts it with the new inode, and removes it in free_inode.
 */
#pragma once

#include "lib/lock.h"

#include <stdint.h>

struct inode;

struct icache_entry {
	struct icache_entry *next;
	uint64_t key1, key2;
	struct inode *inode;
};

struct icache {
	struct lock lock; /* RANK_LEAF */
	struct icache_entry **buckets;
	uint32_t n_buckets, n_entries;
};

int icache_init(struct icache *c);
void icache_destroy(struct icache *c);
/* The live inode of that identity, held, or NULL. */
struct inode *icache_get(struct icache *c, uint64_t key1, uint64_t key2);
/*
 * Insert *e* (keys and inode set). If another live inode of the same identity stands there, it is returned held and nothing is
 * inserted; NULL: inserted.
 */
struct inode *icache_insert(struct icache *c, struct icache_entry *e);
void icache_remove(struct icache *c, struct icache_entry *e);
