/* SPDX-License-Identifier: MIT */
/*
 * The pack writer. A file goes through three states: HEAD until its first bytes are there to fingerprint, COMPARE while
 * it equals a candidate (nothing is written), STORE otherwise. A difference found late copies the equal beginning from
 * the candidate and goes on storing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pack.h"

#define BUFFER (1u << 20)
#define DIRECT (256u << 10)   /* pieces of this size skip the buffer */
#define WRITEBACK (32u << 20) /* start writing to disk after so much */
#define COMPARE (64u << 10)
#define OWN_SLOTS (1u << 15) /* fingerprints of this layer that are looked up */
#define MAX_PACKS 64u	     /* of other layers that one layer may lean on: each is a descriptor at run time */

enum file_state {
	FILE_HEAD,
	FILE_COMPARE,
	FILE_STORE,
};

struct pack_writer {
	struct store_txn *txn;
	int fd;
	uint8_t *buf;			       /* BUFFER bytes, page-aligned */
	size_t used;			       /* bytes in it */
	uint64_t flushed;		       /* bytes of the pack written before it */
	uint64_t synced;		       /* bytes whose write-back has been started */
	uint8_t *other;			       /* COMPARE bytes, of a candidate */
	struct snap_pack packs[MAX_PACKS + 1]; /* 0: our own */
	uint32_t pack_count;
	struct snap_print *prints;
	uint32_t print_count;
	uint32_t print_cap;
	uint32_t *own; /* OWN_SLOTS places of prints, number + 1, by fingerprint */
	/* the file being written */
	struct tree *tree;
	struct tree_node *node;
	enum file_state state;
	uint64_t size;
	bool whole;
	uint8_t head[DEDUP_HEAD];
	size_t head_len;
	uint64_t print;
	struct snap_extent x; /* being written or compared; len 0: none */
	int other_fd;	      /* the candidate's pack */
	uint32_t other_pack;
	uint64_t other_off;
	uint32_t crc; /* of the data compared so far */
};

struct pack_writer *pack_writer_new(struct store_txn *t, int fd)
{
	struct pack_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->txn = t;
	w->fd = fd;
	w->pack_count = 1;
	w->buf = aligned_alloc(SNAP_PAGE, BUFFER);
	w->other = malloc(COMPARE);
	w->own = calloc(OWN_SLOTS, sizeof(*w->own));
	if (!w->buf || !w->other || !w->own) {
		pack_writer_free(w);
		return NULL;
	}
	return w;
}

void pack_writer_free(struct pack_writer *w)
{
	if (!w)
		return;
	free(w->buf);
	free(w->other);
	free(w->own);
	free(w->prints);
	free(w);
}

/* ---- Appending ---- */

static uint64_t pack_size(const struct pack_writer *w)
{
	return w->flushed + w->used;
}

static int written(struct pack_writer *w, size_t len)
{
	w->flushed += len;
	if (w->flushed - w->synced >= WRITEBACK) {
		/* Write-back now, while the next bytes are made, so that the final fsync has little left. */
		sync_file_range(w->fd, (off_t)w->synced, (off_t)(w->flushed - w->synced), SYNC_FILE_RANGE_WRITE);
		w->synced = w->flushed;
	}
	return 0;
}

static int flush_buffer(struct pack_writer *w)
{
	int r = w->used ? write_full(w->fd, w->buf, w->used, (int64_t)w->flushed) : 0;

	if (r)
		return r;
	written(w, w->used);
	w->used = 0;
	return 0;
}

static int append(struct pack_writer *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		size_t n;
		int r;

		if (!w->used && len >= DIRECT) {
			n = len & ~(size_t)(SNAP_PAGE - 1);
			r = write_full(w->fd, p, n, (int64_t)w->flushed);
			if (r)
				return r;
			written(w, n);
		} else {
			n = BUFFER - w->used < len ? BUFFER - w->used : len;
			memcpy(w->buf + w->used, p, n);
			w->used += n;
			r = w->used == BUFFER ? flush_buffer(w) : 0;
			if (r)
				return r;
		}
		p += n;
		len -= n;
	}
	return 0;
}

