/* SPDX-License-Identifier: MIT */
/*
 * Growing a mapping (mremap(2)). The host is never asked to grow one: a piece of a snapshot's pack that a guest has mapped
 * would grow over the rest of the pack, which holds other files, of other images too. New pages are mapped behind the old ones, or
 * old ones are moved in front of new: anonymous memory, or more of the same file, as an mmap(2) of it would give them. The
 * look at the host's mappings is for the result's sake alone: another thread that changes them meanwhile gains nothing.
 */
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "mm/map.h"
#include "mm/mlock.h"
#include "mm/vma.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

struct growth { /* what the new pages are of */
	int prot;
	bool shared;
	bool hole;	  /* shared anonymous memory does not grow: its new pages raise SIGBUS */
	struct file *file; /* held, or NULL */
	uint64_t off;	  /* in the file, of the mapping's first page */
};

/* An open file of *inode*: one of the caller's descriptors, or opened anew by the path that it was mapped by. */
static struct file *file_of(struct task *t, struct inode *inode, const struct path *p, bool write)
{
	struct fd_table *ft = t->fds;
	struct file *f = NULL;

	lock_acquire(&ft->lock);
	for (unsigned i = 0; i < ft->n_entries && !f; i++) {
		struct file *x = ft->entries[i].file;

		if (x && x->inode == inode && !(x->flags & O_PATH) && (x->flags & O_ACCMODE) != O_WRONLY &&
		    (!write || (x->flags & O_ACCMODE) == O_RDWR)) {
			f = x;
			file_get(f);
		}
	}
	lock_release(&ft->lock);
	if (!f && p->dentry && vfs_open_path(t, p, write ? O_RDWR : O_RDONLY, &f) < 0)
		return NULL;
	return f;
}

/* What stands behind a mapping of a file. */
static int grow_file(struct task *t, const struct mm_vma *v, uint64_t addr, struct growth *g)
{
	struct mm *mm = t->mm;
	struct mm_file_map *m;
	struct path path = {0};
	struct inode *inode = NULL;

	lock_acquire(&mm->lock);
	m = mm_find_file_map(mm, v);
	if (m && m->inode) {
		g->shared |= m->shared;
		g->off = v->off - m->host_off + m->file_off + (addr - v->start);
		inode = m->inode;
		inode_get(inode);
		path = m->path;
		if (path.dentry)
			path_get(&path);
	}
	lock_release(&mm->lock);
	if (!inode)
		return -ENOMEM;
	g->file = file_of(t, inode, &path, g->shared && (v->prot & PROT_WRITE));
	if (path.dentry)
		path_put(&path);
	inode_put(inode);
	return g->file ? 0 : -ENOMEM;
}

/* --- one mapping of the guest, several of the host ------------------------------------------------------------------------- */

struct run { /* the host's mappings that [addr, addr + len) is made of */
	struct mm_vmas vs;
	size_t first;
};

static uint64_t guest_offset(const struct mm_file_map *m, const struct mm_vma *v)
{
	return v->off - m->host_off + m->file_off;
}

/* Is *b* the same mapping of the guest's as *a*? What was moved does not join on the host with what lies behind it now. */
static bool goes_on(struct mm *mm, const struct mm_vma *a, const struct mm_vma *b)
{
	struct mm_file_map *m, *n;

	if (a->end != b->start || a->prot != b->prot || a->shared != b->shared || a->kind != b->kind)
		return false;
	if (a->kind == MM_VMA_ANON || a->memfd_shared)
		return true;
	m = mm_find_file_map(mm, a);
	n = mm_find_file_map(mm, b);
	return m && n && m->inode == n->inode && guest_offset(n, b) == guest_offset(m, a) + (a->end - a->start);
}

/* -EFAULT: it is not of one mapping. -ENOENT: the host's mappings are not known. */
static int run_find(struct task *t, uint64_t addr, uint64_t len, struct run *run)
{
	const struct mm_vma *v;
	int r = mm_vmas_get(t->mm, &run->vs);

	if (r < 0)
		return r;
	v = mm_vma_find(&run->vs, addr);
	r = v && v->start <= addr && v->kind < MM_VMA_VDSO ? 0 : -EFAULT;
	run->first = v ? (size_t)(v - run->vs.v) : 0;
	lock_acquire(&t->mm->lock);
	for (; !r && v->end - addr < len; v++)
		if (v + 1 == run->vs.v + run->vs.n || !goes_on(t->mm, v, v + 1))
			r = -EFAULT;
	lock_release(&t->mm->lock);
	if (r)
		mm_vmas_free(&run->vs);
	return r;
}

/* Move the pieces one by one. */
static int64_t run_move(struct task *t, const struct run *run, uint64_t addr, uint64_t len, int flags, uint64_t to)
{
	const struct mm_vma *v = &run->vs.v[run->first];
	uint64_t at = addr;
	int64_t r = 0;

	for (; r >= 0 && at < addr + len; v++) {
		uint64_t end = v->end < addr + len ? v->end : addr + len;

		r = gthread_mremap(t->th, at, end - at, end - at, flags | MREMAP_MAYMOVE | MREMAP_FIXED, to + (at - addr));
		at = end;
	}
	return r < 0 ? r : (int64_t)to;
}

