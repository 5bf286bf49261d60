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


#define PHDRS_MAX (65536 / sizeof(Elf64_Phdr))
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

static int check_header(const Elf64_Ehdr *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != ARCH_ELF_MACHINE)
		return -ENOEXEC;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC;
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum < 1 || h->e_phnum > PHDRS_MAX ||
	    h->e_phoff > INT64_MAX / 2)
		return -ENOEXEC;
	return 0;
}

static bool load_ok(const Elf64_Phdr *p, uint64_t max)
{
	uint64_t end;

	return p->p_filesz <= p->p_memsz && p->p_offset <= INT64_MAX / 2 && p->p_filesz <= INT64_MAX / 2 &&
	       (p->p_vaddr & ~PAGE_MASK_) == (p->p_offset & ~PAGE_MASK_) &&
	       !__builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) && end < max;
}

/* Lowest and highest address of all PT_LOAD segments; -ENOEXEC when there are none or one is bad. */
static int load_range(const Elf64_Phdr *ph, unsigned n, uint64_t max, uint64_t *lo, uint64_t *hi)
{
	*lo = UINT64_MAX;
	*hi = 0;
	for (unsigned i = 0; i < n; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		if (!load_ok(&ph[i], max))
			return -ENOEXEC;
		if ((ph[i].p_vaddr & PAGE_MASK_) < *lo)
			*lo = ph[i].p_vaddr & PAGE_MASK_;
		if (PAGE_UP(ph[i].p_vaddr + ph[i].p_memsz) > *hi)
			*hi = PAGE_UP(ph[i].p_vaddr + ph[i].p_memsz);
	}
	return *hi > *lo ? 0 : -ENOEXEC;
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

/* Choose the load bias: reserve the whole range at once so that nothing else can come between the segments. */
static int reserve(struct gthread *th, const Elf64_Ehdr *h, bool is_interp, uint64_t lo, uint64_t hi, uint64_t *ret)
{
	uint64_t hint = 0;
	uint32_t rnd = 0;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	int64_t r;

	if (h->e_type == ET_EXEC) {
		r = gthread_mmap(th, lo, hi - lo, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
		*ret = 0;
		return r < 0 ? (int)r : 0;
	}
	if (!is_interp) {
		host_random(&rnd, sizeof(rnd));
		hint = PIE_BASE + (uint64_t)(rnd % PIE_RANDOM_PAGES) * PAGE_SIZE_;
	}
	r = gthread_mmap(th, hint, hi - lo, PROT_NONE, flags, -1, 0);
	if (r < 0)
		return (int)r;
	*ret = (uint64_t)r - lo;
	return 0;
}

static int read_interp(struct task *t, struct file *f, const Elf64_Phdr *p, char *out)
{
	int r;

	if (p->p_filesz < 2 || p->p_filesz > VFS_PATH_MAX || p->p_offset > INT64_MAX / 2)
		return -ENOEXEC;
	r = read_exact(t, f, out, p->p_filesz, p->p_offset);
	if (r)
		return r == -EIO ? -ENOEXEC : r;
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

static int load_segments(struct task *t, struct gthread *th, struct mm *mm, struct file *f, const Elf64_Ehdr *h,
			 const Elf64_Phdr *ph, bool is_interp, struct elf_image *im)
{
	uint64_t lo, hi;
	int r = load_range(ph, h->e_phnum, aspace_max(mm->as), &lo, &hi);

	if (!r)
		r = reserve(th, h, is_interp, lo, hi, &im->base);
	for (unsigned i = 0; !r && i < h->e_phnum; i++) {
		const Elf64_Phdr *p = &ph[i];

		if (p->p_type == PT_LOAD && p->p_memsz) {
			r = map_segment(t, th, mm, f, p, im->base);
			note_segment(im, h, p);
		} else if (p->p_type == PT_INTERP && !is_interp && !im->interp[0]) {
			r = read_interp(t, f, p, im->interp);
		} else if (p->p_type == PT_GNU_STACK) {
			im->exec_stack = p->p_flags & PF_X;
		}
	}
	return r;
}

int elf_load(struct task *t, struct gthread *th, struct mm *mm, struct file *f, bool is_interp, struct elf_image *im)
{
	Elf64_Ehdr h;
	Elf64_Phdr *ph;
	int r;

	memset(im, 0, sizeof(*im));
	r = read_exact(t, f, &h, sizeof(h), 0);
	if (r)
		return r == -EIO ? -ENOEXEC : r;
	r = check_header(&h);
	if (r)
		return r;
	ph = malloc(h.e_phnum * sizeof(*ph));
	if (!ph)
		return -ENOMEM;
	r = read_exact(t, f, ph, h.e_phnum * sizeof(*ph), h.e_phoff);
	if (!r)
		r = load_segments(t, th, mm, f, &h, ph, is_interp, im);
	im->phnum = h.e_phnum;
	im->entry = im->base + h.e_entry;
	free(ph);
	if (r == -EIO)
		r = -ENOEXEC;
	return r;
}
