/* SPDX-License-Identifier: MIT */
/* The end of tasks and groups. _exit(2), exit_group(2). */
#include "fs/tty.h"
#include "ipc/ipc.h"
#include "kernel/futex.h"
#include "kernel/aio.h"
#include "kernel/fast.h"
#include "kernel/jobctl.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "kernel/time.h"
#include "kernel/wait.h"
#include "kernel/kernel_main.h"
#include "kernel/robust.h"
#include "kernel/seccomp.h"
#include "mm/mm.h"
#include "vfs/vfs.h"

#include <sys/wait.h>

int group_exit_begin(struct task *t, int code)
{
	struct thread_group *tg = t->tg;

	lock_acquire(&tg->siglock);
	group_end_locked(tg, code, tg->n_threads > 1);
	code = tg->group_exit_code;
	lock_release(&tg->siglock);
	return code;
}

static struct thread_group *new_parent(struct kernel *k, struct thread_group *tg)
{
	struct thread_group *p;

	for (p = tg->parent; p && p->pid_ns == tg->pid_ns; p = p->parent)
		if (p->child_subreaper && atomic_load(&p->n_live))
			return p;
	p = tg->pid_ns && tg->pid_ns->init != tg ? tg->pid_ns->init : NULL;
	if (!p)
		p = k->init ? k->init->tg : NULL;
	return p == tg ? NULL : p;
}

/*
 * PR_SET_PDEATHSIG: the thread *dead*, whose child *c* is, has ended. tasklist_lock held, so not SIGCONT, whose news to the parent would
 * need it again.
 */
static void send_pdeath(struct thread_group *c, struct task *dead)
{
	struct ksiginfo info = {.code = SI_USER, .pid = dead->tg->pid, .uid = dead->cred->uid};
	int signos[8];
	unsigned n = 0;
	struct task *o;

	if (c->zombie)
		return;
	lock_acquire(&c->siglock);
	list_for_each_entry(o, &c->threads, tg_link)
		if (o->pdeath_signal > 0 && o->pdeath_signal != SIGCONT && n < ARRAY_SIZE(signos))
			signos[n++] = o->pdeath_signal;
	lock_release(&c->siglock);
	while (n > 0) {
		info.signo = signos[--n];
		signal_send_group(c, &info);
	}
}

/* tasklist_lock held. A thread ends and its process goes on: its children are another thread's. */
static void hand_over_children(struct task *t)
{
	struct thread_group *tg = t->tg, *c;
	struct task *heir;

	if (!t->made_children)
		return;
	list_for_each_entry(heir, &tg->threads, tg_link)
		if (!heir->exited)
			break;
	if (&heir->tg_link == &tg->threads)
		return;
	heir->made_children = true;
	list_for_each_entry(c, &tg->children, sibling) {
		if (c->parent_tid != t->tid)
			continue;
		c->parent_tid = heir->tid;
		send_pdeath(c, t);
	}
}

static void fill_child_info(struct thread_group *tg, struct ksiginfo *info, int code)
{
	struct cpu_times times;

	*info = (struct ksiginfo){.signo = SIGCHLD, .pid = tg->pid};
	info->uid = tg->leader->cred->uid;
	info->code = WIFEXITED(code) ? CLD_EXITED : WCOREDUMP(code) ? CLD_DUMPED : CLD_KILLED;
	info->chld.status = WIFEXITED(code) ? WEXITSTATUS(code) : WTERMSIG(code);
	tg_cpu_times(tg, &times);
	info->chld.utime = (int64_t)(times.utime_ns / 10000000);
	info->chld.stime = (int64_t)(times.stime_ns / 10000000);
}

/* sig: what the parent would be told of a child's end with. */
static bool parent_ignores_children(struct thread_group *parent, int sig)
{
	LOCK_SCOPE(&parent->siglock);
	struct ksigaction a = sigaction_get(parent, SIGCHLD);

	if (parent->ns_dying)
		return true; /* nobody is left to wait for them */
	if (sig != SIGCHLD)
		return false;
	return a.handler == (uint64_t)SIG_IGN || (a.flags & SA_NOCLDWAIT);
}

/*
 * tasklist_lock held. Children of a dead group go to *to*, a subreaper or init. Returns whether one of them is a zombie;
 * *info* is what the new parent is told of it.
 */
