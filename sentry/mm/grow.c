/* SPDX-License-Identifier: MIT */
/*
 * Growing a mapping (mremap(2)). The host is never asked to grow one: a piece of a snapshot's pack that a guest has mapped
 * would grow over the rest of the pack, which holds other files, of other images too. New pages are anonymous memory,
 * placed behind the old ones, or old ones are moved in front of new. So only private anonymous mappings grow; the check that it
 * is one is for the result's sake alone, and another thread that changes the mapping meanwhile gains nothing.
 */
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "mm/map.h"
#include "mm/vma.h"

#include <errno.h>
#include <sys/mman.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static int64_t grow_in_place(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int prot)
{
	int64_t r = gthread_mmap(t->th, addr + old, len - old, prot, ANON | MAP_FIXED_NOREPLACE, -1, 0);

	return r < 0 ? r : (int64_t)addr;
}

static int64_t grow_elsewhere(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int prot, int flags, uint64_t to)
{
	int fixed = flags & MREMAP_FIXED ? MAP_FIXED : 0;
	int64_t at = gthread_mmap(t->th, to, len, prot, ANON | fixed, -1, 0), r;

	if (at < 0)
		return at;
	r = gthread_mremap(t->th, addr, old, old, MREMAP_MAYMOVE | MREMAP_FIXED, (uint64_t)at);
	if (r < 0)
		gthread_munmap(t->th, (uint64_t)at, len);
	return r;
}

int mm_anon_prot(struct mm *mm, uint64_t addr, uint64_t len)
{
	struct mm_vma v;
	int r = mm_vma_at(mm, addr, &v);

	if (r == -EFAULT)
		return r;
	if (r < 0)
		return PROT_READ | PROT_WRITE;
	if (len > v.end - addr)
		return -EFAULT;
	return v.kind != MM_VMA_ANON || v.shared ? -ENOMEM : v.prot;
}

int64_t mm_grow(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to)
{
	int prot = mm_anon_prot(t->mm, addr, old);
	int64_t r = -ENOMEM;

	if (prot < 0)
		return prot;
	if (!(flags & MREMAP_FIXED))
		r = grow_in_place(t, addr, old, len, prot);
	if (r < 0 && (flags & MREMAP_MAYMOVE))
		r = grow_elsewhere(t, addr, old, len, prot, flags, flags & MREMAP_FIXED ? to : 0);
	return r == -EEXIST ? -ENOMEM : r;
}
