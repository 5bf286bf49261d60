/* SPDX-License-Identifier: MIT */
/* What the processor says of itself, for /proc/cpuinfo. */
#pragma once

#include <stddef.h>

/* The lines of one processor behind "processor : N", as Linux writes them. Returns the length; *n_cpus* siblings. */
int arch_cpu_describe(unsigned cpu, unsigned n_cpus, char *buf, size_t size);
