/* SPDX-License-Identifier: MIT */
/* What the sentry sees as its file system: nothing. Private to rootless/. Each returns 0 or a negative errno. */
#ifndef PICKET_ROOTLESS_ROOT_H
#define PICKET_ROOTLESS_ROOT_H

/* A detached /proc of the caller's pid namespace, not reachable by any path. Returns its descriptor. */
int root_private_proc(void);

/* Replace the root of the mount namespace by an empty read-only tmpfs; with `libraries`, by one that holds the system's
 * shared libraries, read only (a sentry that is not linked statically, as sanitizers need). */
int root_replace(int libraries);

/* Bring the loopback interface of the network namespace up. */
int root_loopback_up(void);

#endif
