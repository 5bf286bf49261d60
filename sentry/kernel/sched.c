/* SPDX-License-Identifier: MIT */
/* Scheduling parameters of tasks. sched(7). */
#include "kernel/sched.h"
#include "host/sched.h"
#include "kernel/task_internal.h"

#include <sched.h>
#include <string.h>

void sched_get(struct task *t, struct task_sched *ret)
{
	LOCK_SCOPE(&t->cred_lock);

	*ret = t->sched;
}

void sched_fork(struct task *t, struct task *child)
{
	struct task_sched s;

	sched_get(t, &s);
	if (s.reset_on_fork) {
		if (s.policy == SCHED_FIFO || s.policy == SCHED_RR) {
			s.policy = SCHED_OTHER;
			s.nice = s.rt_priority = 0;
		} else if (s.nice < 0) {
			s.nice = 0;
		}
		s.reset_on_fork = false;
	}
	child->sched = s;
}

bool sched_can_nice(struct task *t, struct task *p, int nice)
{
	return (uint64_t)(20 - nice) <= task_rlimit(p, RLIMIT_NICE) || task_capable(t, CAP_SYS_NICE);
}

void sched_cpus(struct task *t, uint64_t *mask, unsigned n)
{
	unsigned cpus = t->kernel->n_cpus ? t->kernel->n_cpus : 1;
	uint64_t any = 0;

	lock_acquire(&t->cred_lock);
	for (unsigned i = 0; i < n; i++)
		any |= mask[i] = i < TASK_CPU_WORDS ? t->cpus[i] : 0;
	lock_release(&t->cred_lock);
	for (unsigned i = 0; !any && i < cpus && i < n * 64; i++)
		mask[i / 64] |= 1ull << (i % 64);
}

void sched_apply_affinity(struct task *t)
{
	uint64_t mask[TASK_CPU_WORDS];
	pid_t tid = 0;

	sched_cpus(t, mask, TASK_CPU_WORDS);
	lock_acquire(&t->tg->siglock);
	if (t->th)
		tid = gthread_host_tid(t->th);
	lock_release(&t->tg->siglock);
	if (tid > 0)
		host_set_affinity(tid, mask, sizeof(mask)); /* a wish: a host that has taken processors away may refuse it */
}
