/* SPDX-License-Identifier: MIT */
/* eventfd(2), timerfd_create(2), signalfd(2). */
#include "fs/event.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/* Install a fresh file; the reference is taken over in any case. */
static int64_t install(struct task *t, struct file *f, bool cloexec)
{
	int fd = fd_install(t, f, cloexec, 0);

	if (fd < 0)
		file_put(f);
	return fd;
}

static int64_t do_eventfd(struct task *t, uint32_t count, int flags)
{
	struct file *f;
	int err;

	if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	err = eventfd_create(t->kernel, count, flags & ~EFD_CLOEXEC, &f);
	return err ? err : install(t, f, flags & EFD_CLOEXEC);
}

int64_t sys_eventfd(struct task *t, const uint64_t *a)
{
	return do_eventfd(t, ARG_UINT(a, 0), 0);
}

int64_t sys_eventfd2(struct task *t, const uint64_t *a)
{
	return do_eventfd(t, ARG_UINT(a, 0), ARG_INT(a, 1));
}

/* --- timerfd ------------------------------------------------------------------------------------------------------------------- */

int64_t sys_timerfd_create(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 1), err;
	struct file *f;

	if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	err = timerfd_make(t->kernel, ARG_INT(a, 0), flags & TFD_NONBLOCK, &f);
	return err ? err : install(t, f, flags & TFD_CLOEXEC);
}

static int to_ns(const struct __kernel_timespec *ts, int64_t *ns)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000)
		return -EINVAL;
	if (__builtin_mul_overflow(ts->tv_sec, 1000000000ll, ns) || __builtin_add_overflow(*ns, ts->tv_nsec, ns))
		*ns = INT64_MAX;
	return 0;
}

static int put_setting(struct task *t, uint64_t addr, const struct itimer_ns *s)
{
	struct __kernel_itimerspec its = {
		.it_interval = {s->interval / 1000000000, s->interval % 1000000000},
		.it_value = {s->value / 1000000000, s->value % 1000000000},
	};

	return copy_out(t, addr, &its, sizeof(its));
}

int64_t sys_timerfd_settime(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 1), err;
	struct __kernel_itimerspec its;
	struct itimer_ns new, old;
	FILE_SCOPE f = NULL;

	err = copy_in(t, &its, a[2], sizeof(its));
	if (err)
		return err;
	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) || to_ns(&its.it_value, &new.value) ||
		to_ns(&its.it_interval, &new.interval))
		return -EINVAL;
	f = fd_get(t, ARG_INT(a, 0));
	if (!f)
		return -EBADF;
	err = timerfd_set(f, flags, &new, &old);
	if (!err && a[3])
		err = put_setting(t, a[3], &old);
	return err;
}

int64_t sys_timerfd_gettime(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	struct itimer_ns cur;
	int err;

	if (!f)
		return -EBADF;
	err = timerfd_get(f, &cur);
	return err ? err : put_setting(t, a[1], &cur);
}

/* --- signalfd ------------------------------------------------------------------------------------------------------------------- */

static int64_t do_signalfd(struct task *t, int fd, uint64_t mask_addr, uint64_t size, int flags)
{
	FILE_SCOPE old = NULL;
	struct file *f;
	ksigset mask;
	int err;

	if (size != sizeof(mask))
		return -EINVAL;
	err = copy_in(t, &mask, mask_addr, sizeof(mask));
	if (err)
		return err;
	if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	if (fd == -1) {
		err = signalfd_make(t, mask, flags & SFD_NONBLOCK, &f);
		return err ? err : install(t, f, flags & SFD_CLOEXEC);
	}
	old = fd_get(t, fd);
	if (!old)
		return -EBADF;
	err = signalfd_change(old, mask);
	return err ? err : fd;
}

int64_t sys_signalfd(struct task *t, const uint64_t *a)
{
	return do_signalfd(t, ARG_INT(a, 0), a[1], a[2], 0);
}

int64_t sys_signalfd4(struct task *t, const uint64_t *a)
{
	return do_signalfd(t, ARG_INT(a, 0), a[1], a[2], ARG_INT(a, 3));
}
