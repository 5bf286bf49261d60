/* SPDX-License-Identifier: MIT */
/*
 * Notes about ranges of an address space that the host's mappings do not tell: names, which mapping grows downwards, what is locked, memory
 * policies. The guest unmaps without telling, so a note may outlive what it speaks of: a reader compares it with the mappings.
 */
#pragma once

#include "lib/list.h"

#include <stdint.h>

struct mm;

enum mm_note_kind {
	MM_NOTE_NAME,  /* prctl(PR_SET_VMA_ANON_NAME): name */
	MM_NOTE_GROWS, /* MAP_GROWSDOWN; the main stack */
	MM_NOTE_LOCK,  /* mlock(2): val is 1 when the host has locked it too */
	MM_NOTE_POLICY, /* mbind(2): val */
	MM_NOTE_KINDS,
};

struct mm_note {
	struct list_head link; /* by address, without overlaps; mm->lock */
	uint64_t start, end;
	uint64_t val;
	char *name; /* malloc'ed, or NULL */
};

void mm_notes_init(struct mm *mm);
void mm_notes_free(struct mm *mm);
/* What a fork's child inherits; notes that do not fit into memory are left out. mm locks: *from*'s is held, *to* is private. */
void mm_notes_copy(struct mm *to, const struct mm *from);

/* All with mm->lock held. Whole pages. */
/* [start, end) gets a new note of *kind* in place of older ones. *name* is copied. 0 or -ENOMEM. */
int mm_note_set(struct mm *mm, enum mm_note_kind kind, uint64_t start, uint64_t end, uint64_t val, const char *name);
void mm_note_clear(struct mm *mm, enum mm_note_kind kind, uint64_t start, uint64_t end);
/* The first note that ends above *addr*, or NULL. */
struct mm_note *mm_note_find(struct mm *mm, enum mm_note_kind kind, uint64_t addr);
/* The one behind *n*, or NULL. */
struct mm_note *mm_note_next(struct mm *mm, enum mm_note_kind kind, struct mm_note *n);
