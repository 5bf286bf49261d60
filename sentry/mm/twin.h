/* SPDX-License-Identifier: MIT */
/*
 * Twins: pre-patched copies of executable segments that are mapped in place of the file's own (docs/twins.md). Their files come with the launch
 * configuration; nothing in them is trusted beyond what the guest could do itself.
 */
#pragma once

#include "arch/x86_64/rewrite.h"

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct statx;
struct snap_index;

/* One segment. Lives as long as the kernel. */
struct twin {
	int fd;		   /* the twin file */
	uint64_t dev, ino; /* of it, as makedev() */
	uint64_t len;	   /* of the mapping: whole pages */
	uint64_t text_off; /* in the twin file */
	uint64_t area_off;
	uint64_t area_len; /* whole pages */
	uint32_t n_sites;
};

/*
 * Take a twin file over: *fd* is the kernel's now. *ix*: the image's index where the file is of one of its layers, else NULL. One that is damaged or of
 * another version is left aside. At set-up only. 0 or -ENOMEM.
 */
int twins_add(struct kernel *k, int fd, const struct snap_index *ix);

/* The twin of the segment that begins at *off* of pack number *pack* of the image; or NULL. */
const struct twin *twin_of_pack(struct kernel *k, uint32_t pack, uint64_t off);
/* The twin of the segment at *off* of a file of the host: *dev* (major << 32 | minor) and *ino* are its own, *fd* tells whether it is still the same. */
const struct twin *twin_of_file(struct kernel *k, uint64_t dev, uint64_t ino, int fd, uint64_t off);

/* The sites of a twin, read and checked at the first call; NULL: it is not to be used, or there is no memory. */
const struct rewrite_site *twin_sites(const struct twin *tw);
