/* SPDX-License-Identifier: MIT */
/* Tasks and thread groups: life time, look-up, limits, credentials. */
#include "kernel/task.h"
#include "kernel/aio.h"
#include "kernel/fast.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/task_internal.h"
#include "kernel/time.h"
#include "host/loop.h"
#include "mm/mm.h"
#include "vfs/vfs.h"
#include "vfs/fasync.h"

#include <stdlib.h>
#include <string.h>

struct task *task_alloc(struct kernel *k)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	refs_init(&t->refs);
	t->kernel = k;
	t->syscall_nr = UINT64_MAX;
	t->timer_slack = t->default_timer_slack = 50000;
	t->mce_policy = 2; /* PR_MCE_KILL_DEFAULT */
	t->exit_signal = SIGCHLD;
	list_init(&t->pending.queue);
	list_init(&t->tg_link);
	list_init(&t->pi_owned);
	ptrace_init(t);
	lock_init(&t->cred_lock, RANK_LEAF);
	atomic_init(&t->start_ns, (uint64_t)kernel_now_mono());
	return t;
}

void task_get(struct task *t)
{
	refs_get(&t->refs);
}

void task_put(struct task *t)
{
	if (!t || !refs_put(&t->refs))
		return;
	atomic_fetch_add(&t->kernel->dead_switches, t->nvcsw + t->nivcsw);
	sigpending_flush(&t->pending);
	cred_put(t->cred);
	nsproxy_put(t->nsproxy);
	lock_destroy(&t->cred_lock);
	if (t->tg)
		tg_put(t->tg);
	free(t);
}

struct sighand *sighand_copy(struct sighand *from)
{
	struct sighand *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (from) {
		lock_acquire(&from->lock);
		memcpy(s->action, from->action, sizeof(s->action));
		lock_release(&from->lock);
	}
	refs_init(&s->refs);
	lock_init(&s->lock, RANK_SIGACTION);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (!s || !refs_put(&s->refs))
		return;
	lock_destroy(&s->lock);
	free(s);
}

static void default_limits(struct thread_group *tg)
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		tg->rlim[i] = (struct rlimit_pair){RLIM_INFINITY, RLIM_INFINITY};
	tg->rlim[RLIMIT_STACK].cur = 8 << 20;
	tg->rlim[RLIMIT_CORE].cur = 0;
	tg->rlim[RLIMIT_NOFILE] = (struct rlimit_pair){1024, 1 << 20};
	tg->rlim[RLIMIT_MEMLOCK] = (struct rlimit_pair){8 << 20, 8 << 20};
	tg->rlim[RLIMIT_SIGPENDING] = (struct rlimit_pair){16384, 16384};
	tg->rlim[RLIMIT_MSGQUEUE] = (struct rlimit_pair){819200, 819200};
	tg->rlim[RLIMIT_NPROC] = (struct rlimit_pair){tg->kernel->max_tasks, tg->kernel->max_tasks};
	tg->rlim[RLIMIT_NICE] = tg->rlim[RLIMIT_RTPRIO] = (struct rlimit_pair){0, 0};
}

struct thread_group *tg_alloc(struct kernel *k, struct sighand *sighand)
{
	struct thread_group *tg = calloc(1, sizeof(*tg));

	if (!tg)
		return NULL;
	refs_init(&tg->refs);
	tg->kernel = k;
	lock_init(&tg->exec_lock, RANK_EXEC);
	lock_init(&tg->siglock, RANK_SIGHAND);
	lock_init(&tg->limits_lock, RANK_LEAF);
	tg->sighand = sighand;
	list_init(&tg->shared_pending.queue);
	wait_queue_init(&tg->signal_wait);
	wait_queue_init(&tg->child_wait);
	wait_queue_init(&tg->exit_wait);
	list_init(&tg->threads);
	list_init(&tg->children);
	list_init(&tg->aio);
	list_init(&tg->sibling);
	tg->start_boot_ns = (uint64_t)kernel_now_mono();
	tg->dumpable = true;
	tg->loginuid = tg->sessionid = UINT32_MAX;
	tg->coredump_filter = 0x33;
	default_limits(tg);
	return tg;
}

void tg_get(struct thread_group *tg)
{
	refs_get(&tg->refs);
}

void tg_put(struct thread_group *tg)
{
	if (!tg || !refs_put(&tg->refs))
		return;
	sigpending_flush(&tg->shared_pending);
	sighand_put(tg->sighand);
	if (tg->pid_ns)
		pid_ns_put(tg->pid_ns);
	tg_timers_free(tg);
	tg_aio_free(tg);
	tg_kill_later_free(tg);
	tg_set_aspace(tg, NULL);
	usage_free(tg);
	cpu_limit_free(tg);
	lock_destroy(&tg->exec_lock);
	lock_destroy(&tg->siglock);
	lock_destroy(&tg->limits_lock);
	free(tg);
}

struct task *task_find(struct kernel *k, int tid)
{
	LOCK_SCOPE(&k->tasklist_lock);
	struct task *t = pid_task(k, tid);

	if (t)
		task_get(t);
	return t;
}

struct thread_group *tg_find(struct kernel *k, int pid)
{
	LOCK_SCOPE(&k->tasklist_lock);
	struct task *t = pid_task(k, pid);

	if (!t || t->tg->pid != pid)
		return NULL;
	tg_get(t->tg);
	return t->tg;
}

