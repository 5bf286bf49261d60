/* SPDX-License-Identifier: MIT */
/*
 * inotify(7). A watch stands in two lists, the inode's and the instance's, and holds a reference for each. Locks: the inode's
 * list (RANK_WATCHES) before the instance (RANK_INOTIFY). An event is queued under both, so an instance cannot go while an
 * inode still knows a watch of it.
 */
#include "fs/inotify.h"

#include "fs/watch_list.h"

#include "kernel/kernel.h"
#include "kernel/views.h"
#include "vfs/internal.h"
#include "vfs/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define QUEUE_MAX 16384u    /* events: fs.inotify.max_queued_events */
#define INSTANCES_MAX 128u  /* max_user_instances */
#define WATCHES_MAX 65536u  /* max_user_watches */

struct inotify {
	struct lock lock; /* all below */
	struct kernel *kernel;
	struct list_head events, watches;
	unsigned n_events;
	size_t bytes; /* of all events, as read(2) gives them */
	int next_wd;
	struct wait_queue waiters;
};

/* struct inotify_event without its open end. */
struct event_head {
	int32_t wd;
	uint32_t mask, cookie, len;
};
_Static_assert(sizeof(struct event_head) == sizeof(struct inotify_event), "layout of inotify events");

struct event {
	struct list_head link;
	struct event_head head; /* len: bytes of name, padded */
	char name[];
};

struct watch {
	struct refs refs;
	struct list_head of_inode;    /* watch_list.lock; empty: detached */
	struct list_head of_instance; /* inotify.lock; empty: removed */
	struct inotify *owner;
	struct inode *inode; /* held */
	_Atomic uint32_t mask;
	bool ending; /* watch_list.lock; in a list of those that tell() ends, whose reference is not the inode's list's any more */
	int wd;
};

static void watch_put(struct watch *w)
{
	struct inode *inode = w->inode;

	if (!refs_put(&w->refs))
		return;
	atomic_fetch_sub(&inode->sb->kernel->n_watches, 1);
	free(w);
	inode_put(inode);
}

/* --- the queue ----------------------------------------------------------------------------------------------------------- */

static bool same_event(const struct event *e, const struct event_head *head, const char *name, size_t len)
{
	return e->head.wd == head->wd && e->head.mask == head->mask && e->head.cookie == head->cookie &&
	       e->head.len == head->len && (len == 0 || memcmp(e->name, name, len) == 0);
}

static struct event *event_alloc(struct inotify *in, size_t padded)
{
	struct event *e;

	if (kernel_charge(in->kernel, sizeof(*e) + padded) < 0)
		return NULL;
	e = calloc(1, sizeof(*e) + padded);
	if (!e)
		kernel_uncharge(in->kernel, sizeof(*e) + padded);
	return e;
}

static void event_free(struct inotify *in, struct event *e)
{
	size_t size = sizeof(*e) + e->head.len;

	list_del(&e->link);
	free(e);
	kernel_uncharge(in->kernel, size);
}

/* inotify.lock is held. A full queue ends with one IN_Q_OVERFLOW. */
static void queue_event(struct inotify *in, int wd, uint32_t mask, uint32_t cookie, const char *name)
{
	size_t len = name ? strlen(name) : 0;
	size_t padded = len ? (len + sizeof(struct event_head)) / sizeof(struct event_head) * sizeof(struct event_head) : 0;
	struct event_head head = {.wd = wd, .mask = mask, .cookie = cookie, .len = (uint32_t)padded};
	struct event *e;

	if (in->n_events >= QUEUE_MAX) {
		if (in->n_events > QUEUE_MAX)
			return;
		head = (struct event_head){.wd = -1, .mask = IN_Q_OVERFLOW};
		len = padded = 0;
	}
	if (!list_empty(&in->events) && same_event(container_of(in->events.prev, struct event, link), &head, name, len))
		return;
	e = event_alloc(in, padded);
	if (!e)
		return;
	e->head = head;
	if (len)
		memcpy(e->name, name, len);
	list_add_tail(&e->link, &in->events);
	in->n_events++;
	in->bytes += sizeof(e->head) + padded;
	wait_queue_wake(&in->waiters, EPOLLIN | EPOLLRDNORM);
}

