/* SPDX-License-Identifier: MIT */
/* Which word is which, and where waiters for it are found. futex(2). */
#include "kernel/futex_internal.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/vma.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

#define NSEC 1000000000ll

struct futex_table *futex_table(struct kernel *k)
{
	struct futex_table *f = atomic_load(&k->futexes), *none = NULL;

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	lock_init(&f->lock, RANK_FUTEX);
	for (int i = 0; i < FUTEX_BUCKETS; i++) {
		list_init(&f->waiters[i]);
		list_init(&f->pis[i]);
	}
	if (atomic_compare_exchange_strong(&k->futexes, &none, f))
		return f;
	free(f);
	return none;
}

void futex_table_free(struct kernel *k)
{
	free(atomic_exchange(&k->futexes, NULL));
}

int futex_key_get(struct task *t, uint64_t addr, bool shared, struct futex_key *ret)
{
	struct mm_vma v;
	int r;

	if (addr % sizeof(uint32_t))
		return -EINVAL;
	if (addr >= aspace_max(t->mm->as))
		return -EFAULT;
	*ret = (struct futex_key){.object = (uint64_t)(uintptr_t)t->mm, .offset = addr};
	if (!shared)
		return 0;
	r = mm_vma_at(t->mm, addr, &v);
	if (!r && v.shared && v.ino)
		*ret = (struct futex_key){makedev(v.maj, v.min) + 1, v.ino, v.off + (addr - v.start)};
	return r;
}

bool futex_key_eq(const struct futex_key *a, const struct futex_key *b)
{
	return a->offset == b->offset && a->object == b->object && a->space == b->space;
}

unsigned futex_bucket(const struct futex_key *k)
{
	uint64_t h = (k->offset >> 2 ^ k->object ^ k->space << 17) * 0x9e3779b97f4a7c15ull;

	return h >> 58;
}

int futex_block(struct task *t, const struct futex_time *until)
{
	struct timespec ts;
	int64_t left;
	int r;

	if (until->ns < 0)
		return task_block(t, -1);
	if (until->clock == CLOCK_MONOTONIC)
		return task_block(t, until->ns);
	/* The wall clock may be set: look again every second. */
	clock_gettime(CLOCK_REALTIME, &ts);
	left = until->ns - (ts.tv_sec * NSEC + ts.tv_nsec);
	if (left <= 0)
		return -ETIMEDOUT;
	r = task_block(t, kernel_now_mono() + (left < NSEC ? left : NSEC));
	return r == -ETIMEDOUT ? 0 : r;
}
