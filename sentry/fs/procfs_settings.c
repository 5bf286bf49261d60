/* SPDX-License-Identifier: MIT */
/* Settings of processes in /proc/PID, and what the scheduler and the timers say. proc(5). */
#include "fs/procfs_internal.h"

#include "kernel/pid_ns.h"
#include "kernel/time.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

int proc_parse_number(const char *text, long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 0);
	if (end == text || errno)
		return -EINVAL;
	while (*end == '\n' || *end == ' ' || *end == '\t')
		end++;
	return *end ? -EINVAL : 0;
}

int proc_show_oom_adj(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%d\n", o->task->tg->oom_score_adj);
	return 0;
}

static int set_oom_adj(struct task *v, struct thread_group *tg, long long n)
{
	if (n < tg->oom_score_adj && !task_capable(v, CAP_SYS_RESOURCE))
		return -EACCES;
	tg->oom_score_adj = (int)n;
	return 0;
}

int proc_store_oom_adj(struct task *v, const struct kobj *o, char *text, size_t len)
{
	long long n;
	int err = proc_parse_number(text, &n);

	if (err)
		return err;
	if (n < -1000 || n > 1000)
		return -EINVAL;
	return set_oom_adj(v, o->task->tg, n);
}

static bool may_see_slack(struct task *v, struct task *t)
{
	struct cred *c = task_cred_get(t);
	bool ok = v == t || ns_capable(v, c->user_ns, CAP_SYS_NICE);

	cred_put(c);
	return ok;
}

int proc_show_slack(struct task *v, const struct kobj *o, struct seq *s)
{
	if (!may_see_slack(v, o->task))
		return -EPERM;
	seq_printf(s, "%lu\n", o->task->timer_slack);
	return 0;
}

int proc_store_slack(struct task *v, const struct kobj *o, char *text, size_t len)
{
	long long n;
	int err = proc_parse_number(text, &n);

	if (err)
		return err;
	if (!may_see_slack(v, o->task))
		return -EPERM;
	o->task->timer_slack = n ? (uint64_t)n : 50000;
	return 0;
}

/* The share of memory that the process holds, in thousandths, plus what the setting adds; of that two thirds. */
int proc_show_oom_score(struct task *v, const struct kobj *o, struct seq *s)
{
	int64_t adj = o->task->tg->oom_score_adj, share = 0;
	struct mm *mm = task_mm_get(o->task);
	struct mm_usage use;
	struct proc_memory m;

	if (mm && !mm_usage(mm, &use)) {
		proc_memory(o->kernel, &m);
		share = m.total ? (int64_t)(use.resident * 4 * 1000 / m.total) : 0;
	}
	if (mm)
		mm_put(mm);
	seq_printf(s, "%ld\n", adj > -1000 && mm ? (1000 + share + adj) * 2 / 3 : 0);
	return 0;
}

/* The scale of before Linux 2.6.36: -17 to 15. */
int proc_show_old_oom_adj(struct task *v, const struct kobj *o, struct seq *s)
{
	int adj = o->task->tg->oom_score_adj;

	seq_printf(s, "%d\n", adj == 1000 ? 15 : adj * 17 / 1000);
	return 0;
}

int proc_store_old_oom_adj(struct task *v, const struct kobj *o, char *text, size_t len)
{
	long long n;
	int err = proc_parse_number(text, &n);

	if (err)
		return err;
	if (n < -17 || n > 15)
		return -EINVAL;
	return set_oom_adj(v, o->task->tg, n == 15 ? 1000 : n * 1000 / 17);
}

/* --- login sessions: who opened the session that a process belongs to -------------------------------------------------------------- */

int proc_show_loginuid(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%u", o->task->tg->loginuid);
	return 0;
}

