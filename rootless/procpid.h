/* SPDX-License-Identifier: MIT */
/*
 * Pids as /proc has them. A process in a pid namespace of its own whose /proc is an outer namespace's knows itself and its children by numbers that mean others
 * there.
 */
#ifndef PICKET_PROCPID_H
#define PICKET_PROCPID_H

#include <sys/types.h>

/* The caller's own. */
pid_t proc_pid_self(void);

/* That of the process of a pidfd; *otherwise* if /proc does not tell. */
pid_t proc_pid_of(int pidfd, pid_t otherwise);

#endif
