/* SPDX-License-Identifier: MIT */
/*
 * The user's terminal while a sandbox with -t has it: raw, and put back in every way out, also from a fatal signal.
 * (After SIGKILL nobody can; `reset` or `stty sane` mends it.)
 */
#ifndef PICKET_CMD_TERMINAL_H
#define PICKET_CMD_TERMINAL_H

#include <stdbool.h>

/* The size of the terminal at fd; false, and 24x80, if it tells none. */
bool terminal_size(int fd, unsigned int *rows, unsigned int *cols);

/* Does it edit lines in UTF-8? */
bool terminal_is_utf8(int fd);

/*
 * An open file of the terminal at fd that nobody else has, which may therefore be set not to block: -1 if there is none
 * to be had (no terminal, or another user's).
 */
int terminal_own(int fd);

/*
 * Put the terminal at fd into raw mode and remember how it was. In a background job this stops the process until it
 * is brought to the foreground, as any program that sets the terminal. 0 or -1 with errno.
 */
int terminal_raw(int fd);

/* Put it back, if it is raw. May be called at any time, also from a signal handler. */
void terminal_restore(void);

/* For a stopped job that reads the terminal: as terminal_raw after terminal_restore. */
int terminal_raw_again(void);

#endif
