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

/* Who stands behind a mapping of a file. */
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

static int growth_of(struct task *t, uint64_t addr, uint64_t old, struct growth *g)
{
	struct mm_vma v;
	int r = mm_vma_at(t->mm, addr, &v);

	*g = (struct growth){.prot = PROT_READ | PROT_WRITE};
	if (r == -EFAULT)
		return r;
	if (r < 0) /* no /proc: what most are */
		return 0;
	if (old > v.end - addr || v.kind >= MM_VMA_VDSO)
		return -EFAULT;
	g->prot = v.prot;
	g->shared = v.shared;
	g->hole = v.memfd_shared;
	return v.kind == MM_VMA_ANON || g->hole ? 0 : grow_file(t, &v, addr, g);
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
static int64_t grow_elsewhere(struct task *t, uint64_t addr, uint64_t old, uint64_t len, const struct growth *g, int flags,
			      uint64_t to)
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
		r = gthread_mremap(t->th, addr, old, old, MREMAP_MAYMOVE | MREMAP_FIXED, (uint64_t)at);
	if (r < 0) {
		gthread_munmap(t->th, (uint64_t)at, len);
		return r;
	}
	return at;
}

int64_t mm_grow(struct task *t, uint64_t addr, uint64_t old, uint64_t len, int flags, uint64_t to)
{
	struct growth g;
	int64_t r = growth_of(t, addr, old, &g);

	if (r < 0)
		return r;
	r = -ENOMEM;
	if (!old && !g.shared) {
		r = -EINVAL; /* only a shared mapping can be doubled */
	} else if (!old && g.hole) {
		r = -ENOMEM; /* nothing holds the memory but the mapping itself */
	} else {
		if (!(flags & MREMAP_FIXED) && old)
			r = grow_in_place(t, addr, old, len, &g);
		if (r < 0 && (flags & MREMAP_MAYMOVE))
			r = grow_elsewhere(t, addr, old, len, &g, flags, flags & MREMAP_FIXED ? to : 0);
	}
	if (g.file)
		file_put(g.file);
	return r == -EEXIST ? -ENOMEM : r;
}

int64_t mm_remap_pages(struct task *t, uint64_t start, uint64_t size, uint64_t off, bool nonblock)
{
	struct growth g = {0};
	struct mm_vma v;
	int64_t r = mm_vma_at(t->mm, start, &v);

	if (r < 0 || v.kind != MM_VMA_FILE || v.memfd_shared)
		return -EINVAL;
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
