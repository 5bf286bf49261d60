/* SPDX-License-Identifier: MIT */
/* Address-space records: life time, file mappings. */
#include "mm/mm.h"
#include "ipc/ipc.h"
#include "kernel/user_ns.h"
#include "mm/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAPS_PRUNE 64 /* munmap is not seen here: from this many records on those unmapped are looked for */
#define FILE_MAPS_MAX 4096 /* names in /proc/PID/maps are a courtesy; a guest cannot make us hold more */

struct mm *mm_alloc(struct kernel *k, struct aspace *as)
{
	struct mm *mm = calloc(1, sizeof(*mm));

	if (!mm)
		return NULL;
	refs_init(&mm->refs);
	lock_init(&mm->lock, RANK_MM);
	list_init(&mm->file_maps);
	mm_notes_init(mm);
	patched_init(&mm->patched);
	list_init(&mm->shm);
	aspace_get(as);
	mm->kernel = k;
	mm->as = as;
	atomic_init(&mm->n_groups, 1);
	return mm;
}

void mm_file_map_free(struct mm_file_map *m)
{
	list_del(&m->link);
	if (m->path.dentry)
		path_put(&m->path);
	if (m->inode)
		inode_put(m->inode);
	free(m);
}

static struct mm_file_map *map_dup(const struct mm_file_map *from)
{
	struct mm_file_map *m = malloc(sizeof(*m));

	if (!m)
		return NULL;
	*m = *from;
	if (m->path.dentry)
		path_get(&m->path);
	if (m->inode)
		inode_get(m->inode);
	return m;
}

struct mm *mm_copy(struct mm *from, struct aspace *as)
{
	struct mm *mm = mm_alloc(from->kernel, as);
	struct mm_file_map *m, *copy;
	int r;

	if (!mm)
		return NULL;
	lock_acquire(&from->lock);
	mm->start_brk = from->start_brk;
	mm->brk = from->brk;
	mm->brk_mapped = from->brk_mapped;
	mm->start_code = from->start_code;
	mm->end_code = from->end_code;
	mm->start_data = from->start_data;
	mm->end_data = from->end_data;
	mm->start_stack = from->start_stack;
	mm->stack_low = from->stack_low;
	mm->stack_top = from->stack_top;
	mm->limited = from->limited;
	mm_notes_copy(mm, from);
	mm->arg_start = from->arg_start;
	mm->arg_end = from->arg_end;
	mm->env_start = from->env_start;
	mm->env_end = from->env_end;
	mm->user_ns = from->user_ns;
	if (mm->user_ns)
		user_ns_get(mm->user_ns);
	atomic_store(&mm->shares, atomic_load(&from->shares));
	mm->own_text = from->own_text;
	mm->auxv_len = from->auxv_len;
	memcpy(mm->auxv, from->auxv, sizeof(mm->auxv));
	if (from->exe.dentry) {
		mm->exe = from->exe;
		path_get(&mm->exe);
		inode_deny_write(mm->exe.dentry->inode); /* succeeds: the parent denies too */
	}
	list_for_each_entry(m, &from->file_maps, link) {
		copy = map_dup(m);
		if (!copy)
			break;
		list_add_tail(&copy->link, &mm->file_maps);
		mm->n_file_maps++;
	}
	r = list_empty(&from->shm) ? 0 : shm_mm_copy(from, mm);
	if (!r)
		r = patched_copy(mm, from);
	lock_release(&from->lock);
	if (r) {
		mm_put(mm);
		return NULL;
	}
	return mm;
}

void mm_get(struct mm *mm)
{
	refs_get(&mm->refs);
}

void mm_put(struct mm *mm)
{
	struct mm_file_map *m, *tmp;

	if (!refs_put(&mm->refs))
		return;
	if (!list_empty(&mm->shm))
		shm_mm_gone(mm);
	list_for_each_entry_safe(m, tmp, &mm->file_maps, link)
		mm_file_map_free(m);
	mm_notes_free(mm);
	patched_clear(mm);
	if (mm->exe.dentry) {
		inode_allow_write(mm->exe.dentry->inode);
		path_put(&mm->exe);
	}
	if (mm->user_ns)
		user_ns_put(mm->user_ns);
	aspace_put(mm->as);
	lock_destroy(&mm->lock);
	free(mm);
}

/* Widen an existing record of the same host file and distance, so that many mappings of one file stay one record. */
static bool widen(struct mm *mm, const struct mm_file_map *n)
{
	struct mm_file_map *m;

	list_for_each_entry(m, &mm->file_maps, link) {
		if (m->host_dev != n->host_dev || m->host_ino != n->host_ino || m->inode != n->inode || m->shared != n->shared ||
		    m->host_off - m->file_off != n->host_off - n->file_off)
			continue;
		if (n->host_off < m->host_off) {
			m->len += m->host_off - n->host_off;
			m->file_off = n->file_off;
			m->host_off = n->host_off;
		}
		if (n->host_off + n->len > m->host_off + m->len)
			m->len = n->host_off + n->len - m->host_off;
		return true;
	}
	return false;
}

void mm_note_file(struct mm *mm, const struct mm_file_map *n)
{
	struct mm_file_map *m;
	LOCK_SCOPE(&mm->lock);

	if (widen(mm, n))
		return;
	if (mm->n_file_maps >= FILE_MAPS_PRUNE && mm->n_file_maps >= mm->prune_at && n->inode) {
		mm_prune_file_maps(mm);
		mm->prune_at = mm->n_file_maps * 2;
	}
	if (mm->n_file_maps >= FILE_MAPS_MAX)
		return;
	m = map_dup(n);
	if (!m)
		return;
	list_add_tail(&m->link, &mm->file_maps);
	mm->n_file_maps++;
}
