/* SPDX-License-Identifier: MIT */
/* What the sentry sees as its file system: nothing. Private to rootless/. Each returns 0 or a negative errno. */
#ifndef PICKET_ROOTLESS_ROOT_H
#define PICKET_ROOTLESS_ROOT_H

#include <stdbool.h>

/*
 * A detached /proc of the caller's pid namespace, read only, not reachable by any path; with `only_processes` nothing but processes is in it
 * (-EINVAL before Linux 5.8). Returns its descriptor.
 */
int root_private_proc(bool only_processes);

/* The network namespace's kernel parameters (/proc/sys/net), read only, likewise detached. Returns a descriptor (O_PATH). */
int root_network_parameters(void);

/*
 * Make the empty tmpfs that will be the root; with `libraries`, one that holds the system's shared libraries, read only
 * (a sentry that is not linked statically, as sanitizers need). Returns its descriptor. The caller still sees the
 * host's tree.
 */
int root_prepare(int libraries);

/* Make `root` the root of the mount namespace, read only, and detach the host's tree. Closes `root`. */
int root_enter(int root);

/*
 * A copy of the mount of directory `fd`, reachable by its descriptor alone: its ".." is itself, and without `writable`
 * the kernel writes nothing there, whatever the process becomes. To be called before root_enter. Returns a descriptor.
 */
int root_confine(int fd, bool writable);

/* Bring the loopback interface of the network namespace up. */
int root_loopback_up(void);

#endif
