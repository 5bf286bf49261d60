/* SPDX-License-Identifier: MIT */
/*
 * The control group of a container, for the verbs: what cgroup/group.h does, with this program's options, log and state. Failures have been said with fail().
 *
 * `create`: after the fork of the monitor and before MONITOR_BEGIN group_make(); it notes the group as member "cgroup" of the state that goes into
 * making.json and state.json. With the launch configuration group_launch(). `delete` and a create that failed: group_remove().
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

/* Make the group of container `id`, with `monitor` in it, and note it in `state`. 0, or -1: then nothing is left, and the monitor may have been killed. */
int group_make(const struct runtime *rt, const struct spec *s, const char *id, pid_t monitor, json_t *state);

/* Records memory, pids, cpus … of the launch configuration; `state` is what group_make() noted. 0, or -1. */
int group_launch(const struct spec *s, const json_t *state, struct launch *l);

/* Put the monitor of an exec into the container's group; in a rootless one a refusal is a warning. 0, or -1. */
int group_enter(const struct runtime *rt, const struct container *c, pid_t pid);

/* The group of a container, to be freed with cg_free(); one without a group gives an empty one. */
void group_of(const struct container *c, struct cg *ret);

/* Kill what is left in the group that `state` names, and remove it. 0, or -1. */
int group_remove(const json_t *state);

/* Whether we are root of the first user namespace, or --rootless says so. */
bool group_rootless(const struct runtime *rt);

#endif
