/* SPDX-License-Identifier: MIT */
/*
 * The control group of a container, for the verbs: what cgroup/group.h does, with this program's options, log and state. Failures have been said with fail().
 *
 * `create`: group_plan() notes which group it will be, as member "cgroup" of what goes into making.json, so that delete --force finds it whenever create is
 * killed; after that, and before MONITOR_BEGIN, group_make(). With the launch configuration group_launch(). `delete` and a create that failed: group_remove().
 */
#ifndef PICKET_RUNTIME_GROUPS_H
#define PICKET_RUNTIME_GROUPS_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cmd/runtime/cgroup/group.h"

struct container;
struct launch;
struct runtime;
struct spec;

/* Read linux.resources, which is wrong or not; before anything is made. 0, or -1. */
int group_check(const struct spec *s);

/* Which group container `id` will have, noted in `state`. 0, or -1. */
int group_plan(const struct runtime *rt, const struct spec *s, const char *id, json_t *state);

/* Make it, with `monitor` in it, and note it again. 0, or -1: then nothing is left, and the monitor may have been killed. */
int group_make(const struct runtime *rt, const struct spec *s, const char *id, pid_t monitor, json_t *state);

/* In the monitor: the container's group, if it is in it (to be freed with cg_free()); else an empty one. */
void group_mine(struct container *c, struct cg *ret);

/* Records memory, pids, cpus of the launch configuration; `g` is what group_mine() says. 0, or -1. */
int group_launch(const struct spec *s, const struct cg *g, struct launch *l);

/* Put the monitor of an exec into the container's group; in a rootless one a refusal is a warning. 0, or -1. */
int group_enter(const struct runtime *rt, const struct container *c, pid_t pid);

/* The group of a container, to be freed with cg_free(); one without a group gives an empty one. */
void group_of(const struct container *c, struct cg *ret);

/* Nobody in a frozen group ends on v1: let the one that `state` names go on. */
void group_thaw(const json_t *state);

/* Kill what is left in the group that `state` names, and remove it. 0, or -1. */
int group_remove(const json_t *state);

/* Whether we are root of the first user namespace, or --rootless says so. */
bool group_rootless(const struct runtime *rt);

#endif
