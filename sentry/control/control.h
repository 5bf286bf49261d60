/* SPDX-License-Identifier: MIT */
/* The sandbox as a whole, and its conversation with picket. docs/launch.md. */
#pragma once

#include <stdbool.h>

struct kernel;

/* Build the sandbox of the configuration on *config_fd*, run it, return the sentry's own exit status. */
int sandbox_run(int config_fd);

/* --- control socket ------------------------------------------------------------------------------------------------- */

/* kernel.go */
#define HOLD_GO 1u
#define HOLD_STEP 2u

/* Listen for winsize and signal messages; a closed peer ends the sandbox at once. */
int control_create(struct kernel *k);
/* One message, from any thread. */
void control_send_text(struct kernel *k, const char *text);
/* A detached thread of the sentry. From the host loop's thread. 0 or a negative errno. */
int control_thread(void *(*fn)(void *arg), void *arg);
void control_send_started(struct kernel *k);
void control_send_exit(struct kernel *k, int status);
/* *code*: 125, 126 or 127. Goes to standard error when there is no control socket. */
void control_send_error(int fd, int code, const char *text);
