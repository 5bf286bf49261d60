/* SPDX-License-Identifier: MIT */
/* CPU time of guest threads, from the host's clocks of their stubs and the sentry's own. */
#include "kernel/cputime.h"
#include "kernel/host_thread.h"
#include "kernel/report.h"
#include "kernel/time.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define NSEC 1000000000ll
#define SPLIT_MIN_NS 4000000 /* the host's ticks say nothing about less */
#define LIMIT_LOOK_NS 20000000

enum host_clock { HOST_PROF, HOST_VIRT, HOST_SCHED }; /* CPUCLOCK_*: both by ticks, user by ticks, both exactly */

static uint64_t host_cpu_ns(pid_t pid, enum host_clock which)
{
	clockid_t c = (clockid_t)(~(unsigned)pid << 3 | which);
	struct timespec ts;

	if (pid <= 0 || clock_gettime(c, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

/* The counter's ticks in nanoseconds, by its rate since the sandbox was started. */
static uint64_t ticks_ns(const struct kernel *k, uint64_t ticks)
{
	uint64_t run = arch_ticks() - k->boot_ticks;
	int64_t ns = kernel_now_mono() - k->boot_monotonic.tv_sec * NSEC - k->boot_monotonic.tv_nsec;

	return run && ns > 0 ? (uint64_t)((unsigned __int128)ticks * (uint64_t)ns / run) : 0;
}

void cpu_charge(struct task *t)
{
	uint64_t began = t->entered_ticks, now, used;

	if (!began)
		return;
	now = arch_ticks();
	used = now - began;
	t->entered_ticks = now;
	if ((int64_t)used <= 0)
		return;
	if (t->sampled) { /* for those beside it too, but not for more time than has passed */
		used *= CPU_SAMPLE;
		if (used > now - t->charged_ticks)
			used = now - t->charged_ticks;
		t->sampled = false;
	}
	t->charged_ticks = now;
	/* Only the worker that serves *t* writes it. */
	atomic_store_explicit(
		&t->sentry_ticks, atomic_load_explicit(&t->sentry_ticks, memory_order_relaxed) + used, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->tg->sentry_ticks, used, memory_order_relaxed);
}

/* What the host has counted for the stub, split as its ticks say. limits_lock held. */
static void host_times(struct aspace *as, struct cpu_times *ret)
{
	pid_t pid = as ? aspace_host_pid(as) : 0;
	uint64_t all = host_cpu_ns(pid, HOST_SCHED), user, both;

	*ret = (struct cpu_times){.utime_ns = all};
	if (all < SPLIT_MIN_NS)
		return;
	both = host_cpu_ns(pid, HOST_PROF);
	user = host_cpu_ns(pid, HOST_VIRT);
	if (both && user < both)
		ret->stime_ns = (uint64_t)((unsigned __int128)all * (both - user) / both);
	ret->utime_ns = all - ret->stime_ns;
}

void tg_cpu_times(struct thread_group *tg, struct cpu_times *ret)
{
	struct cpu_times host;
	uint64_t all;
	LOCK_SCOPE(&tg->limits_lock);

	host_times(tg->cpu_as, &host);
	ret->utime_ns = tg->dead_utime_ns + host.utime_ns;
	ret->stime_ns = tg->dead_stime_ns + host.stime_ns + ticks_ns(tg->kernel, tg->sentry_ticks);
	/* The split is an estimate, but neither part ever goes back. */
	all = ret->utime_ns + ret->stime_ns;
	if (ret->stime_ns < tg->shown.stime_ns)
		ret->stime_ns = tg->shown.stime_ns < all ? tg->shown.stime_ns : all;
	ret->utime_ns = all - ret->stime_ns;
	if (ret->utime_ns < tg->shown.utime_ns) {
		ret->utime_ns = tg->shown.utime_ns < all ? tg->shown.utime_ns : all;
		ret->stime_ns = all - ret->utime_ns;
	}
	tg->shown.utime_ns = ret->utime_ns;
	tg->shown.stime_ns = ret->stime_ns;
}

uint64_t tg_cpu_ns(struct thread_group *tg)
{
	LOCK_SCOPE(&tg->limits_lock);

	return tg->dead_utime_ns + tg->dead_stime_ns + ticks_ns(tg->kernel, tg->sentry_ticks) +
	       (tg->cpu_as ? host_cpu_ns(aspace_host_pid(tg->cpu_as), HOST_SCHED) : 0);
}

void tg_set_aspace(struct thread_group *tg, struct aspace *as)
{
	struct aspace *old;
	struct cpu_times used;

	if (as)
		aspace_get(as);
	lock_acquire(&tg->limits_lock);
	old = tg->cpu_as;
	if (old) {
		host_times(old, &used);
		tg->dead_utime_ns += used.utime_ns;
		tg->dead_stime_ns += used.stime_ns;
		usage_final_put(tg->final);
		tg->final = aspace_usage_get(old);
	}
	tg->cpu_as = as;
	lock_release(&tg->limits_lock);
	if (old)
		aspace_put(old);
}

/* --- single threads -------------------------------------------------------------------------------------------------------- */

/* Has the process of *t* had only this thread since it began, or since exec? Then the process's clock is the thread's. */
static bool is_alone(const struct task *t)
{
	return !atomic_load(&t->tg->had_threads);
}

uint64_t task_cpu_ns(struct task *t)
{
	uint64_t all, others;

	if (!is_alone(t)) {
		lock_acquire(&t->tg->limits_lock);
		all = t->cpu_before_ns;
		lock_release(&t->tg->limits_lock);
		return all + host_thread_ns(t) + ticks_ns(t->kernel, t->sentry_ticks);
	}
	all = tg_cpu_ns(t->tg);
	lock_acquire(&t->tg->limits_lock);
	others = t->tg->others_ns;
	lock_release(&t->tg->limits_lock);
	return all > others ? all - others : 0;
}

void task_cpu_times(struct task *t, struct cpu_times *ret)
{
	uint64_t sentry = ticks_ns(t->kernel, t->sentry_ticks), all = task_cpu_ns(t), host, sys = 0;
	struct host_thread h;

	host = all > sentry ? all - sentry : 0;
	if (host >= SPLIT_MIN_NS && host_thread_stat(t, is_alone(t), &h) && h.utime + h.stime)
		sys = (uint64_t)((unsigned __int128)host * h.stime / (h.utime + h.stime));
	ret->stime_ns = sys + (all < sentry ? all : sentry);
	ret->utime_ns = all - ret->stime_ns;
}

void cpu_first_thread(struct task *t)
{
	struct thread_group *tg = t->tg;
	uint64_t mine;

	if (!is_alone(t))
		return;
	lock_acquire(&tg->limits_lock);
	mine = tg->dead_utime_ns + tg->dead_stime_ns + ticks_ns(tg->kernel, tg->sentry_ticks - t->sentry_ticks);
	t->cpu_before_ns = mine > tg->others_ns ? mine - tg->others_ns : 0;
	lock_release(&tg->limits_lock);
	atomic_store(&tg->had_threads, true);
}

void cpu_exec(struct task *t)
{
	uint64_t own, all;

	if (is_alone(t))
		return;
	own = task_cpu_ns(t);
	all = tg_cpu_ns(t->tg);
	lock_acquire(&t->tg->limits_lock);
	t->tg->others_ns = all > own ? all - own : 0;
	lock_release(&t->tg->limits_lock);
	atomic_store(&t->tg->had_threads, false);
}

/* --- resource usage ----------------------------------------------------------------------------------------------------- */

static void put_times(struct rusage *ru, const struct cpu_times *c)
{
	ru->ru_utime.tv_sec = (long)(c->utime_ns / NSEC);
	ru->ru_utime.tv_usec = (long)(c->utime_ns / 1000 % 1000000);
	ru->ru_stime.tv_sec = (long)(c->stime_ns / NSEC);
	ru->ru_stime.tv_usec = (long)(c->stime_ns / 1000 % 1000000);
}

static void put_faults(struct task *t, bool process, struct rusage *ru)
{
	struct host_thread h;

	if (!host_thread_stat(t, process, &h))
		return;
	ru->ru_minflt = (long)h.min_flt;
	ru->ru_majflt = (long)h.maj_flt;
	ru->ru_maxrss = host_peak_rss(t);
}

void usage_self(struct task *t, struct rusage *ru)
{
	struct thread_group *tg = t->tg;
	struct cpu_times c;
	struct task *o;

	memset(ru, 0, sizeof(*ru));
	cpu_charge(t);
	tg_cpu_times(tg, &c);
	put_times(ru, &c);
	put_faults(t, true, ru);
	lock_acquire(&t->kernel->tasklist_lock);
	ru->ru_nvcsw = (long)tg->dead_nvcsw;
	list_for_each_entry(o, &tg->threads, tg_link)
		if (!o->exited)
			ru->ru_nvcsw += (long)atomic_load(&o->nvcsw);
	lock_release(&t->kernel->tasklist_lock);
}

void usage_thread(struct task *t, struct rusage *ru)
{
	struct cpu_times c;

	memset(ru, 0, sizeof(*ru));
	cpu_charge(t);
	task_cpu_times(t, &c);
	put_times(ru, &c);
	put_faults(t, false, ru);
	ru->ru_nvcsw = (long)atomic_load(&t->nvcsw);
}

/* What the host told of a stub at its end; it comes with its death, which may be a moment away. */
static bool final_wait(struct task *t, struct usage_final *f, struct aspace_usage *ret)
{
	for (int i = 0; f && !usage_final_read(f, ret); i++)
		if (i == 100 || task_block_killable(t, kernel_now_mono() + 200000 + i * 20000) == -ERESTARTSYS)
			return false;
	return f;
}

static void sum_up(struct usage_sum *s, const struct aspace_usage *u)
{
	s->min_flt += u->min_flt;
	s->maj_flt += u->maj_flt;
	s->nvcsw += u->nvcsw;
	s->nivcsw += u->nivcsw;
	if (u->max_rss > s->max_rss)
		s->max_rss = u->max_rss;
}

static void put_sum(struct rusage *ru, const struct usage_sum *s)
{
	ru->ru_minflt += (long)s->min_flt;
	ru->ru_majflt += (long)s->maj_flt;
	ru->ru_nvcsw += (long)s->nvcsw;
	ru->ru_nivcsw += (long)s->nivcsw;
	if ((long)s->max_rss > ru->ru_maxrss)
		ru->ru_maxrss = (long)s->max_rss;
}

struct usage_final *usage_final_of(struct thread_group *c)
{
	LOCK_SCOPE(&c->limits_lock);

	return c->final ? usage_final_ref(c->final) : NULL;
}

void usage_of_child(struct task *t, const struct cpu_times *times, struct usage_final *final, struct rusage *ru)
{
	struct aspace_usage u;
	struct usage_sum s = {0};

	memset(ru, 0, sizeof(*ru));
	put_times(ru, times);
	if (final_wait(t, final, &u))
		sum_up(&s, &u);
	put_sum(ru, &s);
}

/* Fold what is known by now of the children's stubs into the sum. limits_lock held. */
static void fold(struct thread_group *tg, bool all)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tg->n_pending; i++) {
		struct usage_final *f = tg->pending[i];
		struct aspace_usage u;
		bool known = usage_final_read(f, &u);

		if (known)
			sum_up(&tg->children_usage, &u);
		if (known || all)
			usage_final_put(f);
		else
			tg->pending[n++] = f;
	}
	tg->n_pending = n;
}

/* limits_lock held; takes the reference over. */
static void add_pending(struct thread_group *tg, struct usage_final *f)
{
	if (!f)
		return;
	if (tg->n_pending == USAGE_PENDING_MAX)
		fold(tg, true); /* so many die faster than the host counts: their page faults are lost */
	tg->pending[tg->n_pending++] = f;
}

void usage_adopt(struct thread_group *tg, struct thread_group *c)
{
	struct usage_final *v[USAGE_PENDING_MAX + 1];
	struct usage_sum sum;
	struct cpu_times own;
	unsigned n = 0;

	tg_cpu_times(c, &own);
	lock_acquire(&c->limits_lock);
	fold(c, false);
	for (unsigned i = 0; i < c->n_pending; i++)
		v[n++] = c->pending[i];
	c->n_pending = 0;
	if (c->final)
		v[n++] = c->final;
	c->final = NULL;
	sum = c->children_usage;
	lock_release(&c->limits_lock);
	atomic_fetch_add(&tg->cutime_ns, own.utime_ns + c->cutime_ns);
	atomic_fetch_add(&tg->cstime_ns, own.stime_ns + c->cstime_ns);
	lock_acquire(&tg->limits_lock);
	fold(tg, false);
	sum_up(&tg->children_usage, &(struct aspace_usage){.min_flt = sum.min_flt, .maj_flt = sum.maj_flt, .nvcsw = sum.nvcsw,
							   .nivcsw = sum.nivcsw, .max_rss = sum.max_rss});
	while (n > 0)
		add_pending(tg, v[--n]);
	lock_release(&tg->limits_lock);
}

void usage_free(struct thread_group *tg)
{
	lock_acquire(&tg->limits_lock);
	fold(tg, true);
	usage_final_put(tg->final);
	tg->final = NULL;
	lock_release(&tg->limits_lock);
}

void usage_children(struct task *t, struct rusage *ru)
{
	struct thread_group *tg = t->tg;
	struct cpu_times c = {tg->cutime_ns, tg->cstime_ns};

	memset(ru, 0, sizeof(*ru));
	put_times(ru, &c);
	for (int i = 0; i < 50; i++) {
		bool done;

		lock_acquire(&tg->limits_lock);
		fold(tg, false);
		done = !tg->n_pending;
		lock_release(&tg->limits_lock);
		if (done || task_block_killable(t, kernel_now_mono() + 200000 + i * 20000) == -ERESTARTSYS)
			break;
	}
	lock_acquire(&tg->limits_lock);
	put_sum(ru, &tg->children_usage);
	lock_release(&tg->limits_lock);
}

/* --- RLIMIT_CPU ---------------------------------------------------------------------------------------------------------- */

struct cpu_limit {
	struct ktimer kt;
	struct thread_group *tg; /* no reference: the group frees it first */
};

static uint64_t seconds_ns(uint64_t s)
{
	return s > INT64_MAX / NSEC ? INT64_MAX : s * NSEC;
}

static void limit_fire(struct ktimer *kt)
{
	struct cpu_limit *l = container_of(kt, struct cpu_limit, kt);
	struct thread_group *tg = l->tg;
	struct ksiginfo info = {.signo = SIGXCPU, .code = SI_KERNEL};
	uint64_t used = tg_cpu_ns(tg), soft, hard, left;
	bool warn;

	lock_acquire(&tg->limits_lock);
	soft = seconds_ns(tg->rlim[RLIMIT_CPU].cur);
	hard = seconds_ns(tg->rlim[RLIMIT_CPU].max);
	warn = used < hard && used >= soft;
	if (warn) { /* once a second from now on */
		__atomic_store_n(&tg->rlim[RLIMIT_CPU].cur, used / NSEC + 1, __ATOMIC_RELAXED);
		soft = seconds_ns(tg->rlim[RLIMIT_CPU].cur);
	}
	lock_release(&tg->limits_lock);
	if (tg->zombie)
		return;
	if (used >= hard) {
		signal_kill_group(tg);
		return;
	}
	if (warn)
		signal_send_group(tg, &info);
	if (soft == INT64_MAX && hard == INT64_MAX)
		return;
	left = (soft < hard ? soft : hard) - used;
	ktimer_arm(kt, kernel_now_mono() + (int64_t)(left < LIMIT_LOOK_NS ? LIMIT_LOOK_NS : left > NSEC ? NSEC : left));
}

void cpu_limit_arm(struct thread_group *tg)
{
	struct cpu_limit *l;
	bool finite;

	lock_acquire(&tg->limits_lock);
	finite = tg->rlim[RLIMIT_CPU].cur != RLIM_INFINITY || tg->rlim[RLIMIT_CPU].max != RLIM_INFINITY;
	l = tg->cpu_limit;
	if (finite && !l) {
		l = tg->cpu_limit = calloc(1, sizeof(*l));
		if (l) {
			ktimer_init(tg->kernel, &l->kt, CLOCK_MONOTONIC, limit_fire);
			l->tg = tg;
		}
	}
	lock_release(&tg->limits_lock);
	if (finite && l)
		ktimer_arm(&l->kt, kernel_now_mono() + LIMIT_LOOK_NS);
}

void cpu_limit_stop(struct thread_group *tg)
{
	struct cpu_limit *l;

	lock_acquire(&tg->limits_lock);
	l = tg->cpu_limit;
	lock_release(&tg->limits_lock);
	if (l)
		ktimer_cancel(&l->kt);
}

void cpu_limit_free(struct thread_group *tg)
{
	if (!tg->cpu_limit)
		return;
	ktimer_cancel(&tg->cpu_limit->kt);
	free(tg->cpu_limit);
	tg->cpu_limit = NULL;
}

void usage_note_peak(struct kernel *k, struct aspace *as)
{
	if (k->report)
		report_memory(k, (uint64_t)aspace_peak_rss(k, as) << 10);
}
