/* SPDX-License-Identifier: MIT */
/*
 * The thread that waits for host descriptors. epoll's user data is a token (generation and index into a table), never a
 * pointer: an event that was fetched before its watch was removed finds nothing and is dropped.
 */
#include "host/loop.h"

#include "lib/lock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOP_BATCH 64
#define TOKEN_STOP UINT64_MAX
#define TOKEN_LAZY (UINT64_MAX - 1)

struct loop_slot {
	struct host_event *event; /* NULL: free */
	uint32_t generation;
	uint32_t next_free; /* index + 1; 0: none */
};

struct host_loop {
	int epoll_fd, stop_fd;
	int lazy_fd; /* epoll of the lazy watches; itself watched by epoll_fd, for one event each time it is armed */
	pthread_t thread;
	bool started;
	void (*after)(struct kernel *k);
	struct kernel *kernel; /* for after */

	struct lock gather_lock; /* RANK_GATHER: one passes events of lazy watches on, others wait for it */
	_Atomic unsigned n_lazy;   /* lazy watches */
	_Atomic unsigned sleepers; /* tasks that sleep and have not been woken */
	_Atomic unsigned pins;
	_Atomic bool armed;

	/* RANK_LEAF; guards what follows. Not held while a callback runs. */
	struct lock lock;
	pthread_cond_t idle;	    /* running became NULL */
	struct host_event *running; /* whose callback runs now */
	struct loop_slot *slots;
	uint32_t n_slots, first_free; /* first_free: index + 1 */
};

int host_loop_create(struct host_loop **ret)
{
	struct host_loop *l = calloc(1, sizeof(*l));
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = TOKEN_STOP};
	struct epoll_event lazy = {.events = EPOLLONESHOT, .data.u64 = TOKEN_LAZY};
	int err;

	if (!l)
		return -ENOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->lazy_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0 || l->stop_fd < 0 || l->lazy_fd < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->stop_fd, &ev) < 0 ||
		epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->lazy_fd, &lazy) < 0) {
		err = -errno;
		if (l->lazy_fd >= 0)
			close(l->lazy_fd);
		if (l->epoll_fd >= 0)
			close(l->epoll_fd);
		if (l->stop_fd >= 0)
			close(l->stop_fd);
		free(l);
		return err;
	}
	lock_init(&l->lock, RANK_LEAF);
	lock_init(&l->gather_lock, RANK_GATHER);
	pthread_cond_init(&l->idle, NULL);
	*ret = l;
	return 0;
}

/* Waiters name the poll(2) bits they like; give each readiness both of its names. */
static uint32_t both_names(uint32_t ev)
{
	if (ev & EPOLLIN)
		ev |= EPOLLRDNORM;
	if (ev & EPOLLOUT)
		ev |= EPOLLWRNORM;
	if (ev & EPOLLPRI)
		ev |= EPOLLRDBAND;
	return ev;
}

/* Whose *token* is, or NULL: it has gone. l->lock is held. */
static struct host_event *event_of(const struct host_loop *l, uint64_t token)
{
	uint32_t i = (uint32_t)token, generation = (uint32_t)(token >> 32);

	return i < l->n_slots && l->slots[i].generation == generation ? l->slots[i].event : NULL;
}

static void deliver(struct host_event *he, uint32_t events)
{
	events = both_names(events);
	if (he->queue)
		wait_queue_wake(he->queue, events);
	else
		he->fn(he, events);
}

static void dispatch(struct host_loop *l, uint64_t token, uint32_t events)
{
	struct host_event *he;

	lock_acquire(&l->lock);
	l->running = he = event_of(l, token);
	lock_release(&l->lock);
	if (!he)
		return;

	deliver(he, events);

	lock_acquire(&l->lock);
	l->running = NULL;
	pthread_cond_broadcast(&l->idle);
	lock_release(&l->lock);
}

/* --- lazy watches ------------------------------------------------------------------------------------------------------------ */

/* gather_lock held: so the watch cannot go while its callback runs. */
static void dispatch_lazy(struct host_loop *l, uint64_t token, uint32_t events)
{
	struct host_event *he;

	lock_acquire(&l->lock);
	he = event_of(l, token);
	lock_release(&l->lock);
	if (he)
		deliver(he, events);
}

void host_loop_gather(struct host_loop *l)
{
	struct epoll_event ev[LOOP_BATCH];
	int n;

	if (!l || !atomic_load(&l->n_lazy))
		return;
	LOCK_SCOPE(&l->gather_lock);
	do {
		n = epoll_wait(l->lazy_fd, ev, LOOP_BATCH, 0);
		for (int i = 0; i < n; i++)
			dispatch_lazy(l, ev[i].data.u64, ev[i].events);
	} while (n == LOOP_BATCH);
}

void host_loop_arm(struct host_loop *l)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = TOKEN_LAZY};

	/* What came before this looks at it makes the event at once. */
	if (l && !atomic_exchange(&l->armed, true))
		epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, l->lazy_fd, &ev);
}

