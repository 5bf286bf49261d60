/* SPDX-License-Identifier: MIT */
/*
 * Workers: the sentry's threads that receive and serve entries; who receives is decided here (see internal.h).
 */
#include "platform/internal.h"

#include "arch/x86_64/cancel.h"

#include <asm/unistd.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORKER_STACK (512u << 10)
#define IDLE_MAX 32u /* more idle workers than this end */

/* The calling thread's worker; threads that are not workers get one when they first wait for an order. */
static __thread struct worker *current_worker;
static __thread struct worker outsider;

long futex_wait_word(_Atomic uint32_t *word, uint32_t value, int64_t deadline_ns)
{
	struct timespec ts = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
	long r = syscall(__NR_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, deadline_ns < 0 ? NULL : &ts,
		NULL, FUTEX_BITSET_MATCH_ANY);

	return r < 0 ? -errno : r;
}

void futex_wake_word(_Atomic uint32_t *word)
{
	syscall(__NR_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

struct worker *worker_self(struct platform *p)
{
	if (!current_worker) {
		outsider.p = p;
		atomic_store(&outsider.tid, (pid_t)syscall(__NR_gettid));
		list_init(&outsider.idle_link);
		current_worker = &outsider;
	}
	return current_worker;
}

struct gthread *worker_serving(void)
{
	return current_worker ? current_worker->current : NULL;
}

void *platform_current(struct platform *p)
{
	struct gthread *th = worker_self(p)->current;

	return th ? gthread_owner(th) : NULL;
}

static void on_cancel(int sig, siginfo_t *info, void *uc)
{
	arch_cancel_in_handler(uc);
}

static void unblock_cancel(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, PLATFORM_SIG_CANCEL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

#ifdef __SANITIZE_THREAD__
#define RESTART 0 /* its handler runs ours late: the wait must end by itself */
#else
#define RESTART SA_RESTART
#endif

int worker_init(struct platform *p)
{
	struct sigaction sa = {.sa_sigaction = on_cancel, .sa_flags = SA_SIGINFO | RESTART};

	/* As we need them, whatever we were started with: an ignored SIGCHLD would hide the stubs' deaths. */
	signal(SIGCHLD, SIG_DFL);
	unblock_cancel();
	sigemptyset(&sa.sa_mask);
	return sigaction(PLATFORM_SIG_CANCEL, &sa, NULL) < 0 ? -errno : 0;
}

void worker_nudge(struct worker *w)
{
	pid_t tid;

	atomic_store(&w->cancel, 1);
	tid = atomic_load(&w->tid);
	if (tid)
		syscall(__NR_tgkill, w->p->self, tid, PLATFORM_SIG_CANCEL);
}

void listener_kick(struct listener *l)
{
	if (l->receiver)
		worker_nudge(l->receiver);
}

void wait_point_wake(struct wait_point *wp)
{
	atomic_store(&wp->word, 1);
	if (!list_empty(&wp->link)) /* asleep, or about to be; else it is the receiver, and looks by itself */
		futex_wake_word(&wp->word);
}

/* The role is free: give it to one that waits for an order, if there is one. l->lock is held. */
void listener_promote(struct listener *l)
{
	struct wait_point *wp;

	if (l->receiver || list_empty(&l->waiters))
		return;
	wp = list_first(&l->waiters, struct wait_point, link);
	l->receiver = wp->worker;
	wait_point_wake(wp);
}

static void *worker_main(void *arg);

static struct worker *worker_new(struct platform *p)
{
	struct worker *w = calloc(1, sizeof(*w));
	pthread_attr_t attr;
	pthread_t t;
	int r;

	if (!w)
		return NULL;
	w->p = p;
	list_init(&w->idle_link);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&t, &attr, worker_main, w);
	pthread_attr_destroy(&attr);
	if (r) {
		free(w);
		return NULL;
	}
	return w;
}

/* An idle worker, taken off the list. */
static struct worker *worker_get(struct platform *p)
{
	struct worker *w = NULL;

	lock_acquire(&p->lock);
	if (!list_empty(&p->idle)) {
		w = list_first(&p->idle, struct worker, idle_link);
		list_del(&w->idle_link);
		p->n_idle--;
	} else {
		p->n_workers++;
	}
	lock_release(&p->lock);
	if (w)
		return w;
	w = worker_new(p);
	if (!w) {
		lock_acquire(&p->lock);
		p->n_workers--;
		lock_release(&p->lock);
	}
	return w;
}

static void worker_give(struct worker *w, const struct job *job)
{
	w->job = *job;
	if (job->kind == JOB_RECEIVE)
		job->l->receiver = w;
	atomic_store(&w->go, 1);
	futex_wake_word(&w->go);
}

int worker_assign(struct platform *p, const struct job *job)
{
	struct worker *w = worker_get(p);

	if (!w)
		return -EAGAIN;
	worker_give(w, job);
	return 0;
}

void worker_serves(struct gthread *th, const struct seccomp_notif *n)
{
	struct listener *l = th->as->l;

	refs_get(&l->refs);
	if (worker_assign(l->p, &(struct job){.kind = JOB_SERVE, .l = l, .th = th, .n = *n}) == 0)
		return;
	lock_acquire(&l->lock);
	th->by_slot = false;
	th->state = TH_OUT; /* nobody can serve it: the reaper reports it as gone */
	l->n_out++;
	atomic_fetch_sub(&l->n_active, 1);
	lock_release(&l->lock);
	aspace_kill(th->as);
	listener_put(l);
}

/* Somebody must receive on *l*, and it cannot be the caller. l->lock is held; returns with it held. */
static void find_receiver(struct listener *l)
{
	struct worker *w;

	listener_promote(l);
	if (l->receiver || l->dead || !l->n_out || atomic_load(&l->n_active))
		return;
	/* platform.lock is ranked behind listener.lock; making a thread under it is rare. */
	w = worker_get(l->p);
	if (!w)
		return; /* no thread to be had now: the caller tries again, or whoever ends an entry takes the role */
	refs_get(&l->refs);
	worker_give(w, &(struct job){.kind = JOB_RECEIVE, .l = l});
}

/* See to it that somebody receives on *l*. False: nobody could be found. */
static bool provide_receiver(struct listener *l)
{
	bool ok;

	lock_acquire(&l->lock);
	find_receiver(l);
	ok = l->receiver || l->dead || !l->n_out || atomic_load(&l->n_active);
	lock_release(&l->lock);
	return ok;
}

bool worker_release_role(struct worker *w)
{
	struct listener *l = w->adopt;
	bool ok = true;

	if (w->polling)
		poller_stop(w);
	if (l) {
		ok = provide_receiver(l);
		if (ok) {
			w->adopt = NULL;
			listener_put(l);
		}
	}
	return (!w->home || provide_receiver(w->home)) && ok;
}

void worker_started(struct worker *w, struct listener *l)
{
	if (l->receiver || w->home == l)
		return; /* the caller takes the role when its entry ends, or sees to it before it sleeps */
	if (w->home && !w->adopt) {
		refs_get(&l->refs);
		w->adopt = l;
		return;
	}
	find_receiver(l);
}

/* --- the workers ------------------------------------------------------------------------------- */

/* *l* may be NULL. */
static void come_back(struct listener *l)
{
	if (l)
		atomic_fetch_add(&l->n_active, 1);
}

/* After an entry: take the role of *l* if it is free and somebody may ring. Tells whether it is the caller's. */
static bool take_role(struct worker *w, struct listener *l, bool served)
{
	bool mine;

	lock_acquire(&l->lock);
	if (!l->receiver && l->n_out && !l->dead)
		l->receiver = w;
	mine = l->receiver == w;
	if (served)
		atomic_fetch_sub(&l->n_active, 1);
	lock_release(&l->lock);
	return mine;
}

/* Serve one entry, then see to what it has left behind. Tells whether the caller is the receiver of *l* now. */
static bool serve(struct worker *w, struct listener *l, struct gthread *th, const struct seccomp_notif *n)
{
	bool mine;

	w->home = l;
	gthread_serve(w, th, n);
	if (w->blocked)
		come_back(l);
	w->blocked = 0;
	w->home = NULL;
	mine = take_role(w, l, true);
	if (mine && w->adopt)
		worker_release_role(w);
	return mine;
}

/* Leave RECV because of a signal: is the role still ours, and of use? */
static bool still_receiver(struct worker *w, struct listener *l)
{
	bool go_on;

	lock_acquire(&l->lock);
	go_on = !l->dead && l->receiver == w;
	if (!go_on && l->receiver == w)
		l->receiver = NULL;
	lock_release(&l->lock);
	return go_on;
}

/* Receive and serve until the role is another's. */
static void receive(struct worker *w, struct listener *l)
{
	struct seccomp_notif n;
	struct gthread *th;

	for (;;) {
		if (notify_recv(w, l, &n) < 0) {
			if (!still_receiver(w, l))
				return;
			continue;
		}
		th = worker_dispatch(w, l, &n, false);
		if (th && !serve(w, l, th, &n))
			return;
	}
}

static void run_job(struct worker *w)
{
	struct job job = w->job;
	struct listener *l = job.l;

	w->job.kind = JOB_NONE;
	if (job.kind == JOB_GONE)
		gthread_report_gone(job.th, true);
	else if (job.kind == JOB_POLL)
		poller_run(w);
	else if (job.kind == JOB_RECEIVE || serve(w, l, job.th, &job.n))
		receive(w, l);
	while ((l = w->adopt)) {
		if (job.l)
			listener_put(job.l);
		w->adopt = NULL;
		job.l = l;
		if (take_role(w, l, false))
			receive(w, l);
	}
	if (job.l)
		listener_put(job.l);
}

/* Become idle. False: there are enough, the thread ends. */
static bool wait_for_job(struct worker *w)
{
	struct platform *p = w->p;

	lock_acquire(&p->lock);
	if (p->n_idle >= IDLE_MAX || atomic_load(&p->stopping)) {
		p->n_workers--;
		lock_release(&p->lock);
		return false;
	}
	atomic_store(&w->go, 0);
	list_add(&w->idle_link, &p->idle);
	p->n_idle++;
	lock_release(&p->lock);
	while (!atomic_load(&w->go))
		futex_wait_word(&w->go, 0, -1);
	return true;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	current_worker = w;
	unblock_cancel();
	atomic_store(&w->tid, (pid_t)syscall(__NR_gettid));
	while (!atomic_load(&w->go)) /* the first job comes right behind its creation */
		futex_wait_word(&w->go, 0, -1);
	do {
		if (w->job.kind == JOB_QUIT)
			break;
		run_job(w);
	} while (wait_for_job(w));
	free(w);
	return NULL;
}

void workers_quit(struct platform *p)
{
	struct worker *w;

	for (;;) {
		lock_acquire(&p->lock);
		w = list_empty(&p->idle) ? NULL : list_first(&p->idle, struct worker, idle_link);
		if (w) {
			list_del(&w->idle_link);
			p->n_idle--;
			p->n_workers--;
		}
		lock_release(&p->lock);
		if (!w)
			return;
		worker_give(w, &(struct job){.kind = JOB_QUIT});
	}
}

/* --- sleeping ---------------------------------------------------------------------------------- */

#define RETRY_NS 10000000

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* Threads that wait for each other gain nothing from a poller: each wake-up from there crosses processors. */
static void count_hop(void)
{
	struct worker *w = current_worker;

	if (!w || !w->current)
		return;
	w->hops++;
	w->current->streak = 0;
}

/* The calling worker is not there for others from now on. False: nobody could be found to receive. */
static bool go_away(struct worker *w, struct listener *home)
{
	if (home)
		atomic_fetch_sub(&home->n_active, 1);
	return worker_release_role(w);
}

/* Sleep on *waker*, which is asleep. True: somebody has woken us, and made us active. */
static bool sleep_on(struct platform_waker *waker, int64_t deadline_ns, long *r)
{
	uint32_t asleep = WAKER_ASLEEP;

	*r = futex_wait_word(&waker->word, WAKER_ASLEEP, deadline_ns);
	if (atomic_compare_exchange_strong(&waker->word, &asleep, WAKER_IDLE))
		return false;
	while (atomic_load(&waker->word) == WAKER_WAKING)
		__builtin_ia32_pause();
	atomic_store(&waker->word, WAKER_IDLE);
	return true;
}

int platform_sleep(struct platform *p, struct platform_waker *waker, int64_t deadline_ns)
{
	uint32_t idle = WAKER_IDLE, woken = WAKER_WOKEN;
	struct worker *w = current_worker;
	struct listener *home = w && w->current && !w->blocked ? w->home : NULL;
	int64_t retry_ns = -1;
	long r = 0;

	if (atomic_compare_exchange_strong(&waker->word, &woken, WAKER_IDLE))
		return 0;
	if (w)
		w->gave_up = false; /* it sleeps after all */
	count_hop();
	/* Without a thread that could receive instead, sleep for a short time only: the caller comes again. */
	if (w && w->current && !go_away(w, home))
		retry_ns = now_ns() + RETRY_NS;
	if (retry_ns >= 0 && (deadline_ns < 0 || retry_ns < deadline_ns))
		deadline_ns = retry_ns;
	else
		retry_ns = -1;
	waker->home = home;
	if (!atomic_compare_exchange_strong(&waker->word, &idle, WAKER_ASLEEP)) {
		atomic_store(&waker->word, WAKER_IDLE);
		come_back(home);
		return 0;
	}
	if (sleep_on(waker, deadline_ns, &r))
		return 0;
	come_back(home);
	return r == -ETIMEDOUT && retry_ns < 0 ? -ETIMEDOUT : 0;
}

/*
 * The sleeper is made active here, so that who goes to sleep next need not look for somebody else to receive. It does not leave, and
 * its listener does not go, before the word says WOKEN.
 */
void platform_wake(struct platform_waker *waker)
{
	uint32_t word = WAKER_IDLE;

	while (!atomic_compare_exchange_strong(&waker->word, &word, word == WAKER_IDLE ? WAKER_WOKEN : WAKER_WAKING))
		if (word != WAKER_IDLE && word != WAKER_ASLEEP)
			return;
	if (word == WAKER_IDLE)
		return;
	come_back(waker->home);
	count_hop();
	atomic_store(&waker->word, WAKER_WOKEN);
	futex_wake_word(&waker->word);
}

void platform_host_block_begin(struct platform *p)
{
	struct worker *w = current_worker;

	/* The poller just stays away: who asks it meanwhile gets tired of waiting, and rings. */
	if (w && w->current && !w->polling && !w->blocked++)
		go_away(w, w->home);
}

void platform_host_block_end(struct platform *p)
{
	struct worker *w = current_worker;

	/* The role is taken again at the end of the entry, if it is free then. */
	if (w && w->current && !w->polling && w->blocked && !--w->blocked)
		come_back(w->home);
}