int64_t mm_move(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to)
{
	int64_t r = gthread_mremap(t->th, addr, old, len, flags, to);
	struct run run;

	if (r != -EFAULT || run_find(t, addr, len, &run))
		return r;
	r = 0;
	if (!(flags & MREMAP_FIXED)) { /* MREMAP_DONTUNMAP: anywhere */
		r = gthread_mmap(t->th, 0, len, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
		to = (uint64_t)r;
	}
	if (r >= 0 && old > len)
		r = gthread_munmap(t->th, addr + len, old - len);
	if (r >= 0)
		r = run_move(t, &run, addr, len, flags & MREMAP_DONTUNMAP, to);
	mm_vmas_free(&run.vs);
	return r;
}

/* --- growing ------------------------------------------------------------------------------------------------------------------ */

static int growth_of(struct task *t, uint64_t addr, struct run *run, struct growth *g)
{
	const struct mm_vma *v = run->vs.n ? &run->vs.v[run->first] : NULL;

	*g = (struct growth){.prot = PROT_READ | PROT_WRITE};
	if (!v) /* no /proc: what most are */
		return 0;
	g->prot = v->prot;
	g->shared = v->shared;
	g->hole = v->memfd_shared;
	return v->kind == MM_VMA_ANON || g->hole ? 0 : grow_file(t, v, addr, g);
}

/* Map *len* bytes that lie *skip* behind the mapping's start. */
static int64_t map_more(struct task *t, const struct growth *g, uint64_t at, uint64_t skip, uint64_t len, int flags)
{
	flags |= g->shared ? MAP_SHARED : MAP_PRIVATE;
	if (g->hole)
		return map_nothing(t->th, at, len, g->prot, flags);
	if (!g->file)
		return gthread_mmap(t->th, at, len, g->prot, flags | MAP_ANONYMOUS, -1, 0);
	return map_file(t, t->th, t->mm, g->file, at, len, g->prot, flags, g->off + skip, false);
}

static int64_t grow_in_place(struct task *t, uint64_t addr, uint64_t old, uint64_t len, const struct growth *g)
{
	int64_t r = map_more(t, g, addr + old, old, len - old, MAP_FIXED_NOREPLACE);

	return r < 0 ? r : (int64_t)addr;
}

/* A place for the whole, the new pages at its end, then the old ones in front of them. */
static int64_t grow_elsewhere(struct task *t, uint64_t addr, uint64_t old, uint64_t len, const struct run *run,
			      const struct growth *g, int flags, uint64_t to)
{
	int fixed = flags & MREMAP_FIXED ? MAP_FIXED : 0;
	bool plain = !g->file && !g->hole;
	int64_t at = gthread_mmap(t->th, to, len, plain ? g->prot : PROT_NONE, ANON | (plain ? 0 : MAP_NORESERVE) | fixed, -1, 0);
	int64_t r = 0;

	if (at < 0)
		return at;
	if (!plain)
		r = map_more(t, g, (uint64_t)at + old, old, len - old, MAP_FIXED);
	if (r >= 0 && old)
		r = run->vs.n ? run_move(t, run, addr, old, 0, (uint64_t)at)
			      : gthread_mremap(t->th, addr, old, old, MREMAP_MAYMOVE | MREMAP_FIXED, (uint64_t)at);
	if (r < 0) {
		gthread_munmap(t->th, (uint64_t)at, len);
		return r;
	}
	return at;
}

int64_t mm_grow(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to)
{
	struct run run = {0};
	struct growth g;
	int64_t r = run_find(t, addr, old, &run);

	if (r < 0 && r != -ENOENT)
		return r;
	r = growth_of(t, addr, &run, &g);
	if (r < 0) {
		mm_vmas_free(&run.vs);
		return r;
	}
	r = -ENOMEM;
	if (!old && !g.shared) {
		r = -EINVAL; /* only a shared mapping can be doubled */
	} else if (old || !g.hole) { /* else nothing holds the memory but the mapping itself */
		if (!(flags & MREMAP_FIXED) && old)
			r = grow_in_place(t, addr, old, len, &g);
		if (r < 0 && (flags & MREMAP_MAYMOVE))
			r = grow_elsewhere(t, addr, old, len, &run, &g, flags, flags & MREMAP_FIXED ? to : 0);
	}
	if (g.file)
		file_put(g.file);
	mm_vmas_free(&run.vs);
	return r == -EEXIST ? -ENOMEM : r;
}

int64_t mm_remap_pages(struct task *t, uint64_t start, uint64_t size, uint64_t off, bool nonblock)
{
	struct growth g = {0};
	struct mm_vma v;
	int64_t r = mm_vma_at(t->mm, start, &v);

	if (r < 0 || v.kind != MM_VMA_FILE)
		return -EINVAL;
	if (v.memfd_shared) /* no descriptor of it is kept; the host has one */
		return gthread_remap_pages(t->th, start, size, off >> 12, nonblock ? MAP_NONBLOCK : 0);
	r = grow_file(t, &v, start, &g);
	if (r < 0)
		return -EINVAL;
	r = -EINVAL;
	if (g.shared && start + size <= v.end) /* more than one mapping: not worth it, and Linux has it only for its own pieces */
		r = map_file(t, t->th, t->mm, g.file, start, size, v.prot,
			     MAP_SHARED | MAP_FIXED | (nonblock ? MAP_NONBLOCK : 0) | MAP_POPULATE, off, false);
	file_put(g.file);
	return r < 0 ? r : 0;
}
