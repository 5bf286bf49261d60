/* SPDX-License-Identifier: MIT */
/* Sessions in a running sandbox (docs/sandboxes.md): what exec, cp and export have in common. */
#ifndef PICKET_CMD_SESSION_H
#define PICKET_CMD_SESSION_H

#include <stdbool.h>

#include "cmd/keep/record.h"
#include "cmd/run/launch.h"

/* What the session's socket has said. */
enum session_news {
	SESSION_NOTHING, /* nothing (more) yet */
	SESSION_STARTED,
	SESSION_ENDED, /* with a status */
	SESSION_FAILED, /* with a status and a sentence */
	SESSION_LOST, /* the sandbox is gone */
};

struct session_end {
	int status; /* for the shell */
	char text[4097];
};

/* The running sandbox called *name*; *paused*: it may be paused. 0, or 1 after a complaint. */
int session_find(const char *name, bool paused, struct entry *e);

/* A configuration to append to: launch_free() it. */
void session_begin(struct launch *l);

/* picket-guest is the program, and *part* its first word. 0, or 125 after a complaint. */
int session_guest(struct launch *l, const char *part);

/* Ask the keeper for the session, in whose events the text is *command*. Its socket, or -1 after a complaint. */
int session_open(const struct entry *e, const struct launch *l, const char *command);

/* Read one message; waits unless *now*. */
enum session_news session_read(int sock, bool now, struct session_end *end);

/* A signal to the process. */
void session_signal(int sock, int sig);

/* The sandbox is gone before it told an end: complain, and the status for that. */
int session_lost(const struct entry *e);

#endif
