/* SPDX-License-Identifier: MIT */
/* What the files of the monitor share. */
#ifndef PICKET_RUNTIME_MONITOR_PRIV_H
#define PICKET_RUNTIME_MONITOR_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/lib/link.h"
#include "cmd/lib/loop.h"
#include "cmd/lib/server.h"
#include "cmd/run/launch.h"
#include "cmd/runtime/cgroup/group.h"
#include "cmd/runtime/monitor.h"
#include "rootless/sandbox.h"

struct monitor {
	const struct monitor_options *o; /* until the container is kept */
	int birth;			 /* the socket to create; -1: it is done */
	int dir;			 /* ROOT/ID */
	struct sandbox sandbox;
	struct launch launch;
	enum netns_result network;    /* what became of the network namespace */
	struct netns_sysctl *sysctls; /* of it */
	struct watch ports;	      /* the sentry asks for low ports of the host's network; fd -1: it may not */
	int terminal;			 /* the host's, which the program's is relayed to; -1: none */
	int control[2]; /* ours and the sentry's, until it is handed over */

	struct loop loop;
	struct watch create, signals, control_watch, sentry;
	struct sentry_link link;
	struct server server;
	struct timer kill_timer;

	bool ready;   /* the sentry holds the first program, or has */
	bool started; /* it was told to go, */
	bool running; /* and has said that it runs */
	bool paused;
	bool ending;  /* somebody sent SIGKILL */
	bool gone;    /* the sentry has ended */
	int status;   /* of the first program, for the shell; -1: not known */
	char *error;  /* why it could not be started */
	struct cg group;      /* that of the container, if it has one */
	uint64_t memory_max, memory_held; /* the group's limit before it was held, and while it is; 0: it is not */
	struct peer *starter; /* who waits for `start`; NULL: nobody */
};

/* monitor_requests.c: what the control socket is asked. */
void monitor_request(struct peer *p, const json_t *request, const int *fds, size_t count);
void monitor_dropped(struct peer *p);

/* The sentry has said that the program runs, or why it does not: answer who waits. */
void monitor_tell_starter(struct monitor *m);

/* A signal for the first program. */
void monitor_signal(struct monitor *m, int sig);

/* monitor_memory.c: the sentry says that the guest has more memory than its limit, or no longer. */
void monitor_memory(struct monitor *m, bool over);

/* What oom_score_adj the sentry and its stubs begin with (valid until the next call), … */
const char *monitor_oom_adj(const struct monitor *m);

/* … and when the stubs' is settled, less for the sentry: whatever the host ends is a process of the guest. */
void monitor_guard(struct monitor *m);

/* monitor_launch.c: the sentry's process and its configuration. 0, or -1 after fail(). */
int monitor_spawn(struct monitor *m);
int monitor_configure(struct monitor *m);
int monitor_hand_over(struct monitor *m);

/*
 * monitor_network.c: enter the container's network namespace, and let *so* say what the sentry's process does about it. 0, or -1 after fail().
 * The records of the launch configuration that follow from it.
 */
int monitor_network_enter(struct monitor *m, struct sandbox_options *so);
int monitor_network_records(struct monitor *m);
/* Hear the sentry's questions, from the loop. */
void monitor_network_watch(struct monitor *m);

#endif
