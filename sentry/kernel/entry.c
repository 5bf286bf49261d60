/* SPDX-License-Identifier: MIT */
/* The way in: every system call, fault and interrupt of a guest thread arrives here. */
#include "kernel/cputime.h"
#include "kernel/fast.h"
#include "kernel/freezer.h"
#include "kernel/native_wait.h"
#include "kernel/report.h"
#include "kernel/seccomp.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "kernel/trace.h"
#include "mm/map.h"
#include "syscalls/syscalls.h"
#include "vfs/fasync.h"

#include <stdlib.h>

int64_t syscall_dispatch(struct task *t, const struct guest_syscall *c)
{
	const struct syscall_desc *d = syscall_lookup(c->nr);
	int64_t ret;

	if (t->kernel->observed && t->kernel->trace)
		trace_enter(t, d, c);
	if (!d)
		ret = -ENOSYS;
	else if (!d->fn)
		ret = -d->err;
	else
		ret = d->fn(t, c->args);
	if (t->kernel->observed) {
		if (t->kernel->trace)
			trace_leave(t, d, c, ret);
		if (t->kernel->report)
			report_call(t, d, c, ret);
	}
	return ret;
}

/* What is to be done before *t* goes back to the guest. */
static uint32_t work_of(const struct task *t)
{
	return atomic_load(&t->flags) & (TIF_SIGPENDING | TIF_KILLED | TIF_STOP | TIF_TRAP | TIF_WATCH | TIF_VIEW | TIF_FREEZE);
}

static bool has_work(const struct task *t)
{
	return work_of(t) & ~TIF_FREEZE;
}

int64_t task_come_again(struct task *t)
{
	t->deferred = true;
	gthread_reenter(t->th);
	return -ENOSYS;
}

static int64_t serve_syscall(struct task *t, const struct guest_entry *e)
{
	uint32_t work;
	int64_t ret;

	/* Only the worker that serves *t* counts. */
	atomic_store_explicit(
		&t->syscalls, atomic_load_explicit(&t->syscalls, memory_order_relaxed) + 1, memory_order_relaxed);
	t->syscall_nr = e->call.nr;
	work = atomic_load_explicit(&t->work, memory_order_relaxed);
	if (work == SYSCALL_WORK_SECCOMP && seccomp_lets_pass(t, e->call.nr))
		work = 0;
	if ((work || t->pt.entered_tf) && e->full)
		return syscall_with_work(t);
	work &= ~SYSCALL_WORK_TRACED;
	if (work) {
		enum seccomp_light l = work == SYSCALL_WORK_SECCOMP ? seccomp_enter_light(t, &e->call, &ret) : SECCOMP_FULL;

		if (l == SECCOMP_REFUSED)
			return ret;
		if (l == SECCOMP_FULL)
			return task_come_again(t);
	}
	ret = syscall_dispatch(t, &e->call);
	/* A signal that another thread took meanwhile: go on as if nothing had happened. */
	while (errno_is_restart(ret) && !e->full && !has_work(t) && !platform_gave_up(t->kernel->platform))
		ret = ret == -ERESTART_RESTARTBLOCK ? t->restart.fn(t, &t->restart) : syscall_dispatch(t, &e->call);
	return ret;
}

static void serve_fault(struct task *t, const struct guest_fault *f)
{
	struct ksiginfo info = {.signo = f->signo, .code = f->code};

	if (f->signo == SIGSEGV && f->code == SEGV_MAPERR && mm_fault_grow(t, f->addr))
		return;
	if (f->signo == SIGTRAP && ptrace_swallow_trap(t, &info))
		return;
	info.fault.addr = f->addr;
	t->fault_addr = f->addr;
	t->fault_trapno = f->trapno;
	t->fault_error = f->error_code;
	if (t->kernel->trace)
		trace_fault(t, f);
	signal_force(t, &info);
}

/*
 * An ip in a trampoline is one of the program's own text, from here on. False: the thread has only come there by the jump that
 * stands for an instruction, and traps once more behind that one.
 */
static bool enter_own_text(struct task *t, struct gthread *th, struct guest_entry *e)
{
	struct guest_regs regs;
	uint64_t ip;
	bool begun;

	gthread_get_regs(th, &regs);
	ip = patched_ip(t->mm, regs.rip, &begun);
	if (ip == regs.rip)
		return true;
	if (begun && e->kind == ENTRY_FAULT && e->fault.signo == SIGTRAP && e->fault.code == TRAP_TRACE)
		return false;
	if (e->kind == ENTRY_FAULT && e->fault.addr == regs.rip)
		e->fault.addr = ip;
	regs.rip = ip;
	gthread_set_regs(th, &regs);
	return true;
}

/* The other way round, when the thread goes back. */
static void leave_own_text(struct task *t)
{
	struct guest_regs regs;
	uint64_t ip;

	gthread_get_regs(t->th, &regs);
	ip = patched_resume(t->mm, regs.rip);
	if (ip == regs.rip)
		return;
	regs.rip = ip;
	gthread_set_regs(t->th, &regs);
}

/* A last act that was left to the way back is made now: there is something to do before. */
static int64_t settle(struct task *t, int64_t ret)
{
	int64_t r;

	switch (gthread_settle(t->th, &r)) {
	case SETTLED_RESULT:
		return r;
	case SETTLED_CHECK:
		return r < 0 ? mm_brk_failed(t) : ret;
	default:
		return ret;
	}
}

/*
 * Back to the guest, unless there is work. in_guest is published before the flags are looked at: a sender sets flags first
 * and looks at in_guest then, so one of the two sees the other.
 */
