/* SPDX-License-Identifier: MIT */
/* Starting a created container, for `start` and `run`. */
#ifndef PICKET_RUNTIME_START_H
#define PICKET_RUNTIME_START_H

struct container;

/* Start it; poststart hooks have run. 0, or -1 after fail(). */
int container_start(struct container *c);

#endif
