/* SPDX-License-Identifier: MIT */
/* Creating a container, for `create` and `run`. */
#ifndef PICKET_RUNTIME_CREATE_H
#define PICKET_RUNTIME_CREATE_H

#include <stdbool.h>

#include "cmd/runtime/runtime.h"

struct container;

struct create_options {
	const char *bundle; /* NULL: the current directory */
	const char *config; /* NULL: config.json of the bundle */
	const char *console_socket, *pid_file, *pidfd_socket;
	int preserve_fds;
	bool foreground; /* `run`: the caller's own terminal may be the program's */
};

/* The rows of these options, for a structure that begins with them. */
#define CREATE_OPTION_ROWS(type, member)                                                                               \
	{OPTION_TEXT, "bundle", 'b', offsetof(type, member.bundle), "directory with config.json; the current one"},     \
	{OPTION_TEXT, "config", 'f', offsetof(type, member.config), "another file than config.json of the bundle"},    \
	{OPTION_TEXT, "console-socket", 0, offsetof(type, member.console_socket),                                      \
		"UNIX socket that gets the terminal's master"},                                                         \
	{OPTION_TEXT, "pid-file", 0, offsetof(type, member.pid_file), "file to write the process id to"},              \
	{OPTION_TEXT, "pidfd-socket", 0, offsetof(type, member.pidfd_socket), "UNIX socket that gets a pidfd"},        \
	{OPTION_NUMBER, "preserve-fds", 0, offsetof(type, member.preserve_fds),                                        \
		"so many descriptors from 3 on are the program's too"},                                                 \
	{OPTION_IGNORED, "no-pivot", 0, 0, "accepted: the root is never pivoted to"},                                   \
	{OPTION_IGNORED, "no-new-keyring", 0, 0, "accepted: keyrings are the sentry's"},                               \
	{OPTION_IGNORED, "no-subreaper", 0, 0, "accepted"}

/*
 * Create it. On success *ret is open, with state.json written and its lock given back; the monitor, ret->pid, is this process's child. 0, or -1
 * after fail(), and nothing is left.
 */
int container_create(const struct runtime *rt, const struct create_options *o, const char *id, struct container *ret);

#endif
