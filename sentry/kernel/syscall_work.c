/* SPDX-License-Identifier: MIT */
/* Work at a system call's entry and exit, and calls that a watched guest makes natively all the same. */
#include "kernel/seccomp.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "mm/mm.h"

#define NR_FUTEX 202
#define FUTEX_CMD_BITS (~(128u | 256u)) /* FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME */
#define FLAG_TF 0x100

void task_set_work(struct task *t, uint32_t bits)
{
	LOCK_SCOPE(&t->tg->siglock);

	atomic_fetch_or(&t->work, bits);
	atomic_fetch_or(&t->flags, TIF_WATCH);
	task_kick(t);
}

void task_clear_work(struct task *t, uint32_t bits)
{
	atomic_fetch_and(&t->work, ~bits);
}

void task_watch_group(struct task *t)
{
	LOCK_SCOPE(&t->tg->siglock);

	t->tg->watch_all = true;
	atomic_fetch_or(&t->flags, TIF_WATCH);
	task_kick(t);
}

static bool watch_wanted(struct task *t)
{
	return t->tg->watch_all || (atomic_load(&t->work) & SYSCALL_WORK_TRACE) || seccomp_watches(t);
}

/*
 * A vfork child that is only traced waits for its exec: the address space is its parent's, who is not. A filter of its own is
 * another matter: it must hold at once, or the process ends.
 */
void task_watch(struct task *t)
{
	bool must = seccomp_watches(t) || t->tg->watch_all;

	atomic_fetch_and(&t->flags, ~TIF_WATCH);
	if (!watch_wanted(t) || (!must && atomic_load(&t->mm->n_groups) > 1))
		return;
	if (gthread_watch_all(t->th) && must)
		group_exit_begin(t, SIGKILL);
}

int task_watch_exec(struct task *t, struct gthread *th)
{
	return watch_wanted(t) ? gthread_watch_all(th) : 0;
}

/* --- calls ------------------------------------------------------------------------------------------------------------- */

void syscall_of_regs(const struct guest_regs *r, struct guest_syscall *c)
{
	*c = (struct guest_syscall){
		.nr = (uint32_t)r->orig_rax,
		.args = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9},
		.ip = r->rip,
	};
}

/* Before the call: false when it is not to be made, *ret is its result then. */
static bool work_enter(struct task *t, struct guest_syscall *c, int64_t *ret)
{
	struct guest_regs regs;
	bool emulated = false;

	gthread_get_regs(t->th, &regs);
	regs.orig_rax = (uint64_t)(int64_t)(int32_t)t->syscall_nr;
	regs.rax = (uint64_t)-ENOSYS;
	gthread_set_regs(t->th, &regs);
	if (atomic_load(&t->work) & SYSCALL_WORK_TRACE) {
		emulated = t->pt.resume & RESUME_SYSEMU;
		ptrace_syscall_stop(t, true);
		gthread_get_regs(t->th, &regs);
	}
	syscall_of_regs(&regs, c);
	/* As on Linux: the tracer first, then the filters, which see what the tracer has made of the call. */
	*ret = (int64_t)regs.rax;
	return (int32_t)c->nr != -1 && !emulated && !(atomic_load(&t->flags) & TIF_KILLED);
}

static int64_t work_exit(struct task *t, int64_t ret)
{
	struct guest_regs regs;

	gthread_get_regs(t->th, &regs);
	if (t->in_syscall) /* not one that sets its registers itself, as rt_sigreturn */
		regs.rax = (uint64_t)ret;
	else
		regs.orig_rax = UINT64_MAX;
	gthread_set_regs(t->th, &regs);
	if (!(atomic_load(&t->work) & SYSCALL_WORK_TRACE) || (atomic_load(&t->flags) & TIF_KILLED))
		return (int64_t)regs.rax;
	if (!(t->pt.resume & RESUME_STEP))
		ptrace_syscall_stop(t, false);
	else if (!(t->pt.resume & RESUME_SYSEMU))
		ptrace_step_done(t);
	gthread_get_regs(t->th, &regs);
	t->in_syscall = regs.orig_rax != UINT64_MAX;
	return (int64_t)regs.rax;
}

int64_t syscall_with_work(struct task *t)
{
	struct gthread *th = t->th;
	struct guest_syscall c;
	int64_t ret;

	if (work_enter(t, &c, &ret) && (!(atomic_load(&t->work) & SYSCALL_WORK_SECCOMP) || seccomp_enter(t, &c, &ret))) {
		t->syscall_nr = c.nr;
		ret = syscall_dispatch(t, &c);
	}
	/* exec, vfork and exit: this thread is not ours any more; a native call goes on. */
	if (t->th != th || gthread_owner(th) != t || t->exited || t->native_active)
		return ret;
	return work_exit(t, ret);
}

/* --- native futex calls ---------------------------------------------------------------------------------------------- */

bool native_futex_op(uint64_t op)
{
	uint32_t cmd = (uint32_t)op & FUTEX_CMD_BITS;

	return cmd <= 1 || cmd == 9 || cmd == 10 || (cmd >= 3 && cmd <= 5); /* as the stub's filter */
}

int64_t native_futex(struct task *t, uint64_t nr, const uint64_t *a)
{
	struct guest_regs regs;

	gthread_get_regs(t->th, &t->native_regs);
	regs = t->native_regs;
	regs.rip = aspace_native_call(t->mm->as);
	regs.rax = nr;
	regs.rdi = a[0], regs.rsi = a[1], regs.rdx = a[2], regs.r10 = a[3], regs.r8 = a[4], regs.r9 = a[5];
	regs.eflags &= ~(uint64_t)FLAG_TF;
	gthread_set_regs(t->th, &regs);
	t->native_active = true;
	t->in_syscall = false;
	return 0;
}

/*
 * The trap behind the call, or an interrupt in it. The host has wound a wait back to be made again, or ended it with EINTR if
 * it had a time-out: that is a restart unless a handler runs.
 */
int64_t native_finish(struct task *t)
{
	struct guest_regs regs;
	uint64_t at = aspace_native_call(t->mm->as);
	int64_t ret;

	gthread_get_regs(t->th, &regs);
	ret = (int64_t)regs.rax;
	if (regs.rip == at)
		ret = -ERESTARTSYS;
	else if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	t->native_active = false;
	t->in_syscall = true;
	t->native_regs.rax = (uint64_t)ret;
	gthread_set_regs(t->th, &t->native_regs);
	return atomic_load(&t->work) ? work_exit(t, ret) : ret;
}
