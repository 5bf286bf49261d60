/* SPDX-License-Identifier: MIT */
/* Layers of writes (docs/kept-format.md) that a run is given: its own, and those of volumes and shares. */
#ifndef PICKET_CMD_RUN_UPPER_H
#define PICKET_CMD_RUN_UPPER_H

#include "cmd/run/run.h"

/*
 * Open the layer in the directory `path`, made if missing, and lock it until launch_release(): one sandbox at a time has a layer. `what` for
 * sentences: "the volume data". A descriptor for the sentry, or -1 after a complaint.
 */
int upper_layer_open(struct launch *l, const char *path, const char *what);

/* Write the records of the sandbox's own layer, if its writes are kept, and of --storage-opt. 0, or the exit status. */
int write_upper(struct run *r);

#endif
