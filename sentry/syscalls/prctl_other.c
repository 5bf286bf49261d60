/* SPDX-License-Identifier: MIT */
/* prctl(2): the options about memory, machine checks, speculation, time stamps and tracing. */
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "syscalls/prctl.h"

#include <sys/prctl.h>

/* PR_MCE_KILL: 0 late, 1 early, and the default, which has no value of its own in the task. */
static int64_t mce_kill(struct task *t, const uint64_t *a)
{
	if (a[3] || a[4])
		return -EINVAL;
	switch (a[1]) {
	case PR_MCE_KILL_CLEAR:
		if (a[2])
			return -EINVAL;
		t->mce_policy = PR_MCE_KILL_DEFAULT;
		return 0;
	case PR_MCE_KILL_SET:
		if (a[2] > PR_MCE_KILL_DEFAULT)
			return -EINVAL;
		t->mce_policy = (uint8_t)a[2];
		return 0;
	}
	return -EINVAL;
}

static int64_t io_flusher(struct task *t, const uint64_t *a, bool set)
{
	if (!task_capable(t, CAP_SYS_RESOURCE))
		return -EPERM;
	if ((!set && a[1]) || a[2] || a[3] || a[4] || a[1] > 1)
		return -EINVAL;
	if (!set)
		return t->io_flusher;
	t->io_flusher = a[1];
	return 0;
}

/* The host has mitigated as it is set up to; a guest thread cannot have it otherwise, and is told so. */
static int64_t speculation(const uint64_t *a, bool set)
{
	if (a[3] || a[4] || (!set && a[2]))
		return -EINVAL;
	switch (a[1]) {
	case PR_SPEC_STORE_BYPASS:
	case PR_SPEC_INDIRECT_BRANCH:
		return set ? -ENXIO : (int)PR_SPEC_ENABLE;
	case PR_SPEC_L1D_FLUSH:
		return set ? -EPERM : (int)PR_SPEC_FORCE_DISABLE;
	}
	return -ENODEV;
}

static int64_t thp_disable(struct task *t, const uint64_t *a, bool set)
{
	if ((!set && a[1]) || a[2] || a[3] || a[4])
		return -EINVAL;
	if (!set)
		return t->tg->thp_disabled;
	t->tg->thp_disabled = a[1] != 0;
	return 0;
}

/* Yama's exception. Every process of one user may be traced by that user's here: there is nothing to grant, but to whom is checked. */
static int64_t set_ptracer(struct task *t, uint64_t who)
{
	struct task *x;

	if (who == 0 || (int)who == -1)
		return 0;
	x = task_find_vnr(t, (int)who);
	task_put(x);
	return x ? 0 : -EINVAL;
}

int64_t prctl_other(struct task *t, const uint64_t *a)
{
	int enabled = PR_TSC_ENABLE;

	switch ((int)a[0]) {
	case PR_SET_MM:
		return prctl_set_mm(t, a);
	case PR_GET_TSC:
		return copy_out(t, a[1], &enabled, sizeof(enabled));
	case PR_SET_TSC:
		return a[1] == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_TASK_PERF_EVENTS_DISABLE:
	case PR_TASK_PERF_EVENTS_ENABLE:
		return 0; /* there are none */
	case PR_MCE_KILL:
		return mce_kill(t, a);
	case PR_MCE_KILL_GET:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : t->mce_policy;
	case PR_GET_SPECULATION_CTRL:
	case PR_SET_SPECULATION_CTRL:
		return speculation(a, (int)a[0] == PR_SET_SPECULATION_CTRL);
	case PR_GET_IO_FLUSHER:
	case PR_SET_IO_FLUSHER:
		return io_flusher(t, a, (int)a[0] == PR_SET_IO_FLUSHER);
	case PR_GET_THP_DISABLE:
	case PR_SET_THP_DISABLE:
		return thp_disable(t, a, (int)a[0] == PR_SET_THP_DISABLE);
	case PR_SET_PTRACER:
		return set_ptracer(t, a[1]);
	}
	return -EINVAL;
}