static bool reparent_children(struct kernel *k, struct thread_group *tg, struct thread_group *to, struct ksiginfo *info)
{
	bool zombie = false, ignores = to && parent_ignores_children(to, SIGCHLD);
	struct thread_group *c, *tmp;

	list_for_each_entry_safe(c, tmp, &tg->children, sibling) {
		list_del(&c->sibling);
		c->parent = to;
		fast_new_parent(c);
		if (to) {
			list_add_tail(&c->sibling, &to->children);
			c->parent_tid = to->leader ? to->leader->tid : to->pid;
			if (to->leader)
				to->leader->made_children = true;
		}
		if (c->leader) {
			c->leader->exit_signal = SIGCHLD;
			send_pdeath(c, tg->leader);
		}
		if (!c->zombie || c->n_unseen || c->leader->ptracer)
			continue; /* a tracer has to see the zombie first: group_tell_parent() comes then */
		zombie = true;
		fill_child_info(c, info, c->leader->exit_code);
		if (ignores)
			group_release(k, c);
	}
	return zombie;
}

void group_release(struct kernel *k, struct thread_group *tg)
{
	struct task *leader = tg->leader;
	struct cpu_times used;

	lock_assert_held(&k->tasklist_lock);
	tg->reaped = true;
	pid_ns_group_gone(tg);
	tg_cpu_times(tg, &used);
	atomic_fetch_add(&k->dead_utime_ns, used.utime_ns);
	atomic_fetch_add(&k->dead_stime_ns, used.stime_ns);
	list_del(&tg->sibling);
	pid_detach(k, tg->pid);
	lock_acquire(&tg->siglock); /* a sender may be looking at the list */
	list_del(&leader->tg_link);
	tg->leader = NULL;
	leader->state = TASK_DEAD;
	lock_release(&tg->siglock);
	tty_put(tg->ctty);
	tg->ctty = NULL;
	task_put(leader);
}

/*
 * A zombie whose tracer is another process than its parent is the tracer's first; when that has seen it, or is gone, the
 * parent is told.
 */
void group_tell_parent(struct thread_group *tg)
{
	struct kernel *k = tg->kernel;
	struct thread_group *parent;
	bool autoreap = false, traced;
	struct ksiginfo info;
	int sig = 0;

	lock_acquire(&k->tasklist_lock);
	if (!tg->zombie || tg->reaped || tg->n_unseen) {
		lock_release(&k->tasklist_lock);
		return;
	}
	if (ptrace_by_other(tg->leader)) {
		struct task *leader = tg->leader;

		task_get(leader);
		lock_release(&k->tasklist_lock);
		ptrace_tell_death(leader);
		task_put(leader);
		return;
	}
	traced = tg->leader->ptracer;
	parent = tg->parent;
	if (parent) {
		tg_get(parent);
		sig = traced ? SIGCHLD : tg->leader->exit_signal;
		fill_child_info(tg, &info, tg->leader->exit_code);
		autoreap = !traced && parent_ignores_children(parent, sig);
		if (tg->told)
			sig = 0; /* while this very process traced it */
		tg->told = true;
	}
	if (autoreap || (!parent && tg->pid != 1))
		group_release(k, tg);
	lock_release(&k->tasklist_lock);
	if (!parent)
		return;
	if (sig > 0) {
		info.signo = sig;
		signal_send_group(parent, &info);
	}
	wait_queue_wake(&parent->child_wait, EPOLLIN);
	tg_put(parent);
}

/* tasklist_lock held. Children that died before their namespace began to are waited for by nobody. */
static void release_zombies(struct kernel *k, struct thread_group *tg)
{
	struct thread_group *c, *tmp;

	list_for_each_entry_safe(c, tmp, &tg->children, sibling)
		if (c->zombie && !c->n_unseen && !c->leader->ptracer)
			group_release(k, c);
}

static int kill_below(struct thread_group *tg, void *arg)
{
	struct thread_group *init = arg;
	struct ksiginfo info = {.signo = SIGKILL, .code = SI_KERNEL};

	if (tg != init && pid_ns_below(tg->pid_ns, init->pid_ns))
		signal_send_group(tg, &info);
	return 0;
}

/*
 * The first process of a pid namespace takes the others along, and is gone itself when they are: pid_ns_finish() goes on then.
 * True: it has to wait.
 */
