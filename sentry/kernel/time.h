/* SPDX-License-Identifier: MIT */
/* Clocks, interval timers and POSIX timers of tasks and groups. */
#pragma once

#include "kernel/cputime.h"
#include "kernel/timers.h"

#include <stdint.h>
#include <sys/types.h>

struct task;
struct thread_group;
struct aspace;
struct pid_ns;
struct itimerspec_ns {
	int64_t interval, value; /* nanoseconds */
};
struct sigevent_args { /* what the guest's struct sigevent says */
	int notify, signo, tid;
	uint64_t value;
	bool value_is_id; /* none was given: the timer's number */
};

/* Now on a guest clock, nanoseconds; -EINVAL for unknown clocks. */
int clock_now(struct task *t, clockid_t clock, int64_t *ret_ns);

/* which: ITIMER_*. Either of new and old may be NULL. setitimer(2), getitimer(2). */
int itimer_set(struct task *t, int which, const struct itimerspec_ns *new_value, struct itimerspec_ns *old_value);

/* timer_create(2) and kin. Numbers are per process. */
int posix_timer_create(struct task *t, clockid_t clock, const struct sigevent_args *ev);
int posix_timer_settime(struct task *t, int id, bool absolute, const struct itimerspec_ns *n, struct itimerspec_ns *old);
int posix_timer_gettime(struct task *t, int id, struct itimerspec_ns *ret);
int posix_timer_getoverrun(struct task *t, int id);
int posix_timer_delete(struct task *t, int id);
/* A signal of timer *id* has been taken from the queue: timer_getoverrun(2) tells of it. siglock held. */
void posix_timer_delivered(struct thread_group *tg, int id, int overrun);

/* Text of /proc/PID/timers, malloc'ed; its length or a negative errno. */
ssize_t posix_timers_show(struct thread_group *tg, const struct pid_ns *ns, char **ret);

/* Disarm and free all timers of a group (exit), or the POSIX ones (exec). Idempotent. No locks held. */
void tg_timers_free(struct thread_group *tg);
void tg_posix_timers_free(struct thread_group *tg);
