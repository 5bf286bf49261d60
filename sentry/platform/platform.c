/* SPDX-License-Identifier: MIT */
/* The platform as a whole: start and end, the reaper, new address spaces, counters. */
#include "platform/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that nobody knows has died: those who wait for one look again. */
static void unknown_death(struct platform *p)
{
	struct birth *b;
	struct worker *w;

	lock_acquire(&p->lock);
	list_for_each_entry (b, &p->births, all_link) {
		/* birth.wp is guarded by the listener's lock, which ranks before ours: only set the word, and nudge. */
		atomic_store(&b->died, true);
		atomic_store(&b->wp.word, 1);
		futex_wake_word(&b->wp.word);
		w = b->wp.worker;
		if (w)
			worker_nudge(w);
	}
	lock_release(&p->lock);
}

static void *reap(void *arg)
{
	struct platform *p = arg;

	for (;;) {
		siginfo_t si = {0};
		struct rusage ru = {0};
		struct aspace *as;

		if (waitid(P_ALL, 0, &si, WEXITED | WNOWAIT | __WALL) < 0) {
			if (errno == EINTR)
				continue;
			if (atomic_load(&p->stopping))
				return NULL;
			usleep(20000); /* no children: the zygote is dead, and with it all hope of new ones */
			continue;
		}
		as = aspace_by_pid(p, si.si_pid);
		if (as) {
			as->segv = si.si_code == CLD_KILLED && si.si_status == SIGSEGV;
			aspace_died(as);
		}
		/* Only now may the number be used again. */
		syscall(SYS_waitid, P_PID, (id_t)si.si_pid, &si, WEXITED | __WALL, &ru);
		if (as) {
			aspace_set_usage(as, &ru);
			aspace_put(as);
		} else {
			unknown_death(p);
		}
	}
}

#define SWEEP_BEYOND 4096 /* numbers above the highest known that a new child may have got */

static bool is_known(struct platform *p, pid_t pid)
{
	struct ready_stub *r;
	struct aspace *as;

	list_for_each_entry (as, &p->pids[(unsigned)pid % TID_BUCKETS], pid_link)
		if (as->pid == pid)
			return true;
	list_for_each_entry (r, &p->pool, link)
		if (r->pid == pid)
			return true;
	return pid == p->zygote_pid;
}

void platform_sweep(struct platform *p)
{
	lock_acquire(&p->lock);
	if (p->sweep_wanted && list_empty(&p->births) && !p->n_transit) {
		p->sweep_wanted = false;
		for (pid_t pid = p->zygote_pid; pid <= p->max_pid + SWEEP_BEYOND; pid++) {
			siginfo_t si;

			/* Is it a child of ours? */
			if (!is_known(p, pid) &&
				waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0)
				kill(pid, SIGKILL);
		}
	}
	lock_release(&p->lock);
}

static struct platform *alloc(const struct platform_options *opt, const struct platform_client *client)
{
	struct platform *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->opt = *opt;
	p->client = client;
	p->self = getpid();
	p->zygote = -1;
	lock_init(&p->lock, RANK_PLATFORM_INNER);
	list_init(&p->idle);
	list_init(&p->pool);
	list_init(&p->births);
	for (unsigned i = 0; i < TID_BUCKETS; i++)
		list_init(&p->pids[i]);
	pthread_cond_init(&p->pool_cond, NULL);
	pthread_cond_init(&p->pool_up, NULL);
	pthread_mutex_init(&p->zygote_lock, NULL);
	filter_light_map(p->light);
	poller_init(p);
	return p;
}

int platform_start(const struct platform_options *opt, const struct platform_client *client, struct platform **ret_p,
	const char **err)
{
	struct platform *p = alloc(opt, client);
	int r;

	*err = "out of memory";
	if (!p)
		return -ENOMEM;
	r = worker_init(p);
	if (r == 0)
		r = pool_start_zygote(p, err);
	if (r == 0)
		r = pool_start_filler(p);
	if (r == 0)
		r = -pthread_create(&p->reaper, NULL, reap, p);
	if (r < 0) {
		if (p->zygote_pid > 0)
			kill(p->zygote_pid, SIGKILL);
		return r; /* the process ends; what stubs there are end with it */
	}
	*ret_p = p;
	return 0;
}

