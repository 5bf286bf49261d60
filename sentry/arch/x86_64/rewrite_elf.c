/* SPDX-License-Identifier: MIT */
/* ELF for the rewriter. Each structure is copied out of the file after its bounds are checked. */
#include "rewrite_elf.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MASK_LOW 4095ull
#define PHDRS_MAX 64u
#define RANGES_MAX (8u << 20)

struct ranges {
	struct rewrite_range *v;
	size_t n, max;
};

struct elf_file {
	const uint8_t *p;
	size_t len;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[PHDRS_MAX];
	unsigned n_ph;
	struct ranges code, funcs, points; /* points: len is not used */
	bool refuse;			   /* it wants to stay as it is */
};

/* *len* bytes at *off* of the file, or NULL. */
static const uint8_t *file_at(const struct elf_file *e, uint64_t off, uint64_t len)
{
	return off <= e->len && len <= e->len - off ? e->p + off : NULL;
}

/* *len* bytes at *addr* as the file is loaded, or NULL. */
static const uint8_t *mem_at(const struct elf_file *e, uint64_t addr, uint64_t len)
{
	for (unsigned i = 0; i < e->n_ph; i++) {
		const Elf64_Phdr *ph = &e->ph[i];

		if (ph->p_type != PT_LOAD || addr < ph->p_vaddr || addr - ph->p_vaddr >= ph->p_filesz)
			continue;
		if (len > ph->p_filesz - (addr - ph->p_vaddr))
			return NULL;
		return ph->p_offset > e->len ? NULL : file_at(e, ph->p_offset + (addr - ph->p_vaddr), len);
	}
	return NULL;
}

static int add(struct ranges *r, uint64_t addr, uint64_t len)
{
	if (r->n == RANGES_MAX)
		return 0; /* more than that are not needed to go on */
	if (r->n == r->max) {
		size_t max = r->max ? r->max * 2 : 1024;
		struct rewrite_range *v = realloc(r->v, max * sizeof(*v));

		if (!v)
			return -ENOMEM;
		r->v = v;
		r->max = max;
	}
	r->v[r->n++] = (struct rewrite_range){addr, len};
	return 0;
}

static int read_headers(struct elf_file *e)
{
	const uint8_t *p = file_at(e, 0, sizeof(e->eh));

	if (!p)
		return -ENOEXEC;
	memcpy(&e->eh, p, sizeof(e->eh));
	if (memcmp(e->eh.e_ident, ELFMAG, SELFMAG) || e->eh.e_ident[EI_CLASS] != ELFCLASS64 || e->eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e->eh.e_machine != EM_X86_64 || (e->eh.e_type != ET_EXEC && e->eh.e_type != ET_DYN) ||
	    e->eh.e_phentsize != sizeof(Elf64_Phdr) || e->eh.e_phnum > PHDRS_MAX)
		return -ENOEXEC;
	p = file_at(e, e->eh.e_phoff, e->eh.e_phnum * sizeof(Elf64_Phdr));
	if (!p)
		return -ENOEXEC;
	e->n_ph = e->eh.e_phnum;
	memcpy(e->ph, p, e->n_ph * sizeof(Elf64_Phdr));
	return 0;
}

/* --- dynamic section: relocations of the text -------------------------------------------------------------------------- */

static void read_dynamic(struct elf_file *e, const Elf64_Phdr *ph)
{
	Elf64_Dyn d;

	for (uint64_t i = 0; i < ph->p_filesz / sizeof(d); i++) {
		const uint8_t *p = mem_at(e, ph->p_vaddr + i * sizeof(d), sizeof(d));

		if (!p)
			return;
		memcpy(&d, p, sizeof(d));
		if (d.d_tag == DT_NULL)
			return;
		e->refuse |= d.d_tag == DT_TEXTREL || (d.d_tag == DT_FLAGS && (d.d_un.d_val & DF_TEXTREL));
	}
}

/* --- .eh_frame_hdr ------------------------------------------------------------------------------------------------------ */

struct cursor {
	const struct elf_file *e;
	uint64_t at;
	bool bad;
};

