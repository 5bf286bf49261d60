/* SPDX-License-Identifier: MIT */
/* Files that stand for events: eventfd(2), timerfd_create(2), signalfd(2), epoll(7). */
#pragma once

#include "kernel/signal.h"
#include "vfs/vfs.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct kernel;
struct task;
struct file;

/* flags: EFD_SEMAPHORE, EFD_NONBLOCK. */
int eventfd_create(struct kernel *k, uint64_t count, int flags, struct file **ret);

bool file_is_eventfd(const struct file *f);
/* Add one, unless the counter is full. */
void eventfd_ring(struct file *f);

struct itimer_ns { /* 0: off */
	int64_t value, interval;
};
/* flags: TFD_NONBLOCK. -EINVAL: no such clock; -EPERM: an alarm clock. */
int timerfd_make(struct kernel *k, int clock, int flags, struct file **ret);
/* flags: TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET. -EINVAL: *f* is no timerfd. */
int timerfd_set(struct file *f, int flags, const struct itimer_ns *new, struct itimer_ns *old);
int timerfd_get(struct file *f, struct itimer_ns *cur);

/* flags: SFD_NONBLOCK. mask: the wanted signals. */
int signalfd_make(struct task *t, ksigset mask, int flags, struct file **ret);
int signalfd_change(struct file *f, ksigset mask); /* -EINVAL: not a signalfd */

int epoll_make(struct kernel *k, struct file **ret);
bool file_is_epoll(const struct file *f);
/* Which file *ep* watches under number *fd*, the *n*-th of them; to compare with, not held. -EINVAL: no epoll; -ENOENT. kcmp(2). */
int epoll_nth(struct file *ep, int fd, unsigned n, const struct file **ret);
/* *ep* is an epoll file, *f* (descriptor number *fd*) what it is to watch. Errors as epoll_ctl(2). */
int epoll_control(struct file *ep, int op, int fd, struct file *f, const struct epoll_event *ev);
/*
 * Sleep until an event, *deadline_ns* (CLOCK_MONOTONIC, -1: for ever; 0: do not sleep) or a signal (-EINTR). Events are copied
 * out to the guest's array *uev* of *max* elements. Returns how many.
 */
int epoll_collect(struct task *t, struct file *ep, uint64_t uev, int max, int64_t deadline_ns);
