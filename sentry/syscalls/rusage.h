/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <sys/resource.h>

static inline void rusage_times(struct rusage *ru, uint64_t utime_ns, uint64_t stime_ns)
{
	ru->ru_utime.tv_sec = (long)(utime_ns / 1000000000);
	ru->ru_utime.tv_usec = (long)(utime_ns / 1000 % 1000000);
	ru->ru_stime.tv_sec = (long)(stime_ns / 1000000000);
	ru->ru_stime.tv_usec = (long)(stime_ns / 1000 % 1000000);
}
