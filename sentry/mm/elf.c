/* SPDX-License-Identifier: MIT */
/* ELF loading: elf(5), and Linux's fs/binfmt_elf.c for what programs rely on. */
#include "mm/elf.h"
#include "arch/arch.h"
#include "host/entropy.h"
#include "kernel/task.h"
#include "mm/map.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>

#define PHDRS_MAX (65536 / sizeof(Elf64_Phdr))
#define ALIGN_MAX (1ull << 30)
#define PIE_BASE 0x555555554000ull
#define PIE_RANDOM_PAGES (1u << 22)

int read_exact(struct task *t, struct file *f, void *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		struct uio u;
		ssize_t n;

		uio_init_kernel(&u, (char *)buf + done, len - done);
		n = file_read(t, f, &u, (int64_t)(off + done));
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* As Linux: neither the class nor the byte order is looked at. */
static int check_header(const Elf64_Ehdr *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_machine != ARCH_ELF_MACHINE)
		return -ENOEXEC;
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum < 1 || h->e_phnum > PHDRS_MAX || h->e_phoff > INT64_MAX / 2)
		return -ENOEXEC;
	return 0;
}

static bool load_ok(const Elf64_Phdr *p, uint64_t max)
{
	uint64_t end;

	return p->p_filesz <= p->p_memsz && p->p_offset <= INT64_MAX / 2 && p->p_filesz <= INT64_MAX / 2 &&
	       (p->p_vaddr & ~PAGE_MASK_) == (p->p_offset & ~PAGE_MASK_) &&
	       !__builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) && end <= max;
}

/* Lowest and highest address of all PT_LOAD segments; -EINVAL when there are none or one is bad. */
static int load_range(const Elf64_Phdr *ph, unsigned n, uint64_t max, uint64_t *lo, uint64_t *hi)
{
	*lo = UINT64_MAX;
	*hi = 0;
	for (unsigned i = 0; i < n; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		if (!load_ok(&ph[i], max))
			return -EINVAL;
		if ((ph[i].p_vaddr & PAGE_MASK_) < *lo)
			*lo = ph[i].p_vaddr & PAGE_MASK_;
		if (PAGE_UP(ph[i].p_vaddr + ph[i].p_memsz) > *hi)
			*hi = PAGE_UP(ph[i].p_vaddr + ph[i].p_memsz);
	}
	return *hi > *lo ? 0 : -EINVAL;
}

/* The largest alignment that a segment asks for; a page at least. */
static uint64_t max_alignment(const Elf64_Phdr *ph, unsigned n)
{
	uint64_t align = PAGE_SIZE_;

	for (unsigned i = 0; i < n; i++)
		if (ph[i].p_type == PT_LOAD && !(ph[i].p_align & (ph[i].p_align - 1)) && ph[i].p_align > align &&
		    ph[i].p_align <= ALIGN_MAX)
			align = ph[i].p_align;
	return align;
}

