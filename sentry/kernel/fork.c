/* SPDX-License-Identifier: MIT */
/* New tasks: fork, vfork, threads. clone(2). */
#include "fs/tty.h"
#include "ipc/ipc.h"
#include "kernel/clone.h"
#include "kernel/fast.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/pidfd.h"
#include "kernel/seccomp.h"
#include "kernel/task_internal.h"
#include "kernel/time.h"
#include "kernel/views.h"
#include "mm/mm.h"
#include "vfs/vfs.h"

#include <linux/sched.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

struct vfork_saved { /* the parent's side of a host thread that its vfork child plays on */
	struct guest_regs regs;
	struct guest_xstate xs;
	struct ktimer orphaning; /* the parent was killed */
	struct task *child;	 /* whose this is */
};

struct vfork_done { /* CLONE_VFORK where the child has a host thread of its own */
	struct refs refs;
	_Atomic bool done;
	struct task *parent; /* held */
};

static void vfork_done_put(struct vfork_done *v)
{
	if (!refs_put(&v->refs))
		return;
	task_put(v->parent);
	free(v);
}

static struct vfork_done *vfork_done_new(struct task *t)
{
	struct vfork_done *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	refs_init(&v->refs);
	refs_get(&v->refs); /* the child's */
	task_get(t);
	v->parent = t;
	return v;
}

void vfork_complete(struct task *c)
{
	struct vfork_done *v = c->vfork_done;

	if (!v)
		return;
	c->vfork_done = NULL;
	atomic_store(&v->done, true);
	task_wake(v->parent);
	vfork_done_put(v);
}

/* Only SIGKILL ends the wait before the child does. */
static void vfork_wait(struct task *t, struct vfork_done *v)
{
	while (!atomic_load(&v->done) && !task_block_killable(t, -1))
		;
	vfork_done_put(v);
}

static int share_or_copy(struct task *t, struct task *c, uint64_t flags)
{
	if (flags & CLONE_FILES) {
		views_drop(t);
		refs_get(&t->fds->refs);
		c->fds = t->fds;
	} else {
		c->fds = fd_table_copy(t->fds);
	}
	if (flags & CLONE_FS) {
		refs_get(&t->fs->refs);
		c->fs = t->fs;
	} else {
		c->fs = fs_context_copy(t->fs);
	}
	return c->fds && c->fs ? ipc_clone(t, c, flags & CLONE_SYSVSEM) : -ENOMEM;
}

static struct thread_group *new_group(struct task *t, uint64_t flags)
{
	struct sighand *sh;
	struct thread_group *tg;

	if (flags & CLONE_SIGHAND) {
		refs_get(&t->tg->sighand->refs);
		lock_acquire(&t->tg->siglock);
		fast_actions_changed(t->tg, ~0ull);
		lock_release(&t->tg->siglock);
		sh = t->tg->sighand;
	} else {
		lock_acquire(&t->tg->siglock);
		sh = sighand_copy(t->tg->sighand);
		lock_release(&t->tg->siglock);
		if (!sh)
			return NULL;
		if (flags & CLONE_CLEAR_SIGHAND)
			for (int i = 0; i < KSIG_MAX; i++)
				if (sh->action[i].handler != (uint64_t)SIG_IGN)
					sh->action[i].handler = (uint64_t)SIG_DFL;
	}
	tg = tg_alloc(t->kernel, sh);
	if (!tg) {
		sighand_put(sh);
		return NULL;
	}
	lock_acquire(&t->tg->limits_lock);
	memcpy(tg->rlim, t->tg->rlim, sizeof(tg->rlim));
	lock_release(&t->tg->limits_lock);
	cpu_limit_arm(tg);
	tg->oom_score_adj = t->tg->oom_score_adj;
	tg->loginuid = t->tg->loginuid;
	tg->sessionid = t->tg->sessionid;
	tg->coredump_filter = t->tg->coredump_filter;
	tg->watch_all = t->tg->watch_all;
	tg->dumpable = t->tg->dumpable;
	tg->thp_disabled = t->tg->thp_disabled;
	return tg;
}

