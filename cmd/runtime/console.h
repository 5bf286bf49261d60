/* SPDX-License-Identifier: MIT */
/*
 * Consoles: a terminal's master goes to who asked for it (--console-socket), and what happens to it comes to the process that
 * made it: a new size as SIGWINCH, its end as SIGHUP. The sentry has a terminal of its own inside and relays it to the slave, which is raw.
 */
#ifndef PICKET_RUNTIME_CONSOLE_H
#define PICKET_RUNTIME_CONSOLE_H

#include <stdbool.h>

struct launch;

/* Connect to the socket at *path*, of any length; before the directory changes. Its descriptor, or -1 after fail(). */
int console_connect(const char *path);

/*
 * Make a terminal of this size (0: none was said), send its master over the socket *sock*, and make it the controlling terminal of the caller, who
 * leads a session without one. The slave (close-on-exec, non-blocking), or -1 after fail().
 */
int console_make(int sock, unsigned int rows, unsigned int cols);

/*
 * Append the records `stdio` and `tty`: the terminal *fd* is what the program's is relayed to. A terminal without a size has the one given. `made`: by
 * console_make(), so that its end comes as a signal. *fd* stays the caller's.
 */
void console_records(struct launch *l, int fd, unsigned int rows, unsigned int cols, bool made);

/*
 * Before the process that made the terminal *fd* (-1: none) ends: it is its own no longer. Else its end hangs the terminal up, and Linux drops what the reader
 * of the master has not read yet.
 */
void console_leave(int fd);

/* What is told to the sentry for a signal that came from the terminal *fd*, into *text*; false: it did not come from there, or *fd* is -1. */
#define CONSOLE_TEXT 40
bool console_signal_text(int fd, int sig, char text[CONSOLE_TEXT]);

#endif
