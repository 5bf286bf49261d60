/* SPDX-License-Identifier: MIT */
/* Ports of the host's network that are root's, for a sentry that is nobody there (docs/network.md). */
#ifndef PICKET_RUNTIME_LOW_PORT_H
#define PICKET_RUNTIME_LOW_PORT_H

#include <stddef.h>

/*
 * Bind *fd* to the address of *len* bytes at *message*. Both are the sentry's, which cannot be told from its guest: nothing comes of it but a port
 * from 1 to 1023 for a TCP or UDP socket. 0 or a negative errno.
 */
int low_port_bind(int fd, const void *message, size_t len);

#endif
