/* SPDX-License-Identifier: MIT */
/* ELF for the rewriter. Each structure is copied out of the file after its bounds are checked. */
#include "insn.h"
#include "rewrite_elf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MASK_LOW 4095ull
#define RANGES_MAX (8u << 20)
#define WORK_MAX 8u /* times the file */

const uint8_t *elf_at(const struct elf_file *e, uint64_t off, uint64_t len)
{
	return off <= e->len && len <= e->len - off ? e->p + off : NULL;
}

const uint8_t *elf_mem_at(const struct elf_file *e, uint64_t addr, uint64_t len)
{
	for (unsigned i = 0; i < e->n_ph; i++) {
		const Elf64_Phdr *ph = &e->ph[i];

		if (ph->p_type != PT_LOAD || addr < ph->p_vaddr || addr - ph->p_vaddr >= ph->p_filesz)
			continue;
		if (len > ph->p_filesz - (addr - ph->p_vaddr))
			return NULL;
		return ph->p_offset > e->len ? NULL : elf_at(e, ph->p_offset + (addr - ph->p_vaddr), len);
	}
	return NULL;
}

int elf_add(struct ranges *r, uint64_t addr, uint64_t len)
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

/*
 * *len* more bytes are going to be looked at. False: headers have named the same bytes again and again, and the file stays as it is. Tables of
 * honest files do not overlap.
 */
static bool may_look(struct elf_file *e, uint64_t len)
{
	if (len > WORK_MAX * e->len || e->work > WORK_MAX * e->len - len)
		e->refuse = true;
	else
		e->work += len;
	return !e->refuse;
}

static int read_headers(struct elf_file *e)
{
	const uint8_t *p = elf_at(e, 0, sizeof(e->eh));

	if (!p)
		return -ENOEXEC;
	memcpy(&e->eh, p, sizeof(e->eh));
	if (memcmp(e->eh.e_ident, ELFMAG, SELFMAG) || e->eh.e_ident[EI_CLASS] != ELFCLASS64 || e->eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e->eh.e_machine != EM_X86_64 || (e->eh.e_type != ET_EXEC && e->eh.e_type != ET_DYN) ||
	    e->eh.e_phentsize != sizeof(Elf64_Phdr) || e->eh.e_phnum > PHDRS_MAX)
		return -ENOEXEC;
	p = elf_at(e, e->eh.e_phoff, e->eh.e_phnum * sizeof(Elf64_Phdr));
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

	if (!may_look(e, ph->p_filesz))
		return;
	for (uint64_t i = 0; i < ph->p_filesz / sizeof(d); i++) {
		const uint8_t *p = elf_mem_at(e, ph->p_vaddr + i * sizeof(d), sizeof(d));

		if (!p)
			return;
		memcpy(&d, p, sizeof(d));
		if (d.d_tag == DT_NULL)
			return;
		e->refuse |= d.d_tag == DT_TEXTREL || (d.d_tag == DT_FLAGS && (d.d_un.d_val & DF_TEXTREL));
	}
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
	const uint8_t *p = sh->sh_entsize == sizeof(Elf64_Sym) ? elf_at(e, sh->sh_offset, sh->sh_size) : NULL;
	const uint8_t *str = strings ? elf_at(e, strings->sh_offset, strings->sh_size) : NULL;
	Elf64_Sym sym;
	int r = 0;

	if (p && !may_look(e, sh->sh_size))
		return 0;
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
		r = sym.st_size ? elf_add(&e->funcs, sym.st_value, sym.st_size) : elf_add(&e->points, sym.st_value, 0);
	}
	return r;
}

