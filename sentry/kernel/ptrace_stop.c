/* SPDX-License-Identifier: MIT */
/* The tracee's side: its stops, and what the tracer is told of them. */
#include "kernel/cputime.h"
#include "kernel/jobctl.h"
#include "kernel/pid_ns.h"
#include "kernel/ptrace.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "kernel/user_ns.h"

#include <sys/wait.h>

#define NR_EXECVE 59
#define FLAG_TF 0x100ull

/* SIGCHLD (unless it is ignored, or stops are not wanted) and a wake-up for the tracer's wait. */
static void tell_tracer(struct task *t, int why, int status)
{
	struct ksiginfo info = {.signo = SIGCHLD, .code = why};
	struct thread_group *tg = NULL;
	struct ksigaction act;

	lock_acquire(&t->kernel->tasklist_lock);
	if (t->ptracer) {
		tg = t->ptracer->tg;
		tg_get(tg);
		info.pid = t->tid;
		info.uid = t->cred->uid;
	}
	lock_release(&t->kernel->tasklist_lock);
	if (!tg)
		return;
	info.chld.status = status & 0x7f;
	lock_acquire(&tg->siglock);
	act = sigaction_get(tg, SIGCHLD);
	lock_release(&tg->siglock);
	if (act.handler != (uint64_t)SIG_IGN && !(act.flags & SA_NOCLDSTOP))
		signal_send_group(tg, &info);
	wait_queue_wake(&tg->child_wait, EPOLLIN);
	tg_put(tg);
}

/* siglock held. TIF_TRAP says whether there is something to stop for. */
static void traps_clear(struct task *t, uint32_t bits)
{
	t->pt.jobctl &= ~bits;
	if (!(t->pt.jobctl & JOBCTL_TRAPS))
		atomic_fetch_and(&t->flags, ~TIF_TRAP);
}

struct stop {
	int code; /* for wait(2) */
	int why;  /* CLD_* */
	uint64_t message;
	struct ksiginfo *info; /* shown to the tracer, and as it has left it; or NULL */
	bool exiting;	       /* also stop if the task is being killed */
};

/* siglock held. False: it must not, or need not, stop. */
static bool stop_begin(struct task *t, const struct stop *s)
{
	if (!t->pt.flags || (!s->exiting && (atomic_load(&t->flags) & TIF_KILLED)))
		return false;
	traps_clear(t, JOBCTL_TRAP_STOP);
	if (s->info && s->info->code >> 8 == PTRACE_EVENT_STOP)
		traps_clear(t, JOBCTL_TRAP_NOTIFY);
	t->pt.code = s->code;
	t->pt.waited = false;
	t->pt.resumed = false;
	t->pt.message = s->message;
	t->pt.has_info = s->info;
	if (s->info)
		t->pt.info = *s->info;
	t->state = TASK_TRACED;
	return true;
}

/* The signal to go on with; 0 also when it was not stopped, or not let go by its tracer. */
static int stop_here(struct task *t, struct stop *s)
{
	struct thread_group *tg = t->tg;
	uint64_t began;
	int code;

	lock_acquire(&tg->siglock);
	if (!stop_begin(t, s)) {
		lock_release(&tg->siglock);
		return 0;
	}
	lock_release(&tg->siglock);
	tell_tracer(t, s->why, s->code);
	lock_acquire(&tg->siglock);
	while (t->state == TASK_TRACED || t->pt.frozen) {
		lock_release(&tg->siglock);
		began = arch_ticks();
		platform_sleep(t->kernel->platform, &t->waker, -1);
		cpu_sleep_end(t, began);
		lock_acquire(&tg->siglock);
	}
	code = atomic_load(&t->flags) & TIF_KILLED || !t->pt.resumed ? 0 : t->pt.code;
	if (s->info)
		*s->info = t->pt.info;
	t->pt.code = 0;
	t->pt.has_info = false;
	t->pt.message = 0;
	t->pt.jobctl &= ~JOBCTL_LISTENING;
	lock_release(&tg->siglock);
	if (atomic_load(&t->work) && !(atomic_load(&t->flags) & TIF_KILLED))
		task_watch(t);
	return code;
}

