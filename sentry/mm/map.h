/* SPDX-License-Identifier: MIT */
/* Mappings made on the guest's behalf by orders to its stub. */
#pragma once

#include "mm/mm.h"

struct gthread;

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
/* Shared anonymous memory: a memfd of its own. */
int64_t map_shared_anon(struct task *t, struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags);
/*
 * mremap(2) to a greater length (both whole pages): private anonymous mappings alone; -ENOMEM for others, -EFAULT where nothing is
 * mapped. *to* counts with MREMAP_FIXED.
 */
int64_t mm_grow(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to);
/* PROT_* of the one private anonymous mapping that holds a range; -ENOMEM, -EFAULT. Without the host's /proc: read, write. */
int mm_anon_prot(struct mm *mm, uint64_t addr, uint64_t len);
int64_t mm_brk(struct task *t, uint64_t want);
