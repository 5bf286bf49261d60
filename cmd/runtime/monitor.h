/* SPDX-License-Identifier: MIT */
/*
 * The monitor: the process whose pid is the container's (docs/runtime.md). `create` forks it, and the two talk over a socket
 * until the container stands:
 *
 *	create                       monitor
 *	  control group of its pid
 *	  'b' begin             ──►  network namespace, the sentry's process
 *	                        ◄──  'm' made
 *	  hooks prestart, createRuntime
 *	  'l' launch            ──►  the sentry starts, with the whole configuration
 *	                        ◄──  'r' ready: it holds
 *	  hooks createContainer, pid file, state.json
 *	  'k' keep              ──►  create is done
 *
 * At any time the monitor may say 'e' and a sentence, and ends. If create goes before 'k', so does the monitor with all that it made.
 */
#ifndef PICKET_RUNTIME_MONITOR_H
#define PICKET_RUNTIME_MONITOR_H

#include <sys/types.h>

struct container;
struct runtime;
struct spec;

/* What the monitor is told by create. */
struct monitor_options {
	const struct runtime *rt;
	struct container *c;
	struct spec *spec;
	int console;	  /* a socket (connected) that gets the terminal's master; -1: no terminal, or on `run`, which relays it */
	int filter;	  /* the seccomp profile's (seccomp.h); -1: none */
	int preserve_fds; /* descriptors from 3 on that the first program gets */
};

struct monitor_link {
	pid_t pid;
	int sock;
};

/* Start it. It waits for monitor_say(MONITOR_BEGIN). -1 after fail(). */
int monitor_fork(const struct monitor_options *o, struct monitor_link *ret);

#define MONITOR_BEGIN 'b'
#define MONITOR_LAUNCH 'l'
#define MONITOR_KEEP 'k'
#define MONITOR_MADE 'm'
#define MONITOR_READY 'r'
#define MONITOR_ERROR 'e'

/* Tell it. */
void monitor_say(const struct monitor_link *l, char what);

/* Wait until it says so: 0, or -1 after fail() with its sentence, or that it ended. */
int monitor_hear(const struct monitor_link *l, char what);

/* SIGKILL, and reap. */
void monitor_kill(struct monitor_link *l);

#endif