static void inherit(struct task *t, struct task *c, const struct clone_request *q)
{
	memcpy(c->comm, t->comm, sizeof(c->comm));
	lock_acquire(&t->cred_lock);
	memcpy(c->cpus, t->cpus, sizeof(c->cpus));
	c->pinned = t->pinned;
	lock_release(&t->cred_lock);
	sched_fork(t, c);
	cred_get(t->cred);
	c->cred = t->cred;
	c->blocked = t->restore_mask ? t->saved_mask : t->blocked;
	c->personality = t->personality;
	c->timer_slack = c->default_timer_slack = t->timer_slack;
	c->mce_policy = t->mce_policy;
	c->io_flusher = t->io_flusher;
	c->mempolicy = t->mempolicy;
	if (!(q->flags & CLONE_VM) || (q->flags & CLONE_VFORK)) {
		c->sas_sp = t->sas_sp;
		c->sas_size = t->sas_size;
		c->sas_flags = t->sas_flags;
	}
	if (q->flags & CLONE_CHILD_CLEARTID)
		c->clear_child_tid = q->child_tid;
}

#define PROXY_FLAGS (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET)

/* The namespaces of *c*: its parent's, or new ones. */
static int copy_namespaces(struct task *t, struct task *c, uint64_t flags)
{
	int r = 0;

	if (flags & CLONE_NEWUSER) {
		cred_put(c->cred);
		c->cred = cred_copy(t->cred);
		r = c->cred ? user_ns_enter_new(t, c->cred) : -ENOMEM;
	}
	if (r)
		return r;
	if (flags & PROXY_FLAGS) {
		if (!ns_capable(c, c->cred->user_ns, CAP_SYS_ADMIN))
			return -EPERM;
		return nsproxy_unshare(t, t->nsproxy, flags, c->cred->user_ns, c->fs, &c->nsproxy);
	}
	nsproxy_get(t->nsproxy);
	c->nsproxy = t->nsproxy;
	return 0;
}

static struct task *new_task(struct task *t, const struct clone_request *q, int *err)
{
	struct task *c = task_alloc(t->kernel);

	*err = -ENOMEM;
	if (!c)
		return NULL;
	inherit(t, c, q);
	if (share_or_copy(t, c, q->flags))
		goto fail;
	*err = copy_namespaces(t, c, q->flags);
	if (*err)
		goto fail;
	*err = -ENOMEM;
	if (q->flags & CLONE_THREAD) {
		tg_get(t->tg);
		c->tg = t->tg;
		c->exit_signal = -1;
	} else {
		c->tg = new_group(t, q->flags);
		c->exit_signal = q->exit_signal;
		if (!c->tg)
			goto fail;
		c->tg->pid_ns = c->nsproxy->pid_for_children;
		pid_ns_get(c->tg->pid_ns);
	}
	return c;
fail:
	clone_discard(c);
	return NULL;
}

void clone_discard(struct task *c)
{
	struct fd_table *fds;
	struct fs_context *fs;
	struct mm *mm;

	lock_acquire(&c->cred_lock); /* /proc may still have it */
	fds = c->fds;
	fs = c->fs;
	mm = c->mm;
	c->fds = NULL;
	c->fs = NULL;
	c->mm = NULL;
	lock_release(&c->cred_lock);
	if (fds)
		fd_table_put(c, fds);
	if (fs)
		fs_context_put(fs);
	if (mm)
		mm_put(mm);
	ipc_exit_sem(c);
	seccomp_exit(c);
	task_put(c);
}

/* Numbers for *c*, at each level of its pid namespace; the one of the initial namespace. */
static int enter_tables(struct kernel *k, struct task *c, const struct clone_request *q)
{
	struct pid_ns *ns = c->tg->pid_ns;
	bool group = !(q->flags & CLONE_THREAD);
	int tid = q->set_tid && !ns->level ? pid_attach_as(k, c, q->set_tid) : pid_attach(k, c), r;

	if (tid < 0)
		return tid;
	r = pid_ns_attach(k, ns, tid, q->set_tid, group ? c->tg : NULL);
	if (!r)
		return tid;
	pid_detach(k, tid);
	return r;
}

