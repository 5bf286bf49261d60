/* SPDX-License-Identifier: MIT */
/* Records of rewritten text: patched.c, patched_show.c. */
#pragma once

#include "mm/patched.h"

struct patched_record {
	_Atomic uint64_t start, end, area, area_end;
	uint64_t base;
	const struct rewrite_site *sites;
	uint32_t n_sites;
	struct patched_owner *owner;
};

static inline bool patched_overlaps(uint64_t start, uint64_t end, uint64_t addr, uint64_t len)
{
	uint64_t last;

	if (__builtin_add_overflow(addr, len, &last))
		last = UINT64_MAX;
	return start < last && addr < end;
}

/* The first record whose text (or area) overlaps, or -1. Without the lock a guess, with it the truth. */
int patched_index(struct patched *p, uint64_t addr, uint64_t len, bool area);
