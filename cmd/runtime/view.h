/* SPDX-License-Identifier: MIT */
/*
 * What others find who join the monitor's namespaces, taking it for the container's first process: `podman cp` its mounts, containers of the same pod
 * its host name. The monitor itself uses none of it.
 */
#ifndef PICKET_RUNTIME_VIEW_H
#define PICKET_RUNTIME_VIEW_H

#include <sys/types.h>

struct spec;

/* As fork(), into a pid namespace of its own; into the caller's where that is refused. */
pid_t view_fork(void);

/* The UTS namespace that is given by path, or a new one with the container's names. Where that is refused the names are the sentry's alone. */
void view_names(const struct spec *s);

/*
 * A mount namespace with the container's root and its bind mounts; what its tmpfs hold is the sentry's. The caller's own root stays that of the host.
 * Where that is refused, it stays in the namespace that it is in.
 */
void view_mounts(const struct spec *s);

#endif