/* Enter the task into the tables. From here others can see it. */
static int attach(struct task *t, struct task *c, const struct clone_request *q)
{
	struct kernel *k = t->kernel;
	struct thread_group *tg = c->tg;
	LOCK_SCOPE(&k->tasklist_lock);
	int tid;

	if (pid_over_limit(t))
		return -EAGAIN;
	/*
	 * Signals come before the child, and a thread does not join a group that is stopping, dying or running exec: looked at
	 * and joined under one hold of the lock, so that nothing that was sent to all threads misses the new one.
	 */
	lock_acquire(&t->tg->siglock);
	tid = signal_pending(t) ? -ERESTARTNOINTR : enter_tables(k, c, q);
	if (tid > 0) {
		c->tid = tid;
		seccomp_inherit(t, c);
		list_add_tail(&c->tg_link, &tg->threads);
		tg->n_threads++;
		atomic_fetch_add(&tg->n_live, 1);
	}
	lock_release(&t->tg->siglock);
	if (tid < 0)
		return tid;
	atomic_fetch_add(&k->forks, 1);
	if (q->flags & CLONE_THREAD)
		return 0;
	tg->pid = tid;
	tg->leader = c;
	tg->pgid = t->tg->pgid;
	tg->sid = t->tg->sid;
	tg->ctty = t->tg->ctty;
	if (tg->ctty)
		tty_get(tg->ctty);
	tg->parent = t->tg;
	tg->parent_tid = t->tid;
	t->made_children = true;
	if ((q->flags & CLONE_PARENT) && t->tg->parent) {
		tg->parent = t->tg->parent;
		tg->parent_tid = t->tg->parent_tid;
		c->exit_signal = t->tg->leader->exit_signal;
	}
	list_add_tail(&tg->sibling, &tg->parent->children);
	return 0;
}

/* The event that the tracer is to see; a child of such a call is traced as well. */
static unsigned trace_child(struct task *t, struct task *c, const struct clone_request *q)
{
	unsigned event = ptrace_fork_event(t, q->flags, q->flags & CLONE_THREAD ? 0 : q->exit_signal);

	if (event || ((q->flags & CLONE_PTRACE) && t->pt.flags)) {
		lock_acquire(&t->kernel->tasklist_lock);
		ptrace_fork(t, c);
		lock_release(&t->kernel->tasklist_lock);
	}
	return event;
}

static void detach(struct task *c)
{
	struct kernel *k = c->kernel;
	LOCK_SCOPE(&k->tasklist_lock);

	if (c->ptracer) { /* somebody has attached to it already, and may wait for it */
		wait_queue_wake(&c->ptracer->tg->child_wait, EPOLLIN);
		ptrace_forget_locked(c);
	}
	pid_detach(k, c->tid);
	lock_acquire(&c->tg->siglock);
	list_del(&c->tg_link);
	c->tg->n_threads--;
	atomic_fetch_sub(&c->tg->n_live, 1);
	lock_release(&c->tg->siglock);
	if (c->tg->leader == c) {
		/* A thread that waits for just this child has none now. */
		wait_queue_wake(&c->tg->parent->child_wait, EPOLLIN);
		list_del(&c->tg->sibling);
		tty_put(c->tg->ctty);
		c->tg->ctty = NULL;
		c->tg->leader = NULL;
		pid_ns_group_gone(c->tg);
	}
}

static void child_regs(struct task *t, struct gthread *th, const struct clone_request *q)
{
	struct guest_regs regs;

	gthread_get_regs(t->th, &regs);
	regs.rax = 0;
	if (q->stack)
		regs.rsp = q->stack;
	if (q->flags & CLONE_SETTLS)
		regs.fs_base = q->tls;
	gthread_set_regs(th, &regs);
}

/* The two halves part: whoever gets the parent here (a reference) does what is to be done for it. NULL: somebody else has. */
static struct task *vfork_part(struct task *c)
{
	struct task *t = atomic_exchange(&c->vfork_parent, NULL);

	if (!t)
		return NULL;
	lock_acquire(&t->tg->siglock);
	t->vfork_child = NULL;
	lock_release(&t->tg->siglock);
	return t;
}

