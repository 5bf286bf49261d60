/* SPDX-License-Identifier: MIT */
/*
 * Twins: pre-patched copies of executable segments that are mapped in place of the file's own (docs/twins.md). Their files come with the launch
 * configuration; nothing in them is trusted beyond what the guest could do itself.
 */
#pragma once

#include "mm/patched.h"

#include <stdbool.h>
#include <stdint.h>

struct file;
struct gthread;
struct kernel;
struct mm;
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
	bool one_file; /* its file is of one file of the host alone */
	struct patched_owner owner; /* of the records of where it is mapped */
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

/*
 * Map *tw* at *addr* for [off, off + len) of *f*, with its area; as map_file(). -EAGAIN: the file's own text has to do, nothing was changed. Sets of
 * flags and protections, lengths and places that a twin does not fit are among the reasons.
 */
int64_t map_twin(struct gthread *th, struct mm *mm, struct file *f, const struct twin *tw, uint64_t addr, uint64_t len, int prot, int flags,
		 uint64_t off);
/* The same for an item of a list: *m* is the last of *p* so far. False: the original has to do. */
struct gthread_map;
struct map_plan;
struct mmap_info;
bool plan_twin(struct mm *mm, struct file *f, const struct mmap_info *mi, struct gthread_map *m, uint64_t off, struct map_plan *p);
/* Of struct patched_owner, for twins. */
int twin_restore(struct patched_owner *o, struct gthread *th, struct mm *mm, uint64_t base, uint64_t start, uint64_t len);
