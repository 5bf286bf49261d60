/* SPDX-License-Identifier: MIT */
/* _exit(2), exit_group(2), wait4(2), waitid(2). */
#include "kernel/pid_ns.h"
#include "kernel/pidfd.h"
#include "kernel/task_internal.h"
#include "kernel/wait.h"
#include "syscalls/syscalls.h"

#include <limits.h>
#include <string.h>
#include <sys/wait.h>

int64_t sys_exit(struct task *t, const uint64_t *a)
{
	int code = (ARG_INT(a, 0) & 0xff) << 8;

	ptrace_event(t, PTRACE_EVENT_EXIT, (uint64_t)code);
	cpu_charge(t);
	task_exit(t, code);
	task_leave_host_thread(t);
	return 0;
}

int64_t sys_exit_group(struct task *t, const uint64_t *a)
{
	group_exit_begin(t, (ARG_INT(a, 0) & 0xff) << 8);
	return 0; /* the flag it set ends the task on its way out */
}

static int copy_out_rusage(struct task *t, uint64_t addr, const struct wait_result *res)
{
	struct rusage ru;

	if (!addr)
		return 0;
	usage_of_child(t, &res->times, res->final, &ru);
	return copy_out(t, addr, &ru, sizeof(ru));
}

int64_t sys_wait4(struct task *t, const uint64_t *a)
{
	int pid = ARG_INT(a, 0), options = ARG_INT(a, 2), r;
	struct wait_args w = {.options = options | WEXITED, .usage = a[3]};
	struct wait_result res;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | (int)(__WNOTHREAD | __WCLONE | __WALL)))
		return -EINVAL;
	if (pid == INT_MIN)
		return -ESRCH;
	w.idtype = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
	w.id = pid == 0 ? t->tg->pgid : pid_from_vnr(t, pid > 0 ? pid : -pid);
	r = task_wait(t, &w, &res);
	if (r <= 0)
		return r;
	r = copy_out_rusage(t, a[3], &res);
	usage_final_put(res.final);
	if (a[1] && copy_out(t, a[1], &res.status, sizeof(int)))
		return -EFAULT;
	return r ? -EFAULT : res.pid;
}

/* Linux writes these fields and leaves the rest of the siginfo as it was; with nothing to tell they are 0. */
static int copy_out_siginfo(struct task *t, uint64_t addr, const struct wait_result *res)
{
	int32_t head[3] = {0}, tail[3] = {0};

	if (res->pid) {
		head[0] = SIGCHLD;
		head[2] = res->code;
		tail[0] = res->pid;
		tail[1] = (int32_t)res->uid;
		if (res->code == CLD_EXITED)
			tail[2] = WEXITSTATUS(res->status);
		else if (res->code == CLD_STOPPED || res->code == CLD_TRAPPED)
			tail[2] = res->status >> 8;
		else if (res->code == CLD_CONTINUED)
			tail[2] = SIGCONT;
		else
			tail[2] = WTERMSIG(res->status);
	}
	return copy_out(t, addr, head, sizeof(head)) || copy_out(t, addr + offsetof(struct ksiginfo, pid), tail, sizeof(tail));
}

/* *held*: a group that the caller has to put, or NULL. */
static int waitid_target(struct task *t, int idtype, int id, struct wait_args *w, struct thread_group **held)
{
	switch (idtype) {
	case P_ALL:
		break;
	case P_PID:
		if (id <= 0)
			return -EINVAL;
		id = pid_from_vnr(t, id);
		break;
	case P_PGID:
		if (id < 0)
			return -EINVAL;
		id = id ? pid_from_vnr(t, id) : t->tg->pgid;
		break;
	case P_PIDFD:
		if (id < 0)
			return -EINVAL;
		w->group = *held = pidfd_group(t, id);
		if (!*held)
			return -EBADF;
		break;
	default:
		return -EINVAL;
	}
	w->idtype = idtype;
	w->id = id;
	return 0;
}

int64_t sys_waitid(struct task *t, const uint64_t *a)
{
	int options = ARG_INT(a, 3), r;
	struct wait_args w = {.options = options, .usage = a[4]};
	struct wait_result res = {0};
	struct thread_group *held = NULL;
	bool again;

	if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | (int)(__WNOTHREAD | __WCLONE | __WALL))) ||
	    !(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	r = waitid_target(t, ARG_INT(a, 0), ARG_INT(a, 1), &w, &held);
	if (r)
		return r;
	again = held && !(options & WNOHANG) && pidfd_nonblock(t, ARG_INT(a, 1));
	if (again)
		w.options |= WNOHANG;
	r = task_wait(t, &w, &res);
	tg_put(held);
	if (!r && again)
		r = -EAGAIN;
	if (r > 0) {
		r = copy_out_rusage(t, a[4], &res);
		usage_final_put(res.final);
		if (r)
			return -EFAULT;
	}
	if (errno_is_restart(r))
		return r;
	return a[2] && copy_out_siginfo(t, a[2], &res) ? -EFAULT : r;
}
