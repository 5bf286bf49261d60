/* SPDX-License-Identifier: MIT */
/* prctl(2), arch_prctl(2), personality(2). */
#include "kernel/seccomp.h"
#include "kernel/task_internal.h"
#include "mm/mm.h"
#include "syscalls/caps.h"
#include "syscalls/prctl.h"
#include "syscalls/syscalls.h"

#include <asm/prctl.h>
#include <string.h>
#include <sys/prctl.h>

static int64_t set_name(struct task *t, uint64_t addr)
{
	char name[TASK_COMM_LEN] = {0};
	ssize_t n = copy_in_str(t, name, addr, sizeof(name));

	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	name[TASK_COMM_LEN - 1] = 0;
	lock_acquire(&t->cred_lock);
	memcpy(t->comm, name, sizeof(name));
	lock_release(&t->cred_lock);
	return 0;
}

static int64_t no_new_privs(struct task *t)
{
	struct cred *c;

	if (t->cred->no_new_privs)
		return 0;
	c = cred_copy(t->cred);
	if (!c)
		return -ENOMEM;
	c->no_new_privs = true;
	task_cred_replace(t, c);
	return 0;
}

static int64_t out_int(struct task *t, uint64_t addr, int v)
{
	return copy_out(t, addr, &v, sizeof(v));
}

int64_t sys_prctl(struct task *t, const uint64_t *a)
{
	struct thread_group *tg = t->tg;

	switch (ARG_INT(a, 0)) {
	case PR_SET_NAME:
		return set_name(t, a[1]);
	case PR_GET_NAME:
		return copy_out(t, a[1], t->comm, TASK_COMM_LEN);
	case PR_SET_PDEATHSIG:
		if (a[1] > KSIG_MAX)
			return -EINVAL;
		t->pdeath_signal = (int)a[1];
		return 0;
	case PR_GET_PDEATHSIG:
		return out_int(t, a[1], t->pdeath_signal);
	case PR_GET_DUMPABLE:
		return tg->dumpable;
	case PR_SET_DUMPABLE:
		if (a[1] > 1)
			return -EINVAL;
		tg->dumpable = a[1];
		return 0;
	case PR_GET_KEEPCAPS:
		return caps_get_keep(t);
	case PR_SET_KEEPCAPS:
		return caps_set_keep(t, a[1]);
	case PR_GET_SECCOMP:
		return seccomp_mode(t);
	case PR_SET_SECCOMP:
		return prctl_set_seccomp(t, a[1], a[2]);
	case PR_SET_NO_NEW_PRIVS:
		return a[1] != 1 || a[2] || a[3] || a[4] ? -EINVAL : no_new_privs(t);
	case PR_GET_NO_NEW_PRIVS:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : task_no_new_privs(t);
	case PR_CAPBSET_READ:
		return a[1] > CAP_LAST_CAP ? -EINVAL : (int64_t)(t->cred->cap_bounding >> a[1] & 1);
	case PR_CAPBSET_DROP:
		return caps_drop_bounding(t, a[1]);
	case PR_CAP_AMBIENT:
		return caps_ambient(t, a);
	case PR_GET_SECUREBITS:
		return t->cred->securebits;
	case PR_SET_SECUREBITS:
		return caps_set_securebits(t, a[1]);
	case PR_SET_CHILD_SUBREAPER:
		tg->child_subreaper = a[1] != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return out_int(t, a[1], tg->child_subreaper);
	case PR_SET_TIMERSLACK:
		t->timer_slack = a[1] ? a[1] : t->default_timer_slack;
		return 0;
	case PR_GET_TIMERSLACK:
		return (int64_t)t->timer_slack;
	case PR_GET_TID_ADDRESS:
		return copy_out(t, a[1], &t->clear_child_tid, 8);
	case PR_SET_VMA:
		return prctl_set_vma(t, a);
	case PR_GET_TIMING:
		return 0;
	case PR_SET_TIMING:
		return a[1] ? -EINVAL : 0;
	}
	return prctl_other(t, a);
}

int64_t sys_arch_prctl(struct task *t, const uint64_t *a)
{
	struct guest_regs regs;

	/* ARCH_SET_FS is the host's; these come here with full registers. */
	switch (ARG_INT(a, 0)) {
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		gthread_get_regs(t->th, &regs);
		return copy_out(t, a[1], ARG_INT(a, 0) == ARCH_GET_FS ? &regs.fs_base : &regs.gs_base, 8);
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (a[1] >= aspace_max(t->mm->as))
			return -EPERM;
		gthread_get_regs(t->th, &regs);
		*(ARG_INT(a, 0) == ARCH_SET_FS ? &regs.fs_base : &regs.gs_base) = a[1];
		regs.rax = 0;
		t->in_syscall = false;
		gthread_set_regs(t->th, &regs);
		return 0;
	}
	return -EINVAL;
}

int64_t sys_personality(struct task *t, const uint64_t *a)
{
	unsigned old = t->personality;

	if (ARG_UINT(a, 0) != 0xffffffff)
		t->personality = ARG_UINT(a, 0);
	return old;
}
