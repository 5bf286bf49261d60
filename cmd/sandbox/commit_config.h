/* SPDX-License-Identifier: MIT */
/* The configuration of an image that picket commit makes. */
#ifndef PICKET_CMD_COMMIT_CONFIG_H
#define PICKET_CMD_COMMIT_CONFIG_H

#include <jansson.h>

#include "cmd/run/run.h"

/* What the sandbox was started with beside what its image says: docker's commit takes it along. */
void commit_merge_run(json_t *config, const struct run *r);

/* One --change: an instruction of a Dockerfile. 0, or an exit status after a complaint. */
int commit_change(json_t *config, const char *instruction);

#endif
