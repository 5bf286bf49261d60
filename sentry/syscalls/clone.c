/* SPDX-License-Identifier: MIT */
/* clone(2), clone3(2), fork(2), vfork(2). */
#include "kernel/clone.h"
#include "kernel/pid_ns.h"
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

#define SET_TID_MAX 32
#define GUEST_ADDRESS_MAX 0x7ffffffff000ull

static int64_t do_clone(struct task *t, struct clone_request *q)
{
	uint64_t f = q->flags;

	if ((f & CLONE_PIDFD) && (f & CLONE_PARENT_SETTID) && q->pidfd == q->parent_tid)
		return -EINVAL;
	if ((f & CLONE_FS) && (f & (CLONE_NEWNS | CLONE_NEWUSER)))
		return -EINVAL;
	if ((f & CLONE_THREAD) && (!(f & CLONE_SIGHAND) || (f & (CLONE_NEWUSER | CLONE_NEWPID))))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED)))
		return -EINVAL;
	if ((f & CLONE_PARENT) && (t->tg->pid == 1 || t->tg->ns_init))
		return -EINVAL;
	if ((f & CLONE_THREAD) && t->nsproxy->pid_for_children != t->tg->pid_ns)
		return -EINVAL;
	if ((f & CLONE_NEWTIME) || (f & (CLONE_NEWIPC | CLONE_SYSVSEM)) == (CLONE_NEWIPC | CLONE_SYSVSEM))
		return -EINVAL;
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

/* Does the structure say something that makes sense, whatever the numbers in set_tid are? */
static bool clone_args_ok(const struct clone_args *c, uint64_t size)
{
	uint64_t end;

	if (c->set_tid_size > SET_TID_MAX || !c->set_tid != !c->set_tid_size || c->exit_signal > KSIG_MAX)
		return false;
	if ((c->flags & CLONE_INTO_CGROUP) && (c->cgroup > INT32_MAX || size < CLONE_ARGS_SIZE_VER2))
		return false;
	if ((c->flags & ~(uint64_t)(KNOWN | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP | CLONE_NEWTIME)) ||
	    (c->flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))))
		return false;
	if ((c->flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) == (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))
		return false;
	if ((c->flags & (CLONE_THREAD | CLONE_PARENT)) && c->exit_signal)
		return false;
	return !c->stack == !c->stack_size &&
	       !__builtin_add_overflow(c->stack, c->stack_size, &end) && end <= GUEST_ADDRESS_MAX;
}

/* Who may choose numbers where the child is born; a user namespace that is made with it is its maker's. */
static bool may_choose_tid(struct task *t, uint64_t flags)
{
	const struct user_ns *owner = t->nsproxy->pid_for_children->head.owner;

	if (flags & CLONE_NEWPID && flags & CLONE_NEWUSER)
		return true;
	if (flags & CLONE_NEWPID)
		owner = t->cred->user_ns;
	return ns_capable(t, owner, CAP_CHECKPOINT_RESTORE) || ns_capable(t, owner, CAP_SYS_ADMIN);
}

/* The number asked for; one namespace deep. 0: any. */
static int64_t wanted_tid(struct task *t, const struct clone_args *c)
{
	int32_t nr;

	if (!c->set_tid_size)
		return 0;
	if (copy_in(t, &nr, c->set_tid, sizeof(nr)))
		return -EFAULT;
	if (c->set_tid_size > 1 || nr < 1 || nr >= PID_MAX)
		return -EINVAL;
	return may_choose_tid(t, c->flags) ? nr : -EPERM;
}

int64_t sys_clone3(struct task *t, const uint64_t *a)
{
	struct clone_args c;
	struct clone_request q;
	int64_t tid;
	int r;

	if (a[1] < CLONE_ARGS_SIZE_VER0)
		return a[1] > 4096 ? -E2BIG : -EINVAL;
	r = copy_in_extensible(t, &c, sizeof(c), a[0], a[1]);
	if (r)
		return r;
	if (!clone_args_ok(&c, a[1]))
		return -EINVAL;
	tid = wanted_tid(t, &c);
	if (tid < 0)
		return tid;
	if (c.flags & CLONE_INTO_CGROUP)
		return -EPERM; /* there is one group, and it is read-only */
	q = (struct clone_request){
		.flags = c.flags,
		.exit_signal = (int)c.exit_signal,
		.stack = c.stack ? c.stack + c.stack_size : 0,
		.parent_tid = c.parent_tid,
		.child_tid = c.child_tid,
		.tls = c.tls,
		.pidfd = c.pidfd,
		.set_tid = (int)tid,
	};
	return do_clone(t, &q);
}
