/* SPDX-License-Identifier: MIT */
/* getrlimit(2), prlimit(2), priorities and scheduling. sched(7). */
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"

#include <sched.h>
#include <string.h>
#include <sys/time.h>

#define CPU_SET_MAX 1024 /* bits */

static int check_new(struct task *t, struct thread_group *tg, int res, const struct rlimit_pair *n)
{
	if (n->cur > n->max)
		return -EINVAL;
	if (n->max > tg->rlim[res].max && !task_capable(t, CAP_SYS_RESOURCE))
		return -EPERM;
	if (res == RLIMIT_NOFILE && n->max > 1 << 20)
		return -EPERM;
	return 0;
}

static int64_t do_prlimit(struct task *t, struct thread_group *tg, int res, const struct rlimit_pair *n,
			  struct rlimit_pair *old)
{
	LOCK_SCOPE(&tg->limits_lock);
	int r = n ? check_new(t, tg, res, n) : 0;

	if (r)
		return r;
	*old = tg->rlim[res];
	if (n)
		tg->rlim[res] = *n;
	return 0;
}

static bool may_prlimit(struct task *t, struct task *target)
{
	struct cred *c;
	bool ok;

	if (target->tg == t->tg || task_capable(t, CAP_SYS_RESOURCE))
		return true;
	c = task_cred_get(target);
	ok = t->cred->uid == c->euid && t->cred->uid == c->suid && t->cred->uid == c->uid && t->cred->gid == c->egid &&
	     t->cred->gid == c->sgid && t->cred->gid == c->gid;
	cred_put(c);
	return ok;
}

int64_t sys_prlimit64(struct task *t, const uint64_t *a)
{
	int pid = ARG_INT(a, 0), res = ARG_INT(a, 1);
	struct rlimit_pair n, old;
	struct task *target;
	int64_t r;

	if (res < 0 || res >= RLIM_NLIMITS)
		return -EINVAL;
	if (a[2] && copy_in(t, &n, a[2], sizeof(n)))
		return -EFAULT;
	target = task_find(t->kernel, pid ? pid_from_vnr(t, pid) : t->tid);
	if (!target)
		return -ESRCH;
	r = may_prlimit(t, target) ? do_prlimit(t, target->tg, res, a[2] ? &n : NULL, &old) : -EPERM;
	task_put(target);
	if (r)
		return r;
	return a[3] && copy_out(t, a[3], &old, sizeof(old)) ? -EFAULT : 0;
}

int64_t sys_getrlimit(struct task *t, const uint64_t *a)
{
	uint64_t b[4] = {0, a[0], 0, a[1]};

	return sys_prlimit64(t, b);
}

int64_t sys_setrlimit(struct task *t, const uint64_t *a)
{
	uint64_t b[4] = {0, a[0], a[1], 0};

	return sys_prlimit64(t, b);
}

/* --- priorities: kept and reported; the host's scheduler is not ours to change -------------------------------------- */

static struct task *prio_target(struct task *t, int which, int who)
{
	if (which == PRIO_PROCESS)
		return task_find(t->kernel, who ? pid_from_vnr(t, who) : t->tid);
	task_get(t);
	return t;
}

int64_t sys_getpriority(struct task *t, const uint64_t *a)
{
	int which = ARG_INT(a, 0), nice;
	struct task *x;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	x = prio_target(t, which, ARG_INT(a, 1));
	if (!x)
		return -ESRCH;
	nice = x->tg->nice;
	task_put(x);
	return 20 - nice;
}

int64_t sys_setpriority(struct task *t, const uint64_t *a)
{
	int which = ARG_INT(a, 0), nice = ARG_INT(a, 2);
	struct task *x;
	int r = 0;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	x = prio_target(t, which, ARG_INT(a, 1));
	if (!x)
		return -ESRCH;
	if (nice < x->tg->nice && !task_capable(t, CAP_SYS_NICE))
		r = -EACCES;
	else
		x->tg->nice = nice;
	task_put(x);
	return r;
}

/* --- scheduling ---------------------------------------------------------------------------------------------------------- */

int64_t sys_sched_yield(struct task *t, const uint64_t *a)
{
	sched_yield();
	return 0;
}

static int64_t check_pid(struct task *t, int pid)
{
	struct task *x;

	if (pid < 0)
		return -EINVAL;
	x = task_find(t->kernel, pid ? pid_from_vnr(t, pid) : t->tid);
	if (!x)
		return -ESRCH;
	task_put(x);
	return 0;
}

static struct task *affinity_target(struct task *t, int pid)
{
	if (pid)
		return task_find_vnr(t, pid);
	task_get(t);
	return t;
}

int64_t sys_sched_getaffinity(struct task *t, const uint64_t *a)
{
	uint64_t mask[TASK_CPU_WORDS] = {0}, any = 0;
	unsigned len = ARG_UINT(a, 1), cpus = t->kernel->n_cpus, n = (cpus + 63) / 64 * 8;
	struct task *target;

	if (len < n || (len & 7))
		return -EINVAL;
	target = affinity_target(t, ARG_INT(a, 0));
	if (!target)
		return -ESRCH;
	lock_acquire(&target->cred_lock);
	memcpy(mask, target->cpus, sizeof(mask));
	lock_release(&target->cred_lock);
	task_put(target);
	for (unsigned i = 0; i < TASK_CPU_WORDS; i++)
		any |= mask[i];
	for (unsigned i = 0; !any && i < cpus && i < CPU_SET_MAX; i++)
		mask[i / 64] |= 1ull << (i % 64);
	n = n < sizeof(mask) ? n : (unsigned)sizeof(mask);
	return copy_out(t, a[2], mask, n) ? -EFAULT : (int64_t)n;
}

