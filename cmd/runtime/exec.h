/* SPDX-License-Identifier: MIT */
/* `exec`: what its files share. */
#ifndef PICKET_RUNTIME_EXEC_H
#define PICKET_RUNTIME_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "cmd/lib/str.h"

struct container;
struct spec_process;

struct exec_arguments {
	const char *process, *console_socket, *pid_file, *pidfd_socket;
	const char *cwd, *user, *gids;
	struct str_list env, caps;
	bool tty, detach, no_new_privs, ignore_paused;
	int preserve_fds;
};

/*
 * The process that the arguments describe: --process, or the container's own with other words, directory, user. Free with spec_process_free(). 0, or -1
 * after fail().
 */
int exec_process(const struct container *c, const struct exec_arguments *a, int argc, char **argv, struct spec_process **ret);

/*
 * Be the process's monitor (docs/runtime.md): ask the container's monitor for the session, call `started` when the program runs (false, after fail():
 * it is not to; it ends with its monitor), forward signals and sizes, and wait for the end. `console` is the connected socket of --console-socket, or -1. The status for the shell: 128+N for signal N; -1 after fail(): it
 * never ran.
 */
int exec_session(const struct container *c, const struct exec_arguments *a, const struct spec_process *p, int console,
	bool (*started)(void *arg), void *arg);

/* What a caller sees who cannot start a process: runc's status. */
#define EXEC_FAILED 255

#endif