static bool end_namespace(struct kernel *k, struct thread_group *tg)
{
	bool wait;

	if (!tg_is_ns_init(tg))
		return false;
	lock_acquire(&k->tasklist_lock);
	tg->pid_ns->closed = true;
	lock_acquire(&tg->siglock);
	tg->ns_dying = true;
	lock_release(&tg->siglock);
	release_zombies(k, tg);
	lock_release(&k->tasklist_lock);
	tg_for_each(k, kill_below, tg);
	lock_acquire(&k->tasklist_lock);
	wait = tg->pid_ns->n_groups > 1;
	tg->ns_waiting = wait;
	lock_release(&k->tasklist_lock);
	return wait;
}

static void group_zombie(struct kernel *k, struct thread_group *tg);

void pid_ns_finish(struct kernel *k)
{
	while (atomic_load(&k->n_ended_ns)) {
		struct thread_group *tg = NULL;

		lock_acquire(&k->tasklist_lock);
		if (atomic_load(&k->n_ended_ns)) {
			tg = list_first(&k->ended_ns, struct thread_group, ns_link);
			list_del(&tg->ns_link);
			atomic_fetch_sub(&k->n_ended_ns, 1);
		}
		lock_release(&k->tasklist_lock);
		if (!tg)
			return;
		group_zombie(k, tg);
		tg_put(tg);
	}
}

/* The last thread of *tg* has gone. */
static void group_dead(struct kernel *k, struct thread_group *tg)
{
	tg_timers_free(tg);
	tg_aio_free(tg);
	cpu_limit_stop(tg);
	tty_session_leader_exit(tg->leader);
	orphaned_pgrps_on_exit(tg);
	if (!end_namespace(k, tg))
		group_zombie(k, tg);
	pid_ns_finish(k);
}

/* Zombie, and the parent is told. */
static void group_zombie(struct kernel *k, struct thread_group *tg)
{
	struct thread_group *heir;
	struct ksiginfo zombie;
	int code;

	lock_acquire(&k->tasklist_lock);
	code = tg->group_exiting ? tg->group_exit_code : tg->leader->exit_code;
	lock_acquire(&tg->siglock);
	tg->leader->exit_code = code;
	tg->zombie = true;
	tg->leader->state = TASK_ZOMBIE;
	lock_release(&tg->siglock);
	heir = new_parent(k, tg);
	if (!reparent_children(k, tg, heir, &zombie))
		heir = NULL;
	if (heir)
		tg_get(heir);
	lock_release(&k->tasklist_lock);

	wait_queue_wake(&tg->exit_wait, EPOLLIN);
	group_tell_parent(tg);
	if (heir) {
		signal_send_group(heir, &zombie);
		wait_queue_wake(&heir->child_wait, EPOLLIN);
		tg_put(heir);
	}
	if (tg->pid == 1)
		kernel_init_exited(k, code);
	if (tg->session)
		kernel_session_exited(tg->session, code);
}

/* In the task's own memory: before it counts as gone, since the last one ends the stub. */
static void drop_futexes(struct task *t)
{
	robust_list_exit(t);
	futex_release_owned(t, true);
}

/* Returns, referenced, the address space that ends with the task; or NULL. */
static struct aspace *drop_resources(struct task *t, bool last)
{
	struct aspace *as = NULL;
	struct mm *mm = t->mm;
	struct fd_table *fds;
	struct fs_context *fs;

	seccomp_exit(t);
	ipc_exit_sem(t);
	if (last)
		shm_exit(t);
	lock_acquire(&t->cred_lock); /* /proc/PID/fd of another may be looking */
	fds = t->fds;
	fs = t->fs;
	t->fds = NULL;
	t->fs = NULL;
	lock_release(&t->cred_lock);
	if (fds)
		fd_table_put(t, fds);
	if (fs)
		fs_context_put(fs);
	task_nsproxy_replace(t, NULL);
	if (!mm)
		return NULL;
	if (last) {
		usage_note_peak(t->kernel, mm->as);
		tg_set_aspace(t->tg, NULL); /* while it can still be asked */
	}
	lock_acquire(&t->cred_lock);
	t->mm = NULL;
	lock_release(&t->cred_lock);
	/* The stub goes with the last one, unless a vfork's other half still lives there. */
	if (last && atomic_fetch_sub(&mm->n_groups, 1) == 1) {
		as = mm->as;
		aspace_get(as);
	}
	mm_put(mm);
	return as;
}

