/* SPDX-License-Identifier: MIT */
/* Descriptor tables. */
#include "fs/dnotify.h"
#include "kernel/views.h"
#include "vfs/internal.h"
#include "vfs/locks.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FD_TABLE_MIN 32u
#define FD_TABLE_MAX (1u << 20) /* as fs.nr_open */

struct fd_table *fd_table_alloc(void)
{
	struct fd_table *ft = calloc(1, sizeof(*ft));

	if (!ft)
		return NULL;
	ft->entries = calloc(FD_TABLE_MIN, sizeof(*ft->entries));
	if (!ft->entries) {
		free(ft);
		return NULL;
	}
	ft->n_entries = FD_TABLE_MIN;
	refs_init(&ft->refs);
	lock_init(&ft->lock, RANK_FDTABLE);
	return ft;
}

/* Make room for slot *fd*; *k* (NULL only while tables are small) is charged for the growth. */
static int grow_locked(struct kernel *k, struct fd_table *ft, unsigned fd)
{
	unsigned n = ft->n_entries;
	struct fd_entry *e;
	size_t more;

	if (fd < n)
		return 0;
	if (fd >= FD_TABLE_MAX)
		return -EMFILE;
	while (n <= fd)
		n *= 2;
	more = (n - ft->n_entries) * sizeof(*e);
	if (kernel_charge(k, more) < 0)
		return -ENOMEM;
	e = realloc(ft->entries, n * sizeof(*e));
	if (!e) {
		kernel_uncharge(k, more);
		return -ENOMEM;
	}
	memset(e + ft->n_entries, 0, more);
	ft->entries = e;
	ft->n_entries = n;
	ft->kernel = k;
	ft->charged += more;
	return 0;
}

struct fd_table *fd_table_copy(struct fd_table *from)
{
	struct fd_table *ft = fd_table_alloc();
	unsigned used = 0;

	if (!ft)
		return NULL;
	lock_acquire(&from->lock);
	for (unsigned i = 0; i < from->n_entries; i++)
		if (from->entries[i].file)
			used = i + 1;
	if (used && grow_locked(from->kernel, ft, used - 1) < 0) {
		lock_release(&from->lock);
		free(ft->entries);
		free(ft);
		return NULL;
	}
	for (unsigned i = 0; i < used; i++) {
		ft->entries[i] = from->entries[i];
		if (ft->entries[i].file)
			file_get(ft->entries[i].file);
	}
	ft->first_free = from->first_free;
	lock_release(&from->lock);
	return ft;
}

/* What each close of a descriptor does besides dropping the reference. Consumes *f*. */
static int close_file(struct task *t, struct fd_table *ft, struct file *f)
{
	int r = 0;

	if (f->ops && f->ops->flush)
		r = f->ops->flush(t, f);
	if (f->inode->locks)
		locks_close(ft, f);
	if (f->inode->watches)
		dnotify_closed(f, ft);
	file_put(f);
	return r;
}

void fd_table_put(struct task *t, struct fd_table *ft)
{
	if (!refs_put(&ft->refs))
		return;
	for (unsigned i = 0; i < ft->n_entries; i++)
		if (ft->entries[i].file)
			close_file(t, ft, ft->entries[i].file);
	lock_destroy(&ft->lock);
	if (ft->kernel)
		kernel_uncharge(ft->kernel, ft->charged);
	free(ft->entries);
	free(ft);
}

/* Take the file out of slot *fd*; the lock is held. */
static struct file *take_locked(struct fd_table *ft, unsigned fd)
{
	struct file *f = ft->entries[fd].file;

	ft->entries[fd] = (struct fd_entry){0};
	if (f && fd < ft->first_free)
		ft->first_free = fd;
	return f;
}

void fd_table_close_on_exec(struct task *t, struct fd_table *ft)
{
	for (unsigned i = 0; i < ft->n_entries; i++) { /* the table is the caller's alone by now */
		struct file *f = NULL;

		lock_acquire(&ft->lock);
		if (ft->entries[i].cloexec)
			f = take_locked(ft, i);
		lock_release(&ft->lock);
		if (f)
			close_file(t, ft, f);
	}
}

