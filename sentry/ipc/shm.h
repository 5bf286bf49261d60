/* SPDX-License-Identifier: MIT */
/*
 * Between the files of System V shared memory. A segment is a memory file, mapped shared into the stubs. Guests unmap without
 * telling, so how often a segment is attached is counted when somebody asks, in the host's list of each address space that has
 * attached it.
 *
 * Everything is guarded by ipc_ns.shm.lock, but what the address space's own lock guards.
 */
#pragma once

#include "ipc/ids.h"
#include "mm/mm.h"
#include "mm/shared.h"
#include "mm/vma.h"

struct shm_segment {
	struct ipc_obj obj;
	struct refs refs; /* the table's, and one for each attachment */
	struct ipc_ns *ns; /* not held */
	uint64_t size, pages;
	int fd;
	unsigned maj, min; /* what the host calls the file */
	uint64_t ino;
	struct shared_mem shared;
	struct path path;    /* held: the name in /proc/PID/maps */
	struct inode *inode; /* held */
	int64_t atime, dtime, ctime;
	int cpid, lpid;
	bool orphan; /* who made it has ended */
	bool removed; /* no longer in the table */
	struct list_head attaches;
};

struct shm_attach { /* a segment in an address space that has, or had, attached it: one for all its attachments */
	struct list_head seg_link, mm_link;
	struct shm_segment *seg; /* held */
	struct mm *mm;		 /* not held: it outlives this */
	/* the mm's lock */
	unsigned n;    /* shmat(2) less shmdt(2): taken for the count where the host does not tell */
	unsigned busy; /* being mapped now: it counts, seen or not */
};

/* Is *v* a mapping of *s*? */
static inline bool shm_is_mapping(const struct shm_segment *s, const struct mm_vma *v)
{
	return v->ino == s->ino && v->maj == s->maj && v->min == s->min;
}

static inline struct shm_segment *shm_of(struct ipc_obj *o)
{
	return container_of(o, struct shm_segment, obj);
}

void shm_segment_put(struct shm_segment *s);
/* How often *s* is attached. With none and marked for destruction it goes. No locks held. */
unsigned shm_count(struct ipc_ns *ns, struct shm_segment *s);
/* lock held: the segment leaves the table. */
void shm_remove(struct ipc_ns *ns, struct shm_segment *s);
