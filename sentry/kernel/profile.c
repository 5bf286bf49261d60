/* SPDX-License-Identifier: MIT */
/* Which thread a signal of a process's CPU timer goes to: profilers ask where it is when the signal comes. */
#include "kernel/cputime.h"
#include "kernel/task_internal.h"

#define LOOKED_AT_MAX 64 /* threads; of more the signal goes to any, like others */

static int threads_of(struct thread_group *tg, struct task *v[LOOKED_AT_MAX])
{
	struct task *t;
	int n = 0;
	LOCK_SCOPE(&tg->siglock);

	list_for_each_entry(t, &tg->threads, tg_link) {
		if (t->exited)
			continue;
		if (n == LOOKED_AT_MAX)
			break;
		task_get(t);
		v[n++] = t;
	}
	return n;
}

struct task *tg_busiest(struct thread_group *tg)
{
	struct task *v[LOOKED_AT_MAX], *best = NULL;
	uint64_t most = 0;
	int n = threads_of(tg, v);

	for (int i = 0; n > 1 && i < n; i++) {
		uint64_t now = task_cpu_ns(v[i]), was = atomic_exchange_explicit(&v[i]->profiled_ns, now, memory_order_relaxed);

		if (now > was && now - was > most) {
			most = now - was;
			best = v[i];
		}
	}
	for (int i = 0; i < n; i++)
		if (v[i] != best)
			task_put(v[i]);
	return best;
}