/* Take the watch from its instance and say IN_IGNORED. True: the instance's reference is now the caller's to put. */
static bool leave_instance(struct watch *w)
{
	struct inotify *in = w->owner;
	bool was;

	lock_acquire(&in->lock);
	was = !list_empty(&w->of_instance);
	if (was) {
		list_del(&w->of_instance);
		queue_event(in, w->wd, IN_IGNORED, 0, NULL);
	}
	lock_release(&in->lock);
	return was;
}

/* --- hooks --------------------------------------------------------------------------------------------------------------- */

/*
 * Tell the watches of *inode*; those that end by it (one-shot, or all if *gone*) are moved to *ended*, with the list's
 * references. of_instance is taken care of under the lock, so the instance stays.
 */
static void tell(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name, bool gone, struct list_head *ended)
{
	struct watch_list *wl = inode->watches;
	struct watch *w, *tmp;

	lock_acquire(&wl->lock);
	if (name)
		dnotify_tell(wl, mask);
	list_for_each_entry_safe(w, tmp, &wl->watches, of_inode) {
		bool want = mask & w->mask & IN_ALL_EVENTS;

		if (want || (mask & IN_UNMOUNT)) {
			lock_acquire(&w->owner->lock);
			if (!list_empty(&w->of_instance))
				queue_event(w->owner, w->wd, mask, cookie, name);
			lock_release(&w->owner->lock);
		}
		if (gone || (want && (w->mask & IN_ONESHOT))) {
			list_del(&w->of_inode);
			list_add_tail(&w->of_inode, ended);
			w->ending = true;
			if (leave_instance(w))
				watch_put(w); /* never the last: the list's is left */
		}
	}
	lock_release(&wl->lock);
}

static void put_ended(struct list_head *ended)
{
	struct watch *w, *tmp;

	list_for_each_entry_safe(w, tmp, ended, of_inode) {
		list_del(&w->of_inode);
		watch_put(w);
	}
}

void fsnotify_inode_slow(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name)
{
	struct list_head ended;

	list_init(&ended);
	tell(inode, mask, cookie, name, false, &ended);
	put_ended(&ended);
}

void fsnotify_inode_deleted_slow(struct inode *inode)
{
	struct list_head ended;

	list_init(&ended);
	tell(inode, IN_DELETE_SELF, 0, NULL, true, &ended);
	put_ended(&ended);
}

void fsnotify_dentry_slow(struct dentry *d, uint32_t mask)
{
	struct dentry *parent = d_parent_get(d);
	char name[VFS_NAME_MAX + 1];
	bool named = false;

	if (d->inode && S_ISDIR(d->inode->mode))
		mask |= IN_ISDIR;
	if (parent != d && fsnotify_watched(parent->inode)) {
		lock_acquire(&parent->lock);
		if (d->parent == parent && d->name_len <= VFS_NAME_MAX) {
			memcpy(name, d->name, d->name_len);
			name[d->name_len] = 0;
			named = true;
		}
		lock_release(&parent->lock);
	}
	if (named)
		fsnotify_inode_slow(parent->inode, mask, 0, name);
	if (fsnotify_watched(d->inode))
		fsnotify_inode_slow(d->inode, mask, 0, NULL);
	dentry_put(parent);
}

uint32_t fsnotify_cookie(struct inode *dir)
{
	return atomic_fetch_add(&dir->sb->kernel->inotify_cookie, 1) + 1;
}

void fsnotify_inode_free(struct inode *inode)
{
	struct watch_list *wl = inode->watches;

	if (!wl)
		return;
	lock_destroy(&wl->lock);
	free(wl);
	inode->watches = NULL;
}

/* --- instances ----------------------------------------------------------------------------------------------------------- */

