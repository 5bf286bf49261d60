/* SPDX-License-Identifier: MIT */
/*
 * Published udp ports for clients on this machine's own loopback: slirp4netns, which shall not let the guest reach the loopback, does
 * not carry the answers there. A process with sockets on both sides does.
 */
#ifndef PICKET_CMD_UDP_RELAY_H
#define PICKET_CMD_UDP_RELAY_H

#include <sys/types.h>

#include "cmd/run/ports.h"

/*
 * Start it for those ports of the list that are published at the loopback or at all addresses; their numbers are known. `sentry` is a
 * process in the sandbox's network. Returns its pid, 0 if there is nothing to do, -1 with *err. It dies with the caller.
 */
pid_t udp_relay_start(const struct port_list *list, pid_t sentry, char **err);

/* Is this address one of the loopback's? */
bool is_loopback(const char *ip);

#endif
