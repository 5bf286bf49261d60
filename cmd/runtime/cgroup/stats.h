/* SPDX-License-Identifier: MIT */
/* What a group's processes use, as `runc events --stats` says it. */
#ifndef PICKET_RUNTIME_CGROUP_STATS_H
#define PICKET_RUNTIME_CGROUP_STATS_H

#include <stdio.h>

#include "cmd/runtime/cgroup/group.h"

/* Write the object `data` of a stats event. */
void cg_stats_write(const struct cg *g, FILE *out);

/* Where there is no group: what the sentry says (docs/sandboxes.md, `stats`), in the same form. */
void cg_stats_of_sentry(const char *text, FILE *out);

#endif