static int64_t leave(struct task *t, const struct guest_entry *e, int64_t ret)
{
	for (;;) {
		uint32_t work;

		fast_leave(t);
		atomic_store(&t->in_guest, true);
		/* It has only begun, and comes once more by a bell: the way back from there sees to what there is to do. */
		if (e->polled && ret < 0 && platform_gave_up(t->kernel->platform))
			break;
		work = work_of(t);
		if (!work && !(errno_is_restart(ret) && t->in_syscall && e->full))
			break;
		/* The result of a light call needs no registers: it is told when the sandbox goes on. */
		if (work == TIF_FREEZE || ((work & TIF_FREEZE) && e->full && !(work & TIF_KILLED))) {
			atomic_store(&t->in_guest, false);
			freezer_here(t);
			continue;
		}
		if (!e->full) {
			t->syscall_ret = ret;
			gthread_reenter(t->th);
			return errno_is_restart(ret) ? -EINTR : ret;
		}
		atomic_store(&t->in_guest, false);
		ret = settle(t, ret);
		if (t->native_active)
			ret = native_finish(t);
		if (!task_work(t, ret))
			return 0;
		ret = 0;
	}
	t->in_syscall = false;
	if (e->full && atomic_load_explicit(&t->work, memory_order_relaxed))
		ptrace_leave(t);
	if (e->full && atomic_load_explicit(&t->mm->patched.n, memory_order_relaxed))
		leave_own_text(t);
	return ret;
}

static int64_t kernel_entry(struct gthread *th, const struct guest_entry *e)
{
	struct task *t = gthread_owner(th);
	struct guest_entry in_text;
	struct kernel *k;
	int64_t ret = 0;

	if (!t)
		return 0;
	k = t->kernel;
	if ((e->kind == ENTRY_FAULT || e->kind == ENTRY_INTERRUPT) && atomic_load_explicit(&t->mm->patched.n, memory_order_relaxed)) {
		in_text = *e;
		if (!enter_own_text(t, th, &in_text))
			return 0;
		e = &in_text;
	}
	/* Who still sees it in the guest interrupts for nothing. */
	atomic_store_explicit(&t->in_guest, false, memory_order_relaxed);
	fast_enter(t);
	t->pt.entered_tf = e->full && t->pt.forced_tf;
	if (t->pt.entered_tf)
		ptrace_enter(t);
	if (e->polled)
		cpu_enter_polled(t);
	else
		cpu_enter(t);
	switch (e->kind) {
	case ENTRY_SYSCALL:
		t->in_syscall = true;
		ret = serve_syscall(t, e);
		if (ret == -EINTR)
			native_wait_not_at(t, e->call.ip);
		break;
	case ENTRY_FAULT:
		if (t->native_active) {
			ret = native_finish(t);
			break;
		}
		t->in_syscall = false;
		serve_fault(t, &e->fault);
		break;
	case ENTRY_INTERRUPT:
		if (t->native_active) {
			ret = native_finish(t);
			break;
		}
		t->in_syscall = e->after_syscall || t->deferred;
		if (t->deferred) {
			t->deferred = false;
			ret = syscall_with_work(t);
			break;
		}
		ret = e->after_syscall ? t->syscall_ret : native_wait_interrupted(t);
		break;
	case ENTRY_FAILED:
		t->in_syscall = true;
		ret = mm_brk_failed(t);
		break;
	case ENTRY_START:
		break;
	}
	for (;;) {
		if (atomic_load_explicit(&k->n_fasync, memory_order_relaxed))
			fasync_send(k);
		/* vfork, exec and exit change whose thread this is; the new owner may have work of its own. */
		if (gthread_owner(th) == t) {
			if (t->exited)
				return 0;
			ret = leave(t, e, ret);
			if (gthread_owner(th) == t) {
				cpu_charge(t);
				return ret;
			}
		}
		t = gthread_owner(th);
		if (!t)
			return 0;
		cpu_enter(t);
		t->in_syscall = false;
		ret = 0;
	}
}

/* siglock held. Where a group of the host's holds the memory limit, who kills stubs is the kernel that is out of memory. */
static void died_by_itself(struct task *t, int signal)
{
	if (signal == SIGKILL && t->kernel->memory_held && !t->tg->group_exiting)
		atomic_fetch_add(&t->kernel->oom_kills, 1);
	group_kill_locked(t->tg, signal);
}

static void kernel_thread_gone(struct gthread *th, bool unexpected)
{
	struct task *t = gthread_owner(th), *parent;

	if (!t)
		return;
	lock_acquire(&t->tg->siglock);
	if (t->th == th)
		t->th = NULL;
	t->th_gone = true;
	/* A stub that died by itself ends its process as a signal does, mostly SIGKILL. */
	if (unexpected && !t->exited)
		died_by_itself(t, aspace_death_signal(gthread_aspace(th)));
	lock_release(&t->tg->siglock);
	parent = vfork_forget(t);
	task_exit(t, t->tg->group_exiting ? t->tg->group_exit_code : SIGKILL);
	if (parent) {
		task_exit(parent, SIGKILL);
		task_put(parent);
	}
	task_put(t);
}

static void kernel_thread_dying(struct gthread *th)
{
	struct task *t = gthread_owner(th);

	if (!t)
		return;
	lock_acquire(&t->tg->siglock);
	/*
	 * One that has left its group says nothing about it: exec goes on when the others have exited, and ends their stub; and
	 * the last thread's exit ends the stub itself, while its status is still to be told.
	 */
	if (!t->exited)
		died_by_itself(t, aspace_death_signal(gthread_aspace(th)));
	lock_release(&t->tg->siglock);
}

const struct platform_client kernel_platform_client = {
	.entry = kernel_entry,
	.thread_gone = kernel_thread_gone,
	.thread_dying = kernel_thread_dying,
};