static int append_zeros(struct pack_writer *w, size_t len)
{
	while (len) {
		size_t n = BUFFER - w->used < len ? BUFFER - w->used : len;
		int r;

		memset(w->buf + w->used, 0, n);
		w->used += n;
		len -= n;
		r = w->used == BUFFER ? flush_buffer(w) : 0;
		if (r)
			return r;
	}
	return 0;
}

static int pad_page(struct pack_writer *w)
{
	return append_zeros(w, -pack_size(w) & (SNAP_PAGE - 1));
}

/* ---- Extents ---- */

static int close_extent(struct pack_writer *w)
{
	int r;

	if (!w->x.len)
		return 0;
	r = pad_page(w);
	if (!r)
		r = tree_add_extent(w->tree, w->node, &w->x);
	w->x.len = 0;
	return r;
}

static int extend_zeros(struct pack_writer *w, uint64_t len)
{
	static const uint8_t zeros[SNAP_PAGE];
	int r = 0;

	while (len && !r) {
		size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		r = append(w, zeros, n);
		w->x.crc = snap_crc32c(w->x.crc, zeros, n);
		w->x.len += n;
		len -= n;
	}
	return r;
}

/* Make the extent end at @off: by zeros if the gap is small, else by a new extent on the page of @off. */
static int seek_extent(struct pack_writer *w, uint64_t off)
{
	uint64_t page = off & ~(uint64_t)(SNAP_PAGE - 1), end = w->x.file_off + w->x.len;
	int r;

	if (w->x.len && page <= end)
		return extend_zeros(w, off - end);
	r = close_extent(w);
	if (r)
		return r;
	w->x = (struct snap_extent){.file_off = page, .pack_off = pack_size(w)};
	return extend_zeros(w, off - page);
}

static int store_data(struct pack_writer *w, uint64_t off, const void *data, size_t len)
{
	int r = seek_extent(w, off);

	if (r)
		return r;
	w->x.crc = snap_crc32c(w->x.crc, data, len);
	w->x.len += len;
	return append(w, data, len);
}

/* ---- De-duplication ---- */

/* The number of @layer in our pack table; -1 if the table is full. */
static int pack_number(struct pack_writer *w, const struct dedup_hit *hit)
{
	for (uint32_t i = 1; i < w->pack_count; i++)
		if (!memcmp(w->packs[i].layer, hit->layer.b, sizeof(hit->layer.b)))
			return (int)i;
	if (w->pack_count > MAX_PACKS)
		return -1;
	memcpy(w->packs[w->pack_count].layer, hit->layer.b, sizeof(hit->layer.b));
	w->packs[w->pack_count].size = hit->pack_size;
	return (int)w->pack_count++;
}

static bool find_own(struct pack_writer *w)
{
	uint32_t i = w->own[w->print % OWN_SLOTS];
	const struct snap_print *p = i ? &w->prints[i - 1] : NULL;

	if (!p || p->print != w->print || p->size != w->size)
		return false;
	w->other_fd = w->fd;
	w->other_pack = 0;
	w->other_off = p->pack_off;
	return true;
}

static bool find_other(struct pack_writer *w)
{
	struct dedup_hit hit;
	int n;

	if (!dedup_find(w->txn, w->print, w->size, &hit))
		return false;
	n = pack_number(w, &hit);
	if (n < 0)
		return false;
	w->other_fd = hit.pack_fd;
	w->other_pack = (uint32_t)n;
	w->other_off = hit.pack_off;
	return true;
}

static int read_other(struct pack_writer *w, uint64_t at, size_t len)
{
	uint64_t off = w->other_off + at;

	/* Our own pack: the end of it may still be in the buffer. */
	if (!w->other_pack && off + len > w->flushed) {
		int r = flush_buffer(w);

		if (r)
			return r;
	}
	return read_full(w->other_fd, w->other, len, (int64_t)off);
}

