/* SPDX-License-Identifier: MIT */
/* /proc/PID/mem and pagemap: files that are no text. proc(5). */
#include "fs/procfs_internal.h"
#include "host/file.h"
#include "kernel/ptrace.h"
#include "mm/map.h"
#include "mm/vma.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHUNK 4096

/* The address space as it was when the file was opened; a later exec does not show through it. */
int proc_open_mm(struct task *t, const struct kobj *o, struct file *f)
{
	f->priv = t ? ptrace_mm_get(t, o->task, false) : task_mm_get(o->task);
	return f->priv || !t || task_may_inspect(t, o->task) ? 0 : -EACCES;
}

static void mm_release(struct file *f)
{
	if (f->priv)
		mm_put(f->priv);
}

/* Does anybody still live in it? The stub's own death may come later, or (threads without their leader) not yet. */
static bool alive(struct file *f)
{
	struct task *t = kernfs_object(f->inode)->task;
	struct mm *mm = f->priv;

	return mm && !aspace_is_dead(mm->as) && t->state != TASK_DEAD && !t->tg->zombie && !t->tg->reaped;
}

static ssize_t mem_read(struct file *f, struct uio *dst, int64_t *pos)
{
	uint8_t buf[CHUNK];
	ssize_t done = 0;

	if (!alive(f))
		return 0;
	while (dst->left) {
		size_t n = dst->left < sizeof(buf) ? dst->left : sizeof(buf);
		size_t got = mm_peek(f->priv, (uint64_t)*pos, buf, n);
		ssize_t r = got ? uio_put(dst, buf, got) : -EIO;

		if (r <= 0)
			return done ? done : r;
		done += r;
		*pos += r;
		if ((size_t)r < n)
			break;
	}
	return done;
}

/* What is not writable needs a thread that stands still: a debugger writes to what it has stopped. */
static size_t poke(struct file *f, uint64_t addr, const void *buf, size_t len)
{
	size_t done = mm_poke(NULL, f->priv, addr, buf, len);
	struct task *t;

	if (done == len)
		return done;
	t = ptrace_borrow(kernfs_object(f->inode)->task->tg);
	if (!t)
		return done;
	if (t->mm == f->priv)
		done += mm_poke(t->th, f->priv, addr + done, (const uint8_t *)buf + done, len - done);
	ptrace_thaw(t);
	task_put(t);
	return done;
}

static ssize_t mem_write(struct file *f, struct uio *src, int64_t *pos)
{
	uint8_t buf[CHUNK];
	ssize_t done = 0;

	if (!alive(f))
		return 0;
	while (src->left) {
		ssize_t n = uio_take(src, buf, src->left < sizeof(buf) ? src->left : sizeof(buf));
		size_t put;

		if (n <= 0)
			return done ? done : n;
		put = poke(f, (uint64_t)*pos, buf, (size_t)n);
		done += (ssize_t)put;
		*pos += (int64_t)put;
		if (put < (size_t)n)
			return done ? done : -EIO;
	}
	return done;
}

static int64_t mem_lseek(struct file *f, int64_t off, int whence)
{
	if (whence == SEEK_CUR)
		off = (int64_t)((uint64_t)off + (uint64_t)f->pos); /* addresses: any bits will do */
	else if (whence != SEEK_SET)
		return -EINVAL;
	return f->pos = off;
}

const struct file_ops proc_mem_fops = {
	.read = mem_read,
	.write = mem_write,
	.lseek = mem_lseek,
	.release = mm_release,
};

/* --- pagemap: one word for each page ---------------------------------------------------------------------------------- */

#define PM_PFN_MASK ((1ull << 55) - 1)

/* What the host says of the guest's pages, without their places; nothing of the stub's own. */
static ssize_t pagemap_words(struct mm *mm, int fd, uint64_t at, uint8_t *buf, size_t len)
{
	uint64_t end = aspace_max(mm->as) / PAGE_SIZE_ * 8, *word = (uint64_t *)(void *)buf;
	ssize_t r;

	if (at >= end) /* up to the end of user space there are words */
		return at < (1ull << 47) / PAGE_SIZE_ * 8 ? (memset(buf, 0, len), (ssize_t)len) : 0;
	if (len > end - at)
		len = end - at;
	r = host_pread(fd, buf, len, at);
	for (ssize_t i = 0; i < r / 8; i++)
		word[i] &= ~PM_PFN_MASK;
	return r;
}

static ssize_t pagemap_read(struct file *f, struct uio *dst, int64_t *pos)
{
	_Alignas(8) uint8_t buf[CHUNK];
	ssize_t done = 0, r = 0;
	int fd;

	if (!alive(f))
		return 0;
	if (*pos < 0 || *pos % 8 || dst->left % 8)
		return -EINVAL;
	fd = mm_open_host(f->priv, "pagemap");
	if (fd < 0)
		return fd;
	while (dst->left) {
		size_t n = dst->left < sizeof(buf) ? dst->left : sizeof(buf);

		r = pagemap_words(f->priv, fd, (uint64_t)*pos, buf, n);
		if (r > 0)
			r = uio_put(dst, buf, (size_t)r);
		if (r <= 0)
			break;
		done += r;
		*pos += r;
	}
	host_close(fd);
	return done ? done : r;
}

const struct file_ops proc_pagemap_fops = {
	.read = pagemap_read,
	.lseek = mem_lseek,
	.release = mm_release,
};
