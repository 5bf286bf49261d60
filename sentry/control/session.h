/* SPDX-License-Identifier: MIT */
/*
 * Sessions: processes that `exec` starts beside the first one. Each has a thread of the sentry, which prepares the process, waits
 * for its end, tells it on the session's socket, and closes the terminal. docs/sandboxes.md.
 */
#pragma once

struct kernel;

/* The first process has ended, and with it all: tell those who wait for sessions. Once, before the sentry's own end. */
void sessions_end(struct kernel *k);