/* siglock held. Signals of the group that *t* was chosen for are now another thread's. */
static void hand_over_signals(struct task *t)
{
	struct thread_group *tg = t->tg;
	struct task *o;

	if (tg->group_exiting || !tg->shared_pending.set)
		return;
	list_for_each_entry(o, &tg->threads, tg_link) {
		if (o == t || o->exited || !(tg->shared_pending.set & ~task_blocked(o)))
			continue;
		atomic_fetch_or(&o->flags, TIF_SIGPENDING);
		task_kick(o);
	}
}

void task_exit(struct task *t, int code)
{
	struct thread_group *tg = t->tg;
	struct kernel *k = t->kernel;
	struct aspace *as;
	bool last, traced;

	if (t->exited)
		return;
	lock_acquire(&tg->siglock);
	t->exited = true;
	lock_release(&tg->siglock);
	ptrace_exit(t);
	views_drop(t);
	tg_get(tg);
	drop_futexes(t);
	as = drop_resources(t, atomic_fetch_sub(&tg->n_live, 1) == 1);
	vfork_complete(t);
	lock_acquire(&k->tasklist_lock);
	lock_acquire(&tg->siglock);
	t->exit_code = code;
	tg->dead_nvcsw += t->nvcsw;
	hand_over_signals(t);
	last = --tg->n_threads == 0;
	if (last && !tg->group_exiting) {
		/* As Linux since 5.17: the last thread's status is the process's, whoever the leader was. */
		tg->group_exit_code = code;
		tg->group_exiting = true;
	}
	t->state = TASK_ZOMBIE;
	if (t != tg->leader) {
		io_counts_add(&tg->dead_io, &t->io);
		list_del(&t->tg_link);
		t->state = t->ptracer ? TASK_ZOMBIE : TASK_DEAD;
	}
	traced = t != tg->leader && t->ptracer; /* its tracer has to see it before it goes */
	tg->n_unseen += traced;
	lock_release(&tg->siglock);
	if (!last)
		hand_over_children(t);
	if (traced) {
		task_get(t);
	} else if (t != tg->leader) {
		pid_detach(k, t->tid);
		task_put(t); /* the table's */
	}
	lock_release(&k->tasklist_lock);
	if (traced) {
		ptrace_tell_death(t);
		task_put(t);
	}
	wait_queue_wake(&tg->exit_wait, EPOLLHUP);
	if (last)
		group_dead(k, tg);
	/* Who waits for it has been woken: the host's work on the memory is not to come before that. */
	if (as) {
		aspace_kill(as);
		aspace_put(as);
	}
	tg_put(tg);
}

void task_leave_host_thread(struct task *t)
{
	uint64_t ctid = t->clear_child_tid;

	if (vfork_give_back(t))
		return;
	gthread_exit(t->th, ctid);
}

int group_kill_others(struct task *t)
{
	struct thread_group *tg = t->tg;
	struct task_waiter w;
	struct task *o;
	int r = 0;

	lock_acquire(&tg->siglock);
	/* Of two threads that call exec, one is the other's victim. */
	if (tg->group_exiting || (atomic_load(&t->flags) & TIF_KILLED)) {
		lock_release(&tg->siglock);
		return -EAGAIN;
	}
	list_for_each_entry(o, &tg->threads, tg_link) {
		if (o == t || o->exited)
			continue;
		atomic_fetch_or(&o->flags, TIF_KILLED);
		ptrace_killed(o); /* no tracer holds back what is killed */
		task_kick(o);
		vfork_killed(o);
	}
	lock_release(&tg->siglock);
	task_waiter_init(&w, t, EPOLLHUP);
	wait_queue_add(&tg->exit_wait, &w.waiter);
	for (;;) {
		lock_acquire(&t->kernel->tasklist_lock);
		r = tg->n_threads > 1;
		lock_release(&t->kernel->tasklist_lock);
		if (!r)
			break;
		r = task_block_killable(t, -1);
		if (r)
			break;
	}
	wait_queue_remove(&w.waiter);
	return r;
}
