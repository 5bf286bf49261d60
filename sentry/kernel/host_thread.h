/* SPDX-License-Identifier: MIT */
/*
 * What the host knows of a guest thread's host thread. Some futex waits and memory calls of a guest run without the sentry, so
 * whether a thread runs or sleeps there is the host's to say; likewise page faults, run time and resident sizes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct aspace;
struct kernel;
struct task;

struct host_thread {
	char state;
	unsigned cpu;
	uint64_t min_flt, maj_flt, utime, stime; /* times in ticks */
};

/*
 * process: of the whole process, but the state and processor. False: not known (it has gone, or the host hides it). Takes the
 * siglock of *t*'s group; so do the others.
 */
bool host_thread_stat(struct task *t, bool process, struct host_thread *ret);
/* Run time in ns; 0 when the host does not tell. */
uint64_t host_thread_ns(struct task *t);
/* The largest resident set of its process so far, in KiB; 0 likewise. */
long host_peak_rss(struct task *t);
/* The same of the process behind *as*, which the caller holds. No lock is taken. */
long aspace_peak_rss(struct kernel *k, struct aspace *as);
