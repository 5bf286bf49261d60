/* SPDX-License-Identifier: MIT */
/* mmap of files and shared memory, brk: what needs an order to the stub. */
#include "mm/map.h"
#include "host/file.h"
#include "kernel/task.h"
#include "mm/shared.h"
#include "mm/twin.h"
#include "vfs/names_table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool identify(int fd, struct mm_file_map *m)
{
	struct statx st;

	if (host_stat(fd, "", &st))
		return false;
	m->host_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	m->host_ino = st.stx_ino;
	return true;
}

static void note(struct mm *mm, struct file *f, bool shared, int fd, uint64_t host_off, uint64_t len, uint64_t file_off)
{
	struct mm_file_map m = {
		.host_off = host_off, .len = len, .file_off = file_off, .path = f->path, .inode = f->inode, .shared = shared};

	if (identify(fd, &m))
		mm_note_file(mm, &m);
}

/* Past the end of file there is nothing to map, but Linux gives addresses that raise SIGBUS: an empty memfd does. */
static int64_t map_hole(struct gthread *th, struct mm *mm, struct file *f, uint64_t addr, uint64_t len, int prot, int flags,
			uint64_t off)
{
	int fd = host_memfd("hole");
	int64_t r;

	if (fd < 0)
		return fd;
	note(mm, f, flags & MAP_SHARED, fd, 0, len, off);
	r = gthread_mmap(th, addr, len, prot, flags, fd, 0);
	host_close(fd);
	return r;
}

