/* SPDX-License-Identifier: MIT */
/* Looking at other processes: pidfd_getfd(2), process_mrelease(2), kcmp(2). */
#include "kernel/pidfd.h"
#include "fs/event.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <linux/kcmp.h>

static struct fd_table *fds_of(struct task *t)
{
	LOCK_SCOPE(&t->cred_lock);

	if (t->fds)
		refs_get(&t->fds->refs);
	return t->fds;
}

/* The file of descriptor *fd* in *ft*, held; NULL: none. */
static struct file *file_in(struct fd_table *ft, uint64_t fd)
{
	struct file *f = NULL;
	LOCK_SCOPE(&ft->lock);

	if (fd < ft->n_entries)
		f = ft->entries[fd].file;
	if (f)
		file_get(f);
	return f;
}

/* The file of a descriptor of another task, held. -EBADF; -ESRCH: it has ended. */
static int file_of(struct task *x, uint64_t fd, struct file **ret)
{
	struct fd_table *ft = fds_of(x);

	if (!ft)
		return -ESRCH;
	*ret = file_in(ft, fd);
	fd_table_put(NULL, ft);
	return *ret ? 0 : -EBADF;
}

/* The first thread of *tg*, held; NULL: it has been waited for. */
static struct task *leader_get(struct thread_group *tg)
{
	LOCK_SCOPE(&tg->kernel->tasklist_lock);

	if (tg->leader)
		task_get(tg->leader);
	return tg->leader;
}

int64_t sys_pidfd_getfd(struct task *t, const uint64_t *a)
{
	struct thread_group *tg;
	struct file *f = NULL;
	struct task *x;
	int r;

	if (ARG_UINT(a, 2))
		return -EINVAL;
	tg = pidfd_group(t, ARG_INT(a, 0));
	if (!tg)
		return -EBADF;
	x = leader_get(tg);
	tg_put(tg);
	if (!x)
		return -ESRCH;
	r = task_may_inspect(t, x) ? file_of(x, ARG_UINT(a, 1), &f) : -EPERM;
	task_put(x);
	if (r)
		return r;
	r = fd_install(t, f, true, 0);
	if (r < 0)
		file_put(f);
	return r;
}

/* The memory of a process that is being killed goes with its stub, at once: there is nothing to hurry. */
int64_t sys_process_mrelease(struct task *t, const uint64_t *a)
{
	struct thread_group *tg;
	int r;

	if (ARG_UINT(a, 1))
		return -EINVAL;
	tg = pidfd_group(t, ARG_INT(a, 0));
	if (!tg)
		return -EBADF;
	lock_acquire(&tg->siglock);
	r = tg->zombie ? -ESRCH : tg->group_exiting ? 0 : -EINVAL;
	lock_release(&tg->siglock);
	tg_put(tg);
	return r;
}

/* What of a task is compared; read under its cred_lock, never followed. */
static const void *object_of(struct task *x, int type)
{
	const void *p;

	if (type == KCMP_SIGHAND) {
		LOCK_SCOPE(&x->tg->siglock);

		return x->tg->sighand;
	}
	lock_acquire(&x->cred_lock);
	p = type == KCMP_VM ? (const void *)x->mm : type == KCMP_FILES ? (const void *)x->fds : (const void *)x->fs;
	lock_release(&x->cred_lock);
	return p;
}

static int64_t compare(const void *p, const void *q)
{
	return p == q ? 0 : (uintptr_t)p < (uintptr_t)q ? 1 : 2;
}

static int64_t compare_files(struct task *x, struct task *y, uint64_t fx, uint64_t fy)
{
	struct file *f = NULL, *g = NULL;
	int64_t r;

	if (file_of(x, fx, &f) || file_of(y, fy, &g))
		r = -EBADF;
	else
		r = compare(f, g);
	if (f)
		file_put(f);
	if (g)
		file_put(g);
	return r;
}

/* File *i* of *x* with what an epoll instance of *y* watches; the slot is the caller's. */
static int64_t compare_epoll(struct task *t, struct task *x, struct task *y, uint64_t i, uint64_t addr)
{
	struct file *f = NULL, *ep = NULL;
	struct kcmp_epoll_slot slot;
	const struct file *target;
	int64_t r = -EBADF;

	if (copy_in(t, &slot, addr, sizeof(slot)))
		return -EFAULT;
	if (!file_of(x, i, &f) && !file_of(y, slot.efd, &ep)) {
		r = epoll_nth(ep, (int)slot.tfd, slot.toff, &target);
		if (!r)
			r = compare(f, target);
	}
	if (f)
		file_put(f);
	if (ep)
		file_put(ep);
	return r;
}

static int64_t do_kcmp(struct task *t, struct task *x, struct task *y, int type, uint64_t i, uint64_t j)
{
	switch (type) {
	case KCMP_FILE:
		return compare_files(x, y, i, j);
	case KCMP_VM:
	case KCMP_FILES:
	case KCMP_FS:
	case KCMP_SIGHAND:
		return compare(object_of(x, type), object_of(y, type));
	case KCMP_SYSVSEM:
		return compare(x->sem_undo, y->sem_undo);
	case KCMP_IO:
		return 0; /* no task has a context of its own: priorities are kept in the task */
	case KCMP_EPOLL_TFD:
		return compare_epoll(t, x, y, i, j);
	}
	return -EINVAL;
}

int64_t sys_kcmp(struct task *t, const uint64_t *a)
{
	struct task *x = task_find_vnr(t, ARG_INT(a, 0)), *y = task_find_vnr(t, ARG_INT(a, 1));
	int64_t r = -ESRCH;

	if (x && y)
		r = task_may_inspect(t, x) && task_may_inspect(t, y) ? do_kcmp(t, x, y, ARG_INT(a, 2), a[3], a[4]) : -EPERM;
	task_put(x);
	task_put(y);
	return r;
}
