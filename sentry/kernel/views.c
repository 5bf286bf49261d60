/* SPDX-License-Identifier: MIT */
/* Views of image files in stubs: making them and taking them away. */
#include "kernel/views.h"

#include "kernel/fast.h"
#include "vfs/vfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define READS_BEFORE 48u /* of one descriptor, with no other between; a view costs some 25 microseconds */
#define PAGE 4096ull

/* views_lock held. */
static void take_away(struct fast_state *f, unsigned i)
{
	struct fast_view *v = &f->views[i];

	gthread_clear_view(v->th, i);
	list_del(&v->link);
	v->inode = NULL;
}

/* views_lock held. */
static struct gthread *drop_one(struct fast_state *f, unsigned i)
{
	struct gthread *th = f->views[i].th;

	if (f->views[i].inode)
		take_away(f, i);
	f->views[i].th = NULL;
	f->views[i].fd = -1;
	return th;
}

static void drop(struct task *t, unsigned i)
{
	struct gthread *th;

	lock_acquire(&t->kernel->views_lock);
	th = drop_one(&t->fast, i);
	lock_release(&t->kernel->views_lock);
	if (th)
		gthread_put(th);
}

void views_drop(struct task *t)
{
	for (unsigned i = 0; i < SLOT_VIEWS; i++)
		if (t->fast.views[i].th)
			drop(t, i);
}

void view_fd_gone(struct task *t, int fd)
{
	for (unsigned i = 0; i < SLOT_VIEWS; i++)
		if (t->fast.views[i].th && t->fast.views[i].fd == fd)
			drop(t, i);
}

void views_forget(struct kernel *k, const struct inode *inode)
{
	struct fast_view *v, *tmp;

	LOCK_SCOPE(&k->views_lock);
	list_for_each_entry_safe(v, tmp, &k->views, link)
		if (!inode || v->inode == inode)
			take_away(v->fast, (unsigned)(v - v->fast->views));
}

void view_consider(struct task *t, int fd)
{
	struct fast_state *f = &t->fast;

	if (!f->answer)
		return;
	if (f->view_fd != fd) {
		f->view_fd = fd;
		f->view_reads = 0;
	}
	if (++f->view_reads == READS_BEFORE)
		atomic_fetch_or(&t->flags, TIF_VIEW);
}

/* Is there nobody but the reader who could tell a read in the stub from one here? */
static bool may_view(struct task *t, struct file *f)
{
	return f->ops && f->ops->stable && f->ops->stable(f) && refs_read(&t->fds->refs) == 1 &&
	       (atomic_load(&f->flags) & (O_ACCMODE | O_PATH | O_DIRECT)) == O_RDONLY && !atomic_load(&t->kernel->n_watches);
}

/* How much of it can be mapped without showing what lies behind it. */
static uint64_t mappable(const struct mmap_info *info, uint64_t size)
{
	if (info->host_fd < 0 || info->host_off % PAGE)
		return 0;
	if (size > VIEW_SPAN)
		size = VIEW_SPAN;
	if (info->host_len == UINT64_MAX)
		return size;
	return (info->host_len < size ? info->host_len : size) & ~(PAGE - 1);
}

static void map_view(struct task *t, struct file *file, int fd, unsigned i)
{
	struct fast_state *f = &t->fast;
	uint64_t size = file->inode->size, base = 0;
	struct fast_view *v = &f->views[i];
	struct mmap_info info = {.host_fd = -1};

	if (!size || file->ops->mmap(t, file, 0, (size + PAGE - 1) & ~(PAGE - 1), PROT_READ, MAP_PRIVATE, &info) < 0)
		return;
	size = mappable(&info, size);
	if (size)
		base = gthread_map_view(t->th, i, size, info.host_fd, info.host_off);
	if (info.dup)
		close(info.host_fd);
	if (!base)
		return;
	drop(t, i);
	gthread_get(t->th);
	LOCK_SCOPE(&t->kernel->views_lock);
	v->th = t->th;
	v->fd = fd;
	if (!may_view(t, file)) /* moved meanwhile; whoever moves it from here on finds it in the list */
		return;
	v->fast = f;
	v->inode = file->inode;
	list_add(&v->link, &t->kernel->views);
	gthread_set_view(t->th, i, fd, base, size);
}

void view_make(struct task *t)
{
	struct fast_state *f = &t->fast;
	unsigned i = f->next_view++ % SLOT_VIEWS;

	FILE_SCOPE file = fd_get(t, f->view_fd);

	atomic_fetch_and(&t->flags, ~TIF_VIEW);
	if (file && f->answer && f->th == t->th && file->ops && file->ops->mmap && may_view(t, file))
		map_view(t, file, f->view_fd, i);
}

void views_account(struct task *t)
{
	struct fast_state *f = &t->fast;
	uint64_t calls, bytes;

	gthread_view_counts(t->th, &calls, &bytes);
	if (calls == f->view_calls)
		return;
	atomic_fetch_add_explicit(&t->io.syscr, calls - f->view_calls, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->io.rchar, bytes - f->view_bytes, memory_order_relaxed);
	f->view_calls = calls;
	f->view_bytes = bytes;
}
