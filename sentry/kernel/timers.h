/* SPDX-License-Identifier: MIT */
/* Kernel timers: callbacks at a CLOCK_MONOTONIC or CLOCK_REALTIME instant, on the timer thread. */
#pragma once

#include "lib/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct kernel;

struct ktimer {
	struct kernel *kernel;
	/* Runs on the timer thread without timers.lock; may re-arm. Must not sleep. */
	void (*fn)(struct ktimer *t);
	clockid_t clock;     /* CLOCK_MONOTONIC or CLOCK_REALTIME */
	int64_t deadline_ns; /* on that clock */
	bool armed, running;
	size_t heap_index;
};

void ktimer_init(struct kernel *k, struct ktimer *t, clockid_t clock, void (*fn)(struct ktimer *t));
/* Arm (or re-arm) for *deadline_ns*, absolute. */
void ktimer_arm(struct ktimer *t, int64_t deadline_ns);
/* Disarm; when it returns fn is not running (unless called from fn itself). Returns whether it was armed. */
bool ktimer_cancel(struct ktimer *t);
int timers_create(struct kernel *k);
int timers_start(struct kernel *k); /* the thread */
