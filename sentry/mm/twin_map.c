/* SPDX-License-Identifier: MIT */
/* Mapping twins in place of text, and giving the text back. */
#include "host/file.h"
#include "kernel/kernel.h"
#include "mm/map.h"
#include "mm/twin.h"
#include "mm/vma.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define RESTORE_MAX (1u << 20) /* bytes of text given back at once */

static void note_twin(struct mm *mm, struct file *f, const struct twin *tw, uint64_t off)
{
	const struct mm_file_map text = {.host_dev = tw->dev, .host_ino = tw->ino, .host_off = tw->text_off, .len = tw->len,
		.file_off = off, .path = f->path, .inode = f->inode};
	const struct mm_file_map area = {.host_dev = tw->dev, .host_ino = tw->ino, .host_off = tw->area_off, .len = tw->area_len,
		.area = true};

	mm_note_file(mm, &text);
	mm_note_file(mm, &area);
}

/* Is the twin's area mapped at *at* already? It stays behind when the guest unmaps the text. */
static bool area_is_there(struct mm *mm, const struct twin *tw, uint64_t at)
{
	struct mm_vma v;

	return !mm_vma_at(mm, at, &v) && v.start <= at && v.end - at >= tw->area_len && v.ino == tw->ino &&
	       makedev(v.maj, v.min) == tw->dev && v.off + (at - v.start) == tw->area_off && v.prot == (PROT_READ | PROT_EXEC) && !v.shared;
}

