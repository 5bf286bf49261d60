/* SPDX-License-Identifier: MIT */
/* Options as they are written into an entry: they mean the same tomorrow, in another directory and environment. */
#ifndef PICKET_CMD_RESOLVE_H
#define PICKET_CMD_RESOLVE_H

#include "cmd/commands.h"

/*
 * A copy with paths made absolute, and variables and --env-file read. It lives as long as the process. NULL after a
 * complaint.
 */
const struct run_options *resolve_options(const struct run_options *o);

#endif
