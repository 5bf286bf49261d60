/* SPDX-License-Identifier: MIT */
/*
 * A control group (cgroup v2) of a sandbox's own, where the user may make one: somewhere above this process's own group, in a
 * subtree that was given to the user (systemd's user@.service, a container's root). Nothing is asked of anybody; where there is no such place
 * the sentry's own accounting holds the limits. docs/limits.md.
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

/* Write limits; also to a group that runs. 0 or a negative errno. */
int cgroup_limit(const struct cgroup *g, const struct cgroup_limits *limits);

/* The group picket-… that a process is in. False: it is in none. */
bool cgroup_of(pid_t pid, struct cgroup *ret);

/* How many processes the host has ended in it for want of memory. */
uint64_t cgroup_oom_kills(const struct cgroup *g);

/* Remove it; waits a moment for the last process to be gone. */
void cgroup_remove(struct cgroup *g);

#endif
