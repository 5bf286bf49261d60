/* SPDX-License-Identifier: MIT */
/* Limits and rights of a sandbox: options, their check, and what the sentry is told. docs/limits.md. */
#ifndef PICKET_CMD_LIMIT_OPTIONS_H
#define PICKET_CMD_LIMIT_OPTIONS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/lib/str.h"
#include "rootless/cgroup.h"

struct limit_options {
	const char *cpus;
	int64_t cpu_period, cpu_quota; /* docker's older way, in microseconds */
	int64_t cpu_shares;
	const char *cpuset;
	const char *memory_swap;
	int64_t memory_reservation;
	struct str_list ulimits;
	int64_t shm_size;
	const char *oom_score_adj;
	struct str_list sysctls;
	struct str_list cap_add, cap_drop;
	struct str_list security;
	struct str_list groups;
	const char *domainname;
	const char *ipc, *pid, *uts, *cgroupns;
};

struct launch;
struct run_options;

/* Is it all understood, and to be had? 0, or the exit status after a complaint. */
int limits_check(const struct run_options *o);

/* The sentry's records. After limits_check() and limits_group(). */
void limits_write(struct launch *l, const struct run_options *o, const struct cgroup *g);

/*
 * Where the user may make control groups, or the user's systemd makes one, and there are limits: a group of the sandbox's own for the process,
 * which has not started others. Without one the sentry holds them alone. `detached`: nobody is waiting for it.
 */
void limits_group(const struct run_options *o, pid_t pid, const char *id, bool detached, struct cgroup *ret);

/* What a control group is to hold; what the sentry takes for itself is added to the memory. */
void limits_of_group(int64_t memory, int64_t pids, const struct limit_options *l, struct cgroup_limits *ret);

/* Keep the process to --cpuset-cpus; what it starts inherits that. 0, or the exit status after a complaint. */
int limits_pin(const struct run_options *o, pid_t pid);

/* "1.5" as billionths of a processor. 0, or -1. */
int parse_cpus(const char *text, int64_t *ret);

/* What --cpus or --cpu-quota come to, in billionths of a processor; 0: no limit. */
int64_t limits_cpus(const struct limit_options *l);

/* "0-2,5". 0, or -1. */
int parse_cpuset(const char *text, cpu_set_t *ret);

/* "CAP_NET_RAW", "net_raw": its number; 64 for ALL; -1. */
int capability_number(const char *name);

/* "nofile=1024:2048", "cpu=10", "core=-1". 0, or -1 with *err. */
struct ulimit {
	unsigned int resource;
	uint64_t soft, hard; /* UINT64_MAX: none */
};
int parse_ulimit(const char *text, struct ulimit *ret, char **err);

#endif
