/* SPDX-License-Identifier: MIT */
/*
 * epoll(7). An instance has a table of items by (file, descriptor) and a list of items that may be ready; an item's waiter sits
 * on the wait queue of its file and puts the item on that list. Waiting takes items off the list and asks the files themselves.
 *
 * Locks: kernel.epoll_lock guards which instance watches which file (tables and file->epolls); epoll.lock guards the
 * items while files are asked (kernel.epoll_lock < epoll.lock); ready_lock guards the ready list, and is taken from callbacks.
 * Instances nest at most EPOLL_DEPTH deep; the rank of an instance's locks follows from its depth.
 */
#include "fs/event.h"

#include "host/loop.h"
#include "kernel/task.h"
#include "lib/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOLL_DEPTH 4
#define BUCKETS_MIN 16
#define EVENT_BATCH 64

#define EP_PRIVATE (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct epoll {
	struct kernel *kernel;
	struct file *file;	/* the instance's own; not held */
	struct lock lock;	/* RANK_EPOLL by depth */
	struct wait_queue queue; /* RANK_WAITQ_NESTED by depth: sleepers, and watchers of this instance */
	struct list_head *buckets; /* of epitem.hash_link */
	size_t n_buckets, n_items;
	int depth;		/* levels of instances below; kernel.epoll_lock */
	struct lock ready_lock; /* RANK_LEAF */
	struct list_head ready; /* epitem.ready_link */
};

struct epitem {
	struct epoll *ep;
	struct file *file; /* not held: it forgets us when it goes */
	int fd;
	_Atomic uint32_t events;
	uint64_t data;
	struct waiter waiter;
	struct list_head hash_link, file_link;
	struct list_head ready_link; /* ready_lock */
	bool is_ready;		     /* ready_lock */
};

static const struct file_ops epoll_fops;

bool file_is_epoll(const struct file *f)
{
	return f->ops == &epoll_fops;
}

/* --- the ready list --------------------------------------------------------------------------------------------------------- */

static void set_ready(struct epitem *it)
{
	struct epoll *ep = it->ep;

	lock_acquire(&ep->ready_lock);
	if (!it->is_ready) {
		it->is_ready = true;
		list_add_tail(&it->ready_link, &ep->ready);
	}
	lock_release(&ep->ready_lock);
}

static void clear_ready(struct epitem *it)
{
	lock_acquire(&it->ep->ready_lock);
	it->is_ready = false;
	list_del(&it->ready_link);
	lock_release(&it->ep->ready_lock);
}

static bool any_ready(struct epoll *ep)
{
	LOCK_SCOPE(&ep->ready_lock);
	return !list_empty(&ep->ready);
}

/* Files name readiness by either of two bits; an item that asks for one gets both. */
static bool wanted(uint32_t mask, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDNORM))
		events |= EPOLLIN | EPOLLRDNORM;
	if (events & (EPOLLOUT | EPOLLWRNORM))
		events |= EPOLLOUT | EPOLLWRNORM;
	return mask & ~EP_PRIVATE & events;
}

static void item_notify(struct waiter *w, uint32_t events)
{
	struct epitem *it = container_of(w, struct epitem, waiter);

	if (!wanted(atomic_load(&it->events), events))
		return;
	set_ready(it);
	wait_queue_wake_one(&it->ep->queue, EPOLLIN | EPOLLRDNORM);
}

/* --- items ------------------------------------------------------------------------------------------------------------------- */

static struct list_head *bucket(const struct epoll *ep, const struct file *f, int fd)
{
	uint64_t h = ((uintptr_t)f >> 6 ^ (uint64_t)(unsigned)fd * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;

	return &ep->buckets[(h >> 32) & (ep->n_buckets - 1)];
}

static struct epitem *find_item(const struct epoll *ep, const struct file *f, int fd)
{
	struct list_head *b = bucket(ep, f, fd);
	struct epitem *it;

