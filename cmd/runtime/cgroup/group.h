/* SPDX-License-Identifier: MIT */
/*
 * Control groups of containers: where `linux.cgroupsPath` says, on cgroup v1, v2 and both at once, made by ourselves or by systemd; with
 * `linux.resources`. Life: cg_plan, cg_save into a note, cg_make (the group, its limits, the monitor in it), cg_save into state.json; later commands cg_load and cg_update, cg_pids,
 * cg_thaw …; cg_remove at delete. docs/limits.md, docs/oci.md.
 *
 * Functions that can fail return 0 or a negative errno, with a sentence in *err, to be freed.
 */
#ifndef PICKET_RUNTIME_CGROUP_GROUP_H
#define PICKET_RUNTIME_CGROUP_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "cmd/runtime/cgroup/resources.h"

#define CG_DIRS_MAX 24

enum cg_driver {
	CG_CGROUPFS, /* we make directories */
	CG_SYSTEMD,  /* systemd makes a scope (`--systemd-cgroup`) */
	CG_DISABLED, /* none (`--cgroup-manager disabled`) */
};

enum cg_version { CG_NONE, CG_V1, CG_V2 };

struct cg_dir {
	char *name; /* v1: the controller, "name=systemd"; "": the unified hierarchy */
	char *path; /* absolute */
};

/* A container's group: one directory in each hierarchy. Zeroed: none. */
struct cg {
	enum cg_version version;
	struct cg_dir dirs[CG_DIRS_MAX];
	size_t count;
	char *unit;	   /* the scope of systemd, or NULL */
	bool user;	   /* it is the user's manager that has it */
	bool shared;	   /* others were in it before: who is left in it at the end is not killed */
	uint64_t headroom; /* bytes by which the group's memory limit is above the container's: what the sentry may take */
};

struct cg_request {
	enum cg_driver driver;
	const char *id;
	const char *path; /* linux.cgroupsPath; NULL: none was said */
	const struct cg_resources *resources;
	const json_t *annotations; /* org.systemd.property.*; may be NULL */
	bool rootless;		   /* the caller is not root of the first user namespace: what is refused is a warning */
};

/*
 * Which group it will be, for a note that outlives this process; nothing is made. A rootless caller without any hierarchies, and CG_DISABLED, get none:
 * g->version is CG_NONE, and *warning may say why (to be freed; else NULL).
 */
int cg_plan(struct cg *g, const struct cg_request *rq, char **warning, char **err);

/*
 * Make the group that was planned, set its limits, and put `pid` (the monitor, which has started nothing yet) into it. After a failure nothing is left, and
 * the process may have been killed; its parent reaps it. A rootless caller that is refused goes on with less or without a group, and *warning says why.
 */
int cg_make(struct cg *g, const struct cg_request *rq, pid_t pid, char **warning, char **err);

/* Put one more process in: the monitor of an exec, before it starts anything. */
int cg_enter(const struct cg *g, pid_t pid, char **err);

/* What state.json keeps of it (a new object), and back. cg_load: 0, or -EINVAL for what is no such object. */
json_t *cg_save(const struct cg *g);
int cg_load(struct cg *g, const json_t *saved);
void cg_free(struct cg *g);

/* Change limits of a group with processes in it; what `r` does not say stays. */
int cg_update(const struct cg *g, const struct cg_resources *r, char **err);

/* The host pids of all processes in it and below, to be freed. */
int cg_pids(const struct cg *g, pid_t **ret, size_t *count, char **err);

/* Let it go on if somebody has frozen it. */
void cg_thaw(const struct cg *g);

/* SIGKILL everything in it. */
void cg_kill(const struct cg *g);

/* Kill what is left in it, and remove it; waits for processes that are ending. */
int cg_remove(const struct cg *g, char **err);

/* How many processes the host has ended in it for want of memory. */
uint64_t cg_oom_kills(const struct cg *g);

/* The directory for a controller ("memory", …; v2: any name gives the one there is); NULL: none. */
const char *cg_dir(const struct cg *g, const char *controller);

#endif
