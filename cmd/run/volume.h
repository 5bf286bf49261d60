/* SPDX-License-Identifier: MIT */
/* -v, --mount, --tmpfs: what of the host the sandbox is shown. Opened here, as the user, before anything runs. */
#ifndef PICKET_CMD_VOLUME_H
#define PICKET_CMD_VOLUME_H

#include "cmd/commands.h"
#include "cmd/run/launch.h"

/* Write the records of all three options. 0, or EXIT_PICKET after a complaint. */
int write_volumes(struct launch *l, const struct run_options *o);

/* Write the records of `host` as a root file system. 0, or EXIT_PICKET after a complaint. */
int write_host_root(struct launch *l);

#endif
