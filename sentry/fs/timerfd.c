/* SPDX-License-Identifier: MIT */
/*
 * timerfd_create(2). A periodic timer is armed for one expiration at a time: further ones are counted when somebody
 * looks, so that a tiny interval costs nothing.
 */
#include "fs/event.h"

#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/timers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>

struct timerfd {
	struct lock set_lock; /* RANK_EPOLL_TREE: one timerfd_settime() at a time */
	struct lock lock;     /* RANK_PIPE: guards what follows; taken by the timer's callback */
	struct ktimer timer;
	int clock;	      /* the guest's; boot time runs on CLOCK_MONOTONIC */
	int64_t deadline_ns;  /* on timer.clock; 0: off */
	int64_t interval_ns;
	uint64_t ticks;
	bool expired;	      /* went off, and is not armed again yet */
	int settime_flags;
	struct wait_queue waiters;
	/* TFD_TIMER_CANCEL_ON_SET: nobody tells the sentry that the wall clock was set, so it is looked at by and by. */
	struct ktimer watch;
	int64_t real_minus_mono;
	bool watching, cancelled;
};

#define WATCH_NS 1000000000
#define STEP_NS 10000000 /* a clock that is only steered moves less in that time */

static const struct file_ops timerfd_fops;

static int64_t now_on(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void went_off(struct ktimer *kt)
{
	struct timerfd *tf = container_of(kt, struct timerfd, timer);

	lock_acquire(&tf->lock);
	if (!tf->deadline_ns || now_on(kt->clock) < tf->deadline_ns) { /* set anew meanwhile */
		lock_release(&tf->lock);
		return;
	}
	tf->expired = true;
	tf->ticks++;
	lock_release(&tf->lock);
	wait_queue_wake(&tf->waiters, EPOLLIN | EPOLLRDNORM);
}

static int64_t clock_distance(void)
{
	return now_on(CLOCK_REALTIME) - now_on(CLOCK_MONOTONIC);
}

static void look_at_clock(struct ktimer *kt)
{
	struct timerfd *tf = container_of(kt, struct timerfd, watch);
	int64_t now = clock_distance(), moved;
	bool set;

	lock_acquire(&tf->lock);
	moved = now - tf->real_minus_mono;
	set = tf->watching && (moved > STEP_NS || moved < -STEP_NS);
	tf->real_minus_mono = now;
	tf->cancelled |= set;
	if (tf->watching)
		ktimer_arm(kt, kernel_now_mono() + WATCH_NS);
	lock_release(&tf->lock);
	if (set)
		wait_queue_wake(&tf->waiters, EPOLLIN | EPOLLRDNORM);
}

/* lock held */
static void watch_clock(struct timerfd *tf, int flags)
{
	const int both = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;

	tf->watching = tf->clock == CLOCK_REALTIME && (flags & both) == both;
	tf->cancelled = false;
	if (!tf->watching)
		return;
	tf->real_minus_mono = clock_distance();
	ktimer_arm(&tf->watch, kernel_now_mono() + WATCH_NS);
}

/* Count the expirations of a periodic timer up to now and arm it again; lock held. */
static void catch_up(struct timerfd *tf)
{
	int64_t now, n;

	if (!tf->expired || !tf->interval_ns)
		return;
	now = now_on(tf->timer.clock);
	n = now > tf->deadline_ns ? (now - tf->deadline_ns) / tf->interval_ns : 0;
	tf->ticks += (uint64_t)n;
	tf->deadline_ns += n * tf->interval_ns;
	if (__builtin_add_overflow(tf->deadline_ns, tf->interval_ns, &tf->deadline_ns))
		tf->deadline_ns = INT64_MAX;
	tf->expired = false;
	ktimer_arm(&tf->timer, tf->deadline_ns);
}

static ssize_t timerfd_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct timerfd *tf = f->priv;
	uint64_t ticks;
	ssize_t n;

	if (dst->left < sizeof(ticks))
		return -EINVAL;
	lock_acquire(&tf->lock);
	if (tf->cancelled) {
		tf->cancelled = false;
		tf->ticks = 0;
		lock_release(&tf->lock);
		return -ECANCELED;
	}
	if (tf->ticks)
		catch_up(tf);
	ticks = tf->ticks;
	tf->ticks = 0;
	lock_release(&tf->lock);
	if (!ticks)
		return -EAGAIN;
	n = uio_put(dst, &ticks, sizeof(ticks));
	return n == sizeof(ticks) ? n : -EFAULT;
}

static uint32_t timerfd_poll(struct file *f, struct waiter *w)
{
	struct timerfd *tf = f->priv;

	if (w)
		wait_queue_add(&tf->waiters, w);
	LOCK_SCOPE(&tf->lock);
	return tf->ticks || tf->cancelled ? EPOLLIN | EPOLLRDNORM : 0;
}

