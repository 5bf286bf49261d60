/* SPDX-License-Identifier: MIT */
/*
 * The keeper of one sandbox: starts it, serves its control socket and its streams, writes its log, and notes how it ended.
 * It is `picket run` itself (in-process), or a process of its own (keeper_fork). See docs/sandboxes.md.
 */
#ifndef PICKET_CMD_KEEPER_H
#define PICKET_CMD_KEEPER_H

#include <stdbool.h>
#include <sys/types.h>

struct run;

/* Whom the program's standard input, output and error are connected to. */
enum keeper_stdio {
	KEEPER_STDIO_OWN,    /* the caller's own descriptors: in-process, no log */
	KEEPER_STDIO_STREAM, /* the keeper: log and streams */
};

/*
 * Block the signals that are forwarded to the sandbox, before anything is started, so that none is lost. Returns a
 * signalfd, or -1 after a complaint.
 */
int keeper_signals(void);

/*
 * Start the sandbox of r and serve it in this process until it has ended for good; r->entry's lock is released once it
 * runs. Returns the exit status for the shell. Nothing of it is left running. `client` is a stream to the client that
 * started it (-1: none), which is closed; it is in the foreground unless `detached`.
 */
int keeper_run(struct run *r, enum keeper_stdio stdio, int client, bool detached);

/*
 * The same in a process of its own, with its own session. Returns the client's end of the stream, on which the keeper says
 * how the start went; -1 after a complaint. *pid is the keeper's.
 */
int keeper_fork(struct run *r, bool detached, pid_t *pid);

#endif