/* Where tables of functions are. The names decide: linkers and strip(1) leave them. */
static void read_table(struct elf_file *e, const Elf64_Shdr *sh, const Elf64_Shdr *names)
{
	const uint8_t *p = elf_at(e, names->sh_offset, names->sh_size);
	char name[32] = "";

	if (!p || sh->sh_name >= names->sh_size)
		return;
	for (unsigned i = 0; i < sizeof(name) - 1 && sh->sh_name + i < names->sh_size && p[sh->sh_name + i]; i++)
		name[i] = (char)p[sh->sh_name + i];
	if (!strcmp(name, ".eh_frame"))
		e->eh_frame = *sh;
	else if (!strcmp(name, ".text"))
		e->text = sh->sh_addr;
	else if (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab"))
		e->go_table = *sh;
}

static int read_sections(struct elf_file *e)
{
	const uint8_t *p = elf_at(e, e->eh.e_shoff, (uint64_t)e->eh.e_shnum * sizeof(Elf64_Shdr));
	Elf64_Shdr sh, strings, names = {0};
	int r = 0;

	if (!p || e->eh.e_shentsize != sizeof(sh))
		return 0;
	if (e->eh.e_shstrndx < e->eh.e_shnum)
		memcpy(&names, p + e->eh.e_shstrndx * sizeof(sh), sizeof(names));
	for (unsigned i = 0; !r && i < e->eh.e_shnum; i++) {
		memcpy(&sh, p + i * sizeof(sh), sizeof(sh));
		read_table(e, &sh, &names);
		if (sh.sh_type == SHT_PROGBITS && (sh.sh_flags & SHF_EXECINSTR) && (sh.sh_flags & SHF_ALLOC))
			r = elf_add(&e->code, sh.sh_addr, sh.sh_size);
		if (sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM)
			continue;
		if (sh.sh_link < e->eh.e_shnum)
			memcpy(&strings, p + sh.sh_link * sizeof(sh), sizeof(strings));
		r = read_symbols(e, &sh, sh.sh_link < e->eh.e_shnum ? &strings : NULL);
	}
	return r;
}

/* Is every byte of the code part of an instruction? A sweep that meets data runs into what is no instruction soon. */
static bool all_code(struct elf_file *e)
{
	struct insn in;

	for (size_t i = 0; i < e->code.n; i++) {
		const struct rewrite_range *r = &e->code.v[i];
		const uint8_t *p = elf_mem_at(e, r->addr, r->len);

		if (!r->len)
			continue;
		if (!p || !may_look(e, r->len))
			return false;
		for (uint64_t at = 0; at < r->len; at += in.len)
			if (!insn_decode(p + at, r->len - at, &in))
				return false;
	}
	return true;
}

/* Do tables know most of the code? Symbols do not count. */
static bool mostly_known(const struct elf_file *e)
{
	uint64_t code = 0, known = 0;

	for (size_t i = 0; i < e->code.n; i++)
		code += e->code.v[i].len < e->len ? e->code.v[i].len : e->len;
	for (size_t i = e->n_symbols; i < e->funcs.n; i++)
		known += e->funcs.v[i].len < e->len ? e->funcs.v[i].len : e->len;
	return known >= code / 2;
}

static int read_hints(struct elf_file *e)
{
	uint64_t hdr = 0;
	int r = read_sections(e);

	e->n_symbols = e->funcs.n;
	for (unsigned i = 0; i < e->n_ph; i++) {
		if (e->ph[i].p_type == PT_DYNAMIC)
			read_dynamic(e, &e->ph[i]);
		if (e->ph[i].p_type == PT_GNU_EH_FRAME)
			hdr = e->ph[i].p_vaddr;
	}
	if (!r)
		r = elf_read_fdes(e, hdr);
	if (!r)
		r = elf_read_go(e);
	/* Without tables (musl is built so, but for what came from elsewhere) the sections' beginnings are all there is. */
	if (!r && !mostly_known(e))
		e->pure = all_code(e);
	return r ? r : elf_add(&e->points, e->eh.e_entry, 0);
}

/* --- segments ----------------------------------------------------------------------------------------------------------- */

static int plan_segment(struct elf_file *e, const Elf64_Phdr *ph, const uint64_t *points, struct rewrite_elf *ret)
{
	struct rewrite_segment s = {.offset = ph->p_offset & ~PAGE_MASK_LOW, .vaddr = ph->p_vaddr & ~PAGE_MASK_LOW};
	struct rewrite_input in = {.code = e->code.v, .n_code = e->code.n, .funcs = e->funcs.v, .n_funcs = e->funcs.n,
		.targets = points, .n_targets = e->points.n, .pure = e->pure};
	int r;

	if (!elf_at(e, ph->p_offset, ph->p_filesz) || ((ph->p_offset ^ ph->p_vaddr) & PAGE_MASK_LOW))
		return 0;
	if (!may_look(e, ph->p_filesz))
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
