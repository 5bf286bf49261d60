/* SPDX-License-Identifier: MIT */
/* Limits and rights that the launch configuration gives the sandbox as a whole, or that are changed while it runs. */
#pragma once

#include "control/config.h"
#include "control/rootfs.h"

struct ask;
struct cred;
struct kernel;
struct task;

/*
 * At the start, before the first program: kernel parameters, names, the share of the processors. *init* has root's
 * credentials and /proc is there. 0, or a negative errno and a sentence.
 */
int limits_apply(struct task *init, const struct config_limits *l, struct rootfs_error *err);
/* The kernel parameters alone. */
int limits_set_sysctls(struct task *init, const struct config_limits *l, struct rootfs_error *err);
/*
 * A process that is about to start from outside: its rlimits, and what nobody inside may have is taken from *n*, its credentials to
 * be.
 */
void limits_process(struct task *t, const struct config_limits *l, struct cred *n);

/* What the sandbox holds and has used up to now. Reads files of the host. */
struct sandbox_stats {
	uint64_t memory; /* bytes */
	uint64_t user_ns, system_ns;
	uint64_t read, written; /* bytes, from and to disks */
	uint64_t rx, tx;	/* bytes, through its network interfaces */
	unsigned pids;
};
void sandbox_stats(struct kernel *k, struct sandbox_stats *ret);

/* Verbs (control/ask.h). */
int ask_pause(struct ask *a);
int ask_unpause(struct ask *a);
int ask_stats(struct ask *a);
int ask_limits(struct ask *a);
