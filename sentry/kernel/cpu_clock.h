/* SPDX-License-Identifier: MIT */
/* Clocks that count CPU time, by their numbers: clock_getcpuclockid(3), pthread_getcpuclockid(3). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct task;
struct thread_group;

enum cpu_clock_kind { CPU_CLOCK_PROF, CPU_CLOCK_VIRT, CPU_CLOCK_SCHED }; /* user and system, user, both exactly */

struct cpu_clock {
	struct thread_group *tg; /* held; or */
	struct task *task;	 /* held */
	enum cpu_clock_kind kind;
};

/* Is it one of these? A clock of a descriptor is none. */
bool clock_is_cpu(clockid_t clock);
bool clock_is_dynamic(clockid_t clock);
/* Does *clock* mean the thread *t* itself? */
bool cpu_clock_is_own_thread(const struct task *t, clockid_t clock);
/*
 * Find it: any process, or a thread of the caller's own. *reading*: the caller's thread number stands for its process too. 0, to be
 * given back with cpu_clock_put(), or -EINVAL.
 */
int cpu_clock_get(struct task *t, clockid_t clock, bool reading, struct cpu_clock *ret);
void cpu_clock_put(struct cpu_clock *c);
int64_t cpu_clock_read(const struct cpu_clock *c); /* nanoseconds */
