/* SPDX-License-Identifier: MIT */
/* Signals that a monitor passes on. */
#ifndef PICKET_RUNTIME_SIGNALS_H
#define PICKET_RUNTIME_SIGNALS_H

/*
 * Block all signals but those that cannot be caught, that a fault raises, and SIGCHLD and SIGPIPE, which nobody sends; their actions are the defaults.
 * A descriptor that they are read from (signalfd(2), non-blocking), or -1 after fail().
 */
int signals_receive(void);

#endif