/* Time left and interval; lock held. */
static void current_setting(struct timerfd *tf, struct itimer_ns *cur)
{
	int64_t left = 0;

	catch_up(tf);
	if (tf->deadline_ns && !tf->expired) {
		left = tf->deadline_ns - now_on(tf->timer.clock);
		if (left <= 0)
			left = 1; /* about to go off: not "off" */
	}
	*cur = (struct itimer_ns){.value = left, .interval = tf->interval_ns};
}

int timerfd_get(struct file *f, struct itimer_ns *cur)
{
	struct timerfd *tf = f->priv;

	if (f->ops != &timerfd_fops)
		return -EINVAL;
	LOCK_SCOPE(&tf->lock);
	current_setting(tf, cur);
	return 0;
}

static int64_t deadline_of(const struct timerfd *tf, int flags, int64_t value)
{
	int64_t deadline, base = 0;

	if (!value)
		return 0;
	if (!(flags & TFD_TIMER_ABSTIME))
		base = now_on(tf->timer.clock);
	else if (tf->clock == CLOCK_BOOTTIME)
		base = now_on(CLOCK_MONOTONIC) - now_on(CLOCK_BOOTTIME);
	if (__builtin_add_overflow(base, value, &deadline))
		deadline = INT64_MAX;
	return deadline > 0 ? deadline : 1;
}

int timerfd_set(struct file *f, int flags, const struct itimer_ns *new, struct itimer_ns *old)
{
	struct timerfd *tf = f->priv;

	if (f->ops != &timerfd_fops)
		return -EINVAL;
	LOCK_SCOPE(&tf->set_lock);
	lock_acquire(&tf->lock);
	current_setting(tf, old);
	tf->interval_ns = tf->deadline_ns = 0;
	tf->expired = false;
	lock_release(&tf->lock);
	/* The callback takes the lock: it must not be held while waiting for it. Nobody else arms a timer that is off. */
	ktimer_cancel(&tf->timer);
	lock_acquire(&tf->lock);
	tf->ticks = 0;
	tf->settime_flags = flags;
	watch_clock(tf, flags);
	tf->deadline_ns = deadline_of(tf, flags, new->value);
	tf->interval_ns = tf->deadline_ns ? new->interval : 0;
	if (tf->deadline_ns)
		ktimer_arm(&tf->timer, tf->deadline_ns);
	lock_release(&tf->lock);
	return 0;
}

static ssize_t timerfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct timerfd *tf = f->priv;
	struct itimer_ns cur;

	LOCK_SCOPE(&tf->lock);
	current_setting(tf, &cur);
	return snprintf(buf, size,
		"clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%lld, %lld)\nit_interval: (%lld, %lld)\n", tf->clock,
		(unsigned long long)tf->ticks, (unsigned)tf->settime_flags, (long long)cur.value / 1000000000,
		(long long)cur.value % 1000000000, (long long)cur.interval / 1000000000,
		(long long)cur.interval % 1000000000);
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tf = f->priv;

	ktimer_cancel(&tf->timer);
	ktimer_cancel(&tf->watch);
	lock_destroy(&tf->lock);
	lock_destroy(&tf->set_lock);
	lock_destroy(&tf->waiters.lock);
	free(tf);
}

/* TFD_IOC_SET_TICKS, for whoever restores a program. */
static int64_t timerfd_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	struct timerfd *tf = f->priv;
	uint64_t ticks;

	if (cmd != _IOW('T', 0, uint64_t))
		return -ENOTTY;
	if (copy_in(t, &ticks, arg, sizeof(ticks)))
		return -EFAULT;
	if (!ticks)
		return -EINVAL;
	lock_acquire(&tf->lock);
	if (tf->cancelled) {
		tf->cancelled = false;
		lock_release(&tf->lock);
		return -ECANCELED;
	}
	tf->ticks = ticks;
	lock_release(&tf->lock);
	wait_queue_wake(&tf->waiters, EPOLLIN | EPOLLRDNORM);
	return 0;
}

static const struct file_ops timerfd_fops = {
	.ioctl = timerfd_ioctl,
	.read = timerfd_read,
	.poll = timerfd_poll,
	.show_fdinfo = timerfd_fdinfo,
	.lseek = file_lseek_nowhere,
	.release = timerfd_release,
};

int timerfd_make(struct kernel *k, int clock, int flags, struct file **ret)
{
	struct timerfd *tf;
	int err;

	if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM)
		return -EPERM; /* a sandbox cannot wake the machine */
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	tf = calloc(1, sizeof(*tf));
	if (!tf)
		return -ENOMEM;
	lock_init(&tf->set_lock, RANK_EPOLL_TREE);
	lock_init(&tf->lock, RANK_PIPE);
	wait_queue_init(&tf->waiters);
	tf->clock = clock;
	ktimer_init(k, &tf->watch, CLOCK_MONOTONIC, look_at_clock);
	ktimer_init(k, &tf->timer, clock == CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, went_off);
	err = file_alloc_anon(k, "anon_inode:[timerfd]", &timerfd_fops, 0600, O_RDWR | (flags & O_NONBLOCK), tf, ret);
	if (err) {
		free(tf);
		return err;
	}
	(*ret)->stream = true;
	return 0;
}