/* Free to set once, by the process itself; then it takes CAP_AUDIT_CONTROL. */
int proc_store_loginuid(struct task *v, const struct kobj *o, char *text, size_t len)
{
	struct thread_group *tg = o->task->tg;
	long long n;
	int err;

	if (v->tg != tg)
		return -EPERM;
	err = proc_parse_number(text, &n);
	if (err)
		return err;
	if (n < 0 || n > UINT32_MAX)
		return -EINVAL;
	if (tg->loginuid != UINT32_MAX && !task_capable(v, CAP_AUDIT_CONTROL))
		return -EPERM;
	tg->sessionid = n == UINT32_MAX ? UINT32_MAX : atomic_fetch_add(&tg->kernel->n_logins, 1) + 1;
	tg->loginuid = (uint32_t)n;
	return 0;
}

int proc_show_sessionid(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%u", o->task->tg->sessionid);
	return 0;
}

/* --- core dumps: none is written, but the choice is kept and inherited -------------------------------------------------------------- */

#define COREDUMP_BITS 0x1ffu

int proc_show_coredump(struct task *v, const struct kobj *o, struct seq *s)
{
	struct mm *mm = task_mm_get(o->task);

	if (!mm)
		return 0;
	mm_put(mm);
	seq_printf(s, "%08x\n", o->task->tg->coredump_filter);
	return 0;
}

int proc_store_coredump(struct task *v, const struct kobj *o, char *text, size_t len)
{
	long long n;
	int err = proc_parse_number(text, &n);

	if (err)
		return err;
	o->task->tg->coredump_filter = (unsigned)n & COREDUMP_BITS;
	return 0;
}

/* --- scheduler and timers ------------------------------------------------------------------------------------------------------------ */

/* One autogroup a session. */
int proc_show_autogroup(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "/autogroup-%d nice 0\n", o->task->tg->sid);
	return 0;
}

#define SCHED_LINE(name, fmt, ...) seq_printf(s, "%-45s:" fmt "\n", name, __VA_ARGS__)

int proc_show_sched(struct task *v, const struct kobj *o, struct seq *s)
{
	struct task *t = o->task;
	uint64_t ns = task_cpu_ns(t), vol = t->nvcsw, invol = t->nivcsw;
	char comm[TASK_COMM_LEN];
	struct task_sched sched;

	lock_acquire(&t->cred_lock);
	memcpy(comm, t->comm, sizeof(comm));
	lock_release(&t->cred_lock);
	comm[TASK_COMM_LEN - 1] = 0;
	sched_get(t, &sched);
	seq_printf(s, "%s (%d, #threads: %u)\n", comm, pid_nr_ns(o->pid_ns, t->tid), t->tg->n_threads);
	seq_puts(s, "-------------------------------------------------------------------\n");
	SCHED_LINE("se.sum_exec_runtime", "%14lu.%06lu", ns / 1000000, ns % 1000000);
	SCHED_LINE("se.nr_migrations", "%21d", 0);
	SCHED_LINE("nr_switches", "%21lu", vol + invol);
	SCHED_LINE("nr_voluntary_switches", "%21lu", vol);
	SCHED_LINE("nr_involuntary_switches", "%21lu", invol);
	SCHED_LINE("se.load.weight", "%21d", 1048576);
	SCHED_LINE("policy", "%21d", sched.policy);
	SCHED_LINE("prio", "%21d", sched.rt_priority ? 99 - sched.rt_priority : 120 + sched.nice);
	return 0;
}

/* On Linux a write clears the statistics; these are kept for others too. */
int proc_store_sched(struct task *v, const struct kobj *o, char *text, size_t len)
{
	return 0;
}

int proc_show_timers(struct task *v, const struct kobj *o, struct seq *s)
{
	char *text = NULL;
	ssize_t n;

	if (v && !task_may_inspect(v, o->task))
		return -EACCES;
	n = posix_timers_show(o->task->tg, o->pid_ns, &text);
	if (n < 0)
		return (int)n;
	seq_write(s, text, (size_t)n);
	free(text);
	return 0;
}
