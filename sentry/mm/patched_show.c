/* SPDX-License-Identifier: MIT */
/* The original bytes for whoever reads rewritten text by a system call. Nothing here asks the host. */
#include "mm/mm.h"
#include "mm/patched_internal.h"

int patched_index(struct patched *p, uint64_t addr, uint64_t len, bool area)
{
	unsigned n = atomic_load_explicit(&p->n, memory_order_acquire);

	for (unsigned i = 0; i < n; i++) {
		struct patched_record *r = &p->records[i];
		uint64_t start = atomic_load_explicit(area ? &r->area : &r->start, memory_order_relaxed);
		uint64_t end = atomic_load_explicit(area ? &r->area_end : &r->end, memory_order_relaxed);

		if (patched_overlaps(start, end, addr, len))
			return (int)i;
	}
	return -1;
}

void patched_originals(struct mm *mm, uint64_t addr, void *buf, size_t len)
{
	struct patched *p = &mm->patched;

	if (!len || patched_index(p, addr, len, false) < 0)
		return;
	lock_acquire(&p->lock);
	for (unsigned i = 0; i < p->n; i++) {
		const struct patched_record *r = &p->records[i];

		if (patched_overlaps(r->start, r->end, addr, len))
			rewrite_originals(r->sites, r->n_sites, r->base, addr, buf, len);
	}
	lock_release(&p->lock);
}
