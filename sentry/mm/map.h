/* SPDX-License-Identifier: MIT */
/* Mappings made on the guest's behalf by orders to its stub. */
#pragma once

#include "mm/mm.h"
#include "platform/platform.h"


#define PAGE_SIZE_ 4096ull
#define PAGE_MASK_ (~(PAGE_SIZE_ - 1))
#define PAGE_UP(x) (((x) + PAGE_SIZE_ - 1) & PAGE_MASK_)

/* Remember which guest file stands behind a host file range, for /proc/PID/maps. References are taken. */
void mm_note_file(struct mm *mm, const struct mm_file_map *m);

/*
 * Map *len* bytes of *f* from *off* into *th*'s address space (which is mm's). flags: Linux's. Pages past the end of file
 * raise SIGBUS. Returns the address or a negative errno. With tail, the mapping may be made as the last act of the entry.
 */
int64_t map_file(struct task *t, struct gthread *th, struct mm *mm, struct file *f, uint64_t addr, uint64_t len, int prot,
		 int flags, uint64_t off, bool tail);
/*
 * A private mapping of *f* from *off* as an item of a list (gthread_map_list()): fills in the host's file and offset. -EAGAIN: it is of a
 * kind that map_file() alone can make. What the plan holds goes with map_plan_end(), when the list is done.
 */
struct map_plan {
	struct gthread_map m[GTHREAD_MAPS_MAX];
	unsigned n, n_close, n_partial;
	int close[4];
	bool seen; /* the host file asked for last */
	int fd;
	uint64_t dev, ino;
	struct { /* text whose twin is mapped (mm/twin.h); its area is the next item */
		unsigned text;
		const struct twin *twin;
		int fd; /* the original */
		uint64_t off;
	} twins[4];
	unsigned n_twins;
};
int map_plan(struct task *t, struct mm *mm, struct file *f, struct gthread_map *m, uint64_t off, struct map_plan *p);
void map_plan_end(struct map_plan *p);
/* The list has been carried out: what has no area gets its original after all. 0 or a negative errno. */
int map_plan_twins(struct gthread *th, struct mm *mm, struct map_plan *p);
/* Shared anonymous memory: a memfd of its own. */
int64_t map_shared_anon(struct task *t, struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags);
/* Addresses where every touch raises SIGBUS. flags: MAP_SHARED or MAP_PRIVATE, and where. */
int64_t map_nothing(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags);
/*
 * mremap(2) to a greater length (both whole pages; old 0: a second view of a shared mapping). -EFAULT where the old range is not of
 * one mapping, -ENOMEM, -EINVAL. *to* counts with MREMAP_FIXED.
 */
int64_t mm_grow(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to);
/* mremap(2) to the same or a smaller length, moving as flags say. */
int64_t mm_move(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to);
/* remap_file_pages(2) of whole pages within one shared mapping of a file; -EINVAL. */
int64_t mm_remap_pages(struct task *t, uint64_t start, uint64_t size, uint64_t off, bool nonblock);
/*
 * A fault where nothing is mapped: if it lies right below a mapping that grows downwards, the pages are added. True: the guest may try
 * again. Inside a full entry.
 */
bool mm_fault_grow(struct task *t, uint64_t addr);
/* [start, end) grows downwards from now on. 0 or -ENOMEM. */
int mm_note_grows(struct mm *mm, uint64_t start, uint64_t end);
/* Where the mapping of *addr*, one that grows downwards, begins; -ENOMEM: nothing there, -EINVAL: it does not grow. */
int mm_grows_start(struct mm *mm, uint64_t addr, uint64_t *ret);
int64_t mm_brk(struct task *t, uint64_t want);
/* The host could not do what the task's last brk was to do: it is undone. Returns where the break is. */
int64_t mm_brk_failed(struct task *t);
