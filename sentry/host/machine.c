/* SPDX-License-Identifier: MIT */
/* What the sandbox may know of the machine. */
#include "host/machine.h"

#include <sys/sysinfo.h>

uint64_t host_memory_total(void)
{
	struct sysinfo si;

	return sysinfo(&si) < 0 ? 0 : (uint64_t)si.totalram * si.mem_unit;
}