static ssize_t inotify_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct inotify *in = f->priv;
	size_t done = 0;

	LOCK_SCOPE(&in->lock);
	while (!list_empty(&in->events)) {
		struct event *e = list_first(&in->events, struct event, link);
		size_t size = sizeof(e->head) + e->head.len;
		ssize_t n;

		if (size > dst->left)
			return done > 0 ? (ssize_t)done : -EINVAL;
		/* Head and name are adjacent but for nothing: one copy. */
		n = uio_put(dst, &e->head, sizeof(e->head));
		if (n == (ssize_t)sizeof(e->head) && e->head.len)
			n += uio_put(dst, e->name, e->head.len);
		if (n != (ssize_t)size)
			return done > 0 ? (ssize_t)done : -EFAULT;
		done += size;
		in->n_events--;
		in->bytes -= size;
		event_free(in, e);
	}
	return done > 0 ? (ssize_t)done : -EAGAIN;
}

static uint32_t inotify_poll(struct file *f, struct waiter *w)
{
	struct inotify *in = f->priv;
	bool any;

	if (w)
		wait_queue_add(&in->waiters, w);
	lock_acquire(&in->lock);
	any = !list_empty(&in->events);
	lock_release(&in->lock);
	return any ? EPOLLIN | EPOLLRDNORM : 0;
}

static int64_t inotify_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	struct inotify *in = f->priv;
	int bytes;

	if (cmd != FIONREAD)
		return -ENOTTY;
	lock_acquire(&in->lock);
	bytes = (int)in->bytes;
	lock_release(&in->lock);
	return copy_out(t, arg, &bytes, sizeof(bytes));
}

