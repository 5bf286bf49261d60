/* SPDX-License-Identifier: MIT */
/* Loading ELF images into a fresh address space. */
#pragma once

#include "mm/mm.h"

struct gthread;

struct elf_image {
	uint64_t entry;	    /* where the program starts (the interpreter, if any, is another image) */
	uint64_t base;	    /* load bias */
	uint64_t phdr;	    /* address of the program headers in memory, 0 if not mapped */
	uint16_t phnum;
	uint64_t end;	    /* first page behind the highest segment */
	uint64_t start_code, end_code, start_data, end_data;
	bool exec_stack;
	char interp[VFS_PATH_MAX]; /* "" if none */
};

/*
 * Map the ELF file *f* by orders to *th*. is_interp: the file is a program interpreter. The file is hostile: every header is copied
 * once and checked. -ENOEXEC: not an ELF we run; -EINVAL, -ENOMEM, -EIO as Linux.
 */
int elf_load(struct task *t, struct gthread *th, struct mm *mm, struct file *f, bool is_interp, struct elf_image *ret);
/* Read *len* bytes at *off* of *f* into *buf*; -EIO when short. */
int read_exact(struct task *t, struct file *f, void *buf, size_t len, uint64_t off);
