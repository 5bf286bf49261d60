/* SPDX-License-Identifier: MIT */
/*
 * A scope unit of the user's own systemd: where the group that a process is in is not the user's (a login over ssh, most terminals), the
 * user's manager can give one that is. Asked by libsystemd, which is loaded when it is first needed. docs/limits.md.
 */
#ifndef PICKET_ROOTLESS_SCOPE_H
#define PICKET_ROOTLESS_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rootless/cgroup.h"

#define SCOPE_TIMEOUT 1000000 /* us, for all of it */

/*
 * Have the user's manager put a process into a transient scope "NAME.scope" of its own, delegated, which is gone with its last process;
 * wait for it. 0 or a negative errno, then the reason in `why`. After -ETIMEDOUT it may still come about.
 */
int scope_start(pid_t pid, const char *name, char *why, size_t len);

/* The same, and the group picket-ID12 with these limits in that scope. 0 or a negative errno; see cgroup_within(). */
int scope_group(struct cgroup *g, pid_t pid, const char *id, const struct cgroup_limits *limits, char *why, size_t len);

/*
 * Whether the user's manager stays as long as this process: it ends with the user's last login, and its scopes with it. A process of a login
 * keeps that login, where it may stay at all (KillUserProcesses=); others need `loginctl enable-linger`.
 */
bool scope_stays(void);

#endif
