/* SPDX-License-Identifier: MIT */
/* What the slots of guest threads say of their tasks. */
#include "kernel/fast.h"

#include "kernel/pid_ns.h"
#include "kernel/seccomp.h"
#include "kernel/syscall_work.h"
#include "kernel/views.h"
#include "syscalls/syscalls.h"
#include "vfs/names_table.h"

#include <asm/unistd.h>

/* What the stub may answer (stub/site.c, stub/fast.c). */
static const uint16_t answered[] = {__NR_getpid, __NR_gettid, __NR_getppid, __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid,
	__NR_rt_sigprocmask, __NR_rt_sigaction, __NR_pread64, __NR_sigaltstack, __NR_getcpu};

/*
 * Calls by the slot are seen as all others; a tracer wants registers with them. Answers are for those alone of whom nobody wants to
 * see each call, and whose ids nobody can map anew.
 */
static uint32_t mode_of(struct task *t, uint32_t work)
{
	if (work & (SYSCALL_WORK_TRACE | SYSCALL_WORK_TRACED))
		return 0;
	if (t->kernel->observed || t->cred->user_ns->parent)
		return FAST_RING;
	if (work & SYSCALL_WORK_SECCOMP)
		for (unsigned i = 0; i < ARRAY_SIZE(answered); i++)
			if (!seccomp_lets_pass(t, answered[i]))
				return FAST_RING;
	return FAST_ANSWER | FAST_RING;
}

static struct slot_ident ident_of(struct task *t)
{
	return (struct slot_ident){
		.pid = (uint32_t)sys_getpid(t, NULL),
		.tid = (uint32_t)sys_gettid(t, NULL),
		.ppid = (uint32_t)sys_getppid(t, NULL),
		.uid = (uint32_t)sys_getuid(t, NULL),
		.euid = (uint32_t)sys_geteuid(t, NULL),
		.gid = (uint32_t)sys_getgid(t, NULL),
		.egid = (uint32_t)sys_getegid(t, NULL),
	};
}

/* siglock held. */
static ksigset default_actions(struct thread_group *tg)
{
	return refs_read(&tg->sighand->refs) > 1 ? 0 /* another process changes them */ : sigactions_untouched(tg);
}

void fast_tell(struct task *t)
{
	struct fast_state *f = &t->fast;
	uint32_t gen;

	views_drop(t);
	do {
		uint32_t work = atomic_load(&t->work), mode, names;
		struct slot_ident id;

		gen = atomic_load(&f->gen);
		mode = mode_of(t, work);
		id = ident_of(t);
		/* Whoever filters or looks at calls sees those of names too. */
		names = (mode & FAST_ANSWER) && !(work & SYSCALL_WORK_SECCOMP) ? names_context(t) : 0;
		lock_acquire(&t->tg->siglock);
		f->th = t->th;
		f->told = gen;
		f->work = work;
		f->answer = false;
		if (t->th) {
			f->mask = t->blocked;
			gthread_set_sigmask(t->th, t->blocked);
			f->pending = t->pending.set | t->tg->shared_pending.set;
			gthread_set_sigpending(t->th, f->pending);
			f->defaults = default_actions(t->tg);
			gthread_set_sig_default(t->th, f->defaults);
			gthread_clear_views(t->th);
			gthread_view_counts(t->th, &f->view_calls, &f->view_bytes);
			gthread_set_altstack(t->th, t->sas_sp, t->sas_size, t->sas_flags);
			gthread_set_names(t->th, names);
			gthread_set_ident(t->th, &id, mode);
			f->answer = mode & FAST_ANSWER;
		}
		lock_release(&t->tg->siglock);
	} while (atomic_load(&f->gen) != gen);
}

ksigset task_blocked(const struct task *t)
{
	if (t->fast.answer && t->th == t->fast.th && t->th && atomic_load(&t->in_guest))
		return gthread_sigmask(t->th) & ~KSIG_UNBLOCKABLE;
	return t->blocked;
}

static void queued_for(struct task *t)
{
	if (!t->fast.answer || !t->th || t->th != t->fast.th || t->fast.pending)
		return;
	t->fast.pending = true;
	gthread_set_sigpending(t->th, true);
}

void fast_signal_queued(struct thread_group *tg, struct task *t)
{
	if (t) {
		queued_for(t);
		return;
	}
	list_for_each_entry(t, &tg->threads, tg_link)
		queued_for(t);
}

void fast_actions_changed(struct thread_group *tg, ksigset signals)
{
	struct task *t;

	list_for_each_entry(t, &tg->threads, tg_link) {
		if (!(t->fast.defaults & signals))
			continue;
		t->fast.defaults &= ~signals;
		if (t->th && t->th == t->fast.th)
			gthread_set_sig_default(t->th, t->fast.defaults);
	}
}

void fast_new_parent(struct thread_group *tg)
{
	LOCK_SCOPE(&tg->siglock);
	struct task *t;

	list_for_each_entry(t, &tg->threads, tg_link) {
		fast_changed(t);
		if (t->th && t->th == t->fast.th && t->fast.answer)
			gthread_set_ppid(t->th, tg->parent ? (uint32_t)tg_vnr(t, tg->parent) : 0);
	}
}
