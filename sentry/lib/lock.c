/* SPDX-License-Identifier: MIT */
/* Ranked locks over pthread mutexes; the order is checked in -Dlockdep=true builds. */
#include "lib/lock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef PICKET_LOCKDEP
#define HELD_MAX 32
/* Per host thread, and debug builds only: which locks this thread holds. */
static __thread struct {
	const void *lock;
	enum lock_rank rank;
} held[HELD_MAX];
static __thread unsigned n_held;

static void breach(const char *what, enum lock_rank have, enum lock_rank want)
{
	fprintf(stderr, "lockdep: %s: rank %d taken while %d is held\n", what, want, have);
	abort();
}

static void note_taken(const void *l, enum lock_rank rank, bool same_ok)
{
	for (unsigned i = 0; i < n_held; i++) {
		if (held[i].lock == l)
			breach("recursion", held[i].rank, rank);
		if (held[i].rank > rank || (held[i].rank == rank && !(same_ok && (uintptr_t)held[i].lock < (uintptr_t)l)))
			breach("order", held[i].rank, rank);
	}
	if (n_held == HELD_MAX)
		breach("too many locks", rank, rank);
	held[n_held].lock = l;
	held[n_held++].rank = rank;
}

static void note_released(const void *l)
{
	for (unsigned i = n_held; i-- > 0;) {
		if (held[i].lock != l)
			continue;
		for (; i + 1 < n_held; i++)
			held[i] = held[i + 1];
		n_held--;
		return;
	}
	breach("release of a lock not held", 0, 0);
}

#define SITES 512

/*
 * How often locks of each rank were taken, were last held by another thread (their cache line comes from another processor then), and were waited
 * for; and by whom: tests/bench/scaling.py --locks.
 */
static struct {
	_Atomic unsigned long taken[RANK_LEAF + 1], moved[RANK_LEAF + 1], waited[RANK_LEAF + 1];
	struct {
		_Atomic uintptr_t at;
		_Atomic unsigned long moved, waited;
		enum lock_rank rank;
	} sites[SITES];
} counts;

static void count_site(enum lock_rank rank, const void *at, bool moved, bool waited)
{
	unsigned first = (unsigned)((uintptr_t)at >> 2) % SITES;

	atomic_fetch_add_explicit(&counts.moved[rank], moved, memory_order_relaxed);
	atomic_fetch_add_explicit(&counts.waited[rank], waited, memory_order_relaxed);
	for (unsigned i = first; i < first + SITES; i++) {
		uintptr_t none = 0;

		if (!atomic_compare_exchange_strong(&counts.sites[i % SITES].at, &none, (uintptr_t)at) && none != (uintptr_t)at)
			continue;
		counts.sites[i % SITES].rank = rank;
		atomic_fetch_add_explicit(&counts.sites[i % SITES].moved, moved, memory_order_relaxed);
		atomic_fetch_add_explicit(&counts.sites[i % SITES].waited, waited, memory_order_relaxed);
		return;
	}
}

static void take(struct lock *l, const void *at)
{
	bool waited = pthread_mutex_trylock(&l->mutex) != 0, moved;

	if (waited)
		pthread_mutex_lock(&l->mutex);
	moved = l->last != &n_held;
	l->last = &n_held;
	atomic_fetch_add_explicit(&counts.taken[l->rank], 1, memory_order_relaxed);
	if (moved || waited)
		count_site(l->rank, at, moved, waited);
}

void lock_counts_print(void)
{
	if (!getenv("PICKET_LOCK_COUNTS"))
		return;
	for (unsigned i = 0; i <= RANK_LEAF; i++)
		if (counts.taken[i])
			fprintf(stderr, "  rank %u: taken %lu moved %lu waited %lu\n", i, counts.taken[i], counts.moved[i], counts.waited[i]);
	/* As addr2line -e picket-sentry takes it, with what nm(1) says of lock_init added. */
	for (unsigned i = 0; i < SITES; i++)
		if (counts.sites[i].at)
			fprintf(stderr, "  site lock_init%+ld rank %d: moved %lu waited %lu\n", (long)(counts.sites[i].at - (uintptr_t)lock_init),
				counts.sites[i].rank, counts.sites[i].moved, counts.sites[i].waited);
}
#else
static void take(struct lock *l, const void *at)
{
	pthread_mutex_lock(&l->mutex);
}

void lock_counts_print(void)
{
}

static void note_taken(const void *l, enum lock_rank rank, bool same_ok)
{
}

static void note_released(const void *l)
{
}
#endif

void lock_init(struct lock *l, enum lock_rank rank)
{
	pthread_mutex_init(&l->mutex, NULL);
	l->rank = rank;
}

void lock_destroy(struct lock *l)
{
	pthread_mutex_destroy(&l->mutex);
}

void lock_acquire(struct lock *l)
{
	note_taken(l, l->rank, false);
	take(l, __builtin_return_address(0));
}

bool lock_tryacquire(struct lock *l)
{
	if (pthread_mutex_trylock(&l->mutex) != 0)
		return false;
	note_taken(l, l->rank, true);
	return true;
}

void lock_release(struct lock *l)
{
	note_released(l);
	pthread_mutex_unlock(&l->mutex);
}

void lock_two(struct lock *a, struct lock *b)
{
	struct lock *first = (uintptr_t)a < (uintptr_t)b ? a : b, *second = first == a ? b : a;

	note_taken(first, first->rank, true);
	take(first, __builtin_return_address(0));
	if (first == second)
		return;
	note_taken(second, second->rank, true);
	take(second, __builtin_return_address(0));
}

void unlock_two(struct lock *a, struct lock *b)
{
	lock_release(a);
	if (a != b)
		lock_release(b);
}

void lock_many(struct lock **locks, unsigned *n)
{
	unsigned used = 0;

	for (unsigned i = 0; i < *n; i++) {
		struct lock *l = locks[i];
		unsigned j = used;

		if (!l)
			continue;
		while (j > 0 && (uintptr_t)locks[j - 1] > (uintptr_t)l)
			j--;
		if (j > 0 && locks[j - 1] == l)
			continue;
		for (unsigned m = used; m > j; m--)
			locks[m] = locks[m - 1];
		locks[j] = l;
		used++;
	}
	for (unsigned i = 0; i < used; i++) {
		note_taken(locks[i], locks[i]->rank, true);
		pthread_mutex_lock(&locks[i]->mutex);
	}
	*n = used;
}

void unlock_many(struct lock **locks, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		lock_release(locks[i]);
}

void lock_assert_held(const struct lock *l)
{
#ifdef PICKET_LOCKDEP
	for (unsigned i = 0; i < n_held; i++)
		if (held[i].lock == l)
			return;
	breach("not held", l->rank, l->rank);
#endif
}

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
	pthread_rwlock_init(&l->rw, NULL);
	l->rank = rank;
}

void rwlock_destroy(struct rwlock *l)
{
	pthread_rwlock_destroy(&l->rw);
}

void rwlock_read(struct rwlock *l)
{
	note_taken(l, l->rank, false);
	pthread_rwlock_rdlock(&l->rw);
}

void rwlock_write(struct rwlock *l)
{
	note_taken(l, l->rank, false);
	pthread_rwlock_wrlock(&l->rw);
}

void rwlock_release(struct rwlock *l)
{
	note_released(l);
	pthread_rwlock_unlock(&l->rw);
}
