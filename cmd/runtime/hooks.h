/* SPDX-License-Identifier: MIT */
/* Hooks: programs of the host that are run at points of a container's life, with its state on their standard input. */
#ifndef PICKET_RUNTIME_HOOKS_H
#define PICKET_RUNTIME_HOOKS_H

#include <jansson.h>

#include "cmd/runtime/state.h"

/*
 * Run the hooks of one kind ("prestart", "createRuntime" …) in their order; `hooks` is the `hooks` object of config.json (NULL: none). The first
 * that fails ends it: -1 after fail(), with what it wrote to standard error. With `netns` >= 0 they run in that network namespace.
 */
int hooks_run(const json_t *hooks, const char *kind, const struct container *c, enum container_status s, int netns);

/* The same where a failure is a warning, and the next hook is run all the same. */
void hooks_try(const json_t *hooks, const char *kind, const struct container *c, enum container_status s);

/* Whether there is one of this kind. */
bool hooks_any(const json_t *hooks, const char *kind);

#endif
