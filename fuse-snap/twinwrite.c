/* SPDX-License-Identifier: MIT */
/*
 * The writer of twin files: which segments are worth a copy, and the copies. Files come from images and are hostile; what decides is the planner
 * (sentry/arch/x86_64/rewrite_elf.h), which trusts nothing of them.
 */
#include "twinwrite.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index.h"
#include "sentry/arch/x86_64/rewrite_elf.h"
#include "store_priv.h"

#define SITES_MIN 8u			      /* a file with fewer is patched while it runs, if at all */
#define TEXT_MAX (UINT64_C(64) << 20)	      /* of a segment */
#define TEXT_PER_SITE (UINT64_C(1) << 20)     /* a copy of much text for few sites costs more than it gives */

struct twin_writer {
	int fd;
	uint64_t at; /* whole pages of data written so far, with the head's */
	uint32_t crc;
	uint32_t n, cap;
	struct twin_seg *segs;
};

struct twin_writer *twin_writer_new(int fd)
{
	struct twin_writer *w = calloc(1, sizeof(*w));

	if (w) {
		w->fd = fd;
		w->at = TWIN_PAGE;
	}
	return w;
}

void twin_writer_free(struct twin_writer *w)
{
	if (w)
		free(w->segs);
	free(w);
}

uint32_t twin_count(const struct twin_writer *w)
{
	return w->n;
}

/* ---- Which ---- */

bool twin_worth_a_look(const uint8_t *head, size_t len)
{
	Elf64_Ehdr h;

	if (len < sizeof(h))
		return false;
	memcpy(&h, head, sizeof(h));
	return !memcmp(h.e_ident, ELFMAG, SELFMAG) && h.e_ident[EI_CLASS] == ELFCLASS64 && h.e_machine == EM_X86_64 &&
	       (h.e_type == ET_EXEC || h.e_type == ET_DYN) && h.e_phentsize == sizeof(Elf64_Phdr);
}

/* Are the bytes of `syscall` there at least SITES_MIN times? Most files are told by this alone. */
static bool has_syscalls(const uint8_t *file, size_t len)
{
	const uint8_t *p = file, *end = file + len;
	unsigned int n = 0;

	while (n < SITES_MIN && (p = memmem(p, (size_t)(end - p), "\x0f\x05", 2))) {
		n++;
		p += 2;
	}
	return n == SITES_MIN;
}

static bool is_worth(const struct rewrite_segment *seg)
{
	uint32_t n = seg->plan.n_sites;

	return n >= SITES_MIN && n <= TWIN_MAX_SITES && seg->len <= TEXT_MAX && seg->len / n <= TEXT_PER_SITE && seg->offset % TWIN_PAGE == 0;
}

/* ---- Writing ---- */

static int put(struct twin_writer *w, const void *data, size_t len)
{
	int r = write_full(w->fd, data, len, (int64_t)w->at);

	if (r)
		return r;
	w->crc = snap_crc32c(w->crc, data, len);
	w->at += len;
	return 0;
}

static bool is_known(const struct twin_writer *w, uint32_t pack, uint64_t off, uint64_t len)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->segs[i].pack == pack && w->segs[i].off < off + twin_page_up(len) && off < w->segs[i].off + twin_page_up(w->segs[i].len))
			return true;
	return false;
}

static struct twin_seg *new_seg(struct twin_writer *w)
{
	if (w->n == w->cap) {
		uint32_t cap = w->cap ? w->cap * 2 : 16;
		struct twin_seg *p = reallocarray(w->segs, cap, sizeof(*p));

		if (!p)
			return NULL;
		w->segs = p;
		w->cap = cap;
	}
	return &w->segs[w->n];
}

/* Text, area and sites lie behind one another in one piece of memory, as they do in the file. */
static int add_segment(struct twin_writer *w, const uint8_t *file, const struct rewrite_segment *seg, uint32_t pack, uint64_t off)
{
	size_t text = twin_page_up(seg->len), area = twin_page_up(seg->plan.area_len), sites = seg->plan.n_sites * sizeof(struct rewrite_site);
	struct twin_seg *s = new_seg(w);
	uint8_t *buf;
	int r;

	if (!s || w->n == TWIN_MAX_SEGS)
		return s ? 0 : -ENOMEM;
	buf = calloc(1, text + area + twin_page_up(sites));
	if (!buf)
		return -ENOMEM;
	rewrite_elf_apply(file, seg, buf, buf + text, TWIN_ENTRY);
	memcpy(buf + text + area, seg->plan.sites, sites);
	*s = (struct twin_seg){.off = off + seg->offset, .len = seg->len, .text_off = w->at, .area_off = w->at + text,
		.sites_off = w->at + text + area, .area_len = seg->plan.area_len, .n_sites = seg->plan.n_sites, .pack = pack,
		.crc = snap_crc32c(0, seg->plan.sites, sites)};
	r = put(w, buf, text + area + twin_page_up(sites));
	free(buf);
	if (!r)
		w->n++;
	return r;
}

int twin_add(struct twin_writer *w, const uint8_t *file, size_t len, uint32_t pack, uint64_t off)
{
	struct rewrite_elf elf;
	int r;

	if (!twin_worth_a_look(file, len) || !has_syscalls(file, len))
		return 0;
	r = rewrite_elf_plan(file, len, &elf);
	if (r)
		return r == -ENOMEM ? r : 0;
	for (unsigned int i = 0; i < elf.n && !r; i++)
		if (is_worth(&elf.seg[i]) && !is_known(w, pack, off + elf.seg[i].offset, elf.seg[i].len))
			r = add_segment(w, file, &elf.seg[i], pack, off);
	rewrite_elf_free(&elf);
	return r;
}

static int compare_segs(const void *a, const void *b)
{
	const struct twin_seg *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

int twin_finish(struct twin_writer *w, const struct twin_file *of, const uint8_t layer[32], const uint8_t (*packs)[32], uint32_t n_packs)
{
	struct twin_head h = {.version = TWIN_VERSION, .kind = of ? TWIN_OF_FILE : TWIN_OF_LAYER, .entry = TWIN_ENTRY, .n_segs = w->n,
		.n_packs = n_packs};
	int r = 0;

	if (n_packs > TWIN_MAX_PACKS)
		return -EOVERFLOW;
	memcpy(h.magic, TWIN_MAGIC, sizeof(h.magic));
	if (of)
		h.of = *of;
	if (layer)
		memcpy(h.layer, layer, sizeof(h.layer));
	h.packs_off = w->at;
	if (n_packs)
		r = put(w, packs, 32 * (size_t)n_packs);
	h.segs_off = w->at;
	if (w->n)
		qsort(w->segs, w->n, sizeof(*w->segs), compare_segs);
	if (!r && w->n)
		r = put(w, w->segs, w->n * sizeof(*w->segs));
	if (!r && ftruncate(w->fd, (off_t)w->at))
		r = -errno;
	h.file_len = w->at;
	h.body_crc = w->crc;
	h.head_crc = snap_crc32c(0, &h, offsetof(struct twin_head, head_crc));
	return r ? r : write_full(w->fd, &h, sizeof(h), 0);
}