/* On the timer thread: the parent dies, its host thread is the child's for good. */
static void vfork_orphan(struct ktimer *kt)
{
	struct vfork_saved *s = container_of(kt, struct vfork_saved, orphaning);
	struct task *t = vfork_part(s->child);

	if (!t)
		return;
	task_exit(t, t->tg->group_exiting ? t->tg->group_exit_code : SIGKILL);
	task_put(t);
}

void vfork_killed(struct task *t)
{
	/* One that owes its thread to a parent of its own must wait for it. */
	if (t->vfork_child && !atomic_load(&t->vfork_parent))
		ktimer_arm(&t->vfork_child->vfork_saved->orphaning, kernel_now_mono());
}

/* The child's side of what was saved is not needed any more. */
static void saved_free(struct task *c)
{
	struct vfork_saved *s = c->vfork_saved;

	if (!s)
		return;
	ktimer_cancel(&s->orphaning);
	c->vfork_saved = NULL;
	free(s);
}

struct task *vfork_forget(struct task *c)
{
	struct task *t = vfork_part(c);

	saved_free(c);
	return t;
}

static int start_vfork(struct task *t, struct task *c, const struct clone_request *q)
{
	struct vfork_saved *s = aligned_alloc(64, (sizeof(*s) + 63) & ~(size_t)63);
	struct gthread *th = t->th;
	int r;

	if (!s)
		return -ENOMEM;
	gthread_get_regs(th, &s->regs);
	r = gthread_get_xstate(th, &s->xs);
	if (r) {
		free(s);
		return r;
	}
	ktimer_init(t->kernel, &s->orphaning, CLOCK_MONOTONIC, vfork_orphan);
	s->child = c;
	child_regs(t, th, q);
	views_drop(t);
	task_get(t);
	atomic_store(&c->vfork_parent, t);
	c->vfork_saved = s;
	lock_acquire(&t->tg->siglock);
	t->th = NULL;
	t->fast.th = NULL;
	t->vfork_child = c;
	if (atomic_load(&t->flags) & TIF_KILLED)
		vfork_killed(t);
	lock_release(&t->tg->siglock);
	/* The owner's reference moves: the parent's stays with vfork_parent, the child gets one of its own. */
	task_get(c);
	lock_acquire(&c->tg->siglock);
	c->th = th;
	lock_release(&c->tg->siglock);
	gthread_set_owner(th, c);
	cpu_charge(t);
	task_put(t);
	return 0;
}

bool vfork_give_back(struct task *c)
{
	struct gthread *th = c->vfork_thread ? c->vfork_thread : c->th;
	struct task *t = vfork_part(c);
	struct vfork_saved *s;

	if (!t) {
		saved_free(c);
		return false;
	}
	if (!c->vfork_thread) {
		lock_acquire(&c->tg->siglock);
		c->th = NULL;
		lock_release(&c->tg->siglock);
	}
	c->vfork_thread = NULL;
	s = c->vfork_saved;
	s->regs.rax = (uint64_t)c->vfork_tid;
	gthread_set_owner(th, t); /* the reference of vfork_parent becomes the owner's */
	lock_acquire(&t->tg->siglock);
	t->th = th;
	t->fast.th = NULL;
	lock_release(&t->tg->siglock);
	if (c->pinned || t->pinned)
		sched_apply_affinity(t);
	gthread_set_xstate(th, &s->xs);
	gthread_set_regs(th, &s->regs);
	saved_free(c);
	task_put(c); /* the owner's reference of this thread */
	return true;
}

/* Others see the task already. */
static void set_mm(struct task *c, struct mm *mm)
{
	LOCK_SCOPE(&c->cred_lock);

	c->mm = mm;
}