static void trap_info(struct task *t, int signo, int code, struct ksiginfo *info)
{
	*info = (struct ksiginfo){.signo = signo, .code = code, .pid = task_vnr(t, t)};
	info->uid = show_kuid(t->cred->user_ns, t->cred->uid);
}

static int notify(struct task *t, int code, uint64_t message, bool exiting)
{
	struct ksiginfo info;
	struct stop s = {.code = code, .why = CLD_TRAPPED, .message = message, .info = &info, .exiting = exiting};

	if (!t->pt.flags)
		return 0;
	trap_info(t, SIGTRAP, code, &info);
	return stop_here(t, &s);
}

int ptrace_notify(struct task *t, int code, uint64_t message)
{
	return notify(t, code, message, false);
}

void ptrace_event(struct task *t, unsigned event, uint64_t message)
{
	if (ptrace_event_wanted(&t->pt, event))
		notify(t, SIGTRAP | (int)event << 8, message, event == PTRACE_EVENT_EXIT);
}

uint64_t ptrace_tid_for_tracer(struct task *t, int tid)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);

	return t->ptracer ? (uint64_t)pid_vnr(t->ptracer, tid) : 0;
}

int ptrace_signal(struct task *t, int signo, struct ksiginfo *info)
{
	struct stop s = {.code = signo, .why = CLD_TRAPPED, .info = info};
	bool blocked;
	int code;

	lock_acquire(&t->tg->siglock);
	t->stop_taken = true; /* an injected stop counts, unless SIGCONT comes */
	lock_release(&t->tg->siglock);
	code = stop_here(t, &s);
	if (!code)
		return 0;
	if (code != info->signo) {
		*info = (struct ksiginfo){.signo = code, .code = SI_USER};
		lock_acquire(&t->kernel->tasklist_lock);
		if (t->ptracer) {
			struct cred *c = task_cred_get(t->ptracer);

			info->pid = tg_vnr(t, t->ptracer->tg);
			info->uid = c->uid;
			cred_put(c);
		}
		lock_release(&t->kernel->tasklist_lock);
	}
	lock_acquire(&t->tg->siglock);
	blocked = t->blocked & KSIG(code);
	lock_release(&t->tg->siglock);
	if (!blocked)
		return code;
	signal_send_task(t, info);
	return 0;
}

/* --- traps ------------------------------------------------------------------------------------------------------------- */

/* The new program of an exec: its event, then the end of the call; SIGTRAP is a signal and comes by itself. */
static void trap_exec(struct task *t)
{
	struct guest_regs regs;

	lock_acquire(&t->tg->siglock);
	traps_clear(t, JOBCTL_EXEC);
	lock_release(&t->tg->siglock);
	gthread_get_regs(t->th, &regs);
	regs.orig_rax = NR_EXECVE;
	gthread_set_regs(t->th, &regs);
	ptrace_event(t, PTRACE_EVENT_EXEC, t->pt.exec_message);
	if (t->pt.resume & RESUME_STEP)
		ptrace_step_done(t);
	else
		ptrace_syscall_stop(t, false);
	gthread_get_regs(t->th, &regs);
	regs.orig_rax = UINT64_MAX;
	gthread_set_regs(t->th, &regs);
}

