/* SPDX-License-Identifier: MIT */
/* What the sandbox may know of the machine: its memory. */
#pragma once

#include <stdint.h>

/* Bytes of main memory; 0: not known. sysinfo(2). */
uint64_t host_memory_total(void);
