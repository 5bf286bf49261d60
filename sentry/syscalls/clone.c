/* SPDX-License-Identifier: MIT */
/* clone(2), clone3(2), fork(2), vfork(2). */
#include "kernel/clone.h"
#include "syscalls/syscalls.h"

#include <linux/sched.h>
#include <sched.h>
#include <string.h>

#define NAMESPACES                                                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define KNOWN                                                                                                          \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PIDFD | CLONE_PTRACE | CLONE_VFORK | CLONE_PARENT | \
	 CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED |   \
	 CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO | NAMESPACES)

static int64_t do_clone(struct task *t, struct clone_request *q)
{
	uint64_t f = q->flags;

	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED)))
		return -EINVAL;
	if ((f & CLONE_PARENT) && t->tg->pid == 1)
		return -EINVAL;
	if (q->exit_signal > KSIG_MAX)
		return -EINVAL;
	if (f & (NAMESPACES & ~(uint64_t)CLONE_NEWTIME))
		return -EPERM; /* no namespaces inside yet: what a kernel without them for this user says */
	return task_clone(t, q);
}

int64_t sys_clone(struct task *t, const uint64_t *a)
{
	struct clone_request q = {
		.flags = (uint32_t)a[0] & ~(uint64_t)CSIGNAL,
		.exit_signal = (int)(a[0] & CSIGNAL),
		.stack = a[1],
		.parent_tid = a[2],
		.child_tid = a[3],
		.tls = a[4],
		.pidfd = a[2],
	};

	if ((q.flags & CLONE_PIDFD) && (q.flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return do_clone(t, &q);
}

int64_t sys_fork(struct task *t, const uint64_t *a)
{
	struct clone_request q = {.exit_signal = SIGCHLD};

	return do_clone(t, &q);
}

int64_t sys_vfork(struct task *t, const uint64_t *a)
{
	struct clone_request q = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};

	return do_clone(t, &q);
}

/* A structure that may be longer than ours: what we do not know must be zero. */
static int copy_in_extensible(struct task *t, void *dst, size_t have, uint64_t src, uint64_t size)
{
	uint8_t tail[256];

	memset(dst, 0, have);
	if (size > 4096)
		return -E2BIG;
	if (copy_in(t, dst, src, size < have ? size : have))
		return -EFAULT;
	for (uint64_t at = have; at < size;) {
		size_t n = size - at < sizeof(tail) ? size - at : sizeof(tail);

		if (copy_in(t, tail, src + at, n))
			return -EFAULT;
		for (size_t i = 0; i < n; i++)
			if (tail[i])
				return -E2BIG;
		at += n;
	}
	return 0;
}

int64_t sys_clone3(struct task *t, const uint64_t *a)
{
	struct clone_args c;
	struct clone_request q;
	int r;

	if (a[1] < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	r = copy_in_extensible(t, &c, sizeof(c), a[0], a[1]);
	if (r)
		return r;
	if ((c.flags & ~(uint64_t)(KNOWN | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP | CLONE_NEWTIME)) ||
	    (c.flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))) || c.exit_signal > KSIG_MAX)
		return -EINVAL;
	if ((c.flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) == (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((c.flags & (CLONE_THREAD | CLONE_PARENT)) && c.exit_signal)
		return -EINVAL;
	if (!c.stack != !c.stack_size)
		return -EINVAL;
	if (c.set_tid_size || (c.flags & CLONE_INTO_CGROUP))
		return -EPERM;
	q = (struct clone_request){
		.flags = c.flags,
		.exit_signal = (int)c.exit_signal,
		.stack = c.stack ? c.stack + c.stack_size : 0,
		.parent_tid = c.parent_tid,
		.child_tid = c.child_tid,
		.tls = c.tls,
		.pidfd = c.pidfd,
	};
	return do_clone(t, &q);
}
