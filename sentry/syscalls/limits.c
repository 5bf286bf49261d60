/* SPDX-License-Identifier: MIT */
/* getrlimit(2), setrlimit(2), prlimit(2). */
#include "kernel/cputime.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "mm/mm.h"
#include "syscalls/syscalls.h"


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
	int r;

	lock_acquire(&tg->limits_lock);
	r = n ? check_new(t, tg, res, n) : 0;
	*old = tg->rlim[res];
	if (!r && n)
		task_set_rlimit(tg, res, n);
	lock_release(&tg->limits_lock);
	if (!r && n && res == RLIMIT_CPU)
		cpu_limit_arm(tg);
	return r;
}

/* What a running address space has to be told; one that vfork shares is told at exec. */
static void put_into_force(struct task *target, int res)
{
	struct mm *mm;

	if (res != RLIMIT_AS && res != RLIMIT_DATA)
		return;
	mm = task_mm_get(target);
	if (!mm)
		return;
	if (atomic_load(&mm->n_groups) == 1)
		mm_apply_limits(mm, target->tg);
	mm_put(mm);
}

static bool may_prlimit(struct task *t, struct task *target)
{
	struct cred *c;
	bool ok;

	if (target->tg == t->tg)
		return true;
	c = task_cred_get(target);
	ok = t->cred->uid == c->euid && t->cred->uid == c->suid && t->cred->uid == c->uid && t->cred->gid == c->egid &&
	     t->cred->gid == c->sgid && t->cred->gid == c->gid;
	ok = ok || ns_capable(t, c->user_ns, CAP_SYS_RESOURCE);
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
	if (!r && a[2])
		put_into_force(target, res);
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