static uint8_t get_u8(struct cursor *c)
{
	const uint8_t *p = c->bad ? NULL : mem_at(c->e, c->at, 1);

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
	const uint8_t *p = mem_at(e, addr, 8);
	uint32_t back;
	uint64_t range = 0;

	if (!p)
		return 0;
	memcpy(&back, p + 4, 4);
	if (addr + 4 - back != *cie) {
		*cie = addr + 4 - back;
		*cie_size = cie_pointer_size(e, *cie);
	}
	p = *cie_size ? mem_at(e, addr + 8, 2ull * *cie_size) : NULL;
	if (p)
		memcpy(&range, p + *cie_size, *cie_size);
	return range;
}

static int read_fdes(struct elf_file *e, uint64_t hdr)
{
	const uint8_t *p = mem_at(e, hdr, 12);
	uint64_t cie = 0;
	unsigned cie_size = 0;
	uint32_t n;
	int r = 0;

	if (!p || memcmp(p, "\x01\x1b\x03\x3b", 4)) /* the only form that linkers write */
		return 0;
	memcpy(&n, p + 8, 4);
	for (uint32_t i = 0; !r && i < n; i++) {
		int32_t entry[2];
		uint64_t pc, len;

		p = mem_at(e, hdr + 12 + 8ull * i, 8);
		if (!p)
			break;
		memcpy(entry, p, 8);
		pc = hdr + (uint64_t)(int64_t)entry[0];
		len = fde_range(e, hdr + (uint64_t)(int64_t)entry[1], &cie, &cie_size);
		r = len ? add(&e->funcs, pc, len) : add(&e->points, pc, 0);
	}
	return r;
}

/* --- sections and symbols ----------------------------------------------------------------------------------------------- */

/* Modules that check their own text in memory. */
static bool checks_itself(const char *name, size_t max)
{
	static const char *const names[] = {"FIPS_text_start", "FIPS_incore_fingerprint", "fips_text_start", "BORINGSSL_bcm_text_start",
					    "bcm_text_start", "BORINGSSL_bcm_text_hash"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) < max && !memcmp(name, names[i], strlen(names[i]) + 1))
			return true;
	return false;
}

static int read_symbols(struct elf_file *e, const Elf64_Shdr *sh, const Elf64_Shdr *strings)
{
	const uint8_t *p = sh->sh_entsize == sizeof(Elf64_Sym) ? file_at(e, sh->sh_offset, sh->sh_size) : NULL;
	const uint8_t *str = strings ? file_at(e, strings->sh_offset, strings->sh_size) : NULL;
	Elf64_Sym sym;
	int r = 0;

	for (uint64_t i = 0; p && !r && i < sh->sh_size / sizeof(sym); i++) {
		unsigned type;

		memcpy(&sym, p + i * sizeof(sym), sizeof(sym));
		type = ELF64_ST_TYPE(sym.st_info);
		if (sym.st_shndx == SHN_UNDEF)
			continue;
		if (str && sym.st_name < strings->sh_size && checks_itself((const char *)str + sym.st_name, strings->sh_size - sym.st_name))
			e->refuse = true;
		if (type != STT_FUNC && type != STT_GNU_IFUNC)
			continue;
		r = sym.st_size ? add(&e->funcs, sym.st_value, sym.st_size) : add(&e->points, sym.st_value, 0);
	}
	return r;
}

static int read_sections(struct elf_file *e)
{
	const uint8_t *p = file_at(e, e->eh.e_shoff, (uint64_t)e->eh.e_shnum * sizeof(Elf64_Shdr));
	Elf64_Shdr sh, strings;
	int r = 0;

	if (!p || e->eh.e_shentsize != sizeof(sh))
		return 0;
	for (unsigned i = 0; !r && i < e->eh.e_shnum; i++) {
		memcpy(&sh, p + i * sizeof(sh), sizeof(sh));
		if (sh.sh_type == SHT_PROGBITS && (sh.sh_flags & SHF_EXECINSTR) && (sh.sh_flags & SHF_ALLOC))
			r = add(&e->code, sh.sh_addr, sh.sh_size);
		if (sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM)
			continue;
		if (sh.sh_link < e->eh.e_shnum)
			memcpy(&strings, p + sh.sh_link * sizeof(sh), sizeof(strings));
		r = read_symbols(e, &sh, sh.sh_link < e->eh.e_shnum ? &strings : NULL);
	}
	return r;
}