/* Where a twin may stand for the file: all of the segment, at a place that is known before, not to be written to, and where patches are of use. */
static bool fits(struct mm *mm, const struct twin *tw, uint64_t addr, uint64_t len, int prot, int flags)
{
	return !mm->own_text && tw->len == len && (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && (flags & MAP_TYPE) == MAP_PRIVATE &&
	       (prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC && !(addr & ~PAGE_MASK_) && aspace_fast_entry(mm->as) &&
	       addr <= aspace_max(mm->as) - tw->len && addr + TRAMP_DISTANCE <= aspace_max(mm->as) - tw->area_len;
}

static struct patched_text record_of(const struct twin *tw, const struct rewrite_site *sites, uint64_t addr)
{
	uint64_t at = addr + TRAMP_DISTANCE;

	return (struct patched_text){.base = addr, .start = addr, .end = addr + tw->len, .area = at, .area_end = at + tw->area_len,
		.sites = sites, .n_sites = tw->n_sites, .owner = (struct patched_owner *)(uintptr_t)&tw->owner};
}

bool plan_twin(struct mm *mm, struct file *f, const struct mmap_info *mi, struct gthread_map *m, uint64_t off, struct map_plan *p)
{
	const struct twin *tw = mi->twin;

	if (p->n_twins == ARRAY_SIZE(p->twins) || p->n + 2 >= GTHREAD_MAPS_MAX || !fits(mm, tw, m->addr, m->len, m->prot, m->flags) ||
	    !twin_sites(tw))
		return false;
	p->twins[p->n_twins].text = (unsigned)(m - p->m);
	p->twins[p->n_twins].twin = tw;
	p->twins[p->n_twins].fd = mi->host_fd;
	p->twins[p->n_twins++].off = mi->host_off;
	note_twin(mm, f, tw, off);
	m->host_fd = tw->fd;
	m->off = tw->text_off;
	p->m[p->n++] = (struct gthread_map){.kind = MAP_TRY, .addr = m->addr + TRAMP_DISTANCE, .len = tw->area_len,
		.prot = PROT_READ | PROT_EXEC, .flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE, .host_fd = tw->fd, .off = tw->area_off};
	return true;
}

int map_plan_twins(struct gthread *th, struct mm *mm, struct map_plan *p)
{
	for (unsigned i = 0; i < p->n_twins; i++) {
		const struct gthread_map *m = &p->m[p->twins[i].text];
		const struct twin *tw = p->twins[i].twin;
		struct patched_text t;
		int64_t r;

		if (m[0].result < 0)
			continue;
		t = record_of(tw, twin_sites(tw), (uint64_t)m[0].result);
		if (m[1].result == (int64_t)t.area && !patched_add(mm, &t))
			continue;
		r = gthread_mmap(th, t.start, m[0].len, m[0].prot, MAP_PRIVATE | MAP_FIXED, p->twins[i].fd, p->twins[i].off);
		if (r < 0)
			return (int)r;
	}
	return 0;
}

/* Area and text at once: a twin of one file holds nothing that the guest may not see, since it has the file open. */
static int64_t map_at_once(struct gthread *th, const struct twin *tw, uint64_t at, uint64_t addr, uint64_t len, int prot, int flags, int64_t *area)
{
	struct gthread_map m[2] = {
		{.prot = PROT_READ | PROT_EXEC, .flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE, .host_fd = tw->fd, .addr = at, .len = tw->area_len,
			.off = tw->area_off},
		{.prot = prot, .flags = flags, .host_fd = tw->fd, .addr = addr, .len = len, .off = tw->text_off},
	};
	int r = gthread_map_two(th, m);

	*area = r ? r : m[0].result;
	return r ? r : m[1].result;
}

int64_t map_twin(struct gthread *th, struct mm *mm, struct file *f, const struct twin *tw, uint64_t addr, uint64_t len, int prot, int flags,
		 uint64_t off)
{
	const struct rewrite_site *sites = fits(mm, tw, addr, len, prot, flags) ? twin_sites(tw) : NULL;
	const struct patched_text t = record_of(tw, sites, addr);
	int64_t r = -EMFILE, area = -EMFILE;
	uint64_t at = t.area;

	if (!sites)
		return -EAGAIN;
	note_twin(mm, f, tw, off);
	if (patched_add(mm, &t))
		return -EAGAIN; /* without a record the guest would see what it must not */
	if (tw->one_file)
		r = map_at_once(th, tw, at, addr, len, prot, flags, &area);
	if (area == -EMFILE)
		area = gthread_mmap(th, at, tw->area_len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, tw->fd, tw->area_off);
	if (area == -EEXIST && area_is_there(mm, tw, at))
		area = (int64_t)at;
	if (area < 0)
		r = area == -ESRCH ? area : -EAGAIN;
	else if (r < 0) /* not made yet, or not to be had; the host says so once more then */
		r = gthread_mmap(th, addr, len, prot, flags, tw->fd, tw->text_off);
	if (r < 0)
		patched_remove(mm, addr, len);
	return r;
}

/* --- giving back ------------------------------------------------------------------------------------------------------------------ */

/* The name in /proc/PID/maps stays that of the file. */
static void note_copy(struct mm *mm, const struct twin *tw, int fd, uint64_t from, uint64_t len)
{
	struct mm_vma v = {.ino = tw->ino, .maj = major(tw->dev), .min = minor(tw->dev), .off = tw->text_off + from};
	struct mm_file_map note = {.len = len}, *m;
	struct statx st;

	if (host_stat(fd, "", &st))
		return;
	note.host_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	note.host_ino = st.stx_ino;
	lock_acquire(&mm->lock);
	m = mm_find_file_map(mm, &v);
	if (m && m->inode) {
		note.path = m->path;
		note.inode = m->inode;
		note.file_off = m->file_off + (v.off - m->host_off);
		if (note.path.dentry)
			path_get(&note.path);
		inode_get(note.inode);
	}
	lock_release(&mm->lock);
	if (!note.inode)
		return;
	mm_note_file(mm, &note);
	if (note.path.dentry)
		path_put(&note.path);
	inode_put(note.inode);
}

/* The pages as they are, with the original bytes, in a file of their own: one mapping puts them in place, whoever runs there meanwhile. */
static int copy_pages(struct mm *mm, const struct twin *tw, uint64_t base, uint64_t start, uint64_t len)
{
	const struct rewrite_site *sites = twin_sites(tw);
	uint8_t *buf = sites ? malloc(len) : NULL;
	int fd, r = buf ? 0 : -ENOMEM;

	if (!r)
		r = aspace_read(mm->as, start, buf, len, NULL);
	fd = r ? r : host_memfd("text");
	if (fd >= 0) {
		rewrite_originals(sites, tw->n_sites, base, start, buf, len);
		r = host_pwrite(fd, buf, len, 0) == (ssize_t)len ? 0 : -ENOMEM;
	}
	free(buf);
	if (fd >= 0 && r)
		host_close(fd);
	return r ? r : fd;
}

int twin_restore(struct patched_owner *o, struct gthread *th, struct mm *mm, uint64_t base, uint64_t start, uint64_t len)
{
	const struct twin *tw = container_of(o, struct twin, owner);
	struct mm_vma v;
	int64_t r;
	int fd;

	if (len > RESTORE_MAX || start < base || start - base > tw->len - len)
		return -ENOMEM;
	r = mm_vma_at(mm, start, &v);
	if (r)
		return r == -EFAULT ? 0 : (int)r; /* the guest has unmapped it */
	fd = copy_pages(mm, tw, base, start, len);
	if (fd < 0)
		return fd == -EFAULT ? 0 : fd;
	note_copy(mm, tw, fd, start - base, len);
	r = gthread_mmap(th, start, len, v.prot, MAP_PRIVATE | MAP_FIXED, fd, 0);
	host_close(fd);
	return r < 0 ? (int)r : 0;
}
