/* SPDX-License-Identifier: MIT */
/*
 * What an ELF file tells the rewriter: its executable segments, and where in them code, functions and targets are (section headers, symbols,
 * .eh_frame_hdr, dynamic section). The file is hostile. Part of the rewriting library.
 */
#pragma once

#include "rewrite.h"

#define REWRITE_SEGMENTS_MAX 4u

struct rewrite_segment {
	uint64_t offset; /* in the file, rounded down to a page as it is mapped */
	uint64_t vaddr;	 /* the same, in the file's own addresses */
	uint64_t len;	 /* bytes of the file in it, from offset */
	struct rewrite_plan plan; /* its base is vaddr */
};

struct rewrite_elf {
	struct rewrite_segment seg[REWRITE_SEGMENTS_MAX];
	unsigned n; /* executable segments with a syscall instruction; perhaps none of them can be rewritten (plan.n_sites) */
};

/*
 * Plan the file's executable segments. *file* is the whole file. Returns 0 (ret->n may be 0: nothing to rewrite, or not to be rewritten), or
 * -ENOEXEC: no ELF program or library of x86-64, -ENOMEM. Freed by rewrite_elf_free().
 */
int rewrite_elf_plan(const uint8_t *file, size_t len, struct rewrite_elf *ret);
void rewrite_elf_free(struct rewrite_elf *e);

/*
 * Write one segment's patched copy: *text* (seg->len bytes) and *area* (seg->plan.area_len bytes). *entry* is the address of stub_site.
 */
void rewrite_elf_apply(const uint8_t *file, const struct rewrite_segment *seg, uint8_t *text, uint8_t *area, uint64_t entry);
