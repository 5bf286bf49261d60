/* SPDX-License-Identifier: MIT */
/* Hooks: programs of the host that are run at points of a container's life, with its state on their standard input. */
#ifndef PICKET_RUNTIME_HOOKS_H
#define PICKET_RUNTIME_HOOKS_H

#include <jansson.h>

#include "cmd/runtime/state.h"

/* Where hooks run. */
enum hook_place {
	HOOK_OUTSIDE,	/* as their caller */
	HOOK_NETWORK,	/* in the network namespace of the container's monitor */
	HOOK_INSIDE,	/* in the container, as its program would */
};

/*
 * Run the hooks of one kind ("prestart", "createRuntime" …) in their order; `hooks` is the `hooks` object of config.json (NULL: none). The first
 * that fails ends it: -1 after fail(), with the end of what it wrote.
 */
int hooks_run(const json_t *hooks, const char *kind, const struct container *c, enum container_status s, enum hook_place place);

/* The same where a failure is a warning, and the next hook is run all the same. */
void hooks_try(const json_t *hooks, const char *kind, const struct container *c, enum container_status s);

/* hook_inside.c: in a process of its own with its standard descriptors: be the monitor of a hook in the container. Its exit status. */
struct str_list;
int hook_inside(const struct container *c, const char *path, const struct str_list *args, const struct str_list *env);

#endif
