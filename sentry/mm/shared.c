/* SPDX-License-Identifier: MIT */
/* Counting memory that guest processes map from files of the host's shared memory. */
#include "mm/shared.h"
#include "host/file.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PAGE 4096

void shared_mem_add(struct kernel *k, struct shared_mem *m)
{
	if (!k->memory_limit)
		return;
	LOCK_SCOPE(&k->shared_lock);
	m->fresh = true;
	list_add_tail(&m->link, &k->shared_mem);
}

void shared_mem_del(struct kernel *k, struct shared_mem *m)
{
	if (!m->link.next)
		return;
	LOCK_SCOPE(&k->shared_lock);
	list_del(&m->link);
}

int shared_mem_note_anon(struct kernel *k, int fd)
{
	struct shared_mem *m;
	struct statx st;
	int r;

	if (!k->memory_limit)
		return 0;
	r = host_stat(fd, "", &st);
	if (r < 0)
		return r;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->ino = st.stx_ino;
	m->anon = true;
	m->fd = host_dup(fd);
	if (m->fd < 0) {
		free(m);
		return -ENFILE;
	}
	shared_mem_add(k, m);
	return 0;
}

uint64_t shared_mem_bytes(struct kernel *k)
{
	struct shared_mem *m;
	uint64_t sum = 0;

	LOCK_SCOPE(&k->shared_lock);
	list_for_each_entry(m, &k->shared_mem, link) {
		uint64_t pages, charged = m->charged ? atomic_load_explicit(m->charged, memory_order_relaxed) : 0;
		struct statx st;

		if (host_stat(m->fd, "", &st) < 0)
			continue;
		pages = st.stx_blocks / (PAGE / 512);
		sum += pages > charged ? (pages - charged) * PAGE : 0;
	}
	return sum;
}

bool shared_mem_sweep_begin(struct kernel *k)
{
	struct shared_mem *m;
	bool any = false;

	LOCK_SCOPE(&k->shared_lock);
	list_for_each_entry(m, &k->shared_mem, link) {
		/* One that is being mapped just now is not to be seen anywhere yet. */
		m->seen = !m->anon || m->fresh;
		m->fresh = false;
		any |= !m->seen;
	}
	return any;
}

/* shared_lock held. */
static void mark(struct kernel *k, uint64_t ino)
{
	struct shared_mem *m;

	list_for_each_entry(m, &k->shared_mem, link)
		if (!ino || m->ino == ino)
			m->seen = true;
}

void shared_mem_sweep_saw(struct kernel *k, const uint64_t *inos, ssize_t n)
{
	LOCK_SCOPE(&k->shared_lock);
	if (n < 0)
		mark(k, 0);
	for (ssize_t i = 0; i < n; i++)
		mark(k, inos[i]);
}

void shared_mem_sweep_end(struct kernel *k)
{
	struct shared_mem *m, *tmp;

	LOCK_SCOPE(&k->shared_lock);
	list_for_each_entry_safe(m, tmp, &k->shared_mem, link) {
		if (m->seen || m->fresh)
			continue;
		list_del(&m->link);
		host_close(m->fd);
		free(m);
	}
}
