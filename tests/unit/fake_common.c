/* SPDX-License-Identifier: MIT */
/* What fake_kernel.c and fake_task.c have in common: memory that is only counted, one's own numbers and memory, and nobody to tell. */
#include "kernel/memory.h"
#include "fake_common.h"

#include "fs/fs.h"
#include "kernel/pid_ns.h"
#include "kernel/task.h"
#include "vfs/leases.h"
#include "vfs/vfs.h"
#include "vfs/touched.h"
#include "vfs/touched.h"

#include <string.h>

WEAK int kernel_charge(struct kernel *k, uint64_t bytes)
{
	if (k->memory_limit && k->memory_used + bytes > k->memory_limit)
		return -ENOMEM;
	k->memory_used += bytes;
	return 0;
}

WEAK int kernel_charge_files(struct kernel *k, uint64_t bytes)
{
	return kernel_charge(k, bytes) < 0 ? -ENOSPC : 0;
}

WEAK bool memory_near(const struct kernel *k, uint64_t len)
{
	return false;
}

WEAK bool memory_bring_in(struct task *t, uint64_t addr, uint64_t len)
{
	return true;
}

WEAK uint64_t kernel_files_left(struct kernel *k)
{
	return k->memory_limit ? k->memory_limit - k->memory_used : 1u << 30;
}

WEAK void kernel_uncharge(struct kernel *k, uint64_t bytes)
{
	k->memory_used -= bytes;
}

WEAK void platform_host_block_begin(struct platform *p)
{
}

WEAK void platform_host_block_end(struct platform *p)
{
}

WEAK int pid_ns_lookup(const struct pid_ns *ns, int nr)
{
	return nr;
}

WEAK int pid_ns_global(const struct pid_ns *ns, int nr)
{
	return nr;
}

WEAK struct cred *task_cred_get(struct task *t)
{
	return t->cred;
}

WEAK void task_cred_replace(struct task *t, struct cred *c)
{
	t->cred = c;
}

WEAK bool task_capable(const struct task *t, int cap)
{
	return cred_capable(t->cred, cap);
}

WEAK int copy_in(struct task *t, void *dst, uint64_t src, size_t len)
{
	memcpy(dst, (const void *)(uintptr_t)src, len);
	return 0;
}

WEAK int copy_out(struct task *t, uint64_t dst, const void *src, size_t len)
{
	memcpy((void *)(uintptr_t)dst, src, len);
	return 0;
}

WEAK void epoll_forget_file(struct file *f)
{
}

WEAK int dev_open(struct task *t, uint64_t rdev, bool is_block, struct file *f)
{
	return -ENXIO;
}

/* Nobody is told of anything, and there are no leases. */
WEAK struct f_owner f_owner_get(struct file *f)
{
	return f->owner;
}

WEAK int f_owner_set(struct task *t, struct file *f, int type, int pid, bool force)
{
	return 0;
}

WEAK void f_owner_tell(struct kernel *k, const struct f_owner *o, int fd, int code)
{
}

WEAK void fasync_free(struct file *f)
{
}

WEAK void fasync_no_room(struct file *f)
{
}

WEAK void lease_file_gone(struct file *f)
{
}

WEAK int lease_break_slow(struct task *t, struct inode *inode, bool write, bool nonblock)
{
	return 0;
}

/* Nobody asks for a report here. */
WEAK void touched_slow(struct dentry *dir, const char *name, size_t len, enum touched how)
{
}
