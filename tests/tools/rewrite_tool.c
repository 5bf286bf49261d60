/* SPDX-License-Identifier: MIT */
/*
 * Try the rewriter on files, for developers:
 *   rewrite-tool stat FILE...       what becomes of the syscall instructions
 *   rewrite-tool sites FILE         each site: window, bytes to the syscall, trampoline (addresses as linked)
 *   rewrite-tool lengths FILE       standard input: addresses of instructions, sorted; tells where the decoder disagrees
 *   rewrite-tool copy FILE OUT ENTRY  a patched copy that runs: the areas become segments behind the file (see below)
 */
#include "arch/x86_64/insn.h"
#include "arch/x86_64/rewrite_elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t *map_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) || st.st_size == 0) {
		perror(path);
		exit(1);
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	*len = (size_t)st.st_size;
	return p;
}

static int stat_file(const char *path)
{
	struct rewrite_elf e;
	size_t len;
	const uint8_t *p = map_file(path, &len);
	int r = rewrite_elf_plan(p, len, &e);

	if (r) {
		printf("%s: %s\n", path, strerror(-r));
		return 1;
	}
	for (unsigned i = 0; i < e.n; i++) {
		const struct rewrite_plan *pl = &e.seg[i].plan;
		unsigned want = pl->n_syscalls - pl->n_plain;

		printf("%s: %u syscalls, %u plain, %u without a window, %u in doubt, %u sites (%.1f %% of those wanted), area %u\n", path, pl->n_syscalls,
		       pl->n_plain, pl->n_no_window, pl->n_doubt, pl->n_sites, want ? 100.0 * pl->n_sites / want : 100.0, pl->area_len);
	}
	rewrite_elf_free(&e);
	return 0;
}

static int show_sites(const char *path)
{
	struct rewrite_elf e;
	size_t len;
	const uint8_t *p = map_file(path, &len);

	if (rewrite_elf_plan(p, len, &e))
		return 1;
	for (unsigned i = 0; i < e.n; i++)
		for (uint32_t k = 0; k < e.seg[i].plan.n_sites; k++) {
			const struct rewrite_site *s = &e.seg[i].plan.sites[k];

			printf("%lx %u %u %llx\n", e.seg[i].vaddr + s->window, s->window_len, s->to_syscall,
			       e.seg[i].vaddr + TRAMP_DISTANCE + s->tramp);
		}
	rewrite_elf_free(&e);
	return 0;
}

static const uint8_t *loaded(const uint8_t *p, size_t len, uint64_t addr, size_t *left)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	memcpy(&eh, p, sizeof(eh));
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		memcpy(&ph, p + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD && addr >= ph.p_vaddr && addr < ph.p_vaddr + ph.p_filesz && ph.p_offset + ph.p_filesz <= len) {
			*left = ph.p_vaddr + ph.p_filesz - addr;
			return p + ph.p_offset + (addr - ph.p_vaddr);
		}
	}
	return NULL;
}

static int lengths(const char *path)
{
	size_t len, left, n = 0, bad = 0;
	const uint8_t *p = map_file(path, &len), *q;
	unsigned long addr, want;
	struct insn in;

	/* Each line: address and length as the other disassembler sees them. */
	while (scanf("%lx %lu", &addr, &want) == 2) {
		q = loaded(p, len, addr, &left);
		n++;
		if (q && insn_decode(q, left, &in) != want && bad++ < 40) {
			printf("%s: %lx: %lu here %u:", path, addr, want, insn_decode(q, left, &in));
			for (unsigned i = 0; i < want; i++)
				printf(" %02x", q[i]);
			printf("\n");
		}
	}
	printf("%s: %zu instructions, %zu differ\n", path, n, bad);
	return bad != 0;
}

/*
 * A patched copy: the program headers move to the end of the file, with one more for each area.
 */
static int copy(const char *path, const char *out, uint64_t entry)
{
	struct rewrite_elf e;
	size_t len;
	const uint8_t *p = map_file(path, &len);
	uint64_t at = (len + 4095) & ~4095ull, phdrs, base = UINT64_MAX;
	uint8_t *buf;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[80];
	unsigned n_ph;
	size_t total;
	FILE *f;

	if (rewrite_elf_plan(p, len, &e))
		return 1;
	memcpy(&eh, p, sizeof(eh));
	n_ph = eh.e_phnum;
	memcpy(ph, p + eh.e_phoff, n_ph * sizeof(ph[0]));
	total = at;
	for (unsigned i = 0; i < e.n; i++)
		total += (e.seg[i].plan.area_len + 4095) & ~4095u;
	/* The headers are mapped too, as far behind the first segment as they are in the file: musl looks for its own there. */
	for (unsigned i = 0; i < n_ph; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (base == UINT64_MAX)
			base = ph[i].p_vaddr & ~4095ull;
		if (ph[i].p_vaddr + ph[i].p_memsz - base > total)
			total = (ph[i].p_vaddr + ph[i].p_memsz - base + 4095) & ~4095ull;
	}
	phdrs = total;
	total += 4096;
	buf = calloc(1, total);
	memcpy(buf, p, len);
	for (unsigned i = 0; i < e.n; i++) {
		const struct rewrite_segment *s = &e.seg[i];

		if (!s->plan.n_sites)
			continue;
		rewrite_elf_apply(p, s, buf + s->offset, buf + at, entry);
		ph[n_ph++] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = at, .p_vaddr = s->vaddr + TRAMP_DISTANCE,
			.p_paddr = s->vaddr + TRAMP_DISTANCE, .p_filesz = s->plan.area_len, .p_memsz = s->plan.area_len, .p_align = 4096};
		at += (s->plan.area_len + 4095) & ~4095u;
	}
	for (unsigned i = 0; i < n_ph; i++)
		if (ph[i].p_type == PT_PHDR)
			ph[i] = (Elf64_Phdr){.p_type = PT_NULL};
	ph[n_ph] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_offset = phdrs, .p_vaddr = base + phdrs,
		.p_paddr = base + phdrs, .p_filesz = 4096, .p_memsz = 4096, .p_align = 4096};
	n_ph++;
	memcpy(buf + phdrs, ph, n_ph * sizeof(ph[0]));
	eh.e_phoff = phdrs;
	eh.e_phnum = (Elf64_Half)n_ph;
	memcpy(buf, &eh, sizeof(eh));
	f = fopen(out, "wb");
	if (!f || fwrite(buf, 1, total, f) != total || fclose(f)) {
		perror(out);
		return 1;
	}
	chmod(out, 0755);
	free(buf);
	rewrite_elf_free(&e);
	return 0;
}

int main(int argc, char **argv)
{
	int r = 0;

	if (argc >= 3 && !strcmp(argv[1], "stat")) {
		for (int i = 2; i < argc; i++)
			r |= stat_file(argv[i]);
		return r;
	}
	if (argc == 3 && !strcmp(argv[1], "sites"))
		return show_sites(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "lengths"))
		return lengths(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "copy"))
		return copy(argv[2], argv[3], strtoull(argv[4], NULL, 0));
	fprintf(stderr, "usage: rewrite-tool stat FILE... | sites FILE | lengths FILE | copy FILE OUT ENTRY\n");
	return 2;
}
