/* SPDX-License-Identifier: MIT */
/* Notes about ranges of an address space. */
#include "mm/notes.h"
#include "kernel/kernel.h"
#include "mm/mm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_MAX 8192 /* of one address space: a guest cannot make us hold more */

void mm_notes_init(struct mm *mm)
{
	for (int k = 0; k < MM_NOTE_KINDS; k++)
		list_init(&mm->notes[k]);
}

static void note_free(struct mm *mm, struct mm_note *n)
{
	list_del(&n->link);
	mm->n_notes--;
	free(n->name);
	free(n);
	kernel_uncharge(mm->kernel, sizeof(*n));
}

void mm_notes_free(struct mm *mm)
{
	struct mm_note *n, *tmp;

	for (int k = 0; k < MM_NOTE_KINDS; k++)
		list_for_each_entry_safe(n, tmp, &mm->notes[k], link)
			note_free(mm, n);
}

static struct mm_note *note_new(struct mm *mm, uint64_t start, uint64_t end, uint64_t val, const char *name)
{
	struct mm_note *n;

	if (mm->n_notes >= NOTES_MAX)
		return NULL;
	n = kernel_charge(mm->kernel, sizeof(*n)) ? NULL : calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->start = start;
	n->end = end;
	n->val = val;
	if (name) {
		n->name = strdup(name);
		if (!n->name) {
			kernel_uncharge(mm->kernel, sizeof(*n));
			free(n);
			return NULL;
		}
	}
	mm->n_notes++;
	return n;
}

void mm_notes_copy(struct mm *to, const struct mm *from)
{
	struct mm_note *n, *copy;

	for (int k = 0; k < MM_NOTE_KINDS; k++) {
		if (k == MM_NOTE_LOCK)
			continue; /* mlock(2): not inherited */
		list_for_each_entry(n, &from->notes[k], link) {
			copy = note_new(to, n->start, n->end, n->val, n->name);
			if (copy)
				list_add_tail(&copy->link, &to->notes[k]);
		}
	}
}

struct mm_note *mm_note_find(struct mm *mm, enum mm_note_kind kind, uint64_t addr)
{
	struct mm_note *n;

	list_for_each_entry(n, &mm->notes[kind], link)
		if (n->end > addr)
			return n;
	return NULL;
}

struct mm_note *mm_note_next(struct mm *mm, enum mm_note_kind kind, struct mm_note *n)
{
	return n->link.next == &mm->notes[kind] ? NULL : container_of(n->link.next, struct mm_note, link);
}

/* Insert before *at* (NULL: at the end). */
static void insert(struct mm *mm, enum mm_note_kind kind, struct mm_note *n, struct mm_note *at)
{
	list_add_tail(&n->link, at ? &at->link : &mm->notes[kind]);
}

void mm_note_clear(struct mm *mm, enum mm_note_kind kind, uint64_t start, uint64_t end)
{
	struct mm_note *n = mm_note_find(mm, kind, start), *next, *rest;

	for (; n && n->start < end; n = next) {
		next = mm_note_next(mm, kind, n);
		if (n->start < start && n->end > end) {
			rest = note_new(mm, end, n->end, n->val, n->name);
			n->end = start;
			if (rest)
				insert(mm, kind, rest, next);
			return;
		}
		if (n->start < start)
			n->end = start;
		else if (n->end > end)
			n->start = end;
		else
			note_free(mm, n);
	}
}

static bool same(const struct mm_note *n, uint64_t val, const char *name)
{
	return n->val == val && (name && n->name ? !strcmp(name, n->name) : !name && !n->name);
}

int mm_note_set(struct mm *mm, enum mm_note_kind kind, uint64_t start, uint64_t end, uint64_t val, const char *name)
{
	struct mm_note *n, *at, *prev;

	if (start >= end)
		return 0;
	mm_note_clear(mm, kind, start, end);
	at = mm_note_find(mm, kind, start);
	prev = at ? (at->link.prev == &mm->notes[kind] ? NULL : container_of(at->link.prev, struct mm_note, link))
	       : list_empty(&mm->notes[kind]) ? NULL
					       : container_of(mm->notes[kind].prev, struct mm_note, link);
	if (kind != MM_NOTE_GROWS && prev && prev->end == start && same(prev, val, name)) {
		prev->end = end;
		if (at && at->start == end && same(at, val, name)) {
			prev->end = at->end;
			note_free(mm, at);
		}
		return 0;
	}
	if (kind != MM_NOTE_GROWS && at && at->start == end && same(at, val, name)) {
		at->start = start;
		return 0;
	}
	n = note_new(mm, start, end, val, name);
	if (!n)
		return -ENOMEM;
	insert(mm, kind, n, at);
	return 0;
}
