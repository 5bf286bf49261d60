/* SPDX-License-Identifier: MIT */
/* epoll_create(2), epoll_ctl(2), epoll_wait(2). */
#include "fs/event.h"
#include "syscalls/event.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>

static int64_t create(struct task *t, bool cloexec)
{
	struct file *f;
	int fd, err = epoll_make(t->kernel, &f);

	if (err)
		return err;
	fd = fd_install(t, f, cloexec, 0);
	if (fd < 0)
		file_put(f);
	return fd;
}

int64_t sys_epoll_create(struct task *t, const uint64_t *a)
{
	return ARG_INT(a, 0) <= 0 ? -EINVAL : create(t, false);
}

int64_t sys_epoll_create1(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 0);

	return flags & ~EPOLL_CLOEXEC ? -EINVAL : create(t, flags & EPOLL_CLOEXEC);
}

int64_t sys_epoll_ctl(struct task *t, const uint64_t *a)
{
	int op = ARG_INT(a, 1), fd = ARG_INT(a, 2), err;
	struct epoll_event ev = {0};
	FILE_SCOPE ep = NULL;
	FILE_SCOPE f = NULL;

	if (op != EPOLL_CTL_DEL) {
		err = copy_in(t, &ev, a[3], sizeof(ev));
		if (err)
			return err;
	}
	ep = fd_get(t, ARG_INT(a, 0));
	f = ep ? fd_get(t, fd) : NULL;
	if (!f)
		return -EBADF;
	return epoll_control(ep, op, fd, f, op == EPOLL_CTL_DEL ? NULL : &ev);
}

static int64_t wait_events(struct task *t, const uint64_t *a, int64_t deadline)
{
	int max = ARG_INT(a, 2);
	FILE_SCOPE ep = NULL;

	if (max <= 0 || max > (int)(INT_MAX / sizeof(struct epoll_event)))
		return -EINVAL;
	ep = fd_get(t, ARG_INT(a, 0));
	if (!ep)
		return -EBADF;
	if (!file_is_epoll(ep))
		return -EINVAL;
	return epoll_collect(t, ep, a[1], max, deadline);
}

static int64_t ms_deadline(int ms)
{
	return event_deadline(ms < 0 ? -1 : ms * 1000000ll);
}

int64_t sys_epoll_wait(struct task *t, const uint64_t *a)
{
	return wait_events(t, a, ms_deadline(ARG_INT(a, 3)));
}

static int64_t pwait(struct task *t, const uint64_t *a, int64_t deadline)
{
	struct event_mask m;
	int64_t n;
	int err = event_mask_begin(t, a[4], a[5], &m);

	if (err)
		return err;
	n = wait_events(t, a, deadline);
	event_mask_end(t, &m, n == -EINTR);
	return n;
}

int64_t sys_epoll_pwait(struct task *t, const uint64_t *a)
{
	return pwait(t, a, ms_deadline(ARG_INT(a, 3)));
}

int64_t sys_epoll_pwait2(struct task *t, const uint64_t *a)
{
	int64_t ns;
	int err = copy_in_timespec(t, a[3], &ns);

	return err ? err : pwait(t, a, event_deadline(ns));
}
