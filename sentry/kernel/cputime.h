/* SPDX-License-Identifier: MIT */
/*
 * CPU time and resource usage. What a guest runs is counted by the host, for its stub: user time, and as system time its page faults
 * and native calls. What the sentry does for it is system time too: each entry is timed by the processor's counter, less its sleeps;
 * of those that the poller serves one in CPU_SAMPLE is, and stands for all.
 * getrusage(2), times(2).
 */
#pragma once

#include "arch/arch.h"
#include "kernel/task.h"

struct rusage;
struct aspace;

struct cpu_times {
	uint64_t utime_ns, stime_ns;
};

/* Of a group, with its dead threads and the programs it ran before; of one thread. No locks held. */
void tg_cpu_times(struct thread_group *tg, struct cpu_times *ret);
void task_cpu_times(struct task *t, struct cpu_times *ret);
/* Their sums; the first one may be asked for under any lock that ranks below RANK_LEAF. */
uint64_t tg_cpu_ns(struct thread_group *tg);
uint64_t task_cpu_ns(struct task *t);
/* profile.c: of a group with several threads the one that used most since the last question; held. NULL: nobody stands out. */
struct task *tg_busiest(struct thread_group *tg);
/* From now on the group's CPU time runs in *as* (NULL: nowhere); what it used in the one before is remembered. */
void tg_set_aspace(struct thread_group *tg, struct aspace *as);

/* The calling worker begins to serve *t*. */
static inline void cpu_enter(struct task *t)
{
	t->sampled = false;
	t->entered_ticks = arch_ticks();
}

#define CPU_SAMPLE 8u

/* The same for one of many short calls. */
static inline void cpu_enter_polled(struct task *t)
{
	t->sampled = ++t->polled_calls % CPU_SAMPLE == 0;
	t->entered_ticks = t->sampled ? arch_ticks() : 0;
}

/* So far it was *t* that was served: its system time. [self] */
void cpu_charge(struct task *t);

/* Around a sleep of *t*. */
static inline void cpu_sleep_end(struct task *t, uint64_t began)
{
	if (t->entered_ticks)
		t->entered_ticks += arch_ticks() - began;
}

/* *t* is about to make the first thread beside itself. [self] */
void cpu_first_thread(struct task *t);
/* exec: the threads that *t*'s process had are gone, and what they used is no more *t*'s. */
void cpu_exec(struct task *t);

/* --- resource usage ----------------------------------------------------------------------------------------------------- */

/* RUSAGE_SELF, RUSAGE_THREAD and RUSAGE_CHILDREN of the caller. Waits a moment for what the host still counts of dead children. */
void usage_self(struct task *t, struct rusage *ru);
void usage_thread(struct task *t, struct rusage *ru);
void usage_children(struct task *t, struct rusage *ru);
/* What a child used, with its own children; *final* (held by the caller, or NULL): the host's account of its stub. */
struct usage_final;
struct usage_final *usage_final_of(struct thread_group *c); /* of a zombie: a reference, or NULL */
/* The address space *as* ends, or is about to be killed: its peak counts for --report, which looks at the living only now and then. */
void usage_note_peak(struct kernel *k, struct aspace *as);
void usage_of_child(struct task *t, const struct cpu_times *times, struct usage_final *final, struct rusage *ru);
/* The child *c* has been waited for: all that it and its children used is now among the children's of *tg*. tasklist_lock held. */
void usage_adopt(struct thread_group *tg, struct thread_group *c);
void usage_free(struct thread_group *tg);

/* --- RLIMIT_CPU ---------------------------------------------------------------------------------------------------------- */

/* The limit of *tg* has been set or inherited: see to it that it is looked after. limits_lock not held. */
void cpu_limit_arm(struct thread_group *tg);
void cpu_limit_stop(struct thread_group *tg); /* the group has ended */
void cpu_limit_free(struct thread_group *tg);
