/* SPDX-License-Identifier: MIT */
/*
 * A control group (cgroup v2) of a sandbox's own, where the user may make one: somewhere above this process's own group, in a
 * subtree that was given to the user (systemd's user@.service, a container's root). Where there is no such place the user's systemd is
 * asked for one (rootless/scope.h), or the sentry's own accounting holds the limits alone. docs/limits.md.
 */
#ifndef PICKET_ROOTLESS_CGROUP_H
#define PICKET_ROOTLESS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PATH_MAX 4096

enum { CGROUP_MEMORY = 1, CGROUP_CPU = 2, CGROUP_PIDS = 4 };

struct cgroup_limits { /* 0: none */
	uint64_t memory, memory_low;
	int64_t swap;	     /* bytes of swap alone; -1: no limit */
	uint64_t cpus;	     /* billionths of a processor */
	uint64_t cpu_weight; /* 1 to 10000 */
	uint64_t pids;
};

struct cgroup {
	char dir[CGROUP_PATH_MAX]; /* "": none */
	unsigned int has;	   /* what it holds: CGROUP_* */
};

/*
 * Where groups can be made: the directory into buf, its controllers (CGROUP_*) as the result; 0: nowhere. `mount` and `own` are for tests:
 * NULL is this process's.
 */
unsigned int cgroup_place(const char *mount, const char *own, char *buf, size_t len);

/* Make the group picket-ID12 with these limits in `place`. 0 or a negative errno; nothing is left then. */
int cgroup_make(struct cgroup *g, const char *place, unsigned int has, const char *id, const struct cgroup_limits *limits);

/* Put a process in, before it starts others. 0 or a negative errno. */
int cgroup_enter(const struct cgroup *g, pid_t pid);

/*
 * Make that group in `place`, which holds `pid` and nothing else, and put it in: a group can give its children controllers when no process is in
 * it directly. 0 or a negative errno; where the process is in the group but without limits g->dir says so, and g->has is 0.
 */
int cgroup_within(struct cgroup *g, const char *place, pid_t pid, const char *id, const struct cgroup_limits *limits);

/* What controllers the host's unified hierarchy has at all: CGROUP_*. */
unsigned int cgroup_offered(void);

/* The directory of the group that a process is in. */
bool cgroup_dir(pid_t pid, char *buf, size_t len);

/* Write limits; also to a group that runs. 0 or a negative errno. */
int cgroup_limit(const struct cgroup *g, const struct cgroup_limits *limits);

/* The group picket-… that a process is in. False: it is in none. */
bool cgroup_of(pid_t pid, struct cgroup *ret);

/* How many processes the host has ended in it for want of memory. */
uint64_t cgroup_oom_kills(const struct cgroup *g);

/* Remove it; waits a moment for the last process to be gone. */
void cgroup_remove(struct cgroup *g);

#endif
