/* SPDX-License-Identifier: MIT */
/* What the guest holds: the sentry's own charges, and the memory limit over its processes. */
#include "kernel/memory.h"
#include "kernel/kernel_main.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/shared.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOOK_EVERY_US 100000
#define SWEEP_EVERY 10 /* looks: reading all maps costs more */
#define HELD_LOOKS 20  /* so long the host's cgroup has to end somebody */
#define PAGE 4096
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int kernel_charge(struct kernel *k, uint64_t bytes)
{
	uint64_t limit = k->memory_limit, now = atomic_fetch_add(&k->memory_used, bytes) + bytes;

	if (!limit || now <= limit)
		return 0;
	atomic_fetch_sub(&k->memory_used, bytes);
	return -ENOMEM;
}

static uint64_t files_limit(const struct kernel *k)
{
	if (k->memory_limit)
		return k->memory_limit - k->memory_limit / 8;
	return k->memory_total ? k->memory_total / 2 : UINT64_MAX / 2;
}

uint64_t kernel_files_left(struct kernel *k)
{
	uint64_t limit = files_limit(k), used = k->memory_used;

	return used < limit ? limit - used : 0;
}

int kernel_charge_files(struct kernel *k, uint64_t bytes)
{
	uint64_t limit = files_limit(k);
	uint64_t now = atomic_fetch_add(&k->memory_used, bytes) + bytes;

	if (now <= limit)
		return 0;
	atomic_fetch_sub(&k->memory_used, bytes);
	return -ENOSPC;
}

void kernel_uncharge(struct kernel *k, uint64_t bytes)
{
	atomic_fetch_sub(&k->memory_used, bytes);
}

bool memory_near(const struct kernel *k, uint64_t len)
{
	uint64_t limit = k->memory_limit;

	return limit && k->memory_seen + k->memory_copied + len >= limit - limit / 8;
}

/* The pages of the first piece; false: there are none to be brought in. Buffers are used again and again, and are in their places then. */
static bool new_pages(const struct task *t, uint64_t addr, uint64_t len, uint64_t *from, uint64_t *to)
{
	const struct kernel *k = t->kernel;

	if (!k->memory_limit || !len || __builtin_add_overflow(addr, (len < MEMORY_PIECE ? len : MEMORY_PIECE) + PAGE - 1, to))
		return false;
	*from = addr & ~(uint64_t)(PAGE - 1);
	*to &= ~(uint64_t)(PAGE - 1);
	return t->memory_look != k->memory_look || *from < t->memory_from || *to > t->memory_to;
}

bool memory_wants_full(const struct task *t, uint64_t addr, uint64_t len)
{
	uint64_t from, to;

	return t->kernel->memory_limit && memory_near(t->kernel, len) && new_pages(t, addr, len, &from, &to) && !gthread_full(t->th);
}

bool memory_bring_in(struct task *t, uint64_t addr, uint64_t len)
{
	struct kernel *k = t->kernel;
	bool near = memory_near(k, len);
	uint64_t from, to;

	if (!new_pages(t, addr, len, &from, &to))
		return true;
	atomic_fetch_add(&k->memory_copied, to - from);
	t->memory_from = from;
	t->memory_to = to;
	t->memory_look = k->memory_look;
	if (near && gthread_full(t->th)) /* what cannot be written to is the copy's to find */
		return gthread_madvise(t->th, from, to - from, MADV_POPULATE_WRITE) != -ESRCH && !t->tg->group_exiting;
	return true;
}

struct look {
	uint64_t number;
	uint64_t total;
	int64_t worst;
	struct thread_group *victim; /* held */
	uint64_t spared, most;	     /* what those with oom_score_adj -1000 hold, and the largest of them: */
	struct thread_group *refuge; /* held */
	bool sweep;
};

/* The address space of a group: its first thread may have ended and the others go on. Held; NULL: none any more. */
static struct mm *group_mm(struct kernel *k, struct thread_group *tg)
{
	struct mm *mm = NULL;
	struct task *t;

	lock_acquire(&k->tasklist_lock);
	lock_acquire(&tg->siglock);
	list_for_each_entry(t, &tg->threads, tg_link) {
		mm = task_mm_get(t);
		if (mm)
			break;
	}
	lock_release(&tg->siglock);
	lock_release(&k->tasklist_lock);
	return mm;
}

/*
 * Whom the memory's end hits: the largest, as /proc/PID/oom_score_adj shifts it by thousandths of the limit; the first process
 * only when there is no other, since all end with it.
 */