static ssize_t inotify_fdinfo(struct file *f, char *buf, size_t size)
{
	struct inotify *in = f->priv;
	struct watch *w;
	size_t at = 0;

	LOCK_SCOPE(&in->lock);
	list_for_each_entry(w, &in->watches, of_instance) {
		int n = snprintf(buf + at, size - at, "inotify wd:%x ino:%llx sdev:%llx mask:%x ignored_mask:0\n",
			(unsigned)w->wd, (unsigned long long)w->inode->ino, (unsigned long long)w->inode->sb->dev, w->mask);

		if (n < 0 || (size_t)n >= size - at)
			break;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

/* Take *w* out of both lists. *w* is held by the caller. */
static void watch_end(struct watch *w, bool ignored)
{
	struct watch_list *wl = w->inode->watches;
	struct inotify *in = w->owner;
	bool of_inode, of_instance;

	lock_acquire(&wl->lock);
	of_inode = !w->ending && !list_empty(&w->of_inode);
	if (of_inode)
		list_del(&w->of_inode);
	lock_acquire(&in->lock);
	of_instance = !list_empty(&w->of_instance);
	list_del(&w->of_instance);
	if (of_instance && ignored)
		queue_event(in, w->wd, IN_IGNORED, 0, NULL);
	lock_release(&in->lock);
	lock_release(&wl->lock);
	if (of_inode)
		watch_put(w);
	if (of_instance)
		watch_put(w);
}

static struct watch *first_watch(struct inotify *in)
{
	struct watch *w = NULL;

	LOCK_SCOPE(&in->lock);
	if (!list_empty(&in->watches)) {
		w = list_first(&in->watches, struct watch, of_instance);
		refs_get(&w->refs);
	}
	return w;
}

static void inotify_release(struct file *f)
{
	struct inotify *in = f->priv;
	struct event *e, *etmp;
	struct watch *w;

	while ((w = first_watch(in))) {
		watch_end(w, false);
		watch_put(w);
	}
	/*
	 * A watch that ends in tell() leaves the instance while its inode's list is locked; watch_end() took each such lock of
	 * the watches that were left, but one that tell() took out itself may still be queueing: its lock is ours too.
	 */
	lock_acquire(&in->lock);
	list_for_each_entry_safe(e, etmp, &in->events, link)
		event_free(in, e);
	lock_release(&in->lock);
	atomic_fetch_sub(&in->kernel->n_inotify, 1);
	lock_destroy(&in->lock);
	lock_destroy(&in->waiters.lock);
	free(in);
}

static const struct file_ops inotify_fops = {
	.async = EPOLLIN,
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.show_fdinfo = inotify_fdinfo,
	.release = inotify_release,
};

bool inotify_is(const struct file *f)
{
	return f->ops == &inotify_fops;
}

int inotify_create(struct kernel *k, int flags, struct file **ret)
{
	struct inotify *in;
	int r;

	if (atomic_fetch_add(&k->n_inotify, 1) >= INSTANCES_MAX) {
		atomic_fetch_sub(&k->n_inotify, 1);
		return -EMFILE;
	}
	in = calloc(1, sizeof(*in));
	r = -ENOMEM;
	if (in) {
		lock_init(&in->lock, RANK_INOTIFY);
		list_init(&in->events);
		list_init(&in->watches);
		wait_queue_init(&in->waiters);
		in->kernel = k;
		in->next_wd = 1;
		r = file_alloc_anon(k, "anon_inode:inotify", &inotify_fops, 0600, O_RDONLY | (flags & O_NONBLOCK), in, ret);
	}
	if (r < 0) {
		atomic_fetch_sub(&k->n_inotify, 1);
		free(in);
	}
	return r;
}

struct watch_list *watch_list_get(struct inode *inode)
{
	struct watch_list *wl = inode->watches, *none = NULL;

	if (wl)
		return wl;
	wl = calloc(1, sizeof(*wl));
	if (!wl)
		return NULL;
	lock_init(&wl->lock, RANK_WATCHES);
	list_init(&wl->watches);
	list_init(&wl->dnotifies);
	if (!atomic_compare_exchange_strong(&inode->watches, &none, wl)) {
		lock_destroy(&wl->lock);
		free(wl);
		wl = none;
	}
	return wl;
}

static int change_watch(struct watch *w, uint32_t mask)
{
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	if (mask & IN_MASK_ADD)
		w->mask |= mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
	else
		w->mask = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
	return w->wd;
}

/* Under the inode's list: change the instance's watch of this inode, or add *fresh*. */
static int add_locked(struct inotify *in, struct watch_list *wl, uint32_t mask, struct watch **fresh)
{
	struct watch *w = *fresh;

	LOCK_SCOPE(&wl->lock);
	list_for_each_entry(w, &wl->watches, of_inode)
		if (w->owner == in)
			return change_watch(w, mask);
	w = *fresh;
	if (!w)
		return -ENOMEM;
	LOCK_SCOPE(&in->lock);
	w->wd = in->next_wd;
	in->next_wd = in->next_wd == INT32_MAX ? 1 : in->next_wd + 1;
	list_add_tail(&w->of_inode, &wl->watches);
	list_add_tail(&w->of_instance, &in->watches);
	*fresh = NULL;
	return w->wd;
}

int inotify_add(struct file *f, struct inode *inode, uint32_t mask)
{
	struct inotify *in = f->priv;
	struct watch_list *wl = watch_list_get(inode);
	struct watch *w = wl ? calloc(1, sizeof(*w)) : NULL;
	int r;

	if (!w)
		return -ENOMEM;
	if (atomic_fetch_add(&in->kernel->n_watches, 1) >= WATCHES_MAX) {
		atomic_fetch_sub(&in->kernel->n_watches, 1);
		free(w);
		return -ENOSPC;
	}
	views_forget(in->kernel, NULL); /* they may be of what is watched now */
	refs_init(&w->refs);
	refs_get(&w->refs); /* one for each list */
	list_init(&w->of_inode);
	list_init(&w->of_instance);
	w->owner = in;
	w->inode = inode;
	inode_get(inode);
	atomic_init(&w->mask, mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK));
	r = add_locked(in, wl, mask, &w);
	if (w) {
		refs_put(&w->refs);
		watch_put(w);
	}
	return r;
}

int inotify_remove(struct file *f, int wd)
{
	struct inotify *in = f->priv;
	struct watch *w, *found = NULL;

	lock_acquire(&in->lock);
	list_for_each_entry(w, &in->watches, of_instance) {
		if (w->wd == wd) {
			found = w;
			refs_get(&w->refs);
			break;
		}
	}
	lock_release(&in->lock);
	if (!found)
		return -EINVAL;
	watch_end(found, true);
	watch_put(found);
	return 0;
}
