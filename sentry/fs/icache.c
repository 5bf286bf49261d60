/* SPDX-License-Identifier: MIT */
/* Inodes by identity: a hash table that grows, of entries that hold no reference. */
#include "fs/icache.h"

#include "lib/refs.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 64u

int icache_init(struct icache *c)
{
	c->buckets = calloc(BUCKETS_MIN, sizeof(*c->buckets));
	if (!c->buckets)
		return -ENOMEM;
	c->n_buckets = BUCKETS_MIN;
	c->n_entries = 0;
	lock_init(&c->lock, RANK_LEAF);
	return 0;
}

void icache_destroy(struct icache *c)
{
	free(c->buckets);
	lock_destroy(&c->lock);
}

static uint32_t hash(uint64_t key1, uint64_t key2)
{
	uint64_t h = (key1 ^ key2 * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;

	return (uint32_t)(h >> 32);
}

static struct icache_entry **bucket(struct icache *c, uint64_t key1, uint64_t key2)
{
	return &c->buckets[hash(key1, key2) & (c->n_buckets - 1)];
}

/* A dying inode stays in its bucket until free_inode removes it; it is passed over. */
static struct inode *find(struct icache *c, uint64_t key1, uint64_t key2)
{
	for (struct icache_entry *e = *bucket(c, key1, key2); e; e = e->next)
		if (e->key1 == key1 && e->key2 == key2 && refs_tryget(&e->inode->refs))
			return e->inode;
	return NULL;
}

struct inode *icache_get(struct icache *c, uint64_t key1, uint64_t key2)
{
	LOCK_SCOPE(&c->lock);
	return find(c, key1, key2);
}

static void grow(struct icache *c)
{
	uint32_t n = c->n_buckets * 2;
	struct icache_entry **buckets = calloc(n, sizeof(*buckets)), **old = c->buckets;
	uint32_t n_old = c->n_buckets;

	if (!buckets)
		return;
	c->buckets = buckets;
	c->n_buckets = n;
	for (uint32_t i = 0; i < n_old; i++) {
		struct icache_entry *e, *next;

		for (e = old[i]; e; e = next) {
			struct icache_entry **b = bucket(c, e->key1, e->key2);

			next = e->next;
			e->next = *b;
			*b = e;
		}
	}
	free(old);
}

struct inode *icache_insert(struct icache *c, struct icache_entry *e)
{
	LOCK_SCOPE(&c->lock);
	struct inode *other = find(c, e->key1, e->key2);
	struct icache_entry **b;

	if (other)
		return other;
	if (c->n_entries >= c->n_buckets)
		grow(c);
	b = bucket(c, e->key1, e->key2);
	e->next = *b;
	*b = e;
	c->n_entries++;
	return NULL;
}

void icache_remove(struct icache *c, struct icache_entry *e)
{
	LOCK_SCOPE(&c->lock);
	for (struct icache_entry **p = bucket(c, e->key1, e->key2); *p; p = &(*p)->next) {
		if (*p == e) {
			*p = e->next;
			c->n_entries--;
			return;
		}
	}
}