static int make_host_side(struct task *t, struct task *c, const struct clone_request *q, struct gthread **ret_th)
{
	struct aspace *as;
	struct gthread *th;
	struct mm *mm;
	int r;

	task_get(c); /* the gthread's owner reference */
	if (q->flags & CLONE_VM) {
		r = gthread_clone(t->th, c, &th);
		if (r)
			goto fail;
		mm_get(t->mm);
		set_mm(c, t->mm);
		if (!(q->flags & CLONE_THREAD)) {
			atomic_fetch_add(&c->mm->n_groups, 1);
			tg_set_aspace(c->tg, c->mm->as);
		}
	} else {
		r = gthread_fork(t->th, c, &as, &th);
		if (r)
			goto fail;
		mm = mm_copy(t->mm, as);
		if (!mm) {
			gthread_set_owner(th, NULL); /* it has never run: nobody else knows it */
			gthread_put(th);
			aspace_kill(as);
			aspace_put(as);
			r = -ENOMEM;
			goto fail;
		}
		mm->pid = c->tg->pid;
		set_mm(c, mm);
		tg_set_aspace(c->tg, as);
		aspace_put(as);
	}
	if (t->pinned) /* what another thread has wished for meanwhile */
		sched_apply_affinity(t);
	child_regs(t, th, q);
	lock_acquire(&c->tg->siglock);
	if (!c->th_gone) /* killed already */
		c->th = th;
	lock_release(&c->tg->siglock);
	*ret_th = th;
	return 0;
fail:
	task_put(c);
	return r;
}

/* As Linux, a bad address goes unnoticed. */
static void report_tids(struct task *t, struct task *c, const struct clone_request *q, struct aspace *child_as)
{
	int32_t tid = task_vnr(t, c);

	if (q->flags & CLONE_PARENT_SETTID)
		copy_out(t, q->parent_tid, &tid, sizeof(tid));
	/* In the child's memory; a fault there is the child's own problem, as on Linux. */
	tid = task_vnr(c, c);
	if (q->flags & CLONE_CHILD_SETTID)
		aspace_write(child_as, q->child_tid, &tid, sizeof(tid), NULL);
}

int64_t task_clone(struct task *t, const struct clone_request *q)
{
	bool vfork = (q->flags & CLONE_VM) && (q->flags & CLONE_VFORK) && !(q->flags & CLONE_THREAD) && !q->real_thread && !t->pt.flags;
	unsigned event = 0;
	uint64_t message = 0;
	int r, tid, pidfd = -1;
	struct task *c = new_task(t, q, &r);
	struct vfork_done *done = NULL;
	struct gthread *th;

	if (!c)
		return r;
	task_get(c); /* it may be killed and waited for before we are done with it */
	if (q->flags & CLONE_THREAD)
		cpu_first_thread(t);
	r = attach(t, c, q);
	if (r) {
		task_put(c);
		clone_discard(c);
		return r;
	}
	tid = task_vnr(t, c);
	if (q->flags & CLONE_PIDFD) {
		pidfd = pidfd_open(t, c->tg, 0);
		r = pidfd < 0 ? pidfd : 0;
		if (!r && copy_out(t, q->pidfd, &(int32_t){pidfd}, 4))
			r = -EFAULT;
	}
	if (!r && vfork) {
		mm_get(t->mm);
		set_mm(c, t->mm);
		atomic_fetch_add(&c->mm->n_groups, 1);
		c->vfork_tid = tid;
		report_tids(t, c, q, t->mm->as);
		r = start_vfork(t, c, q);
		if (!r) {
			task_put(c);
			return 0; /* now in the child */
		}
		atomic_fetch_sub(&c->mm->n_groups, 1);
	} else if (!r) {
		if (q->flags & CLONE_VFORK)
			c->vfork_done = done = vfork_done_new(t);
		r = (q->flags & CLONE_VFORK) && !done ? -ENOMEM : make_host_side(t, c, q, &th);
		if (!r) {
			report_tids(t, c, q, gthread_aspace(th));
			if (t->pt.flags) {
				event = trace_child(t, c, q);
				message = ptrace_tid_for_tracer(t, c->tid);
			}
			/* A child that was killed before its start is a child all the same: thread_gone() ends it. */
			task_start(c);
			gthread_put(th);
			task_put(c);
			if (event)
				ptrace_event(t, event, message);
			if (done) {
				vfork_wait(t, done);
				ptrace_event(t, PTRACE_EVENT_VFORK_DONE, message);
			}
			return tid;
		}
	}
	if (pidfd >= 0)
		fd_close(t, pidfd);
	vfork_complete(c);
	if (done)
		vfork_done_put(done);
	detach(c);
	pid_ns_finish(t->kernel); /* it may have been all that a dying namespace waited for */
	clone_discard(c);
	task_put(c);
	return r;
}
