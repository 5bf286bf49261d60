/* SPDX-License-Identifier: MIT */
/* A running sandbox from outside: signals in, messages, deaths, and the exit status. */
#ifndef PICKET_CMD_SESSION_H
#define PICKET_CMD_SESSION_H

#include <stdbool.h>
#include <signal.h>

#include "net/slirp.h"
#include "rootless/sandbox.h"

struct session {
	struct sandbox *sandbox;
	struct slirp *slirp; /* pid 0: none; may still be setting the network up, which the sentry waits for */
	bool network_asked;  /* the sandbox must not run without */
	int control;	     /* connected SOCK_SEQPACKET, the sentry's peer */
	int snapd;	     /* connection to picket-snapd, -1: none */
	bool tty;	     /* the terminal is in raw mode */
	int tty_fd;
};

/*
 * Block the signals that are forwarded to the sandbox, before anything is started, so that none is lost. Returns a
 * signalfd, or -1 after a complaint.
 */
int session_signals(void);

/* Serve the session until the sandbox ends; returns the exit status for the shell. Nothing of it is left running. */
int session_run(struct session *s, int signals);

#endif
