/* SPDX-License-Identifier: MIT */
/*
 * Records of rewritten text. The ranges are read without the lock by whoever copies guest memory; everything else under it. A reader that
 * races with a change of the guest's own mappings gets what was there before or after.
 */
#include "mm/map.h"
#include "mm/patched_internal.h"
#include "platform/platform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void patched_init(struct patched *p)
{
	lock_init(&p->lock, RANK_LEAF);
	atomic_init(&p->n, 0);
	atomic_init(&p->records, NULL);
}

static void get_owner(const struct patched_record *r)
{
	if (r->owner)
		r->owner->get(r->owner);
}

/* Owners whose reference is to be dropped when the lock is not held any more. */
struct dropped {
	struct patched_owner *owner[PATCHED_MAX];
	unsigned n;
};

static void put_dropped(struct dropped *d)
{
	for (unsigned i = 0; i < d->n; i++)
		d->owner[i]->put(d->owner[i]);
}

static void set_record(struct patched_record *r, const struct patched_record *from)
{
	atomic_store_explicit(&r->start, from->start, memory_order_relaxed);
	atomic_store_explicit(&r->end, from->end, memory_order_relaxed);
	atomic_store_explicit(&r->area, from->area, memory_order_relaxed);
	atomic_store_explicit(&r->area_end, from->area_end, memory_order_relaxed);
	r->base = from->base;
	r->sites = from->sites;
	r->n_sites = from->n_sites;
	r->owner = from->owner;
}

/* Lock held. */
static void drop_record(struct patched *p, unsigned i, struct dropped *d)
{
	unsigned n = p->n - 1;

	if (p->records[i].owner && d->n < PATCHED_MAX)
		d->owner[d->n++] = p->records[i].owner;
	if (i != n)
		set_record(&p->records[i], &p->records[n]);
	atomic_store_explicit(&p->records[n].end, 0, memory_order_relaxed);
	atomic_store_explicit(&p->records[n].area_end, 0, memory_order_relaxed);
	p->n = n;
}

/* Lock held. Cut [start, end) out of record *i*; the piece behind it becomes a record of its own where there is room. */
static void cut_record(struct patched *p, unsigned i, uint64_t start, uint64_t end, struct dropped *d)
{
	struct patched_record *r = &p->records[i], *tail;

	if (start <= r->start && end >= r->end) {
		drop_record(p, i, d);
	} else if (start <= r->start) {
		r->start = end;
	} else if (end >= r->end) {
		r->end = start;
	} else if (p->n < PATCHED_MAX) {
		tail = &p->records[p->n];
		set_record(tail, r);
		tail->start = end;
		get_owner(tail);
		r->end = start;
		p->n++;
	}
	/* Else the record stays too long: what is read is compared before it is corrected. */
}

static void remove_locked(struct patched *p, uint64_t start, uint64_t len, struct dropped *d)
{
	uint64_t end;

	if (__builtin_add_overflow(start, len, &end))
		end = UINT64_MAX;
	for (unsigned i = p->n; i-- > 0;)
		if (patched_overlaps(p->records[i].start, p->records[i].end, start, len))
			cut_record(p, i, start, end, d);
}

/* Is the jump of a site in its window? No lock is held. */
static bool jump_is_there(struct mm *mm, uint64_t base, const struct rewrite_site *s)
{
	uint8_t want[REWRITE_JUMP], got[REWRITE_JUMP];

	rewrite_jump(s, want);
	return !aspace_read(mm->as, base + s->window, got, sizeof(got), NULL) && !memcmp(want, got, sizeof(want));
}

/* Drop the records of what is no longer there. */
static void prune(struct mm *mm)
{
	struct patched *p = &mm->patched;
	struct {
		uint64_t base, start, end;
		struct rewrite_site site;
		bool looked;
	} seen[PATCHED_MAX] = {0};
	struct dropped d = {.n = 0};
	unsigned n;

	lock_acquire(&p->lock);
	n = p->n;
	for (unsigned i = 0; i < n; i++) {
		struct patched_record *r = &p->records[i];
		const struct rewrite_site *s = rewrite_site_at(r->sites, r->n_sites, r->base, r->start, r->end - r->start);

		seen[i].base = r->base;
		seen[i].start = r->start;
		seen[i].end = r->end;
		seen[i].looked = s;
		if (s)
			seen[i].site = *s;
	}
	lock_release(&p->lock);
	for (unsigned i = 0; i < n; i++)
		if (seen[i].looked && jump_is_there(mm, seen[i].base, &seen[i].site))
			seen[i].base = 0;
	lock_acquire(&p->lock);
	for (unsigned i = 0; i < n; i++)
		if (seen[i].base)
			remove_locked(p, seen[i].start, seen[i].end - seen[i].start, &d);
	lock_release(&p->lock);
	put_dropped(&d);
}

int patched_add(struct mm *mm, const struct patched_text *t)
{
	struct patched *p = &mm->patched;
	struct patched_record rec = {.start = t->start, .end = t->end, .area = t->area, .area_end = t->area_end, .base = t->base,
		.sites = t->sites, .n_sites = t->n_sites, .owner = t->owner};
	struct dropped d = {.n = 0};
	int r = 0;

	if (atomic_load_explicit(&p->n, memory_order_relaxed) == PATCHED_MAX)
		prune(mm);
	lock_acquire(&p->lock);
	if (!p->records)
		p->records = calloc(PATCHED_MAX, sizeof(*p->records));
	if (!p->records) {
		r = -ENOMEM;
	} else {
		remove_locked(p, t->start, t->end - t->start, &d);
		if (p->n == PATCHED_MAX)
			r = -ENOSPC;
	}
	if (!r) {
		set_record(&p->records[p->n], &rec);
		get_owner(&rec);
		p->n++;
	}
	lock_release(&p->lock);
	put_dropped(&d);
	return r;
}