static void begin_compare(struct pack_writer *w)
{
	w->print = dedup_print(w->size, w->head);
	w->state = find_own(w) || find_other(w) ? FILE_COMPARE : FILE_STORE;
	w->crc = 0;
}

/* The file differs from its candidate at @at: take what was equal from there. */
static int stop_compare(struct pack_writer *w, uint64_t at)
{
	w->state = FILE_STORE;
	for (uint64_t off = 0; off < at;) {
		size_t n = at - off < COMPARE ? (size_t)(at - off) : COMPARE;
		int r = read_other(w, off, n);

		if (!r)
			r = store_data(w, off, w->other, n);
		if (r)
			return r;
		off += n;
	}
	return 0;
}

static int compare_data(struct pack_writer *w, uint64_t off, const uint8_t *p, size_t len)
{
	while (len) {
		size_t n = len < COMPARE ? len : COMPARE;

		if (read_other(w, off, n) || memcmp(w->other, p, n)) {
			int r = stop_compare(w, off);

			return r ? r : store_data(w, off, p, len);
		}
		w->crc = snap_crc32c(w->crc, p, n);
		off += n;
		p += n;
		len -= n;
	}
	return 0;
}

static int add_print(struct pack_writer *w)
{
	const struct snap_extent *x = w->node->extents;

	if (w->print_count == w->print_cap) {
		uint32_t cap = w->print_cap ? w->print_cap * 2 : 1024;
		struct snap_print *p = realloc(w->prints, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		w->prints = p;
		w->print_cap = cap;
	}
	w->prints[w->print_count++] = (struct snap_print){w->print, w->size, x->pack_off, x->crc, 0};
	w->own[w->print % OWN_SLOTS] = w->print_count;
	return 0;
}

/* ---- Files ---- */

void pack_begin(struct pack_writer *w, struct tree *tree, struct tree_node *node, uint64_t size, bool whole)
{
	w->tree = tree;
	w->node = node;
	w->size = size;
	w->whole = whole && size;
	w->state = w->whole ? FILE_HEAD : FILE_STORE;
	w->head_len = 0;
	w->x.len = 0;
}

static int data_by_state(struct pack_writer *w, uint64_t off, const void *data, size_t len)
{
	return w->state == FILE_COMPARE ? compare_data(w, off, data, len) : store_data(w, off, data, len);
}

/* Collect the beginning; all of it is usually there at once. */
static int head_data(struct pack_writer *w, uint64_t off, const uint8_t *p, size_t len)
{
	size_t want = w->size < DEDUP_HEAD ? (size_t)w->size : DEDUP_HEAD;
	size_t n = want - w->head_len < len ? want - w->head_len : len;
	int r;

	memcpy(w->head + w->head_len, p, n);
	w->head_len += n;
	if (w->head_len < want)
		return 0;
	begin_compare(w);
	if (off)
		r = data_by_state(w, 0, w->head, want);
	else
		return data_by_state(w, 0, p, len);
	return r || n == len ? r : data_by_state(w, want, p + n, len - n);
}

int pack_data(struct pack_writer *w, uint64_t off, const void *data, size_t len)
{
	if (!len)
		return 0;
	return w->state == FILE_HEAD ? head_data(w, off, data, len) : data_by_state(w, off, data, len);
}

int pack_end(struct pack_writer *w)
{
	struct snap_extent x = {.len = w->size, .pack = w->other_pack, .pack_off = w->other_off, .crc = w->crc};
	int r;

	if (w->state == FILE_COMPARE)
		return tree_add_extent(w->tree, w->node, &x);
	r = close_extent(w);
	if (!r && w->whole && w->node->extent_count == 1)
		r = add_print(w);
	return r;
}

int pack_flush(struct pack_writer *w)
{
	int r = flush_buffer(w);

	if (!r)
		w->packs[0].size = w->flushed;
	return r;
}

void pack_tables(const struct pack_writer *w, struct tree_meta *m)
{
	m->packs = w->packs;
	m->pack_count = w->pack_count;
	m->prints = w->prints;
	m->print_count = w->print_count;
}
