/* SPDX-License-Identifier: MIT */
/*
 * Terminals: what the rest of the sentry sees of them. The line discipline and the pseudo terminals are inside
 * (tty_internal.h). tty(4), pty(7), termios(3), ioctl_tty(2), credentials(7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct kernel;
struct task;
struct thread_group;
struct tty;
struct file;

#define TTYAUX_MAJOR 5
#define UNIX98_PTY_SLAVE_MAJOR 136

void tty_get(struct tty *tty);
void tty_put(struct tty *tty); /* NULL allowed; takes leaf locks only */

/*
 * The controlling terminal of a session. thread_group.ctty holds a reference and is guarded by tasklist_lock: fork copies it
 * with tty_get(), setsid() and the release of a group drop it with tty_put(). When a session leader exits, it must
 * call tty_session_leader_exit() (no locks held): the terminal's foreground group gets SIGHUP, and the session loses the
 * terminal.
 */
void tty_session_leader_exit(struct task *t);
struct tty *tty_of_session(struct task *t); /* the controlling terminal, held, or NULL */
void tty_hangup(struct tty *tty);	    /* the line is gone; no locks held */
/* The guest's number of the device (0: none) and the foreground group (-1: none), for /proc/PID/stat. */
uint64_t tty_rdev(const struct tty *tty);
int tty_foreground(struct tty *tty);

/* O_ASYNC is set on *f*, and nobody owns it: if it is a terminal, its foreground group does. */
void tty_async_owner(struct task *t, struct file *f);

/* Opening by device number; see dev_open(). */
int tty_open_current(struct task *t, unsigned minor, struct file *f); /* /dev/tty */
int tty_open_console(struct task *t, unsigned minor, struct file *f); /* /dev/console */
int tty_open_ptmx(struct task *t, unsigned minor, struct file *f);
int tty_open_slave(struct task *t, unsigned index, struct file *f);   /* /dev/pts/N */

/*
 * The terminal of `run -t` and `exec -t`: a pseudo terminal whose master is relayed to the host descriptors fds[0] (input) and
 * fds[1] (output), which are taken over on success; *utf8*: lines are edited in UTF-8, as the caller's terminal does; stdio[]
 * receives three files of its slave side, each with a reference. Needs k->devpts, k->loop. The first task of a session makes it its
 * controlling terminal with console_attach().
 */
struct console;
int console_create(struct kernel *k, const int fds[3], unsigned rows, unsigned cols, bool utf8,
		   struct file *stdio[3], struct console **ret);
void console_attach(struct console *c, struct task *t);
/* The end of the host's input is not typed as Ctrl-D: console_hangup() will come. Before anything can come in. */
void console_hangs_up(struct console *c);
/* Hang the terminal up, whose other end is gone. No locks held. */
void console_hangup(struct console *c);
void console_winsize(struct console *c, unsigned rows, unsigned cols);
/* Send *sig* to the terminal's foreground group, as a key would. 0 or -ESRCH: there is none. No locks held. */
int console_signal(struct console *c, int sig);
/* Write out what the guest has written, for at most *ms* milliseconds; before the sentry exits. */
void console_drain(struct console *c, int ms);
/* Hang the terminal up and close the host's descriptors. *c* is gone. No locks held. */
void console_close(struct console *c);
