/* SPDX-License-Identifier: MIT */
/* --secret: files in /run/secrets that this run alone sees. */
#ifndef PICKET_CMD_SECRET_H
#define PICKET_CMD_SECRET_H

#include "cmd/commands.h"
#include "cmd/run/launch.h"

/* The most a secret may hold, in bytes; docker's limit. */
#define SECRET_MAX (500u << 10)

/* Read each source and write its record. 0, or EXIT_PICKET after a complaint. */
int write_secrets(struct launch *l, const struct run_options *o);

#endif