static int read_hints(struct elf_file *e)
{
	int r = read_sections(e);

	for (unsigned i = 0; !r && i < e->n_ph; i++) {
		if (e->ph[i].p_type == PT_DYNAMIC)
			read_dynamic(e, &e->ph[i]);
		if (e->ph[i].p_type == PT_GNU_EH_FRAME)
			r = read_fdes(e, e->ph[i].p_vaddr);
	}
	return r ? r : add(&e->points, e->eh.e_entry, 0);
}

/* --- segments ----------------------------------------------------------------------------------------------------------- */

static int plan_segment(struct elf_file *e, const Elf64_Phdr *ph, const uint64_t *points, struct rewrite_elf *ret)
{
	struct rewrite_segment s = {.offset = ph->p_offset & ~PAGE_MASK_LOW, .vaddr = ph->p_vaddr & ~PAGE_MASK_LOW};
	struct rewrite_input in = {.code = e->code.v, .n_code = e->code.n, .funcs = e->funcs.v, .n_funcs = e->funcs.n,
		.targets = points, .n_targets = e->points.n};
	int r;

	if (!file_at(e, ph->p_offset, ph->p_filesz) || ((ph->p_offset ^ ph->p_vaddr) & PAGE_MASK_LOW))
		return 0;
	s.len = ph->p_offset - s.offset + ph->p_filesz;
	in.text = e->p + s.offset;
	in.len = s.len;
	in.addr = s.vaddr;
	r = rewrite_plan(&in, &s.plan);
	if (r)
		return r == -EINVAL ? 0 : r;
	if (s.plan.n_syscalls && ret->n < REWRITE_SEGMENTS_MAX)
		ret->seg[ret->n++] = s;
	else
		rewrite_plan_free(&s.plan);
	return 0;
}

static int plan_segments(struct elf_file *e, struct rewrite_elf *ret)
{
	uint64_t *points = calloc(e->points.n + 1, sizeof(*points));
	int r = 0;

	if (!points)
		return -ENOMEM;
	for (size_t i = 0; i < e->points.n; i++)
		points[i] = e->points.v[i].addr;
	for (unsigned i = 0; !r && i < e->n_ph; i++)
		if (e->ph[i].p_type == PT_LOAD && (e->ph[i].p_flags & PF_X) && !(e->ph[i].p_flags & PF_W))
			r = plan_segment(e, &e->ph[i], points, ret);
	free(points);
	return r;
}

int rewrite_elf_plan(const uint8_t *file, size_t len, struct rewrite_elf *ret)
{
	struct elf_file *e = calloc(1, sizeof(*e));
	struct rewrite_elf plan = {.n = 0};
	int r;

	if (!e)
		return -ENOMEM;
	e->p = file;
	e->len = len;
	r = read_headers(e);
	if (!r)
		r = read_hints(e);
	if (!r && !e->refuse)
		r = plan_segments(e, &plan);
	free(e->code.v);
	free(e->funcs.v);
	free(e->points.v);
	free(e);
	if (r)
		rewrite_elf_free(&plan);
	else
		*ret = plan;
	return r;
}

void rewrite_elf_free(struct rewrite_elf *e)
{
	for (unsigned i = 0; i < e->n; i++)
		rewrite_plan_free(&e->seg[i].plan);
	e->n = 0;
}

void rewrite_elf_apply(const uint8_t *file, const struct rewrite_segment *seg, uint8_t *text, uint8_t *area, uint64_t entry)
{
	struct rewrite_input in = {.text = file + seg->offset, .len = seg->len, .addr = seg->vaddr};

	memcpy(text, in.text, seg->len);
	memset(area, 0, seg->plan.area_len);
	rewrite_apply(&in, &seg->plan, text, area, entry);
}