void ptrace_trap(struct task *t)
{
	struct ksiginfo info;
	struct stop s = {.why = CLD_STOPPED};
	uint32_t jobctl;
	int signo;

	lock_acquire(&t->tg->siglock);
	jobctl = t->pt.jobctl;
	signo = t->tg->stopped ? t->tg->stop_signo : 0;
	/* PTRACE_ATTACH waits for the stop of a stopped process, also if SIGCONT has come meanwhile. */
	if (!signo && (jobctl & JOBCTL_TRAP_STOP) && !(t->pt.flags & PT_SEIZED))
		signo = t->tg->stop_signo;
	if (!(jobctl & JOBCTL_EXEC)) {
		atomic_fetch_and(&t->flags, ~(TIF_STOP | TIF_TRAP));
		t->pt.jobctl &= ~(JOBCTL_TRAP_STOP | JOBCTL_TRAP_NOTIFY);
	}
	lock_release(&t->tg->siglock);
	if (jobctl & JOBCTL_EXEC) {
		trap_exec(t);
		return;
	}
	s.code = signo;
	if (t->pt.flags & PT_SEIZED) {
		s.code = (signo ? signo : SIGTRAP) | PTRACE_EVENT_STOP << 8;
		trap_info(t, signo ? signo : SIGTRAP, s.code, &info);
		s.info = &info;
	}
	if (s.code)
		stop_here(t, &s);
}

void ptrace_exec(struct task *t, int old_tid)
{
	if (!t->pt.flags)
		return;
	t->pt.exec_message = ptrace_tid_for_tracer(t, old_tid);
	if (!ptrace_event_wanted(&t->pt, PTRACE_EVENT_EXEC) && !(t->pt.flags & PT_SEIZED)) {
		struct ksiginfo info = {.signo = SIGTRAP, .code = SI_USER, .pid = task_vnr(t, t)};

		info.uid = show_kuid(t->cred->user_ns, t->cred->uid);
		signal_send_task(t, &info);
	}
	lock_acquire(&t->tg->siglock);
	t->pt.jobctl |= JOBCTL_EXEC;
	atomic_fetch_or(&t->flags, TIF_TRAP);
	lock_release(&t->tg->siglock);
}

void ptrace_syscall_stop(struct task *t, bool entry)
{
	int signo;

	if (!t->pt.flags || !(t->pt.resume & (entry ? RESUME_SYSCALL | RESUME_SYSEMU : RESUME_SYSCALL)))
		return;
	signo = ptrace_notify(t, SIGTRAP | (t->pt.options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0),
			      entry ? PTRACE_EVENTMSG_SYSCALL_ENTRY : PTRACE_EVENTMSG_SYSCALL_EXIT);
	if (signo)
		signal_send_task(t, &(struct ksiginfo){.signo = signo, .code = SI_KERNEL});
}

/* --- single steps --------------------------------------------------------------------------------------------------------- */

void ptrace_step_done(struct task *t)
{
	struct ksiginfo info = {.signo = SIGTRAP, .code = TRAP_BRKPT};
	struct guest_regs regs;

	gthread_get_regs(t->th, &regs);
	info.fault.addr = regs.rip;
	signal_force(t, &info);
}

/* Is the thread to run with the trap flag? */
static bool steps(const struct task *t)
{
	return (t->pt.resume & RESUME_STEP) || ptrace_debug_active(&t->pt);
}

bool ptrace_enter(struct task *t)
{
	struct guest_regs regs;

	if (!t->pt.forced_tf)
		return false;
	t->pt.forced_tf = false;
	gthread_get_regs(t->th, &regs);
	regs.eflags &= ~FLAG_TF;
	gthread_set_regs(t->th, &regs);
	return true;
}

void ptrace_leave(struct task *t)
{
	struct guest_regs regs;

	if (!steps(t) || t->native_active)
		return;
	gthread_get_regs(t->th, &regs);
	if (regs.eflags & FLAG_TF)
		return; /* the guest's own */
	regs.eflags |= FLAG_TF;
	t->pt.forced_tf = true;
	gthread_set_regs(t->th, &regs);
}

bool ptrace_swallow_trap(struct task *t, struct ksiginfo *info)
{
	bool step = t->pt.resume & RESUME_STEP;

	if (info->code != TRAP_TRACE)
		return false;
	if (ptrace_debug_active(&t->pt) && ptrace_debug_check(t, step)) {
		if (!step)
			info->code = TRAP_HWBKPT;
		return false;
	}
	return !step && t->pt.entered_tf; /* else the guest has set the flag itself */
}
