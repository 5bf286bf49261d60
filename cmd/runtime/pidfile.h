/* SPDX-License-Identifier: MIT */
/* Telling callers which process is theirs. */
#ifndef PICKET_RUNTIME_PIDFILE_H
#define PICKET_RUNTIME_PIDFILE_H

#include <sys/types.h>

/*
 * Write *pid* to the file *file*, by rename: who waits for it reads all of it; and send a pidfd of the process to the socket *socket*. Either may be NULL. 0, or -1
 * after fail().
 */
int pid_tell(pid_t pid, const char *file, const char *socket);

#endif
