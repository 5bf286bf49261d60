/* SPDX-License-Identifier: MIT */
/* Scheduling policies, priorities and affinities. sched(7), setpriority(2), ioprio_set(2), getcpu(2). */
#include "kernel/sched.h"
#include "host/sched.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "kernel/user_ns.h"
#include "syscalls/syscalls.h"

#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#define RR_INTERVAL_NS 100000000
#define FAIR_INTERVAL_NS 4000000
#define ATTR_SIZE_MAX 4096
#define ATTR_SIZE_VER0 48
#define ATTR_SIZE_VER1 56
#define KEEP_POLICY (-1)

struct sched_attr_args { /* struct sched_attr; its own header does not go with the C library's */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
_Static_assert(sizeof(struct sched_attr_args) == ATTR_SIZE_VER1, "struct sched_attr");

/* The task of a number, 0 the caller; held. NULL: none. */
static struct task *target_of(struct task *t, int pid)
{
	if (pid)
		return task_find_vnr(t, pid);
	task_get(t);
	return t;
}

/* The caller's effective user owns *p* (one of its real and effective users), or *cap* is there. */
static bool owns(struct task *t, struct task *p, int cap)
{
	struct cred *c = task_cred_get(p);
	bool ok = t->cred->euid == c->euid || t->cred->euid == c->uid || ns_capable(t, c->user_ns, cap);

	cred_put(c);
	return ok;
}

/* --- nice values and I/O priorities: of one thread, of a group, of a user ----------------------------------------------- */

struct each {
	struct task *caller;
	int (*fn)(struct each *e, struct task *p);
	int value, result; /* result: -ESRCH until one was found */
};

/* tasklist_lock held */
static void each_thread(struct each *e, struct thread_group *tg)
{
	struct task *p;

	list_for_each_entry(p, &tg->threads, tg_link)
		e->result = e->fn(e, p);
}

static bool of_user(struct task *p, uint32_t uid)
{
	struct cred *c = task_cred_get(p);
	bool is = c->uid == uid;

	cred_put(c);
	return is;
}

/* which: PRIO_PROCESS, PRIO_PGRP or PRIO_USER. */
static int for_each_target(struct each *e, int which, int who)
{
	struct task *t = e->caller;
	uint32_t uid = who ? make_kuid(t->cred->user_ns, (uint32_t)who) : t->cred->uid;
	struct kernel *k = t->kernel;
	struct thread_group *tg;
	struct task *p;
	LOCK_SCOPE(&k->tasklist_lock);

	if (which == PRIO_USER && uid == ID_INVALID)
		return -EINVAL;
	if (which != PRIO_USER && who && !(who = pid_from_vnr(t, who)))
		return -ESRCH;
	if (which == PRIO_PROCESS) {
		p = who ? pid_task(k, who) : t;
		return p ? e->fn(e, p) : -ESRCH;
	}
	for (int pid = 1; (tg = tg_next(k, pid)); pid = tg->pid + 1) {
		if (which == PRIO_PGRP && tg->pgid == (who ? who : t->tg->pgid)) {
			each_thread(e, tg);
		} else if (which == PRIO_USER) {
			list_for_each_entry(p, &tg->threads, tg_link)
				if (of_user(p, uid))
					e->result = e->fn(e, p);
		}
	}
	return e->result;
}

static int highest_nice(struct each *e, struct task *p)
{
	struct task_sched s;

	sched_get(p, &s);
	return 20 - s.nice > e->result ? 20 - s.nice : e->result;
}

int64_t sys_getpriority(struct task *t, const uint64_t *a)
{
	struct each e = {.caller = t, .fn = highest_nice, .result = -ESRCH};
	int which = ARG_INT(a, 0);

	return which < PRIO_PROCESS || which > PRIO_USER ? -EINVAL : for_each_target(&e, which, ARG_INT(a, 1));
}

static int set_nice(struct each *e, struct task *p)
{
	struct task_sched s;

	if (!owns(e->caller, p, CAP_SYS_NICE))
		return -EPERM;
	sched_get(p, &s);
	if (e->value < s.nice && !sched_can_nice(e->caller, p, e->value))
		return -EACCES;
	lock_acquire(&p->cred_lock);
	p->sched.nice = e->value;
	lock_release(&p->cred_lock);
	return e->result == -ESRCH ? 0 : e->result;
}

int64_t sys_setpriority(struct task *t, const uint64_t *a)
{
	struct each e = {.caller = t, .fn = set_nice, .value = ARG_INT(a, 2), .result = -ESRCH};
	int which = ARG_INT(a, 0);

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (e.value < SCHED_NICE_MIN)
		e.value = SCHED_NICE_MIN;
	if (e.value > SCHED_NICE_MAX)
		e.value = SCHED_NICE_MAX;
	return for_each_target(&e, which, ARG_INT(a, 1));
}

/* The class of a task without a setting, as it follows from its policy and nice value. */
static int effective_ioprio(const struct task_sched *s)
{
	int class = IOPRIO_CLASS_BE;

	if (IOPRIO_PRIO_CLASS(s->ioprio) != IOPRIO_CLASS_NONE)
		return s->ioprio;
	if (s->policy == SCHED_IDLE)
		class = IOPRIO_CLASS_IDLE;
	else if (s->policy == SCHED_FIFO || s->policy == SCHED_RR)
		class = IOPRIO_CLASS_RT;
	return class << IOPRIO_CLASS_SHIFT | ((s->nice + 20) / 5);
}

static int raw_ioprio(struct each *e, struct task *p)
{
	struct task_sched s;

	sched_get(p, &s);
	return s.ioprio;
}

static int best_ioprio(struct each *e, struct task *p)
{
	struct task_sched s;
	int v;

	sched_get(p, &s);
	v = effective_ioprio(&s);
	return e->result < 0 || v < e->result ? v : e->result;
}

int64_t sys_ioprio_get(struct task *t, const uint64_t *a)
{
	int which = ARG_INT(a, 0);
	struct each e = {.caller = t, .fn = which == IOPRIO_WHO_PROCESS ? raw_ioprio : best_ioprio, .result = -ESRCH};

	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	return for_each_target(&e, which - IOPRIO_WHO_PROCESS + PRIO_PROCESS, ARG_INT(a, 1));
}

static int set_ioprio(struct each *e, struct task *p)
{
	struct cred *c = task_cred_get(p);
	bool ok = c->uid == e->caller->cred->euid || c->uid == e->caller->cred->uid || task_capable(e->caller, CAP_SYS_NICE);

	cred_put(c);
	if (!ok)
		return -EPERM;
	lock_acquire(&p->cred_lock);
	p->sched.ioprio = (uint16_t)e->value;
	lock_release(&p->cred_lock);
	return e->result == -ESRCH ? 0 : e->result;
}

static int check_ioprio(struct task *t, int ioprio)
{
	int level = ioprio & 7;

	switch ((unsigned)ioprio >> IOPRIO_CLASS_SHIFT) {
	case IOPRIO_CLASS_RT:
		return task_capable(t, CAP_SYS_ADMIN) || task_capable(t, CAP_SYS_NICE) ? 0 : -EPERM;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE:
		return 0;
	case IOPRIO_CLASS_NONE:
		return level ? -EINVAL : 0;
	}
	return -EINVAL;
}

int64_t sys_ioprio_set(struct task *t, const uint64_t *a)
{
	struct each e = {.caller = t, .fn = set_ioprio, .value = ARG_INT(a, 2), .result = -ESRCH};
	int which = ARG_INT(a, 0), r = check_ioprio(t, e.value);

	if (r)
		return r;
	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	return for_each_target(&e, which - IOPRIO_WHO_PROCESS + PRIO_PROCESS, ARG_INT(a, 1));
}

/* --- policies ----------------------------------------------------------------------------------------------------------- */

struct setting { /* one wish of sched_setscheduler(2) and kin */
	int policy; /* KEEP_POLICY: that of the task */
	bool reset_on_fork;
	bool keep_params;
	bool nice_given;
	int nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static bool is_rt(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known(int policy)
{
	return policy >= SCHED_NORMAL && policy <= SCHED_DEADLINE && policy != 4;
}

/* What Linux asks of a reservation. */
static bool deadline_ok(const struct setting *w)
{
	uint64_t period = w->period ? w->period : w->deadline;

	return w->deadline && w->runtime >= 1024 && !(w->deadline >> 63) && !(period >> 63) && period >= w->deadline &&
	       w->deadline >= w->runtime;
}

/* May it be asked for without CAP_SYS_NICE? */
static bool is_modest(struct task *t, struct task *p, const struct task_sched *old, const struct setting *w, int policy)
{
	uint64_t rt_max = task_rlimit(p, RLIMIT_RTPRIO), nice_max = task_rlimit(p, RLIMIT_NICE);
	struct cred *c = task_cred_get(p);
	bool own = t->cred->euid == c->euid || t->cred->euid == c->uid;

	cred_put(c);
	if (is_rt(policy)) {
		if (policy != old->policy && !rt_max)
			return false;
		if (w->priority > (unsigned)old->rt_priority && w->priority > rt_max)
			return false;
	} else if (policy == SCHED_DEADLINE) {
		return false;
	} else if (w->nice_given && w->nice < old->nice && (uint64_t)(20 - w->nice) > nice_max) {
		return false;
	}
	if (old->policy == SCHED_IDLE && policy != SCHED_IDLE && (uint64_t)(20 - old->nice) > nice_max)
		return false;
	return own && (!old->reset_on_fork || w->reset_on_fork);
}

static int64_t set_policy(struct task *t, int pid, struct setting *w)
{
	struct task *p = target_of(t, pid);
	struct task_sched s;
	int policy, r = 0;

	if (!p)
		return -ESRCH;
	sched_get(p, &s);
	if (w->keep_params) {
		w->priority = (unsigned)s.rt_priority;
		w->nice = s.nice;
	}
	policy = w->policy;
	if (policy == KEEP_POLICY) {
		policy = s.policy;
		w->reset_on_fork = s.reset_on_fork;
	}
	if (!is_known(policy) || w->priority > SCHED_RT_PRIO_MAX || is_rt(policy) != (w->priority != 0) ||
	    (policy == SCHED_DEADLINE && !deadline_ok(w)))
		r = -EINVAL;
	else if (!is_modest(t, p, &s, w, policy) && !task_capable(t, CAP_SYS_NICE))
		r = -EPERM;
	else if (policy == SCHED_DEADLINE)
		r = -EBUSY; /* what admission control says when there is no time left to promise */
	if (!r) {
		s.policy = policy;
		s.rt_priority = (int)w->priority;
		s.reset_on_fork = w->reset_on_fork;
		if (w->nice_given && !is_rt(policy))
			s.nice = w->nice;
		lock_acquire(&p->cred_lock);
		s.ioprio = p->sched.ioprio;
		p->sched = s;
		lock_release(&p->cred_lock);
	}
	task_put(p);
	return r;
}

static int64_t set_param(struct task *t, int pid, int policy, uint64_t param)
{
	struct setting w = {.policy = policy};
	int prio;

	if (!param || pid < 0)
		return -EINVAL;
	if (copy_in(t, &prio, param, sizeof(prio)))
		return -EFAULT;
	if (policy != KEEP_POLICY && (policy & SCHED_RESET_ON_FORK)) {
		w.reset_on_fork = true;
		w.policy &= ~SCHED_RESET_ON_FORK;
	}
	w.priority = (uint32_t)prio;
	return set_policy(t, pid, &w);
}

int64_t sys_sched_setscheduler(struct task *t, const uint64_t *a)
{
	return ARG_INT(a, 1) < 0 ? -EINVAL : set_param(t, ARG_INT(a, 0), ARG_INT(a, 1), a[2]);
}

int64_t sys_sched_setparam(struct task *t, const uint64_t *a)
{
	return set_param(t, ARG_INT(a, 0), KEEP_POLICY, a[1]);
}

static int64_t get_params(struct task *t, int pid, struct task_sched *s)
{
	struct task *p = pid < 0 ? NULL : target_of(t, pid);

	if (!p)
		return pid < 0 ? -EINVAL : -ESRCH;
	sched_get(p, s);
	task_put(p);
	return 0;
}

int64_t sys_sched_getscheduler(struct task *t, const uint64_t *a)
{
	struct task_sched s;
	int64_t r = get_params(t, ARG_INT(a, 0), &s);

	return r ? r : s.policy | (s.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

int64_t sys_sched_getparam(struct task *t, const uint64_t *a)
{
	struct task_sched s;
	int64_t r = a[1] ? get_params(t, ARG_INT(a, 0), &s) : -EINVAL;

	return r ? r : copy_out(t, a[1], &s.rt_priority, sizeof(int));
}

/* The caller's structure: its first member is its size, later versions are longer. */
static int copy_in_attr(struct task *t, uint64_t addr, struct sched_attr_args *at)
{
	const uint32_t ours = sizeof(*at);
	uint8_t tail[64];
	uint32_t size;

	memset(at, 0, sizeof(*at));
	if (copy_in(t, &size, addr, sizeof(size)))
		return -EFAULT;
	if (!size)
		size = ATTR_SIZE_VER0;
	if (size < ATTR_SIZE_VER0 || size > ATTR_SIZE_MAX)
		goto too_big;
	if (copy_in(t, at, addr, size < ours ? size : ours))
		return -EFAULT;
	for (uint32_t off = ours, n; off < size; off += n) {
		n = size - off < sizeof(tail) ? size - off : (uint32_t)sizeof(tail);
		if (copy_in(t, tail, addr + off, n))
			return -EFAULT;
		for (uint32_t i = 0; i < n; i++)
			if (tail[i])
				goto too_big;
	}
	at->size = size;
	return 0;
too_big:
	copy_out(t, addr, &ours, sizeof(ours));
	return -E2BIG;
}

int64_t sys_sched_setattr(struct task *t, const uint64_t *a)
{
	struct setting w = {.nice_given = true};
	struct sched_attr_args at;
	int r;

	if (!a[1] || ARG_INT(a, 0) < 0 || ARG_UINT(a, 2))
		return -EINVAL;
	r = copy_in_attr(t, a[1], &at);
	if (r)
		return r;
	if ((at.flags & SCHED_FLAG_UTIL_CLAMP) && at.size < ATTR_SIZE_VER1)
		return -EINVAL;
	if ((int)at.policy < 0)
		return -EINVAL;
	if (at.flags & ~(uint64_t)SCHED_FLAG_ALL)
		return -EINVAL;
	if (at.flags & SCHED_FLAG_UTIL_CLAMP)
		return -EOPNOTSUPP; /* a kernel without utilisation clamping */
	w.policy = at.flags & SCHED_FLAG_KEEP_POLICY ? KEEP_POLICY : (int)at.policy;
	w.keep_params = at.flags & SCHED_FLAG_KEEP_PARAMS;
	w.reset_on_fork = at.flags & SCHED_FLAG_RESET_ON_FORK;
	w.nice = at.nice < SCHED_NICE_MIN ? SCHED_NICE_MIN : at.nice > SCHED_NICE_MAX ? SCHED_NICE_MAX : at.nice;
	w.priority = at.priority;
	w.runtime = at.runtime;
	w.deadline = at.deadline;
	w.period = at.period;
	return set_policy(t, ARG_INT(a, 0), &w);
}

int64_t sys_sched_getattr(struct task *t, const uint64_t *a)
{
	uint32_t size = ARG_UINT(a, 2);
	struct sched_attr_args at = {.size = sizeof(at)};
	struct task_sched s;
	int64_t r;

	if (!a[1] || size > ATTR_SIZE_MAX || size < ATTR_SIZE_VER0 || ARG_UINT(a, 3))
		return -EINVAL;
	r = get_params(t, ARG_INT(a, 0), &s);
	if (r)
		return r;
	at.policy = (uint32_t)s.policy;
	at.flags = s.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	if (is_rt(s.policy))
		at.priority = (uint32_t)s.rt_priority;
	else
		at.nice = s.nice;
	if (size > sizeof(at))
		size = sizeof(at);
	at.size = size;
	return copy_out(t, a[1], &at, size);
}

static int64_t bound(int policy, int of_rt)
{
	return is_known(policy) ? (is_rt(policy) ? of_rt : 0) : -EINVAL;
}

int64_t sys_sched_get_priority_max(struct task *t, const uint64_t *a)
{
	return bound(ARG_INT(a, 0), SCHED_RT_PRIO_MAX);
}

int64_t sys_sched_get_priority_min(struct task *t, const uint64_t *a)
{
	return bound(ARG_INT(a, 0), 1);
}

int64_t sys_sched_rr_get_interval(struct task *t, const uint64_t *a)
{
	int64_t ts[2] = {0, FAIR_INTERVAL_NS};
	struct task_sched s;
	int64_t r = get_params(t, ARG_INT(a, 0), &s);

	if (r)
		return r;
	if (is_rt(s.policy))
		ts[1] = s.policy == SCHED_RR ? RR_INTERVAL_NS : 0;
	return copy_out(t, a[1], ts, sizeof(ts));
}

/* --- processors ---------------------------------------------------------------------------------------------------------- */

int64_t sys_sched_getaffinity(struct task *t, const uint64_t *a)
{
	uint64_t mask[TASK_CPU_WORDS];
	unsigned len = ARG_UINT(a, 1), n = (t->kernel->n_cpus + 63) / 64 * 8;
	struct task *p;

	if (len * 8ull < t->kernel->n_cpus || (len & 7))
		return -EINVAL;
	p = target_of(t, ARG_INT(a, 0));
	if (!p)
		return -ESRCH;
	sched_cpus(p, mask, TASK_CPU_WORDS);
	task_put(p);
	if (n > len)
		n = len;
	return copy_out(t, a[2], mask, n) ? -EFAULT : (int64_t)n;
}

int64_t sys_sched_setaffinity(struct task *t, const uint64_t *a)
{
	uint64_t mask[TASK_CPU_WORDS] = {0}, any = 0;
	unsigned len = ARG_UINT(a, 1);
	struct task *p;

	if (len > sizeof(mask))
		len = sizeof(mask);
	if (copy_in(t, mask, a[2], len))
		return -EFAULT;
	for (unsigned i = 0; i < TASK_CPU_WORDS * 64; i++)
		if (i >= t->kernel->n_cpus)
			mask[i / 64] &= ~(1ull << (i % 64));
	for (unsigned i = 0; i < TASK_CPU_WORDS; i++)
		any |= mask[i];
	p = target_of(t, ARG_INT(a, 0));
	if (!p)
		return -ESRCH;
	if (!owns(t, p, CAP_SYS_NICE)) {
		task_put(p);
		return -EPERM;
	}
	if (any) {
		lock_acquire(&p->cred_lock);
		memcpy(p->cpus, mask, sizeof(mask));
		p->pinned = true;
		lock_release(&p->cred_lock);
		sched_apply_affinity(p);
	}
	task_put(p);
	return any ? 0 : -EINVAL;
}

/* The worker that serves a call runs where the caller does, but for a pinned one now and then. */
int64_t sys_getcpu(struct task *t, const uint64_t *a)
{
	unsigned cpu = host_cpu(), node = 0;
	uint64_t mask[TASK_CPU_WORDS];

	sched_cpus(t, mask, TASK_CPU_WORDS);
	if (cpu >= TASK_CPU_WORDS * 64 || !(mask[cpu / 64] >> (cpu % 64) & 1))
		for (cpu = 0; cpu < TASK_CPU_WORDS * 64 - 1 && !(mask[cpu / 64] >> (cpu % 64) & 1);)
			cpu++;
	if (a[0] && copy_out(t, a[0], &cpu, sizeof(cpu)))
		return -EFAULT;
	return a[1] && copy_out(t, a[1], &node, sizeof(node)) ? -EFAULT : 0;
}

int64_t sys_sched_yield(struct task *t, const uint64_t *a)
{
	sched_yield();
	return 0;
}