void patched_remove(struct mm *mm, uint64_t start, uint64_t len)
{
	struct patched *p = &mm->patched;
	struct dropped d = {.n = 0};

	if (!atomic_load_explicit(&p->n, memory_order_relaxed))
		return;
	lock_acquire(&p->lock);
	remove_locked(p, start, len, &d);
	lock_release(&p->lock);
	put_dropped(&d);
}

int patched_copy(struct mm *to, struct mm *from)
{
	struct patched *p = &from->patched;
	struct patched_record *copy;

	if (!atomic_load_explicit(&p->n, memory_order_relaxed))
		return 0;
	copy = calloc(PATCHED_MAX, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	lock_acquire(&p->lock);
	for (unsigned i = 0; i < p->n; i++) {
		set_record(&copy[i], &p->records[i]);
		get_owner(&copy[i]);
	}
	to->patched.records = copy;
	to->patched.n = p->n;
	lock_release(&p->lock);
	return 0;
}

void patched_clear(struct mm *mm)
{
	struct patched *p = &mm->patched;
	struct dropped d = {.n = 0};

	lock_acquire(&p->lock);
	while (p->n)
		drop_record(p, p->n - 1, &d);
	lock_release(&p->lock);
	put_dropped(&d);
	free(p->records);
	p->records = NULL;
	lock_destroy(&p->lock);
}

static bool find_copy(struct mm *mm, uint64_t addr, uint64_t len, bool area, struct patched_text *ret)
{
	struct patched *p = &mm->patched;
	int i = patched_index(p, addr, len, area);

	if (i < 0 || !ret)
		return i >= 0;
	lock_acquire(&p->lock);
	i = patched_index(p, addr, len, area);
	if (i >= 0) {
		const struct patched_record *r = &p->records[i];

		*ret = (struct patched_text){.base = r->base, .start = r->start, .end = r->end, .area = r->area, .area_end = r->area_end};
	}
	lock_release(&p->lock);
	return i >= 0;
}

bool patched_find(struct mm *mm, uint64_t addr, uint64_t len, struct patched_text *ret)
{
	return find_copy(mm, addr, len, false, ret);
}

bool patched_find_area(struct mm *mm, uint64_t addr, uint64_t len, struct patched_text *ret)
{
	return find_copy(mm, addr, len, true, ret);
}

/* The owner, with a reference, and the pages of the first record that [addr, addr + len) touches; false: none. */
static bool owner_at(struct patched *p, uint64_t addr, uint64_t len, struct patched_text *ret)
{
	int i;

	lock_acquire(&p->lock);
	i = patched_index(p, addr, len, false);
	if (i >= 0) {
		const struct patched_record *r = &p->records[i];

		*ret = (struct patched_text){.base = r->base, .start = r->start, .end = r->end, .owner = r->owner};
		get_owner(r);
	}
	lock_release(&p->lock);
	return i >= 0;
}

int patched_restore(struct gthread *th, struct mm *mm, uint64_t addr, uint64_t len)
{
	struct patched_text t;
	int r = 0;

	if (!len || patched_index(&mm->patched, addr, len, false) < 0)
		return 0;
	if (!th)
		return -EACCES;
	/* A jump may lie in two pages. */
	if (addr >= REWRITE_JUMP && !__builtin_add_overflow(len, 2 * REWRITE_JUMP, &len))
		addr -= REWRITE_JUMP;
	for (unsigned i = 0; !r && i < PATCHED_MAX && owner_at(&mm->patched, addr, len, &t); i++) {
		uint64_t start = addr & PAGE_MASK_, end = PAGE_UP(addr + len);

		start = start < t.start ? t.start : start;
		end = end > t.end ? t.end : end;
		r = t.owner && t.owner->restore ? t.owner->restore(t.owner, th, mm, t.base, start, end - start) : -EACCES;
		if (t.owner)
			t.owner->put(t.owner);
		if (!r)
			patched_remove(mm, start, end - start);
	}
	return r;
}

uint64_t patched_ip(struct mm *mm, uint64_t ip, bool *begun)
{
	struct patched *p = &mm->patched;
	const struct rewrite_site *found;
	struct rewrite_site s;
	uint64_t base = 0, to;
	int i = patched_index(p, ip, 1, true);

	if (begun)
		*begun = false;
	if (i < 0)
		return ip;
	lock_acquire(&p->lock);
	i = patched_index(p, ip, 1, true);
	found = i < 0 ? NULL : rewrite_site_of_ip(p->records[i].sites, p->records[i].n_sites, p->records[i].base, ip);
	if (found) {
		s = *found;
		base = p->records[i].base;
	}
	lock_release(&p->lock);
	if (!found || !jump_is_there(mm, base, &s) || !rewrite_ip_original(&s, 1, base, ip, &to))
		return ip;
	if (begun)
		*begun = to == base + s.window;
	return to;
}

uint64_t patched_resume(struct mm *mm, uint64_t ip)
{
	struct patched *p = &mm->patched;
	const struct rewrite_site *found;
	struct rewrite_site s;
	uint64_t base = 0, to;
	int i = patched_index(p, ip, 1, false);

	if (i < 0)
		return ip;
	lock_acquire(&p->lock);
	i = patched_index(p, ip, 1, false);
	found = i < 0 ? NULL : rewrite_site_at(p->records[i].sites, p->records[i].n_sites, p->records[i].base, ip, 1);
	if (found) {
		s = *found;
		base = p->records[i].base;
	}
	lock_release(&p->lock);
	if (!found || !rewrite_ip_resume(&s, 1, base, ip, &to) || !jump_is_there(mm, base, &s))
		return ip;
	return to;
}