static int64_t map_with_hole(struct gthread *th, struct mm *mm, struct file *f, uint64_t addr, uint64_t len, int prot,
			     int flags, const struct mmap_info *mi, uint64_t off)
{
	uint64_t have = PAGE_UP(mi->host_len);
	int64_t at = map_hole(th, mm, f, addr, len, prot, flags & ~MAP_POPULATE, off), r;

	if (at < 0 || !have)
		return at;
	r = gthread_mmap(th, (uint64_t)at, have, prot, (flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED, mi->host_fd, mi->host_off);
	return r < 0 ? r : at;
}

/*
 * The guest changes protections without us. Where the host's descriptor could be written and the guest's not, a shared mapping is a
 * private one on the host: it shows the file's pages until it is written, and then only itself is changed. So is one of a piece of
 * a larger host file, which nobody may ever grow.
 */
static bool hide_shared(struct file *f, const struct mmap_info *mi)
{
	return mi->no_write || mi->host_len != UINT64_MAX ||
	       ((f->flags & O_ACCMODE) == O_RDONLY && !host_is_readonly(mi->host_fd));
}

int64_t map_file(struct task *t, struct gthread *th, struct mm *mm, struct file *f, uint64_t addr, uint64_t len, int prot,
		 int flags, uint64_t off, bool tail)
{
	struct mmap_info mi = {.host_fd = -1, .host_len = UINT64_MAX};
	bool shared = flags & MAP_SHARED;
	int64_t r;

	if (!f->ops || !f->ops->mmap)
		return -ENODEV;
	names_begin(t->kernel);
	names_inode(f->inode); /* its blocks may change without us from now on */
	r = f->ops->mmap(t, f, off, len, prot, flags, &mi);
	names_end(t->kernel);
	if (r)
		return r;
	if (mi.host_fd < 0)
		return shared ? map_shared_anon(t, th, addr, len, prot, flags)
			      : gthread_mmap(th, addr, len, prot, flags | MAP_ANONYMOUS, -1, 0);
	if (shared && hide_shared(f, &mi))
		flags = (flags & ~MAP_TYPE) | MAP_PRIVATE;
	if ((flags & MAP_SHARED) && (f->flags & O_ACCMODE) == O_RDWR)
		atomic_store(&mm->shares, true);
	if (mi.twin) {
		r = map_twin(th, mm, f, mi.twin, addr, len, prot, flags, off);
		if (r != -EAGAIN) {
			if (mi.dup)
				host_close(mi.host_fd);
			return r;
		}
	}
	note(mm, f, shared, mi.host_fd, mi.host_off, len, off);
	/* The guest has it open for reading, and may have any part of it. */
	if (mi.host_len == UINT64_MAX && mi.host_off == off && (f->flags & O_ACCMODE) != O_WRONLY)
		flags |= GTHREAD_MAP_WHOLE;
	if (mi.host_len != UINT64_MAX && PAGE_UP(mi.host_len) < len)
		r = map_with_hole(th, mm, f, addr, len, prot, flags, &mi, off);
	else if (tail)
		gthread_tail_mmap(th, addr, len, prot, flags, mi.host_fd, mi.host_off);
	else
		r = gthread_mmap(th, addr, len, prot, flags, mi.host_fd, mi.host_off);
	if (mi.dup)
		host_close(mi.host_fd);
	return r;
}

int map_plan(struct task *t, struct mm *mm, struct file *f, struct gthread_map *m, uint64_t off, struct map_plan *p)
{
	struct mmap_info mi = {.host_fd = -1, .host_len = UINT64_MAX};
	struct mm_file_map n = {.len = m->len, .file_off = off, .path = f->path, .inode = f->inode};
	int r;

	if (!f->ops || !f->ops->mmap)
		return -ENODEV;
	r = f->ops->mmap(t, f, off, m->len, m->prot, m->flags, &mi);
	if (r)
		return r;
	if (mi.dup && p->n_close < ARRAY_SIZE(p->close))
		p->close[p->n_close++] = mi.host_fd;
	else if (mi.dup)
		host_close(mi.host_fd);
	if (mi.host_fd < 0 || (mi.dup && p->n_close == ARRAY_SIZE(p->close)) ||
	    (mi.host_len != UINT64_MAX && PAGE_UP(mi.host_len) < m->len))
		return -EAGAIN;
	if (mi.twin && plan_twin(mm, f, &mi, m, off, p))
		return 0;
	m->host_fd = mi.host_fd;
	m->off = n.host_off = mi.host_off;
	if (!p->seen || p->fd != mi.host_fd) { /* the segments of a program are mostly of one file */
		if (!identify(mi.host_fd, &n))
			return 0;
		p->seen = true;
		p->fd = mi.host_fd;
		p->dev = n.host_dev;
		p->ino = n.host_ino;
	}
	n.host_dev = p->dev;
	n.host_ino = p->ino;
	mm_note_file(mm, &n);
	return 0;
}

void map_plan_end(struct map_plan *p)
{
	while (p->n_close)
		host_close(p->close[--p->n_close]);
}

int64_t map_nothing(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags)
{
	int fd = host_memfd("hole");
	int64_t r;

	if (fd < 0)
		return fd;
	r = gthread_mmap(th, addr, len, prot, flags, fd, 0);
	host_close(fd);
	return r;
}

int64_t map_shared_anon(struct task *t, struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags)
{
	int fd = host_memfd("shared");
	int64_t r;

	if (fd < 0)
		return fd;
	r = host_ftruncate(fd, len);
	if (!r)
		r = shared_mem_note_anon(t->kernel, fd);
	if (!r)
		r = gthread_mmap(th, addr, len, prot, flags & ~MAP_ANONYMOUS, fd, 0);
	if (r >= 0 && t->mm)
		atomic_store(&t->mm->shares, true);
	host_close(fd);
	return r;
}

/*
 * No lock may be held across an order: its answer may need the very worker that waits for the lock. brk_busy keeps a
 * second thread's brk out instead.
 */
static int brk_begin(struct task *t, struct mm *mm)
{
	for (;;) {
		bool busy;
		int r;

		lock_acquire(&mm->lock);
		busy = mm->brk_busy;
		mm->brk_busy = true;
		lock_release(&mm->lock);
		if (!busy)
			return 0;
		r = task_block_killable(t, kernel_now_mono() + 1000000);
		if (r && r != -ETIMEDOUT)
			return r;
	}
}

static int64_t brk_order(struct task *t, struct mm *mm, uint64_t end)
{
	if (end > mm->brk_mapped)
		return gthread_mmap(t->th, mm->brk_mapped, end - mm->brk_mapped, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (end < mm->brk_mapped)
		return gthread_munmap(t->th, end, mm->brk_mapped - end);
	return 0;
}

/*
 * The only thread of the only process in this memory, and nobody looks on: the host's call is the last act of the entry, and we go on as if it had
 * succeeded.
 */
static bool brk_alone(struct task *t, struct mm *mm)
{
	return refs_read(&mm->refs) == 1 && !t->kernel->observed && !t->pt.entered_tf && gthread_full(t->th) &&
	       !atomic_load_explicit(&t->work, memory_order_relaxed);
}

static void brk_last(struct task *t, struct mm *mm, uint64_t end, uint64_t want)
{
	if (end > mm->brk_mapped)
		gthread_tail_anon(t->th, mm->brk_mapped, end - mm->brk_mapped, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
	else if (end < mm->brk_mapped)
		gthread_tail_munmap(t->th, end, mm->brk_mapped - end);
	mm->brk_before = mm->brk;
	mm->brk = want;
	mm->brk_mapped = end;
}

int64_t mm_brk_failed(struct task *t)
{
	struct mm *mm = t->mm;

	mm->brk = mm->brk_before;
	mm->brk_mapped = PAGE_UP(mm->brk);
	return (int64_t)mm->brk;
}

int64_t mm_brk(struct task *t, uint64_t want)
{
	struct mm *mm = t->mm;
	uint64_t end = PAGE_UP(want), limit = task_rlimit(t, RLIMIT_DATA), data = mm->end_data - mm->start_data;

	if (want < mm->start_brk || want > aspace_max(mm->as) ||
	    (limit != RLIM_INFINITY && (data > limit || want - mm->start_brk > limit - data)) || brk_begin(t, mm))
		return (int64_t)mm->brk;
	if (brk_alone(t, mm)) {
		brk_last(t, mm, end, want);
	} else if (brk_order(t, mm, end) >= 0) {
		mm->brk_mapped = end;
		mm->brk = want;
	}
	want = mm->brk;
	lock_acquire(&mm->lock);
	mm->brk_busy = false;
	lock_release(&mm->lock);
	return (int64_t)want;
}
