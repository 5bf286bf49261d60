/* SPDX-License-Identifier: MIT */
/* Which processors of the host a stub's thread runs on. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Let host thread *tid*, of a stub, run on those processors of *mask* (words of 64 bits, *size* bytes) that the sentry itself may use.
 * 0; -EINVAL: on none of them; or another negative errno. sched_setaffinity(2).
 */
int host_set_affinity(pid_t tid, const uint64_t *mask, size_t size);
/* The processor that the calling worker runs on. */
unsigned host_cpu(void);
