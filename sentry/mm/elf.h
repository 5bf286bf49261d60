/* SPDX-License-Identifier: MIT */
/* Loading ELF images into a fresh address space. */
#pragma once

#include "mm/mm.h"
#include "platform/platform.h"

#include <elf.h>


struct elf_file { /* the headers, copied once; hostile but for what elf_read() has checked */
	Elf64_Ehdr h;
	Elf64_Phdr *ph;
	bool exec_stack;
	char interp[VFS_PATH_MAX]; /* "" if none */
};

#define ELF_ZERO_MAX 8
struct elf_image { /* as it lies in memory */
	uint64_t entry;	    /* where it starts */
	uint64_t base;	    /* load bias */
	uint64_t phdr;	    /* address of the program headers in memory, 0 if not mapped */
	uint16_t phnum;
	uint64_t end;	    /* first page behind the highest segment */
	uint64_t start_code, end_code, start_data, end_data;
	struct { /* the rest of a page */
		uint64_t addr, len;
	} zero[ELF_ZERO_MAX];
	unsigned n_zero;
};

/*
 * Read and check the headers of *f*. is_interp: it is a program interpreter. What is wrong here the caller of execve(2) is told:
 * -ENOEXEC: not an ELF we run; -EIO; -ENOMEM. elf_file_free() in any case.
 */
int elf_read(struct task *t, struct file *f, bool is_interp, struct elf_file *ef);
void elf_file_free(struct elf_file *ef);
/* Map it by orders to *th*. What fails here kills on Linux: the old program is gone by then. */
int elf_map(struct task *t, struct gthread *th, struct mm *mm, struct file *f, const struct elf_file *ef, bool is_interp,
	    struct elf_image *ret);
/*
 * The same as part of a list of mappings: elf_plan() adds to it, -EAGAIN where it cannot be made by one; elf_planned() fills *ret* when it has been made. What
 * is to be zeroed behind the file's part of a segment is in ret->zero.
 */
struct map_plan;
int elf_plan(struct task *t, struct mm *mm, struct file *f, const struct elf_file *ef, bool is_interp, struct map_plan *p);
int elf_planned(struct mm *mm, const struct elf_file *ef, const struct gthread_map *base, struct elf_image *ret);
/* Read *len* bytes at *off* of *f* into *buf*; -EIO when short. */
int read_exact(struct task *t, struct file *f, void *buf, size_t len, uint64_t off);
