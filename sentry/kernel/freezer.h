/* SPDX-License-Identifier: MIT */
/*
 * The freezer: for a time no instruction of a guest runs, as under a cgroup's freezer. Tasks stop where they would go back to
 * the guest; those that sleep in a call go on sleeping, and stop behind it. Signals and timers queue up meanwhile and are served when the guest
 * goes on. SIGKILL ends a frozen process at once: to die it runs nothing of its own.
 *
 * A task stops by its flag TIF_FREEZE. All have it while the sandbox is frozen, for whichever reasons; those that are born meanwhile get it
 * from pid_attach(). As with signals, in_guest and the flags see to it that nobody is missed (docs/locking.md).
 */
#pragma once

#include "kernel/kernel.h"

struct task;

enum freeze_reason {
	FREEZE_PAUSE = 1, /* somebody asked */
	FREEZE_QUOTA = 2, /* its processor time of this period is used up */
};

/* Let no guest instruction run from freezer_settled() on, until each reason has been taken back. Any thread; no locks held. */
void freezer_begin(struct kernel *k, enum freeze_reason why);
void freezer_end(struct kernel *k, enum freeze_reason why);
/* Has every task arrived? Stays so until the last freezer_end(). */
bool freezer_settled(struct kernel *k);
/* Wait until that is so: 0, or -ETIMEDOUT after *ns*. Sleeps. */
int freezer_wait(struct kernel *k, int64_t ns);
/* A task that goes back to the guest stops here while the sandbox is frozen. [self] */
void freezer_here(struct task *t);