static void consider(struct look *l, struct thread_group *tg, uint64_t bytes)
{
	struct kernel *k = tg->kernel;
	int64_t score = (int64_t)bytes + tg->oom_score_adj * (int64_t)(k->memory_limit / 1000);
	bool init = tg->pid == 1;

	if (tg->oom_score_adj == -1000) {
		if (!l->refuge || bytes > l->most) {
			l->most = bytes;
			tg_get(tg);
			tg_put(l->refuge);
			l->refuge = tg;
		}
		return;
	}
	if (l->victim && (init || (l->victim->pid != 1 && score <= l->worst)))
		return;
	l->worst = score;
	tg_get(tg);
	tg_put(l->victim);
	l->victim = tg;
}

static int add_usage(struct thread_group *tg, void *arg)
{
	struct kernel *k = tg->kernel;
	struct look *l = arg;
	uint64_t resident, shared;
	struct mm *mm = group_mm(k, tg);

	if (!mm)
		return 0;
	if (l->sweep) {
		uint64_t *inos = NULL;
		ssize_t n = mm_shared_inos(mm, &inos);

		shared_mem_sweep_saw(k, inos, n);
		free(inos);
	}
	if (!mm_resident(mm, &resident, &shared)) {
		/* Private pages only: files of the image are the page cache's. Children of vfork live in one that is counted. */
		if (mm->looked_at != l->number) {
			uint64_t bytes = (resident > shared ? resident - shared : 0) * PAGE;

			l->total += bytes;
			l->spared += tg->oom_score_adj == -1000 ? bytes : 0;
		}
		mm->looked_at = l->number;
		consider(l, tg, resident * PAGE); /* shared memory too: whoever maps much of it */
	}
	mm_put(mm);
	return 0;
}

/* Before it dies: the end of the first process is the end of all, and would come first. Once for each process. */
static void tell(struct kernel *k, struct thread_group *tg)
{
	char comm[TASK_COMM_LEN] = "?";

	if (tg->group_exiting)
		return;
	lock_acquire(&k->tasklist_lock);
	if (tg->leader) {
		lock_acquire(&tg->leader->cred_lock);
		memcpy(comm, tg->leader->comm, sizeof(comm));
		lock_release(&tg->leader->cred_lock);
	}
	lock_release(&k->tasklist_lock);
	kernel_oom(k, tg->pid, comm);
}

/* The limit holds in any case: where those that are spared are over it alone, or are all there is, the largest of them ends. */
static void kill_one(struct kernel *k, struct look *l, uint64_t limit)
{
	struct thread_group *tg = l->refuge && (!l->victim || l->spared > limit) ? l->refuge : l->victim;

	if (!tg)
		return;
	atomic_fetch_add(&k->oom_kills, 1);
	tell(k, tg);
	signal_kill_group(tg);
}

/*
 * The host's kernel chooses and ends, and counts it, where its group is what everybody looks at. `told` is the look at which it was told, 0: it was not. Whether
 * it is ours to end somebody, since nothing has come of it.
 */
static bool ours_to_end(struct kernel *k, bool over, uint64_t look, uint64_t *told)
{
	if (!k->memory_held)
		return over;
	if (over && *told)
		return look - *told >= HELD_LOOKS;
	if (over != (*told != 0))
		kernel_memory_over(k, over);
	*told = over ? look : 0;
	return false;
}

static void *watch(void *arg)
{
	struct kernel *k = arg;
	uint64_t told = 0;

	for (uint64_t i = 1;; i++) {
		struct look l = {.number = i};
		uint64_t ours, limit;

		usleep(LOOK_EVERY_US);
		l.sweep = i % SWEEP_EVERY == 0 && shared_mem_sweep_begin(k);
		tg_for_each(k, add_usage, &l);
		if (l.sweep)
			shared_mem_sweep_end(k);
		ours = atomic_load(&k->memory_used) + shared_mem_bytes(k);
		l.total += ours;
		l.spared += ours;
		k->memory_seen = l.total;
		k->memory_copied = 0;
		k->memory_look++;
		limit = atomic_load(&k->memory_limit); /* it may be taken back */
		if (ours_to_end(k, limit && l.total > limit, i, &told))
			kill_one(k, &l, limit);
		tg_put(l.victim);
		tg_put(l.refuge);
	}
	return NULL;
}

int memory_watch_start(struct kernel *k)
{
	bool no = false;
	pthread_t thread;
	int r;

	if (!k->memory_limit || !atomic_compare_exchange_strong(&k->memory_watched, &no, true))
		return 0;
	r = -pthread_create(&thread, NULL, watch, k);
	if (r)
		atomic_store(&k->memory_watched, false);
	else
		pthread_detach(thread);
	return r;
}
