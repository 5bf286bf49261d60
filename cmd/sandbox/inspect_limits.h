/* SPDX-License-Identifier: MIT */
/* Limits and the network in docker's HostConfig. */
#ifndef PICKET_CMD_INSPECT_LIMITS_H
#define PICKET_CMD_INSPECT_LIMITS_H

#include <jansson.h>

struct run_options;

/* Add what --cpus, --ulimit, -p and their kin ask for to the object HostConfig. */
void inspect_limits(const struct run_options *o, json_t *host_config);

#endif
