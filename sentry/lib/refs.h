/* SPDX-License-Identifier: MIT */
/* Reference counts: relaxed up, acquire/release down. A count never returns from zero. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct refs {
	atomic_int count;
};

static inline void refs_init(struct refs *r)
{
	atomic_init(&r->count, 1);
}

static inline void refs_get(struct refs *r)
{
	atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
}

/* Take a reference unless the object is already dying; for lookups in tables that hold no reference of their own. */
static inline bool refs_tryget(struct refs *r)
{
	int c = atomic_load_explicit(&r->count, memory_order_relaxed);

	while (c > 0)
		if (atomic_compare_exchange_weak_explicit(&r->count, &c, c + 1, memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

/* Drop a reference. Returns true when it was the last and the caller must free the object. */
static inline bool refs_put(struct refs *r)
{
	return atomic_fetch_sub_explicit(&r->count, 1, memory_order_acq_rel) == 1;
}

static inline int refs_read(const struct refs *r)
{
	return atomic_load_explicit(&r->count, memory_order_relaxed);
}
