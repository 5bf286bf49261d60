/* SPDX-License-Identifier: MIT */
/* The published ports of a sandbox. */
#ifndef PICKET_CMD_PORT_H
#define PICKET_CMD_PORT_H

#include <jansson.h>

#include "cmd/keep/record.h"

/* docker's column of ps: "0.0.0.0:8080->80/tcp"; allocated, "" if there are none. */
char *entry_ports_text(const struct entry *e);

/* docker's NetworkSettings.Ports: {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}. */
json_t *entry_ports_object(const struct entry *e);

#endif