/*
 * The one event of an armed loop. Either this thread sees a sleeper that has counted itself before, or the sleeper sees that
 * the loop is not armed.
 */
static void lazy_event(struct host_loop *l)
{
	atomic_store(&l->armed, false);
	host_loop_gather(l);
	if (atomic_load(&l->sleepers) || atomic_load(&l->pins))
		host_loop_arm(l);
}

void host_loop_sleep_begin(struct host_loop *l, _Atomic bool *sleeping)
{
	if (!atomic_load(&l->n_lazy))
		return;
	atomic_store(sleeping, true);
	atomic_fetch_add(&l->sleepers, 1);
	host_loop_gather(l);
	if (atomic_load(sleeping))
		host_loop_arm(l);
}

void host_loop_sleep_end(struct host_loop *l, _Atomic bool *sleeping)
{
	if (atomic_load_explicit(sleeping, memory_order_relaxed) && atomic_exchange(sleeping, false))
		atomic_fetch_sub(&l->sleepers, 1);
}

_Atomic unsigned *host_loop_pins(struct host_loop *l)
{
	return l ? &l->pins : NULL;
}

/* --- the thread --------------------------------------------------------------------------------------------------------------- */

static void *loop_thread(void *arg)
{
	struct host_loop *l = arg;
	struct epoll_event ev[LOOP_BATCH];

	for (;;) {
		int n = epoll_wait(l->epoll_fd, ev, LOOP_BATCH, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == TOKEN_STOP)
				return NULL;
			if (ev[i].data.u64 == TOKEN_LAZY)
				lazy_event(l);
			else
				dispatch(l, ev[i].data.u64, ev[i].events);
		}
		if (l->after)
			l->after(l->kernel);
	}
}

void host_loop_after(struct host_loop *l, void (*fn)(struct kernel *k), struct kernel *k)
{
	l->after = fn;
	l->kernel = k;
}

int host_loop_start(struct host_loop *l)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&l->thread, NULL, loop_thread, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->started = err == 0;
	return -err;
}

void host_loop_destroy(struct host_loop *l)
{
	uint64_t one = 1;

	if (!l)
		return;
	if (l->started && write(l->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(l->thread, NULL);
	close(l->epoll_fd);
	close(l->stop_fd);
	close(l->lazy_fd);
	pthread_cond_destroy(&l->idle);
	lock_destroy(&l->lock);
	lock_destroy(&l->gather_lock);
	free(l->slots);
	free(l);
}

/* l->lock held. */
static int grow(struct host_loop *l)
{
	uint32_t n = l->n_slots ? l->n_slots * 2 : 64;
	struct loop_slot *s = reallocarray(l->slots, n, sizeof(*s));

	if (!s)
		return -ENOMEM;
	for (uint32_t i = l->n_slots; i < n; i++)
		s[i] = (struct loop_slot){.generation = 1, .next_free = i + 1 < n ? i + 2 : 0};
	l->first_free = l->n_slots + 1;
	l->slots = s;
	l->n_slots = n;
	return 0;
}

/* l->lock held. */
static void free_slot(struct host_loop *l, uint32_t i)
{
	l->slots[i].event = NULL;
	l->slots[i].generation = (l->slots[i].generation + 1) & INT32_MAX;
	l->slots[i].next_free = l->first_free;
	l->first_free = i + 1;
}

int host_loop_add(struct host_loop *l, struct host_event *he)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET};
	uint32_t i;
	int err = 0;

	LOCK_SCOPE(&l->lock);
	if (!l->first_free)
		err = grow(l);
	if (err)
		return err;
	i = l->first_free - 1;
	l->first_free = l->slots[i].next_free;
	l->slots[i].event = he;
	he->loop = l;
	he->token = ev.data.u64 = (uint64_t)l->slots[i].generation << 32 | i;
	if (epoll_ctl(he->lazy ? l->lazy_fd : l->epoll_fd, EPOLL_CTL_ADD, he->fd, &ev) < 0) {
		err = -errno;
		he->loop = NULL;
		free_slot(l, i);
	} else if (he->lazy) {
		atomic_fetch_add(&l->n_lazy, 1);
	}
	return err;
}

void host_loop_remove(struct host_event *he)
{
	struct host_loop *l = he->loop;

	if (!l)
		return;
	if (he->lazy)
		lock_acquire(&l->gather_lock);
	lock_acquire(&l->lock);
	epoll_ctl(he->lazy ? l->lazy_fd : l->epoll_fd, EPOLL_CTL_DEL, he->fd, NULL);
	free_slot(l, (uint32_t)he->token);
	while (l->running == he)
		pthread_cond_wait(&l->idle, &l->lock.mutex);
	lock_release(&l->lock);
	if (he->lazy) {
		atomic_fetch_sub(&l->n_lazy, 1);
		lock_release(&l->gather_lock);
	}
	he->loop = NULL;
}

uint32_t host_poll_now(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};

	if (poll(&p, 1, 0) < 0)
		return 0;
	return both_names((uint16_t)p.revents);
}