	list_for_each_entry(it, b, hash_link)
		if (it->file == f && it->fd == fd)
			return it;
	return NULL;
}

int epoll_nth(struct file *f, int fd, unsigned n, const struct file **ret)
{
	struct epoll *ep = f->priv;
	struct epitem *it;

	if (!file_is_epoll(f))
		return -EINVAL;
	LOCK_SCOPE(&ep->lock);
	for (size_t i = 0; i < ep->n_buckets; i++)
		list_for_each_entry(it, &ep->buckets[i], hash_link)
			if (it->fd == fd && !n--) {
				*ret = it->file;
				return 0;
			}
	return -ENOENT;
}

static struct list_head *new_buckets(size_t n)
{
	struct list_head *b = reallocarray(NULL, n, sizeof(*b));

	for (size_t i = 0; b && i < n; i++)
		list_init(&b[i]);
	return b;
}

/* Keep chains short; failure to grow only costs time. */
static void maybe_grow(struct epoll *ep)
{
	struct list_head *old = ep->buckets, *b;
	size_t n_old = ep->n_buckets;

	if (ep->n_items <= n_old * 2)
		return;
	b = new_buckets(n_old * 4);
	if (!b)
		return;
	ep->buckets = b;
	ep->n_buckets = n_old * 4;
	for (size_t i = 0; i < n_old; i++) {
		struct epitem *it, *tmp;

		list_for_each_entry_safe(it, tmp, &old[i], hash_link) {
			list_del(&it->hash_link);
			list_add_tail(&it->hash_link, bucket(ep, it->file, it->fd));
		}
	}
	free(old);
}

/* Ask the file; what of it the item wants. ep->lock held. */
static uint32_t item_poll(struct epitem *it, struct waiter *w)
{
	return file_poll(it->file, w) & atomic_load(&it->events) & ~EP_PRIVATE;
}

/* kernel.epoll_lock and ep->lock held. */
static void remove_item(struct epitem *it)
{
	struct epoll *ep = it->ep;

	wait_queue_remove(&it->waiter);
	clear_ready(it);
	list_del(&it->hash_link);
	ep->n_items--;
	kernel_uncharge(ep->kernel, sizeof(*it));
	/* A file being released looks at its list without a lock: unlinking comes last. */
	atomic_thread_fence(memory_order_release);
	list_del(&it->file_link);
	free(it);
}

/* --- nesting ----------------------------------------------------------------------------------------------------------------- */

static void set_depth(struct epoll *ep, int depth)
{
	ep->depth = depth;
	ep->lock.rank = RANK_EPOLL_INNER - (enum lock_rank)depth;
	ep->queue.lock.rank = RANK_WAITQ_NESTED + (enum lock_rank)depth;
}

/* Is *what* reachable from *from*, or are the chains below deeper than *left*? kernel.epoll_lock held. */
static bool leads_to(struct epoll *from, const struct epoll *what, int left)
{
	if (from == what || left < 0)
		return true;
	if (!from->depth)
		return false;
	for (size_t i = 0; i < from->n_buckets; i++) {
		struct epitem *it;

		list_for_each_entry(it, &from->buckets[i], hash_link)
			if (file_is_epoll(it->file) && leads_to(it->file->priv, what, left - 1))
				return true;
	}
	return false;
}

/* Longest chain of watchers above *ep*. */
static int height_above(const struct epoll *ep)
{
	struct epitem *it;
	int h = 0;

	list_for_each_entry(it, &ep->file->epolls, file_link) {
		int above = 1 + height_above(it->ep);

		h = above > h ? above : h;
	}
	return h;
}

static void raise_depth(struct epoll *ep, int depth)
{
	struct epitem *it;

	if (ep->depth >= depth)
		return;
	set_depth(ep, depth);
	list_for_each_entry(it, &ep->file->epolls, file_link)
		raise_depth(it->ep, depth + 1);
}

/* May *ep* watch the instance *inner*? kernel.epoll_lock held. */
static int nest(struct epoll *ep, struct epoll *inner)
{
	if (leads_to(inner, ep, EPOLL_DEPTH) || height_above(ep) + 1 + inner->depth > EPOLL_DEPTH)
		return -ELOOP;
	raise_depth(ep, inner->depth + 1);
	return 0;
}

/* --- epoll_ctl --------------------------------------------------------------------------------------------------------------- */

static int add_item(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epitem *it;
	int err;

	if (find_item(ep, f, fd))
		return -EEXIST;
	if (file_is_epoll(f)) {
		if (ev->events & EPOLLEXCLUSIVE)
			return -EINVAL;
		err = nest(ep, f->priv);
		if (err)
			return err;
	}
	err = kernel_charge(ep->kernel, sizeof(*it));
	if (err)
		return err;
	it = calloc(1, sizeof(*it));
	if (!it) {
		kernel_uncharge(ep->kernel, sizeof(*it));
		return -ENOMEM;
	}
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->data = ev->data.u64;
	atomic_init(&it->events, ev->events | EPOLLERR | EPOLLHUP);
	it->waiter = (struct waiter){
		.notify = item_notify, .mask = UINT32_MAX, .exclusive = ev->events & EPOLLEXCLUSIVE};
	list_init(&it->waiter.link);
	list_init(&it->ready_link);
	lock_acquire(&ep->lock);
	list_add_tail(&it->hash_link, bucket(ep, f, fd));
	list_add_tail(&it->file_link, &f->epolls);
	ep->n_items++;
	maybe_grow(ep);
	if (item_poll(it, &it->waiter))
		set_ready(it);
	lock_release(&ep->lock);
	return 0;
}

static void change_item(struct epoll *ep, struct epitem *it, const struct epoll_event *ev)
{
	LOCK_SCOPE(&ep->lock);
	it->data = ev->data.u64;
	atomic_store(&it->events, ev->events | EPOLLERR | EPOLLHUP);
	if (item_poll(it, NULL))
		set_ready(it);
}

static int check_exclusive(int op, const struct epoll_event *ev)
{
	if (!ev || !(ev->events & EPOLLEXCLUSIVE))
		return 0;
	return op == EPOLL_CTL_MOD || (op == EPOLL_CTL_ADD && ev->events & ~EXCLUSIVE_OK) ? -EINVAL : 0;
}

int epoll_control(struct file *epf, int op, int fd, struct file *f, const struct epoll_event *ev)
{
	struct epoll *ep = epf->priv;
	struct epitem *it;
	int err = 0;

	if (!f->ops->poll)
		return -EPERM;
	if (f == epf || !file_is_epoll(epf))
		return -EINVAL;
	err = check_exclusive(op, ev);
	if (err)
		return err;
	lock_acquire(&ep->kernel->epoll_lock);
	it = find_item(ep, f, fd);
	if (op == EPOLL_CTL_ADD) {
		err = add_item(ep, f, fd, ev);
	} else if (op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL) {
		err = -EINVAL;
	} else if (!it) {
		err = -ENOENT;
	} else if (op == EPOLL_CTL_DEL) {
		lock_acquire(&ep->lock);
		remove_item(it);
		lock_release(&ep->lock);
	} else if (atomic_load(&it->events) & EPOLLEXCLUSIVE) {
		err = -EINVAL;
	} else {
		change_item(ep, it, ev);
	}
	lock_release(&ep->kernel->epoll_lock);
	if (!err && op != EPOLL_CTL_DEL && any_ready(ep))
		wait_queue_wake_one(&ep->queue, EPOLLIN | EPOLLRDNORM);
	return err;
}

void epoll_forget_file(struct file *f)
{
	atomic_thread_fence(memory_order_acquire);
	if (list_empty(&f->epolls))
		return;
	while (!list_empty(&f->epolls)) {
		struct kernel *k = f->inode->sb->kernel;
		struct epitem *it;

		lock_acquire(&k->epoll_lock);
		if (!list_empty(&f->epolls)) {
			struct epoll *ep;

			it = list_first(&f->epolls, struct epitem, file_link);
			ep = it->ep;
			lock_acquire(&ep->lock);
			remove_item(it);
			lock_release(&ep->lock);
		}
		lock_release(&k->epoll_lock);
	}
}

/* --- epoll_wait -------------------------------------------------------------------------------------------------------------- */

/*
 * Take items off the ready list, ask their files, and fill *out* with at most *max* events. Level-triggered items go back to
 * the end of the list, so that they take turns. ep->lock held.
 */
static int take_events(struct epoll *ep, struct epoll_event *out, int max)
{
	struct list_head scan;
	int n = 0;

	list_init(&scan);
	lock_acquire(&ep->ready_lock);
	list_splice_tail(&ep->ready, &scan);
	lock_release(&ep->ready_lock);
	while (n < max) {
		struct epitem *it = NULL;
		uint32_t ev, mask;

		lock_acquire(&ep->ready_lock);
		if (!list_empty(&scan)) {
			it = list_first(&scan, struct epitem, ready_link);
			list_del(&it->ready_link);
			it->is_ready = false; /* from here a callback puts it back */
		}
		lock_release(&ep->ready_lock);
		if (!it)
			break;
		ev = item_poll(it, NULL);
		if (!ev)
			continue;
		out[n].events = ev;
		out[n++].data.u64 = it->data;
		mask = atomic_load(&it->events);
		if (mask & EPOLLONESHOT)
			atomic_store(&it->events, mask & EP_PRIVATE);
		else if (!(mask & EPOLLET))
			set_ready(it);
	}
	/* What did not fit stays in front. */
	lock_acquire(&ep->ready_lock);
	list_splice_tail(&ep->ready, &scan);
	list_splice_tail(&scan, &ep->ready);
	lock_release(&ep->ready_lock);
	return n;
}

static int deliver(struct task *t, struct epoll *ep, uint64_t uev, int max)
{
	struct epoll_event few[EVENT_BATCH], *many = NULL;
	int n, err;

	lock_acquire(&ep->lock);
	if ((size_t)max > ep->n_items)
		max = ep->n_items ? (int)ep->n_items : 1;
	if (max > EVENT_BATCH)
		many = malloc((size_t)max * sizeof(*many));
	if (!many && max > EVENT_BATCH)
		max = EVENT_BATCH; /* no memory: the rest comes with the next call */
	n = take_events(ep, many ? many : few, max);
	lock_release(&ep->lock);
	err = n > 0 ? copy_out(t, uev, many ? many : few, (size_t)n * sizeof(*few)) : 0;
	free(many);
	return err ? err : n;
}


int epoll_collect(struct task *t, struct file *epf, uint64_t uev, int max, int64_t deadline_ns)
{
	struct epoll *ep = epf->priv;
	struct task_waiter tw;
	int n;

	host_loop_gather(ep->kernel->loop);
	n = any_ready(ep) ? deliver(t, ep, uev, max) : 0;
	if (n || !deadline_ns)
		return n;
	task_waiter_init(&tw, t, EPOLLIN);
	tw.waiter.exclusive = true;
	wait_queue_add(&ep->queue, &tw.waiter);
	for (;;) {
		int r;

		if (any_ready(ep)) {
			n = deliver(t, ep, uev, max);
			if (n)
				break;
		}
		r = task_block(t, deadline_ns);
		if (r == 0)
			continue;
		if (any_ready(ep))
			n = deliver(t, ep, uev, max);
		if (!n && r == -ERESTARTSYS)
			n = -EINTR;
		break;
	}
	wait_queue_remove(&tw.waiter);
	/* The wake-up that came to us alone may have been about more than we took. */
	if (any_ready(ep))
		wait_queue_wake_one(&ep->queue, EPOLLIN | EPOLLRDNORM);
	return n;
}

/* --- the instance as a file ---------------------------------------------------------------------------------------------------- */

static uint32_t epoll_poll(struct file *f, struct waiter *w)
{
	struct epoll *ep = f->priv;
	struct list_head scan;
	uint32_t ready = 0;

	if (w)
		wait_queue_add(&ep->queue, w);
	host_loop_gather(ep->kernel->loop);
	if (!any_ready(ep))
		return 0;
	LOCK_SCOPE(&ep->lock);
	list_init(&scan);
	lock_acquire(&ep->ready_lock);
	list_splice_tail(&ep->ready, &scan);
	lock_release(&ep->ready_lock);
	for (;;) { /* drop the items that turn out not to be ready, up to the first that is */
		struct epitem *it = NULL;

		lock_acquire(&ep->ready_lock);
		if (!list_empty(&scan)) {
			it = list_first(&scan, struct epitem, ready_link);
			list_del(&it->ready_link);
			it->is_ready = false;
		}
		lock_release(&ep->ready_lock);
		if (!it)
			break;
		if (item_poll(it, NULL)) {
			lock_acquire(&ep->ready_lock);
			if (!it->is_ready) {
				it->is_ready = true;
				list_add(&it->ready_link, &scan);
			}
			lock_release(&ep->ready_lock);
			ready = EPOLLIN | EPOLLRDNORM;
			break;
		}
	}
	lock_acquire(&ep->ready_lock);
	list_splice_tail(&ep->ready, &scan);
	list_splice_tail(&scan, &ep->ready);
	lock_release(&ep->ready_lock);
	return ready;
}

static ssize_t epoll_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->priv;
	size_t len = 0;