struct file *fd_get_path(struct task *t, int fd)
{
	struct fd_table *ft = t->fds;
	struct file *f = NULL;

	lock_acquire(&ft->lock);
	if (fd >= 0 && (unsigned)fd < ft->n_entries) {
		f = ft->entries[fd].file;
		if (f)
			file_get(f);
	}
	lock_release(&ft->lock);
	return f;
}

struct file *fd_get(struct task *t, int fd)
{
	struct file *f = fd_get_path(t, fd);

	if (f && (f->flags & O_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

int fd_room(struct task *t)
{
	struct fd_table *ft = t->fds;

	LOCK_SCOPE(&ft->lock);
	while (ft->first_free < ft->n_entries && ft->entries[ft->first_free].file)
		ft->first_free++;
	return ft->first_free >= task_rlimit(t, RLIMIT_NOFILE) ? -EMFILE : 0;
}

int fd_install(struct task *t, struct file *f, bool cloexec, int min)
{
	uint64_t limit = task_rlimit(t, RLIMIT_NOFILE);
	struct fd_table *ft = t->fds;
	unsigned fd;
	int r;

	lock_acquire(&ft->lock);
	fd = (unsigned)min > ft->first_free ? (unsigned)min : ft->first_free;
	while (fd < ft->n_entries && ft->entries[fd].file)
		fd++;
	r = fd >= limit ? -EMFILE : grow_locked(t->kernel, ft, fd);
	if (!r) {
		ft->entries[fd] = (struct fd_entry){.file = f, .cloexec = cloexec};
		if ((unsigned)min <= ft->first_free)
			ft->first_free = fd + 1;
	}
	lock_release(&ft->lock);
	return r < 0 ? r : (int)fd;
}

int fd_install_at(struct task *t, struct file *f, bool cloexec, int fd)
{
	struct fd_table *ft = t->fds;
	struct file *old = NULL;
	int r;

	if (fd < 0 || (uint64_t)fd >= task_rlimit(t, RLIMIT_NOFILE))
		return -EBADF;
	view_fd_gone(t, fd);
	lock_acquire(&ft->lock);
	r = grow_locked(t->kernel, ft, (unsigned)fd);
	if (!r) {
		old = ft->entries[fd].file;
		ft->entries[fd] = (struct fd_entry){.file = f, .cloexec = cloexec};
	}
	lock_release(&ft->lock);
	if (old)
		close_file(t, ft, old);
	return r < 0 ? r : fd;
}

int fd_close(struct task *t, int fd)
{
	struct fd_table *ft = t->fds;
	struct file *f = NULL;

	view_fd_gone(t, fd);
	lock_acquire(&ft->lock);
	if (fd >= 0 && (unsigned)fd < ft->n_entries)
		f = take_locked(ft, (unsigned)fd);
	lock_release(&ft->lock);
	return f ? close_file(t, ft, f) : -EBADF;
}

int fd_get_cloexec(struct task *t, int fd)
{
	struct fd_table *ft = t->fds;
	int r = -EBADF;

	lock_acquire(&ft->lock);
	if (fd >= 0 && (unsigned)fd < ft->n_entries && ft->entries[fd].file)
		r = ft->entries[fd].cloexec;
	lock_release(&ft->lock);
	return r;
}

int fd_set_cloexec(struct task *t, int fd, bool cloexec)
{
	struct fd_table *ft = t->fds;
	int r = -EBADF;

	lock_acquire(&ft->lock);
	if (fd >= 0 && (unsigned)fd < ft->n_entries && ft->entries[fd].file) {
		ft->entries[fd].cloexec = cloexec;
		r = 0;
	}
	lock_release(&ft->lock);
	return r;
}

void fd_close_range(struct task *t, unsigned first, unsigned last, bool only_mark)
{
	struct fd_table *ft = t->fds;

	views_drop(t);
	for (unsigned i = first; i < ft->n_entries && i <= last; i++) {
		struct file *f = NULL;

		lock_acquire(&ft->lock);
		if (i < ft->n_entries && ft->entries[i].file) {
			if (only_mark)
				ft->entries[i].cloexec = true;
			else
				f = take_locked(ft, i);
		}
		lock_release(&ft->lock);
		if (f)
			close_file(t, ft, f);
	}
}
