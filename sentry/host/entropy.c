/* SPDX-License-Identifier: MIT */
/* Random bytes of the host. */
#include "host/entropy.h"

#include <errno.h>
#include <sys/random.h>

ssize_t host_random(void *buf, size_t len)
{
	ssize_t n;

	do
		n = getrandom(buf, len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
