/* SPDX-License-Identifier: MIT */
/* The table of fingerprints of one transaction. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dedup.h"

#define DEDUP_MAX_LAYERS 65536u
#define DEDUP_MAX_PRINTS (8u << 20)

struct source {
	struct digest layer;
	uint64_t pack_size;
	int pack_fd; /* opened when first hit */
};

struct slot {
	uint64_t print; /* with size 0: free */
	uint64_t size;
	uint64_t pack_off;
	uint32_t crc;
	uint32_t source;
};

struct dedup {
	struct store *store;
	struct source *sources;
	uint32_t source_count;
	uint32_t source_cap;
	struct slot *slots; /* open addressing */
	uint32_t mask;
	uint32_t used;
	uint64_t seed; /* places depend on it: prints are an attacker's choice */
};

uint64_t dedup_print(uint64_t size, const void *head)
{
	const uint8_t *p = head;
	size_t len = size < DEDUP_HEAD ? (size_t)size : DEDUP_HEAD;
	uint64_t h = size * 0x9e3779b97f4a7c15u, v;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&v, p, 8);
		h = (h ^ v) * 0xd6e8feb86659fd93u;
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, p, len);
	h = (h ^ v) * 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static uint32_t place(const struct dedup *d, uint64_t print)
{
	unsigned __int128 m = (unsigned __int128)(print ^ d->seed) * (d->seed | 1);

	return (uint32_t)((uint64_t)m ^ (uint64_t)(m >> 64)) & d->mask;
}

static int grow(struct dedup *d)
{
	struct slot *old = d->slots;
	uint32_t n = old ? d->mask + 1 : 0, size = n ? n * 2 : 4096;
	struct slot *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -1;
	d->slots = slots;
	d->mask = size - 1;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at;

		if (!old[i].size)
			continue;
		for (at = place(d, old[i].print); slots[at].size; at = (at + 1) & d->mask)
			;
		slots[at] = old[i];
	}
	free(old);
	return 0;
}

/* The first file of a fingerprint stays: others of the same beginning are not found. */
static void add_print(struct dedup *d, const struct snap_print *p, uint32_t source)
{
	uint32_t at;

	if (!p->size || d->used == DEDUP_MAX_PRINTS)
		return;
	if ((!d->slots || d->used > d->mask / 2) && grow(d))
		return;
	for (at = place(d, p->print); d->slots[at].size; at = (at + 1) & d->mask)
		if (d->slots[at].print == p->print && d->slots[at].size == p->size)
			return;
	d->slots[at] = (struct slot){p->print, p->size, p->pack_off, p->crc, source};
	d->used++;
}

static int add_source(struct dedup *d, const struct digest *layer, uint64_t pack_size)
{
	if (d->source_count == DEDUP_MAX_LAYERS)
		return -1;
	if (d->source_count == d->source_cap) {
		uint32_t cap = d->source_cap ? d->source_cap * 2 : 64;
		struct source *s = realloc(d->sources, cap * sizeof(*s));

		if (!s)
			return -1;
		d->sources = s;
		d->source_cap = cap;
	}
	d->sources[d->source_count++] = (struct source){*layer, pack_size, -1};
	return 0;
}

static void add_layer(struct dedup *d, const struct digest *layer)
{
	struct mapped_index m;
	uint64_t pack_size = 0;

	if (store_map_index(d->store, store_name(STORE_LAYERS, layer, "index").s, &m))
		return;
	/* A layer's own pack has no name in its table: the layer has none when it is written. */
	for (uint32_t i = 0; i < m.ix.pack_count; i++)
		if (digest_is_zero((const struct digest *)m.ix.packs[i].layer))
			pack_size = m.ix.packs[i].size;
	if (m.ix.print_count && !add_source(d, layer, pack_size))
		for (uint32_t i = 0; i < m.ix.print_count; i++)
			add_print(d, &m.ix.prints[i], d->source_count - 1);
	store_unmap_index(&m);
}

static struct dedup *dedup_new(struct store *s)
{
	struct dedup *d = calloc(1, sizeof(*d));
	char **names;

	if (!d)
		return NULL;
	d->store = s;
	if (getrandom(&d->seed, sizeof(d->seed), GRND_NONBLOCK) != sizeof(d->seed))
		d->seed = (uintptr_t)d;
	if (store_list(s, STORE_LAYERS, &names))
		return d;
	for (char **n = names; *n; n++) {
		struct digest layer;

		if (!digest_parse(*n, &layer))
			add_layer(d, &layer);
	}
	store_free_names(names);
	return d;
}

void dedup_free(struct dedup *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; i < d->source_count; i++)
		if (d->sources[i].pack_fd >= 0)
			close(d->sources[i].pack_fd);
	free(d->sources);
	free(d->slots);
	free(d);
}

static bool fill_hit(struct dedup *d, const struct slot *slot, struct dedup_hit *hit)
{
	struct source *s = &d->sources[slot->source];

	if (slot->size > s->pack_size || slot->pack_off > s->pack_size - slot->size)
		return false;
	if (s->pack_fd < 0 && store_open_pack(d->store, &s->layer, &s->pack_fd, NULL)) {
		s->pack_fd = -1;
		return false;
	}
	*hit = (struct dedup_hit){s->layer, slot->pack_off, s->pack_size, slot->crc, s->pack_fd};
	return true;
}

bool dedup_find(struct store_txn *t, uint64_t print, uint64_t size, struct dedup_hit *hit)
{
	struct dedup *d;
	bool found = false;

	pthread_mutex_lock(&t->lock);
	if (!t->dedup)
		t->dedup = dedup_new(t->store);
	d = t->dedup;
	if (d && d->slots)
		for (uint32_t at = place(d, print); d->slots[at].size && !found; at = (at + 1) & d->mask)
			if (d->slots[at].print == print && d->slots[at].size == size) {
				found = fill_hit(d, &d->slots[at], hit);
				break;
			}
	pthread_mutex_unlock(&t->lock);
	return found;
}

void dedup_add_layer(struct store_txn *t, const struct digest *diffid)
{
	pthread_mutex_lock(&t->lock);
	if (t->dedup)
		add_layer(t->dedup, diffid);
	pthread_mutex_unlock(&t->lock);
}
