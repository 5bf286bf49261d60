/* SPDX-License-Identifier: MIT */
/*
 * Futexes that the sentry serves: mutexes with priority inheritance, whose words hold numbers of guest threads. Plain waits and
 * wakes are the host's. futex(2).
 */
#pragma once

#include "lib/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct task;
struct kernel;

struct futex_time {
	int64_t ns; /* absolute, on clock; -1: for ever */
	clockid_t clock;
};

/* All need a full entry. *shared*: without FUTEX_PRIVATE_FLAG. 0 or a count, or a negative errno. */
int64_t futex_lock_pi(struct task *t, uint64_t addr, bool shared, bool try_only, const struct futex_time *until);
int64_t futex_unlock_pi(struct task *t, uint64_t addr, bool shared);
int64_t futex_wait_requeue_pi(struct task *t, uint64_t addr, bool shared, uint32_t val, const struct futex_time *until,
			      uint64_t addr2);
int64_t futex_cmp_requeue_pi(struct task *t, uint64_t addr, bool shared, int requeue, uint64_t addr2, uint32_t cmp);

/* An exiting or exec'ing thread gives its priority-inheriting locks to their next waiters. *dead*: nobody may wait for it any more. */
void futex_release_owned(struct task *t, bool dead);
void futex_table_free(struct kernel *k);
