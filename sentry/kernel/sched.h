/* SPDX-License-Identifier: MIT */
/*
 * What a task asked of the scheduler. It is kept and reported, and obeyed as far as the affinity goes: when a guest thread runs is
 * the host's business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct task;

#define SCHED_NICE_MIN (-20)
#define SCHED_NICE_MAX 19
#define SCHED_RT_PRIO_MAX 99

struct task_sched { /* guarded by task.cred_lock */
	int policy;	    /* SCHED_* without SCHED_RESET_ON_FORK */
	int nice, rt_priority;
	bool reset_on_fork;
	uint16_t ioprio;    /* 0: never set */
};

/* A consistent copy of what *t* has. */
void sched_get(struct task *t, struct task_sched *ret);
/* The beginnings of *child*, a clone of *t*: the policy, or the default if that was to be reset. */
void sched_fork(struct task *t, struct task *child);
/* May *t* lower the nice value of *p* to *nice* (CAP_SYS_NICE, or RLIMIT_NICE of p)? */
bool sched_can_nice(struct task *t, struct task *p, int nice);
/* The mask of processors that *t* may run on, as 64-bit words; n of them (TASK_CPU_WORDS at most). */
void sched_cpus(struct task *t, uint64_t *mask, unsigned n);
/* The host thread of *t*, which is new or was another's, runs where the task may. No locks held. */
void sched_apply_affinity(struct task *t);