	LOCK_SCOPE(&ep->kernel->epoll_lock);
	for (size_t i = 0; i < ep->n_buckets; i++) {
		struct epitem *it;

		list_for_each_entry(it, &ep->buckets[i], hash_link) {
			int n = snprintf(buf + len, size - len, "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%llx sdev:%llx\n",
				it->fd, atomic_load(&it->events), (unsigned long long)it->data, (long long)it->file->pos,
				(unsigned long long)it->file->inode->ino, (unsigned long long)it->file->inode->sb->dev);

			if (n < 0 || (size_t)n >= size - len)
				return (ssize_t)len;
			len += (size_t)n;
		}
	}
	return (ssize_t)len;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;

	lock_acquire(&ep->kernel->epoll_lock);
	lock_acquire(&ep->lock);
	for (size_t i = 0; i < ep->n_buckets; i++) {
		struct epitem *it, *tmp;

		list_for_each_entry_safe(it, tmp, &ep->buckets[i], hash_link)
			remove_item(it);
	}
	lock_release(&ep->lock);
	lock_release(&ep->kernel->epoll_lock);
	lock_destroy(&ep->lock);
	lock_destroy(&ep->ready_lock);
	lock_destroy(&ep->queue.lock);
	free(ep->buckets);
	free(ep);
}

static const struct file_ops epoll_fops = {
	.poll = epoll_poll,
	.show_fdinfo = epoll_fdinfo,
	.lseek = file_lseek_nowhere,
	.release = epoll_release,
};

int epoll_make(struct kernel *k, struct file **ret)
{
	struct epoll *ep = calloc(1, sizeof(*ep));
	int err = -ENOMEM;

	if (!ep)
		return err;
	ep->kernel = k;
	lock_init(&ep->lock, RANK_EPOLL);
	lock_init(&ep->ready_lock, RANK_LEAF);
	wait_queue_init(&ep->queue);
	ep->queue.lazy = true;
	set_depth(ep, 0);
	list_init(&ep->ready);
	ep->n_buckets = BUCKETS_MIN;
	ep->buckets = new_buckets(BUCKETS_MIN);
	if (ep->buckets)
		err = file_alloc_anon(k, "anon_inode:[eventpoll]", &epoll_fops, 0600, O_RDWR, ep, ret);
	if (err) {
		free(ep->buckets);
		free(ep);
		return err;
	}
	ep->file = *ret;
	return 0;
}