static bool may_set_affinity(struct task *t, struct task *target)
{
	struct cred *c = task_cred_get(target);
	bool ok = t->cred->euid == c->euid || t->cred->euid == c->uid || task_capable(t, CAP_SYS_NICE);

	cred_put(c);
	return ok;
}

/* A wish: guest threads run where the host puts them. It must still name a CPU that is there, and is remembered. */
int64_t sys_sched_setaffinity(struct task *t, const uint64_t *a)
{
	uint64_t mask[TASK_CPU_WORDS] = {0}, known[TASK_CPU_WORDS] = {0}, any = 0;
	unsigned len = ARG_UINT(a, 1);
	struct task *target;

	if (len > sizeof(mask))
		len = sizeof(mask);
	if (copy_in(t, mask, a[2], len))
		return -EFAULT;
	for (unsigned i = 0; i < t->kernel->n_cpus && i < CPU_SET_MAX; i++)
		known[i / 64] |= 1ull << (i % 64);
	for (unsigned i = 0; i < TASK_CPU_WORDS; i++)
		any |= mask[i] &= known[i];
	target = affinity_target(t, ARG_INT(a, 0));
	if (!target)
		return -ESRCH;
	if (!may_set_affinity(t, target)) {
		task_put(target);
		return -EPERM;
	}
	if (any) {
		lock_acquire(&target->cred_lock);
		memcpy(target->cpus, mask, sizeof(mask));
		lock_release(&target->cred_lock);
	}
	task_put(target);
	return any ? 0 : -EINVAL;
}

int64_t sys_sched_getscheduler(struct task *t, const uint64_t *a)
{
	return check_pid(t, ARG_INT(a, 0)); /* SCHED_OTHER is 0 */
}

int64_t sys_sched_getparam(struct task *t, const uint64_t *a)
{
	int64_t r = check_pid(t, ARG_INT(a, 0));
	int prio = 0;

	return r ? r : copy_out(t, a[1], &prio, sizeof(prio));
}

int64_t sys_sched_setscheduler(struct task *t, const uint64_t *a)
{
	int64_t r = check_pid(t, ARG_INT(a, 0));
	int policy = ARG_INT(a, 1), prio;

	if (r)
		return r;
	if (copy_in(t, &prio, a[2], sizeof(prio)))
		return -EFAULT;
	policy &= ~0x40000000; /* SCHED_RESET_ON_FORK */
	if (policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE)
		return prio ? -EINVAL : 0;
	return policy == SCHED_FIFO || policy == SCHED_RR ? -EPERM : -EINVAL;
}

int64_t sys_sched_setparam(struct task *t, const uint64_t *a)
{
	int64_t r = check_pid(t, ARG_INT(a, 0));
	int prio;

	if (r)
		return r;
	if (copy_in(t, &prio, a[1], sizeof(prio)))
		return -EFAULT;
	return prio ? -EINVAL : 0;
}

int64_t sys_sched_getattr(struct task *t, const uint64_t *a)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} at = {.size = 48, .nice = t->tg->nice};
	int64_t r = check_pid(t, ARG_INT(a, 0));

	if (r)
		return r;
	if (ARG_UINT(a, 2) < sizeof(at) || ARG_UINT(a, 3))
		return -EINVAL;
	return copy_out(t, a[1], &at, sizeof(at));
}

int64_t sys_sched_get_priority_max(struct task *t, const uint64_t *a)
{
	int p = ARG_INT(a, 0);

	return p == SCHED_FIFO || p == SCHED_RR ? 99 : p >= 0 && p <= 6 && p != 4 ? 0 : -EINVAL;
}

int64_t sys_sched_get_priority_min(struct task *t, const uint64_t *a)
{
	int p = ARG_INT(a, 0);

	return p == SCHED_FIFO || p == SCHED_RR ? 1 : p >= 0 && p <= 6 && p != 4 ? 0 : -EINVAL;
}

int64_t sys_sched_rr_get_interval(struct task *t, const uint64_t *a)
{
	struct timespec ts = {0, 4000000};
	int64_t r = check_pid(t, ARG_INT(a, 0));

	return r ? r : copy_out(t, a[1], &ts, sizeof(ts));
}

int64_t sys_getcpu(struct task *t, const uint64_t *a)
{
	unsigned cpu = 0, node = 0;

	if (getcpu(&cpu, &node))
		return -errno;
	if (a[0] && copy_out(t, a[0], &cpu, sizeof(cpu)))
		return -EFAULT;
	return a[1] && copy_out(t, a[1], &node, sizeof(node)) ? -EFAULT : 0;
}

int64_t sys_ioprio_get(struct task *t, const uint64_t *a)
{
	return 0x4004; /* best effort, level 4: what a task without a setting has */
}
