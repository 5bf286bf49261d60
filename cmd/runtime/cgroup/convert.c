/* SPDX-License-Identifier: MIT */
/* From the words of cgroup v1 to those of v2, and to those of the sentry. Linear, as runc and crun do it, so that values read back are the same. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/runtime/cgroup/fail.h"
#include "cmd/runtime/cgroup/resources.h"

#define SHARES_MIN 2
#define SHARES_MAX 262144
#define BLKIO_MIN 10
#define BLKIO_MAX 1000
#define WEIGHT_MAX 10000
#define PERIOD 100000 /* us, the kernel's default */
#define BILLION 1000000000

int cg_fail(char **err, int code, const char *format, ...)
{
	va_list ap;

	if (!err || *err)
		return code;
	va_start(ap, format);
	if (vasprintf(err, format, ap) < 0)
		*err = NULL;
	va_end(ap);
	return code;
}

static uint64_t clamp(uint64_t v, uint64_t min, uint64_t max)
{
	return v < min ? min : v > max ? max : v;
}

uint64_t cg_shares_to_weight(uint64_t shares)
{
	if (!shares)
		return 0;
	shares = clamp(shares, SHARES_MIN, SHARES_MAX);
	return 1 + (shares - SHARES_MIN) * (WEIGHT_MAX - 1) / (SHARES_MAX - SHARES_MIN);
}

uint64_t cg_blkio_to_io_weight(uint64_t weight)
{
	if (!weight)
		return 0;
	weight = clamp(weight, BLKIO_MIN, BLKIO_MAX);
	return 1 + (weight - BLKIO_MIN) * (WEIGHT_MAX - 1) / (BLKIO_MAX - BLKIO_MIN);
}

int cg_swap_v2(const struct cg_memory *m, int64_t *ret, bool *say, char **err)
{
	*say = true;
	*ret = -1;
	/* As on v1: no limit of memory without a word about swap is none of both. */
	if (m->swap == -1 || (m->limit == -1 && m->swap == 0))
		return 0;
	*say = m->swap != 0;
	*ret = 0;
	if (!m->swap)
		return 0;
	if (m->limit <= 0)
		return cg_fail(err, -EINVAL, "unable to set swap limit without memory limit");
	if (m->swap < m->limit)
		return cg_fail(err, -EINVAL, "memory+swap limit should be >= memory limit");
	*ret = m->swap - m->limit;
	return 0;
}

/* A line of `unified` as a number; 0: absent, "max", no number. */
static uint64_t unified_number(const struct cg_resources *r, const char *name)
{
	for (size_t i = 0; i < r->unified.count; i++)
		if (strcmp(r->unified.items[i].name, name) == 0)
			return strtoull(r->unified.items[i].value, NULL, 10);
	return 0;
}

uint64_t cg_sentry_memory(const struct cg_resources *r)
{
	return r->memory.limit > 0 ? (uint64_t)r->memory.limit : unified_number(r, "memory.max");
}

uint64_t cg_sentry_pids(const struct cg_resources *r)
{
	return r->pids > 0 ? (uint64_t)r->pids : unified_number(r, "pids.max");
}

uint64_t cg_sentry_cpus(const struct cg_resources *r)
{
	uint64_t period = r->cpu.period ? r->cpu.period : PERIOD, cpus;

	if (r->cpu.quota <= 0 || __builtin_mul_overflow((uint64_t)r->cpu.quota, (uint64_t)BILLION, &cpus))
		return 0;
	return cpus / period;
}
