/* SPDX-License-Identifier: MIT */
/* eventfd(2): a counter that is read and written like a file. */
#include "fs/event.h"

#include "kernel/kernel.h"
#include "lib/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

struct eventfd {
	_Atomic uint64_t count;
	bool semaphore;
	struct wait_queue waiters;
};

#define COUNT_MAX (UINT64_MAX - 1)

static ssize_t counter_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct eventfd *e = f->priv;
	uint64_t have = atomic_load(&e->count), take;
	ssize_t n;

	if (dst->left < sizeof(take))
		return -EINVAL;
	do {
		if (!have)
			return -EAGAIN;
		take = e->semaphore ? 1 : have;
	} while (!atomic_compare_exchange_weak(&e->count, &have, have - take));
	wait_queue_wake(&e->waiters, EPOLLOUT | EPOLLWRNORM);
	n = uio_put(dst, &take, sizeof(take));
	return n == sizeof(take) ? n : -EFAULT;
}

static ssize_t counter_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct eventfd *e = f->priv;
	uint64_t have, add;

	if (src->left < sizeof(add))
		return -EINVAL;
	if (uio_take(src, &add, sizeof(add)) != sizeof(add))
		return -EFAULT;
	if (add == UINT64_MAX)
		return -EINVAL;
	have = atomic_load(&e->count);
	do {
		if (COUNT_MAX - have < add) {
			uio_rewind(src, sizeof(add));
			return -EAGAIN;
		}
	} while (!atomic_compare_exchange_weak(&e->count, &have, have + add));
	wait_queue_wake(&e->waiters, EPOLLIN | EPOLLRDNORM);
	return sizeof(add);
}

static uint32_t counter_poll(struct file *f, struct waiter *w)
{
	struct eventfd *e = f->priv;
	uint64_t have;

	if (w)
		wait_queue_add(&e->waiters, w);
	have = atomic_load(&e->count);
	return (have ? EPOLLIN | EPOLLRDNORM : 0) | (have < COUNT_MAX ? EPOLLOUT | EPOLLWRNORM : 0);
}

static ssize_t counter_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *e = f->priv;

	return snprintf(buf, size, "eventfd-count: %16llx\neventfd-id: %llu\neventfd-semaphore: %d\n",
		(unsigned long long)atomic_load(&e->count), (unsigned long long)f->inode->ino, e->semaphore);
}

static void counter_release(struct file *f)
{
	struct eventfd *e = f->priv;

	lock_destroy(&e->waiters.lock);
	free(e);
}

static const struct file_ops eventfd_fops = {
	.read = counter_read,
	.write = counter_write,
	.poll = counter_poll,
	.show_fdinfo = counter_fdinfo,
	.lseek = file_lseek_nowhere,
	.release = counter_release,
};

bool file_is_eventfd(const struct file *f)
{
	return f->ops == &eventfd_fops;
}

void eventfd_ring(struct file *f)
{
	struct eventfd *e = f->priv;
	uint64_t have = atomic_load(&e->count);

	do {
		if (have == COUNT_MAX)
			return;
	} while (!atomic_compare_exchange_weak(&e->count, &have, have + 1));
	wait_queue_wake(&e->waiters, EPOLLIN | EPOLLRDNORM);
}

int eventfd_create(struct kernel *k, uint64_t count, int flags, struct file **ret)
{
	struct eventfd *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	atomic_init(&e->count, count);
	e->semaphore = flags & EFD_SEMAPHORE;
	wait_queue_init(&e->waiters);
	err = file_alloc_anon(k, "anon_inode:[eventfd]", &eventfd_fops, 0600, O_RDWR | (flags & O_NONBLOCK), e, ret);
	if (err) {
		free(e);
		return err;
	}
	(*ret)->stream = true;
	return 0;
}
