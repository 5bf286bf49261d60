/* SPDX-License-Identifier: MIT */
/*
 * A limit of processor time where there is no cgroup that holds it: in each period of 100 ms the sandbox may use so much, then it is frozen
 * (kernel/freezer.h) until the next one. What it has used too much by then is taken off later periods. Without a limit there is
 * neither a thread nor any work.
 */
#pragma once

#include "kernel/kernel.h"

struct cpu_times;

struct quota; /* kernel->quota; NULL: there never was a limit */

struct quota_stat { /* as cpu.stat of a cgroup */
	uint64_t limit_nano; /* billionths of a processor; 0: none */
	uint64_t periods, throttled, throttled_ns;
};

#define QUOTA_PERIOD_NS 100000000ll

/* Let the sandbox have *cpus_nano* billionths of a processor; 0: all it can get. From one thread at a time. 0 or a negative errno. */
int quota_set(struct kernel *k, uint64_t cpus_nano);
/* From now on a cgroup of the host holds whatever limit there is. Before the first quota_set(). */
void quota_held(struct kernel *k);
void quota_read(struct kernel *k, struct quota_stat *ret);

/* Processor time of all processes there have ever been. */
void kernel_cpu_times(struct kernel *k, struct cpu_times *ret);
