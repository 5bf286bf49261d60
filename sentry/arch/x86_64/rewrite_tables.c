/* SPDX-License-Identifier: MIT */
/* Tables of functions that stripped programs keep: .eh_frame, sorted or not, and Go's. */
#include "rewrite_elf_priv.h"

#include <errno.h>
#include <string.h>

/* --- .eh_frame_hdr ------------------------------------------------------------------------------------------------------ */

struct cursor {
	const struct elf_file *e;
	uint64_t at;
	bool bad;
};

static uint8_t get_u8(struct cursor *c)
{
	const uint8_t *p = c->bad ? NULL : elf_mem_at(c->e, c->at, 1);

	if (!p) {
		c->bad = true;
		return 0;
	}
	c->at++;
	return *p;
}

static void skip_leb(struct cursor *c)
{
	for (int i = 0; i < 10 && (get_u8(c) & 0x80) && !c->bad; i++)
		;
}

static unsigned pointer_size(uint8_t enc)
{
	switch (enc & 0x0f) {
	case 0x02:
	case 0x0a:
		return 2;
	case 0x03:
	case 0x0b:
		return 4;
	case 0x00:
	case 0x04:
	case 0x0c:
		return 8;
	default:
		return 0;
	}
}

/* Bytes of a pointer to code in the FDEs of the CIE at *addr*; 0: not understood. */
static unsigned cie_pointer_size(const struct elf_file *e, uint64_t addr)
{
	struct cursor c = {e, addr + 8, false};
	uint8_t version = get_u8(&c), enc = 0, b;
	char aug[8];
	unsigned n = 0;

	while ((b = get_u8(&c)) && n < sizeof(aug) - 1)
		aug[n++] = (char)b;
	if (b || c.bad)
		return 0;
	aug[n] = 0;
	if (strchr(aug, 'S'))
		return 0; /* signal frames: their functions begin a byte too early, for unwinders that look for the call before */
	if (aug[0] != 'z')
		return n ? 0 : 8;
	skip_leb(&c);
	skip_leb(&c);
	if (version == 1)
		get_u8(&c);
	else
		skip_leb(&c);
	skip_leb(&c); /* length of what follows */
	for (unsigned i = 1; i < n; i++) {
		if (aug[i] == 'R') {
			enc = get_u8(&c);
			break;
		}
		if (aug[i] == 'L')
			get_u8(&c);
		if (aug[i] == 'P') {
			b = get_u8(&c);
			c.at += pointer_size(b);
		}
	}
	return c.bad ? 0 : pointer_size(enc);
}

/* Length of the function of the FDE at *addr*; 0: not known. *cie caches the last CIE. */
static uint64_t fde_range(const struct elf_file *e, uint64_t addr, uint64_t *cie, unsigned *cie_size)
{
	const uint8_t *p = elf_mem_at(e, addr, 8);
	uint32_t back;
	uint64_t range = 0;

	if (!p)
		return 0;
	memcpy(&back, p + 4, 4);
	if (addr + 4 - back != *cie) {
		*cie = addr + 4 - back;
		*cie_size = cie_pointer_size(e, *cie);
	}
	p = *cie_size ? elf_mem_at(e, addr + 8, 2ull * *cie_size) : NULL;
	if (p)
		memcpy(&range, p + *cie_size, *cie_size);
	return range;
}

static int read_hdr(struct elf_file *e, uint64_t hdr)
{
	const uint8_t *p = elf_mem_at(e, hdr, 12);
	uint64_t cie = 0;
	unsigned cie_size = 0;
	uint32_t n;
	int r = 0;

	if (!p || memcmp(p, "\x01\x1b\x03\x3b", 4)) /* the only form that linkers write */
		return 0;
	memcpy(&n, p + 8, 4);
	e->tables = true;
	for (uint32_t i = 0; !r && i < n; i++) {
		int32_t entry[2];
		uint64_t pc, len;

		p = elf_mem_at(e, hdr + 12 + 8ull * i, 8);
		if (!p)
			break;
		memcpy(entry, p, 8);
		pc = hdr + (uint64_t)(int64_t)entry[0];
		len = fde_range(e, hdr + (uint64_t)(int64_t)entry[1], &cie, &cie_size);
		if (len)
			r = elf_add(&e->funcs, pc, len);
	}
	return r;
}

/* .eh_frame from its beginning: static programs have no sorted table. */
static int read_eh_frame(struct elf_file *e)
{
	uint64_t at = e->eh_frame.sh_addr, end = at + e->eh_frame.sh_size, cie = 0;
	unsigned cie_size = 0;
	int r = 0;

	if (end < at)
		return 0;
	while (!r && end - at >= 8) {
		const uint8_t *p = elf_mem_at(e, at, 8);
		uint32_t len, id;
		int32_t rel;

		if (!p)
			break;
		memcpy(&len, p, 4);
		memcpy(&id, p + 4, 4);
		if (len < 4 || len == UINT32_MAX || len > end - at - 4)
			break;
		p = id ? elf_mem_at(e, at + 8, 4) : NULL;
		/* FDEs whose pointers are relative to themselves, in four bytes: the form that compilers write. */
		if (p) {
			uint64_t range = fde_range(e, at, &cie, &cie_size);

			memcpy(&rel, p, 4);
			if (cie_size == 4 && range) {
				e->tables = true;
				r = elf_add(&e->funcs, at + 8 + (uint64_t)(int64_t)rel, range);
			}
		}
		at += 4ull + len;
	}
	return r;
}

int elf_read_fdes(struct elf_file *e, uint64_t hdr)
{
	int r = hdr ? read_hdr(e, hdr) : 0;

	return r || e->tables ? r : read_eh_frame(e);
}

/* --- Go: the head of the table of 1.18 and later, and its sorted function entries -------------------------------------------- */

struct go_head {
	uint32_t magic;
	uint8_t pad[2], min_insn, ptr_size;
	uint64_t n_funcs, n_files, text_start, names, units, files, pcs, funcs;
};

int elf_read_go(struct elf_file *e)
{
	const uint8_t *p = elf_at(e, e->go_table.sh_offset, e->go_table.sh_size), *f;
	struct go_head h;
	uint32_t entry[4]; /* offset of the text, of what is known of it; the next one's */
	int r = 0;

	if (!p || e->go_table.sh_size < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if ((h.magic != 0xfffffff1 && h.magic != 0xfffffff0) || h.ptr_size != 8 || h.funcs > e->go_table.sh_size)
		return 0;
	if (!h.text_start) {
		if (e->tables)
			return 0; /* with C before it: not where .text begins */
		h.text_start = e->text;
	}
	f = p + h.funcs;
	if (e->go_table.sh_size - h.funcs < 12 || h.n_funcs > (e->go_table.sh_size - h.funcs - 4) / 8)
		return 0;
	for (uint64_t i = 0; !r && i < h.n_funcs; i++) {
		memcpy(entry, f + 8 * i, sizeof(entry) - 4);
		if (entry[2] > entry[0])
			r = elf_add(&e->funcs, h.text_start + entry[0], entry[2] - entry[0]);
	}
	return r;
}
