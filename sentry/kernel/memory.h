/* SPDX-License-Identifier: MIT */
/* The memory limit where no cgroup enforces it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct task;

/*
 * With a limit set: look at what the stubs hold, several times a second; over the limit, the largest process is
 * killed, as the host's out-of-memory killer would. Again whenever the limit has been changed. 0, or a negative errno.
 */
int memory_watch_start(struct kernel *k);

/*
 * The sentry is about to write up to *len* bytes at *addr* of the caller's memory. Near the limit the pages are brought in by the caller itself: if the host's kernel ends
 * it for them, its memory is free at once. Were they brought in by the sentry's own copying, that would hold the memory of the dead, and the kernel, which
 * sees nothing become free, would end others. It is an order, so nothing is done inside a light entry. [self], no locks; False: the caller is dead.
 */
bool memory_bring_in(struct task *t, uint64_t addr, uint64_t len);

/* Whether a call that writes there should first come as a full entry (task_come_again()), for memory_bring_in(). */
bool memory_wants_full(const struct task *t, uint64_t addr, uint64_t len);

/* So much is brought in at once: what is never filled of a large buffer takes no more than this. */
#define MEMORY_PIECE (256u << 10)

/* Whether writing *len* bytes more could meet the limit. */
bool memory_near(const struct kernel *k, uint64_t len);