int platform_await(struct platform *p, const char **err)
{
	int r = pool_await(p, err);

	if (r < 0)
		kill(p->zygote_pid, SIGKILL);
	return r;
}

int platform_create(const struct platform_options *opt, const struct platform_client *client, struct platform **ret_p,
	const char **err)
{
	int r = platform_start(opt, client, ret_p, err);

	return r < 0 ? r : platform_await(*ret_p, err);
}

static void kill_all(struct platform *p)
{
	struct aspace *as;

	lock_acquire(&p->lock);
	for (unsigned i = 0; i < TID_BUCKETS; i++)
		list_for_each_entry (as, &p->pids[i], pid_link)
			kill(as->pid, SIGKILL);
	lock_release(&p->lock);
}

void platform_destroy(struct platform *p)
{
	pool_stop(p);
	kill(p->zygote_pid, SIGKILL);
	close(p->zygote);
	for (unsigned n = 1; n;) {
		kill_all(p);
		usleep(1000);
		lock_acquire(&p->lock);
		n = p->n_aspaces;
		lock_release(&p->lock);
	}
	pthread_join(p->reaper, NULL);
	workers_quit(p);
	/* Workers may still be leaving; the platform's memory stays until the process ends. */
}

static int create(struct platform *p, void *owner, struct aspace **ret_as, struct gthread **ret_th)
{
	struct ready_stub *r = pool_take(p);
	struct listener *l = r ? listener_new(p, r->listener) : NULL;
	struct aspace *as = l ? aspace_alloc(p, l, r->slots) : NULL;
	struct gthread *th = as ? gthread_alloc(as, owner, 0) : NULL;
	pid_t pid = r ? r->pid : 0;

	if (!th || gthread_take_frame(th, &r->first) < 0) {
		if (pid)
			kill(pid, SIGKILL);
		if (l) {
			r->listener = -1;
			if (as)
				r->slots = NULL;
			listener_put(l);
		}
		if (r)
			ready_stub_free(r);
		if (th)
			gthread_put(th);
		if (as)
			aspace_put(as);
		return -ENOMEM;
	}
	as->slot_used[0] = 1;
	as->fresh = true;
	gthread_load_regs(th);
	th->notif_id = r->first.id;
	th->rung = true;
	th->state = TH_HELD;
	lock_acquire(&l->lock);
	gthread_attach(th, pid);
	lock_release(&l->lock);
	listener_put(l); /* the address space holds its own */
	r->listener = -1;
	r->slots = NULL;
	ready_stub_free(r);
	*ret_as = as;
	*ret_th = th;
	return 0;
}

int aspace_create(struct platform *p, void *owner, struct aspace **ret_as, struct gthread **ret_th)
{
	int r;

	pool_transit(p, 1); /* a stub that is neither in the pool nor an address space yet */
	r = create(p, owner, ret_as, ret_th);
	pool_transit(p, -1);
	return r;
}

static void add_counts(struct platform_stats *st, const struct entry_counts *c)
{
	st->light += c->light;
	st->full += c->full;
	st->polled += c->polled;
	st->interrupts += c->interrupts;
	st->faults += c->faults;
	st->orders += c->orders;
}

void platform_get_stats(struct platform *p, struct platform_stats *st)
{
	struct aspace *as;

	*st = (struct platform_stats){.stubs_made = p->stubs_made};
	lock_acquire(&p->lock);
	add_counts(st, &p->gone);
	for (unsigned i = 0; i < TID_BUCKETS; i++)
		list_for_each_entry (as, &p->pids[i], pid_link)
			add_counts(st, &as->counts);
	lock_release(&p->lock);
}
