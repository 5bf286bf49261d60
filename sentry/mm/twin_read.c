/* SPDX-License-Identifier: MIT */
/* Twin files as they come with the launch configuration: their tables are read at set-up. */
#include "fuse-snap/index.h"
#include "host/file.h"
#include "kernel/kernel.h"
#include "mm/twin_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The image's number of each pack that the twin file names. */
static bool number_packs(int fd, const struct twin_head *h, const struct snap_index *ix, uint32_t *numbers)
{
	static const uint8_t own[32];
	uint8_t (*packs)[32] = calloc(h->n_packs ? h->n_packs : 1, 32);
	bool ok = packs && twin_read_all(fd, packs, 32 * (size_t)h->n_packs, h->packs_off);

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

/* Twins live as long as the kernel. */
static void keep_owner(struct patched_owner *o)
{
}

static void take_seg(struct seg *to, const struct twin_seg *s, int fd, const struct statx *st, uint32_t pack)
{
	to->twin = (struct twin){.fd = fd, .dev = makedev(st->stx_dev_major, st->stx_dev_minor), .ino = st->stx_ino,
		.len = twin_page_up(s->len), .text_off = s->text_off, .area_off = s->area_off, .area_len = twin_page_up(s->area_len),
		.n_sites = s->n_sites, .owner = {.get = keep_owner, .put = keep_owner, .restore = twin_restore}};
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

	if (segs && numbers && twin_read_all(fd, segs, h->n_segs * sizeof(*segs), h->segs_off) && twin_segs_check(h, segs) &&
	    number_packs(fd, h, ix, numbers))
		ts = calloc(1, sizeof(*ts) + h->n_segs * sizeof(ts->segs[0]));
	if (ts) {
		ts->of_file = h->kind == TWIN_OF_FILE;
		ts->of = h->of;
		ts->n = h->n_segs;
		for (uint32_t i = 0; i < h->n_segs; i++) {
			take_seg(&ts->segs[i], &segs[i], fd, st, ts->of_file ? 0 : numbers[segs[i].pack]);
			ts->segs[i].twin.one_file = ts->of_file;
		}
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
	if (!host_stat(fd, "", &st) && S_ISREG(st.stx_mode) && twin_read_all(fd, &h, sizeof(h), 0) &&
	    !twin_head_check(&h, st.stx_size) && h.entry == TWIN_ENTRY && (ix || h.kind == TWIN_OF_FILE))
		ts = read_store(fd, &st, &h, ix);
	if (ts)
		list_add_tail(&ts->link, &k->twins->stores);
	else
		host_close(fd);
	return 0;
}