struct task *task_find_vnr(const struct task *reader, int nr)
{
	return task_find(reader->kernel, pid_from_vnr(reader, nr));
}

struct thread_group *tg_find_vnr(const struct task *reader, int nr)
{
	return tg_find(reader->kernel, pid_from_vnr(reader, nr));
}

int tg_for_each(struct kernel *k, int (*fn)(struct thread_group *tg, void *arg), void *arg)
{
	for (int pid = 1;;) {
		struct thread_group *tg;
		int r;

		lock_acquire(&k->tasklist_lock);
		tg = tg_next(k, pid);
		if (tg)
			tg_get(tg);
		lock_release(&k->tasklist_lock);
		if (!tg)
			return 0;
		pid = tg->pid + 1;
		r = fn(tg, arg);
		tg_put(tg);
		if (r)
			return r;
	}
}

struct cred *task_cred_get(struct task *t)
{
	LOCK_SCOPE(&t->cred_lock);

	cred_get(t->cred);
	return t->cred;
}

struct mm *task_mm_get(struct task *t)
{
	LOCK_SCOPE(&t->cred_lock);

	if (t->mm)
		mm_get(t->mm);
	return t->mm;
}

void task_cred_replace(struct task *t, struct cred *c)
{
	struct cred *old;

	lock_acquire(&t->cred_lock);
	old = t->cred;
	t->cred = c;
	lock_release(&t->cred_lock);
	fast_changed(t);
	cred_put(old);
}

void task_cred_commit(struct task *t, struct cred *c)
{
	if (cred_change_is_private(t->cred, c)) {
		t->tg->dumpable = false;
		t->pdeath_signal = 0;
	}
	task_cred_replace(t, c);
}

bool task_capable(const struct task *t, int cap)
{
	return cred_capable(t->cred, cap);
}

bool task_no_new_privs(const struct task *t)
{
	return t->cred->no_new_privs || atomic_load(&t->no_new_privs);
}

uint64_t task_rlimit(const struct task *t, int resource)
{
	return __atomic_load_n(&t->tg->rlim[resource].cur, __ATOMIC_RELAXED);
}

void task_account_io(struct task *t, bool write, int64_t n)
{
	_Atomic uint64_t *bytes = write ? &t->io.wchar : &t->io.rchar, *calls = write ? &t->io.syscw : &t->io.syscr;

	/* Only the task itself counts: no read-modify-write is needed. */
	atomic_store_explicit(calls, atomic_load_explicit(calls, memory_order_relaxed) + 1, memory_order_relaxed);
	if (n > 0)
		atomic_store_explicit(bytes, atomic_load_explicit(bytes, memory_order_relaxed) + (uint64_t)n,
			memory_order_relaxed);
}

void io_counts_add(struct io_counts *to, const struct io_counts *from)
{
	atomic_fetch_add(&to->rchar, atomic_load(&from->rchar));
	atomic_fetch_add(&to->wchar, atomic_load(&from->wchar));
	atomic_fetch_add(&to->syscr, atomic_load(&from->syscr));
	atomic_fetch_add(&to->syscw, atomic_load(&from->syscw));
}

/* --- blocking ----------------------------------------------------------------------------------------------------- */

static void task_waiter_notify(struct waiter *w, uint32_t events)
{
	task_wake(container_of(w, struct task_waiter, waiter)->task);
}

void task_waiter_init(struct task_waiter *w, struct task *t, uint32_t mask)
{
	memset(w, 0, sizeof(*w));
	w->waiter.notify = task_waiter_notify;
	w->waiter.mask = mask;
	w->waiter.lazy = &t->lazy_waits;
	w->task = t;
}

void task_wake(struct task *t)
{
	host_loop_sleep_end(t->kernel->loop, &t->lazy_sleep);
	platform_wake(&t->waker);
}

static int block(struct task *t, int64_t deadline_ns, uint32_t mask)
{
	uint64_t began;
	int r;

	if (atomic_load(&t->flags) & mask)
		return -ERESTARTSYS;
	t->state = TASK_SLEEPING;
	atomic_fetch_add_explicit(&t->nvcsw, 1, memory_order_relaxed);
	began = arch_ticks();
	if (atomic_load_explicit(&t->lazy_waits, memory_order_relaxed))
		host_loop_sleep_begin(t->kernel->loop, &t->lazy_sleep);
	r = platform_sleep(t->kernel->platform, &t->waker, deadline_ns);
	host_loop_sleep_end(t->kernel->loop, &t->lazy_sleep);
	cpu_sleep_end(t, began);
	t->state = TASK_RUNNING;
	if (atomic_load(&t->flags) & mask)
		return -ERESTARTSYS;
	return r;
}

int task_block(struct task *t, int64_t deadline_ns)
{
	/* What this task did so far may be news for one who waits for a signal. */
	if (atomic_load_explicit(&t->kernel->n_fasync, memory_order_relaxed))
		fasync_send(t->kernel);
	if (platform_give_up(t->kernel->platform, &t->waker))
		return -ERESTARTSYS;
	return block(t, deadline_ns, TIF_SIGPENDING | TIF_KILLED | TIF_STOP | TIF_TRAP);
}

int task_block_midway(struct task *t, int64_t deadline_ns)
{
	return block(t, deadline_ns, TIF_SIGPENDING | TIF_KILLED | TIF_STOP | TIF_TRAP);
}

int task_block_killable(struct task *t, int64_t deadline_ns)
{
	return block(t, deadline_ns, TIF_KILLED);
}
