/* SPDX-License-Identifier: MIT */
/* reboot(2): in a pid namespace, and the sandbox is one, it ends the first process. */
#include "kernel/ns.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "kernel/user_ns.h"
#include "syscalls/syscalls.h"

#include <linux/reboot.h>
#include <signal.h>

/* The signal whose death its parent sees the first process die; 0: no command that ends anything. */
static int signal_of(uint32_t cmd)
{
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		return SIGHUP;
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		return SIGINT;
	}
	return 0;
}

static bool good_magic(uint32_t one, uint32_t two)
{
	return one == LINUX_REBOOT_MAGIC1 && (two == LINUX_REBOOT_MAGIC2 || two == LINUX_REBOOT_MAGIC2A ||
					      two == LINUX_REBOOT_MAGIC2B || two == LINUX_REBOOT_MAGIC2C);
}

/* The first process of the task's pid namespace, held; NULL: dead and buried. */
static struct thread_group *first_process(struct task *t)
{
	struct kernel *k = t->kernel;
	struct pid_ns *ns = t->tg->pid_ns;
	struct thread_group *tg;

	LOCK_SCOPE(&k->tasklist_lock);
	tg = ns && ns->level ? ns->init : k->init->tg;
	if (tg)
		tg_get(tg);
	return tg;
}

int64_t sys_reboot(struct task *t, const uint64_t *a)
{
	struct pid_ns *ns = t->tg->pid_ns;
	int signo = signal_of(ARG_UINT(a, 2));
	struct thread_group *init;

	if (!(ns ? ns_capable(t, ns->head.owner, CAP_SYS_BOOT) : task_capable(t, CAP_SYS_BOOT)))
		return -EPERM;
	if (!good_magic(ARG_UINT(a, 0), ARG_UINT(a, 1)) || !signo)
		return -EINVAL;
	init = first_process(t);
	if (init != t->tg)
		group_exit_begin(t, 0);
	if (!init)
		return 0;
	lock_acquire(&init->siglock);
	if (!init->zombie)
		group_kill_locked(init, signo);
	lock_release(&init->siglock);
	tg_put(init);
	return 0;
}
