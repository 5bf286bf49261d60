/* SPDX-License-Identifier: MIT */
/* The twins that a sandbox may map. The tables are read at set-up, sites when a twin is mapped for the first time. */
#include "mm/twin.h"
#include "fuse-snap/index.h"
#include "fuse-snap/twin.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "lib/list.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define NO_PACK UINT32_MAX

struct seg {
	struct twin twin;
	uint32_t pack; /* of the image; NO_PACK: none of its */
	uint32_t crc;
	uint64_t off, sites_off;
	_Atomic(struct rewrite_site *) sites; /* NULL until asked for */
};

struct twin_store { /* a twin file */
	struct list_head link;
	bool of_file;
	struct twin_file of;
	uint32_t n;
	struct seg segs[];
};

struct twins {
	struct list_head stores; /* never changes after set-up */
};

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

static bool read_all(int fd, void *buf, size_t len, uint64_t off)
{
	return host_pread(fd, buf, len, off) == (ssize_t)len;
}

/* The image's number of each pack that the twin file names. */
static bool number_packs(int fd, const struct twin_head *h, const struct snap_index *ix, uint32_t *numbers)
{
	static const uint8_t own[32];
	uint8_t (*packs)[32] = calloc(h->n_packs ? h->n_packs : 1, 32);
	bool ok = packs && read_all(fd, packs, 32 * (size_t)h->n_packs, h->packs_off);

	for (uint32_t i = 0; ok && i < h->n_packs; i++) {
		const uint8_t *id = memcmp(packs[i], own, 32) ? packs[i] : h->layer;

		numbers[i] = NO_PACK;
		for (uint32_t j = 0; ix && j < ix->pack_count; j++)
			if (!memcmp(ix->packs[j].layer, id, 32))
				numbers[i] = j;
	}
	free(packs);
	return ok;
}

static void take_seg(struct seg *to, const struct twin_seg *s, int fd, const struct statx *st, uint32_t pack)
{
	to->twin = (struct twin){.fd = fd, .dev = makedev(st->stx_dev_major, st->stx_dev_minor), .ino = st->stx_ino,
		.len = twin_page_up(s->len), .text_off = s->text_off, .area_off = s->area_off, .area_len = twin_page_up(s->area_len),
		.n_sites = s->n_sites};
	to->pack = pack;
	to->off = s->off;
	to->crc = s->crc;
	to->sites_off = s->sites_off;
}

/* NULL: not usable. */
static struct twin_store *read_store(int fd, const struct statx *st, const struct twin_head *h, const struct snap_index *ix)
{
	struct twin_seg *segs = calloc(h->n_segs ? h->n_segs : 1, sizeof(*segs));
	uint32_t *numbers = calloc(h->n_packs ? h->n_packs : 1, sizeof(*numbers));
	struct twin_store *ts = NULL;

	if (segs && numbers && read_all(fd, segs, h->n_segs * sizeof(*segs), h->segs_off) && twin_segs_check(h, segs) &&
	    number_packs(fd, h, ix, numbers))
		ts = calloc(1, sizeof(*ts) + h->n_segs * sizeof(ts->segs[0]));
	if (ts) {
		ts->of_file = h->kind == TWIN_OF_FILE;
		ts->of = h->of;
		ts->n = h->n_segs;
		for (uint32_t i = 0; i < h->n_segs; i++)
			take_seg(&ts->segs[i], &segs[i], fd, st, ts->of_file ? 0 : numbers[segs[i].pack]);
	}
	free(segs);
	free(numbers);
	return ts;
}

int twins_add(struct kernel *k, int fd, const struct snap_index *ix)
{
	struct twin_store *ts = NULL;
	struct twin_head h;
	struct statx st;

	if (!k->twins) {
		k->twins = calloc(1, sizeof(*k->twins));
		if (!k->twins)
			return -ENOMEM;
		list_init(&k->twins->stores);
	}
	if (!host_stat(fd, "", &st) && S_ISREG(st.stx_mode) && read_all(fd, &h, sizeof(h), 0) &&
	    !twin_head_check(&h, st.stx_size) && h.entry == TWIN_ENTRY && (ix || h.kind == TWIN_OF_FILE))
		ts = read_store(fd, &st, &h, ix);
	if (ts)
		list_add_tail(&ts->link, &k->twins->stores);
	else
		host_close(fd);
	return 0;
}

/* --- looking up ------------------------------------------------------------------------------------------------------------- */

static const struct twin *find(const struct twin_store *ts, uint32_t pack, uint64_t off)
{
	/* Sorted by the layer's numbers of packs, which need not be the image's: few layers lean on many packs. */
	for (uint32_t i = 0; i < ts->n; i++)
		if (ts->segs[i].off == off && ts->segs[i].pack == pack)
			return &ts->segs[i].twin;
	return NULL;
}

const struct twin *twin_of_pack(struct kernel *k, uint32_t pack, uint64_t off)
{
	const struct twin *tw = NULL;
	struct twin_store *ts;

	if (!k->twins)
		return NULL;
	list_for_each_entry(ts, &k->twins->stores, link) {
		tw = ts->of_file ? NULL : find(ts, pack, off);
		if (tw)
			break;
	}
	return tw;
}

static bool still_same(const struct twin_file *of, int fd)
{
	struct statx st;

	return !host_stat(fd, "", &st) && st.stx_ino == of->ino && st.stx_size == of->size && st.stx_mtime.tv_sec == of->mtime_sec &&
	       st.stx_mtime.tv_nsec == of->mtime_nsec && st.stx_ctime.tv_sec == of->ctime_sec && st.stx_ctime.tv_nsec == of->ctime_nsec;
}

const struct twin *twin_of_file(struct kernel *k, uint64_t dev, uint64_t ino, int fd, uint64_t off)
{
	const struct twin *tw;
	struct twin_store *ts;

	if (!k->twins)
		return NULL;
	list_for_each_entry(ts, &k->twins->stores, link) {
		if (!ts->of_file || ts->of.dev != dev || ts->of.ino != ino)
			continue;
		tw = find(ts, 0, off);
		if (tw && still_same(&ts->of, fd))
			return tw;
	}
	return NULL;
}

const struct rewrite_site *twin_sites(const struct twin *tw)
{
	struct seg *s = container_of((struct twin *)(uintptr_t)tw, struct seg, twin);
	struct rewrite_site *sites = atomic_load_explicit(&s->sites, memory_order_acquire), *other = NULL;
	size_t len = tw->n_sites * sizeof(*sites);

	if (sites)
		return sites;
	sites = malloc(len);
	if (!sites || !read_all(tw->fd, sites, len, s->sites_off) || snap_crc32c(0, sites, len) != s->crc ||
	    !rewrite_sites_valid(sites, tw->n_sites, tw->len, tw->area_len)) {
		free(sites);
		return NULL;
	}
	if (!atomic_compare_exchange_strong(&s->sites, &other, sites)) {
		free(sites);
		return other;
	}
	return sites;
}