static int prot_of(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* Bytes behind the file's in the segment's last file page, then whole anonymous pages. */
static int map_bss(struct gthread *th, struct mm *mm, const Elf64_Phdr *p, uint64_t base)
{
	uint64_t file_end = base + p->p_vaddr + p->p_filesz, end = PAGE_UP(base + p->p_vaddr + p->p_memsz);
	uint64_t page_end = p->p_filesz ? PAGE_UP(file_end) : file_end & PAGE_MASK_;
	static const char zeros[4096];
	int64_t r = 0;

	if (p->p_filesz && (p->p_flags & PF_W) && page_end > file_end)
		r = aspace_write(mm->as, file_end, zeros, page_end - file_end, NULL);
	if (r < 0 || end <= page_end)
		return (int)r;
	r = gthread_mmap(th, page_end, end - page_end, prot_of(p), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return r < 0 ? (int)r : 0;
}

static int map_segment(struct task *t, struct gthread *th, struct mm *mm, struct file *f, const Elf64_Phdr *p,
		       uint64_t base)
{
	uint64_t addr = (base + p->p_vaddr) & PAGE_MASK_, skew = p->p_vaddr & ~PAGE_MASK_;
	int64_t r;

	if (p->p_filesz) {
		r = map_file(t, th, mm, f, addr, PAGE_UP(p->p_filesz + skew), prot_of(p), MAP_PRIVATE | MAP_FIXED,
			     p->p_offset & PAGE_MASK_, false);
		if (r < 0)
			return (int)r;
	}
	return p->p_memsz > p->p_filesz ? map_bss(th, mm, p, base) : 0;
}

/* Where a position-independent program goes, but for its interpreter: as Linux, with a random part unless that is not wanted. */
static uint64_t pie_base(const struct task *t, uint64_t align)
{
	uint32_t rnd = 0;

	if (!(t->personality & ADDR_NO_RANDOMIZE))
		host_random(&rnd, sizeof(rnd));
	return (PIE_BASE + (uint64_t)(rnd % PIE_RANDOM_PAGES) * PAGE_SIZE_) & ~(align - 1);
}

/* Choose the load bias: reserve the whole range at once so that nothing else can come between the segments. */
static int reserve(struct task *t, struct gthread *th, const struct elf_file *ef, bool is_interp, uint64_t lo, uint64_t hi,
		   uint64_t *ret)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint64_t hint = 0;
	int64_t r;

	if (ef->h.e_type == ET_EXEC) {
		/* An interpreter at a fixed place replaces what is there, a program does not. */
		r = gthread_mmap(th, lo, hi - lo, PROT_NONE, flags | (is_interp ? MAP_FIXED : MAP_FIXED_NOREPLACE), -1, 0);
		*ret = 0;
		return r < 0 ? (int)r : 0;
	}
	if (!is_interp)
		hint = pie_base(t, max_alignment(ef->ph, ef->h.e_phnum));
	r = gthread_mmap(th, hint, hi - lo, PROT_NONE, flags, -1, 0);
	if (r < 0)
		return (int)r;
	*ret = (uint64_t)r - lo;
	return 0;
}

/* The first place at or behind *at* that no segment covers, and where the next segment begins; *hi* if there is none. */
static uint64_t next_hole(const struct elf_file *ef, uint64_t at, uint64_t hi, uint64_t *ret_end)
{
	while (at < hi) {
		uint64_t next = hi, end = at;

		for (unsigned i = 0; i < ef->h.e_phnum; i++) {
			const Elf64_Phdr *p = &ef->ph[i];
			uint64_t from = p->p_vaddr & PAGE_MASK_, to = PAGE_UP(p->p_vaddr + p->p_memsz);

			if (p->p_type != PT_LOAD || !p->p_memsz)
				continue;
			if (from <= at && to > end)
				end = to;
			if (from > at && from < next)
				next = from;
		}
		if (end == at) {
			*ret_end = next;
			return at;
		}
		at = end;
	}
	return hi;
}

/* Between the segments there is nothing: give back what was reserved there. Rare: most programs have no such holes. */
static int free_holes(struct gthread *th, const struct elf_file *ef, uint64_t lo, uint64_t hi, uint64_t base)
{
	for (uint64_t at = lo, end; (at = next_hole(ef, at, hi, &end)) < hi; at = end) {
		int64_t r = gthread_munmap(th, base + at, end - at);

		if (r < 0)
			return (int)r;
	}
	return 0;
}

/* The first bytes of a file, where the headers mostly are: one read. */
struct head {
	size_t len;
	uint8_t bytes[2048];
};

static int read_head(struct task *t, struct file *f, struct head *hd)
{
	struct uio u;
	ssize_t n;

	uio_init_kernel(&u, hd->bytes, sizeof(hd->bytes));
	n = file_read(t, f, &u, 0);
	hd->len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? (int)n : 0;
}

static int read_part(struct task *t, struct file *f, const struct head *hd, void *buf, size_t len, uint64_t off)
{
	if (off > hd->len || len > hd->len - off)
		return read_exact(t, f, buf, len, off);
	memcpy(buf, hd->bytes + off, len);
	return 0;
}

static int read_interp(struct task *t, struct file *f, const struct head *hd, const Elf64_Phdr *p, char *out)
{
	int r;

	if (p->p_filesz < 2 || p->p_filesz > VFS_PATH_MAX || p->p_offset > INT64_MAX / 2)
		return -ENOEXEC;
	r = read_part(t, f, hd, out, p->p_filesz, p->p_offset);
	if (r)
		return r;
	return out[p->p_filesz - 1] == 0 ? 0 : -ENOEXEC;
}

static void note_segment(struct elf_image *im, const Elf64_Ehdr *h, const Elf64_Phdr *p)
{
	uint64_t a = im->base + p->p_vaddr;

	if (p->p_flags & PF_X) {
		if (!im->start_code || a < im->start_code)
			im->start_code = a;
		if (a + p->p_filesz > im->end_code)
			im->end_code = a + p->p_filesz;
	}
	if (a > im->start_data)
		im->start_data = a;
	if (a + p->p_filesz > im->end_data)
		im->end_data = a + p->p_filesz;
	if (PAGE_UP(a + p->p_memsz) > im->end)
		im->end = PAGE_UP(a + p->p_memsz);
	if (h->e_phoff >= p->p_offset && h->e_phoff - p->p_offset < p->p_filesz)
		im->phdr = a + (h->e_phoff - p->p_offset);
}

int elf_map(struct task *t, struct gthread *th, struct mm *mm, struct file *f, const struct elf_file *ef, bool is_interp,
	    struct elf_image *im)
{
	uint64_t lo, hi;
	int r;

	memset(im, 0, sizeof(*im));
	if (ef->h.e_type != ET_EXEC && ef->h.e_type != ET_DYN)
		return -ENOEXEC;
	r = load_range(ef->ph, ef->h.e_phnum, aspace_max(mm->as), &lo, &hi);
	if (!r)
		r = reserve(t, th, ef, is_interp, lo, hi, &im->base);
	for (unsigned i = 0; !r && i < ef->h.e_phnum; i++) {
		const Elf64_Phdr *p = &ef->ph[i];

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		r = map_segment(t, th, mm, f, p, im->base);
		note_segment(im, &ef->h, p);
	}
	if (!r)
		r = free_holes(th, ef, lo, hi, im->base);
	im->phnum = ef->h.e_phnum;
	im->entry = im->base + ef->h.e_entry;
	return !r && im->entry >= aspace_max(mm->as) ? -EINVAL : r;
}

/* --- all segments in one list -------------------------------------------------------------------------------------------- */

/* The next free item, or NULL. Two are kept for the stack. */
static struct gthread_map *plan_item(struct map_plan *p, int kind, uint64_t addr, uint64_t len, int prot, int flags)
{
	struct gthread_map *m = &p->m[p->n];

	if (p->n + 2 >= GTHREAD_MAPS_MAX)
		return NULL;
	p->n++;
	*m = (struct gthread_map){.kind = kind, .addr = addr, .len = len, .prot = prot, .flags = flags, .host_fd = -1};
	return m;
}

static int plan_segment(struct task *t, struct mm *mm, struct file *f, const Elf64_Phdr *ph, uint64_t lo, struct map_plan *p)
{
	uint64_t at = (ph->p_vaddr & PAGE_MASK_) - lo, skew = ph->p_vaddr & ~PAGE_MASK_;
	uint64_t have = ph->p_filesz ? PAGE_UP(ph->p_filesz + skew) : 0, all = PAGE_UP(ph->p_memsz + skew);
	struct gthread_map *m;
	int r;

	if (have) {
		m = plan_item(p, MAP_FROM_BASE, at, have, prot_of(ph), MAP_PRIVATE | MAP_FIXED);
		r = m ? map_plan(t, mm, f, m, ph->p_offset & PAGE_MASK_, p) : -EAGAIN;
		if (r)
			return r;
	}
	if (ph->p_memsz > ph->p_filesz && have && (ph->p_flags & PF_W) && ++p->n_partial > ELF_ZERO_MAX)
		return -EAGAIN;
	return have >= all || plan_item(p, MAP_FROM_BASE, at + have, all - have, prot_of(ph), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
		       ? 0
		       : -EAGAIN;
}

/* As free_holes(). */
static int plan_holes(const struct elf_file *ef, uint64_t lo, uint64_t hi, struct map_plan *p)
{
	for (uint64_t at = lo, end; (at = next_hole(ef, at, hi, &end)) < hi; at = end)
		if (!plan_item(p, MAP_HOLE, at - lo, end - at, 0, 0))
			return -EAGAIN;
	return 0;
}

int elf_plan(struct task *t, struct mm *mm, struct file *f, const struct elf_file *ef, bool is_interp, struct map_plan *p)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, r;
	uint64_t lo, hi, at = 0;

	if (ef->h.e_type != ET_EXEC && ef->h.e_type != ET_DYN)
		return -ENOEXEC;
	r = load_range(ef->ph, ef->h.e_phnum, aspace_max(mm->as), &lo, &hi);
	if (r)
		return r;
	if (ef->h.e_type == ET_EXEC) {
		at = lo;
		flags |= is_interp ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	} else if (!is_interp) {
		at = pie_base(t, max_alignment(ef->ph, ef->h.e_phnum));
	}
	if (!plan_item(p, MAP_BASE, at, hi - lo, PROT_NONE, flags))
		return -EAGAIN;
	for (unsigned i = 0; !r && i < ef->h.e_phnum; i++)
		if (ef->ph[i].p_type == PT_LOAD && ef->ph[i].p_memsz)
			r = plan_segment(t, mm, f, &ef->ph[i], lo, p);
	return r ? r : plan_holes(ef, lo, hi, p);
}

int elf_planned(struct mm *mm, const struct elf_file *ef, const struct gthread_map *base, struct elf_image *im)
{
	uint64_t lo, hi;
	int r = load_range(ef->ph, ef->h.e_phnum, aspace_max(mm->as), &lo, &hi);

	memset(im, 0, sizeof(*im));
	if (r || base->result < 0)
		return r ? r : (int)base->result;
	im->base = (uint64_t)base->result - lo;
	for (unsigned i = 0; i < ef->h.e_phnum; i++) {
		const Elf64_Phdr *p = &ef->ph[i];
		uint64_t end = im->base + p->p_vaddr + p->p_filesz;

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		note_segment(im, &ef->h, p);
		if (p->p_memsz <= p->p_filesz || !p->p_filesz || !(p->p_flags & PF_W) || end == PAGE_UP(end))
			continue;
		if (im->n_zero == ELF_ZERO_MAX)
			return -ENOMEM;
		im->zero[im->n_zero].addr = end;
		im->zero[im->n_zero++].len = PAGE_UP(end) - end;
	}
	im->phnum = ef->h.e_phnum;
	im->entry = im->base + ef->h.e_entry;
	return im->entry >= aspace_max(mm->as) ? -EINVAL : 0;
}

/* What is said by the headers that are not mapped. */
static int look_at_headers(struct task *t, struct file *f, const struct head *hd, struct elf_file *ef)
{
	for (unsigned i = 0; i < ef->h.e_phnum; i++) {
		int r = 0;

		if (ef->ph[i].p_type == PT_GNU_STACK)
			ef->exec_stack = ef->ph[i].p_flags & PF_X;
		else if (ef->ph[i].p_type == PT_INTERP && !ef->interp[0])
			r = read_interp(t, f, hd, &ef->ph[i], ef->interp);
		if (r)
			return r;
	}
	return 0;
}

int elf_read(struct task *t, struct file *f, bool is_interp, struct elf_file *ef)
{
	struct head hd;
	int r;

	memset(ef, 0, sizeof(*ef));
	r = read_head(t, f, &hd);
	if (!r)
		r = read_part(t, f, &hd, &ef->h, sizeof(ef->h), 0);
	if (r)
		return r == -EIO && !is_interp ? -ENOEXEC : r;
	r = check_header(&ef->h);
	if (!r && !is_interp && ef->h.e_type != ET_EXEC && ef->h.e_type != ET_DYN)
		r = -ENOEXEC;
	if (r)
		return r;
	ef->ph = malloc(ef->h.e_phnum * sizeof(*ef->ph));
	if (!ef->ph)
		return -ENOMEM;
	r = read_part(t, f, &hd, ef->ph, ef->h.e_phnum * sizeof(*ef->ph), ef->h.e_phoff);
	if (r == -EIO)
		r = -ENOEXEC;
	return r || is_interp ? r : look_at_headers(t, f, &hd, ef);
}

void elf_file_free(struct elf_file *ef)
{
	free(ef->ph);
	ef->ph = NULL;
}
