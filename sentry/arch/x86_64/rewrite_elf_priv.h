/* SPDX-License-Identifier: MIT */
/* Between rewrite_elf.c and rewrite_tables.c. */
#pragma once

#include "rewrite_elf.h"

#include <elf.h>
#include <stdbool.h>

#define PHDRS_MAX 64u

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
	Elf64_Shdr eh_frame, go_table; /* sh_size 0: none */
	uint64_t text;		       /* address of .text, or 0 */
	struct ranges code, funcs, points; /* points: len is not used */
	uint64_t work;			   /* bytes that were looked at so far */
	size_t n_symbols;		   /* so many of funcs are of symbols; the others of tables */
	bool tables;			   /* .eh_frame is of use */
	bool pure;			   /* struct rewrite_input */
	bool refuse;			   /* it wants to stay as it is */
};

/* *len* bytes at *off* of the file, or NULL. */
const uint8_t *elf_at(const struct elf_file *e, uint64_t off, uint64_t len);
/* *len* bytes at *addr* as the file is loaded, or NULL. */
const uint8_t *elf_mem_at(const struct elf_file *e, uint64_t addr, uint64_t len);
/* 0 or -ENOMEM. */
int elf_add(struct ranges *r, uint64_t addr, uint64_t len);
/* Functions from .eh_frame_hdr at *hdr* (0: none) or else .eh_frame. */
int elf_read_fdes(struct elf_file *e, uint64_t hdr);
/* Functions from Go's own table. */
int elf_read_go(struct elf_file *e);
