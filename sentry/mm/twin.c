/* SPDX-License-Identifier: MIT */
/* Which twin stands for a piece of a file. Sites are read when a twin is mapped for the first time. */
#include "fuse-snap/index.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "mm/twin_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
	if (!sites || !twin_read_all(tw->fd, sites, len, s->sites_off) || snap_crc32c(0, sites, len) != s->crc ||
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
