/* SPDX-License-Identifier: MIT */
/* Checks of what a twin file says of itself. Whoever uses it has read head and tables into memory of its own. */
#include "twin.h"

#include <errno.h>
#include <string.h>

#include "index.h"

/* Do *n* records of *size* bytes lie at *off*, behind the head? */
static bool inside(uint64_t file_len, uint64_t off, uint64_t n, uint64_t size)
{
	uint64_t len;

	return off >= TWIN_PAGE && off <= file_len && !__builtin_mul_overflow(n, size, &len) && len <= file_len - off;
}

int twin_head_check(const struct twin_head *h, uint64_t file_len)
{
	if (memcmp(h->magic, TWIN_MAGIC, sizeof(h->magic)))
		return -EINVAL;
	if (h->version != TWIN_VERSION)
		return -EPROTONOSUPPORT;
	if (h->head_crc != snap_crc32c(0, h, offsetof(struct twin_head, head_crc)) || h->file_len != file_len)
		return -EINVAL;
	if ((h->kind != TWIN_OF_LAYER && h->kind != TWIN_OF_FILE) || h->n_segs > TWIN_MAX_SEGS || h->n_packs > TWIN_MAX_PACKS ||
		h->segs_off % 8)
		return -EINVAL;
	return inside(file_len, h->segs_off, h->n_segs, sizeof(struct twin_seg)) && inside(file_len, h->packs_off, h->n_packs, 32) ?
		0 : -EINVAL;
}

static bool seg_ok(const struct twin_head *h, const struct twin_seg *s)
{
	if (!s->len || s->len > REWRITE_TEXT_MAX || !s->n_sites || s->n_sites > TWIN_MAX_SITES || s->area_len < REWRITE_AREA_HEAD)
		return false;
	if (s->off % TWIN_PAGE || s->off > INT64_MAX || s->text_off % TWIN_PAGE || s->area_off % TWIN_PAGE)
		return false;
	if (h->kind == TWIN_OF_LAYER ? s->pack >= h->n_packs : s->pack != 0)
		return false;
	return inside(h->file_len, s->text_off, twin_page_up(s->len), 1) &&
	       inside(h->file_len, s->area_off, twin_page_up(s->area_len), 1) &&
	       inside(h->file_len, s->sites_off, s->n_sites, sizeof(struct rewrite_site));
}

bool twin_segs_check(const struct twin_head *h, const struct twin_seg *segs)
{
	for (uint32_t i = 0; i < h->n_segs; i++) {
		const struct twin_seg *s = &segs[i], *prev = i ? s - 1 : NULL;

		if (!seg_ok(h, s))
			return false;
		if (prev && (prev->pack > s->pack || (prev->pack == s->pack && prev->off + twin_page_up(prev->len) > s->off)))
			return false;
	}
	return true;
}
