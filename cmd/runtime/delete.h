/* SPDX-License-Identifier: MIT */
/* Deleting a container, for `delete` and `run`. */
#ifndef PICKET_RUNTIME_DELETE_H
#define PICKET_RUNTIME_DELETE_H

#include <stdbool.h>

struct container;

/* Remove a stopped one, or with `force` any. Its poststop hooks have run. 0, or -1 after fail(). */
int container_delete(struct container *c, bool force);

/* Remove what a container without processes has on the host beside ROOT/ID, as its state names it: control groups. 0, or -1 after fail(). */
int container_clean(const struct container *c);

#endif
