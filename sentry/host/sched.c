/* SPDX-License-Identifier: MIT */
/* Which processors of the host a stub's thread runs on. */
#include "host/sched.h"

#include <errno.h>
#include <sched.h>

#define WORDS 16

int host_set_affinity(pid_t tid, const uint64_t *mask, size_t size)
{
	union {
		cpu_set_t set;
		uint64_t words[WORDS];
	} own = {0};
	uint64_t any = 0;

	if (sched_getaffinity(0, sizeof(own), &own.set) < 0)
		return -errno;
	for (size_t i = 0; i < WORDS; i++)
		any |= own.words[i] &= i < size / sizeof(*mask) ? mask[i] : 0;
	if (!any)
		return -EINVAL;
	return sched_setaffinity(tid, sizeof(own), &own.set) < 0 ? -errno : 0;
}

unsigned host_cpu(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (unsigned)cpu;
}
