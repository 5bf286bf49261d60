/* SPDX-License-Identifier: MIT */
/* The client's side of streams: this terminal, or these descriptors, and a program in a sandbox. */
#ifndef PICKET_CMD_ATTACH_H
#define PICKET_CMD_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/lib/keys.h"

struct attach {
	int sock;	 /* the stream */
	bool tty;	 /* the program has a terminal: ours becomes raw */
	bool input;	 /* pass on standard input */
	bool sig_proxy;	 /* pass on signals */
	bool foreground; /* the sandbox ends when we are killed; Ctrl-Z stops it */
	const char *keys; /* that detach, parsed; see detach_keys() */
	size_t key_count;
	bool detached; /* out: by the keys */
};

/* Serve the stream until the program ends or the keys are typed. The exit status for the shell; 0 after detaching. */
int attach_run(struct attach *a);

/*
 * Wait until the keeper says that the program runs: 0, or the exit status after what went wrong was said. What the
 * program writes meanwhile is not shown.
 */
int attach_started(int sock);

#endif
