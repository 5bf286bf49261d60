/* SPDX-License-Identifier: MIT */
/* Random bytes of the host. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Fill *buf*; returns the bytes filled or a negative errno. getrandom(2), never blocks once the host is up. */
ssize_t host_random(void *buf, size_t len);
