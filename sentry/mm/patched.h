/* SPDX-License-Identifier: MIT */
/*
 * Which text of an address space is rewritten (docs/fastpath.md), and the translation of what the guest must not see: ips in trampolines and
 * the jumps themselves. A guest unmaps without telling: a record only says what was put there. What is read is corrected only where it
 * holds the very jump of the record, an ip only if its site's window holds that jump.
 */
#pragma once

#include "arch/x86_64/rewrite.h"
#include "lib/lock.h"

#include <stdatomic.h>

struct gthread;
struct mm;

#define PATCHED_MAX 32u /* texts of an address space */

/* What a record borrows its table from: kept while any record uses it. */
struct patched_owner {
	void (*get)(struct patched_owner *o); /* called under a leaf lock: takes none */
	void (*put)(struct patched_owner *o);
	/*
	 * Map the original over [start, start + len) of the text whose base is *base*, pages, by orders to *th*, which stands still in a full
	 * entry. 0 or a negative errno. NULL: cannot be done. The record is cut by the caller.
	 */
	int (*restore)(struct patched_owner *o, struct gthread *th, struct mm *mm, uint64_t base, uint64_t start, uint64_t len);
};

struct patched_text {
	uint64_t base;		/* where the segment's first page is (or would be) mapped: sites count from here */
	uint64_t start, end;	/* the pages of rewritten text mapped */
	uint64_t area, area_end; /* the trampolines' pages */
	const struct rewrite_site *sites;
	uint32_t n_sites;
	struct patched_owner *owner; /* may be NULL */
};

struct patched_record;

struct patched { /* in struct mm */
	struct lock lock; /* RANK_LEAF */
	_Atomic unsigned n;
	struct patched_record *_Atomic records; /* PATCHED_MAX of them, made with the first */
};

void patched_init(struct patched *p);

/*
 * Record *t*; the owner's reference is taken. What was recorded for the same pages goes. 0, -ENOMEM, or -ENOSPC: too many records: map the
 * original instead. No lock above a leaf's rank matters.
 */
int patched_add(struct mm *mm, const struct patched_text *t);
/* [start, start + len) was unmapped, replaced or given its original: records are cut. Areas are not looked at. */
void patched_remove(struct mm *mm, uint64_t start, uint64_t len);
/* fork: *to*, which nobody else knows, has what *from* has. 0 or -ENOMEM. */
int patched_copy(struct mm *to, struct mm *from);
/* Drop all; with the address space. */
void patched_clear(struct mm *mm);

/* Does [addr, addr + len) touch rewritten text? Cheap. The record is copied to *ret (may be NULL), without sites and owner. */
bool patched_find(struct mm *mm, uint64_t addr, uint64_t len, struct patched_text *ret);
/* Does it touch a trampoline area? The guest knows of no mapping there. The record likewise. */
bool patched_find_area(struct mm *mm, uint64_t addr, uint64_t len, struct patched_text *ret);

/*
 * Before somebody writes into [addr, addr + len) of the guest's memory past its protection: where it touches rewritten text, the pages get
 * their original back. *th* as for restore; NULL: -EACCES where there is something to do. 0 or a negative errno. No lock is held.
 */
int patched_restore(struct gthread *th, struct mm *mm, uint64_t addr, uint64_t len);

/*
 * The ip that the guest and its tracers see for *ip*. Cheap where nothing is rewritten. *begun* (may be NULL): ip is the first of a
 * trampoline, where the jump has brought the thread and nothing has happened yet.
 */
uint64_t patched_ip(struct mm *mm, uint64_t ip, bool *begun);
/*
 * Where a thread that is to go on at *ip* really goes on: what lies behind the first byte of a jump goes on in its trampoline. Cheap where
 * nothing is rewritten.
 */
uint64_t patched_resume(struct mm *mm, uint64_t ip);
/* Correct *buf*, read from [addr, addr + len) of the guest's memory. Cheap where nothing is rewritten. */
void patched_originals(struct mm *mm, uint64_t addr, void *buf, size_t len);
