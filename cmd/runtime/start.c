/* SPDX-License-Identifier: MIT */
/* `start`: the program of a container that was created. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cmd/lib/process.h"
#include "cmd/runtime/hooks.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/start.h"
#include "cmd/runtime/state.h"

/* How long an end by SIGKILL may take. */
#define END_MS 10000

static const struct option_row options[] = {
	{OPTION_END},
};

static int check_status(const struct container *c)
{
	switch (container_status(c)) {
	case CONTAINER_CREATED:
		return 0;
	case CONTAINER_STOPPED:
		return fail("cannot start a container that has stopped: %s", c->id);
	case CONTAINER_CREATING:
		return fail("cannot start a container that is being created: %s", c->id);
	default:
		return fail("cannot start an already running container: %s", c->id);
	}
}

static int go(struct container *c)
{
	json_t *answer = NULL;
	int r = container_ask(c, json_pack("{s:s}", "do", "start"), NULL, 0, &answer);

	if (r == -ESRCH)
		fail("container %s was ended while it was started", c->id);
	else if (r < 0)
		fail("%s", container_ask_error(r, answer));
	json_decref(answer);
	return r < 0 ? -1 : 0;
}

/* A program that must not start must not wait for another try either. */
static int prepare(struct container *c)
{
	int r = hooks_run(json_object_get(c->state, "hooks"), "startContainer", c, CONTAINER_CREATED, HOOK_INSIDE);

	if (r < 0 && process_end(c->pid, c->start, c->boot))
		container_wait(c, END_MS);
	return r;
}

int container_start(struct container *c)
{
	int r = container_lock(c, true);

	if (r == -ENOENT)
		return fail("container does not exist: %s", c->id);
	if (r < 0)
		return fail("cannot lock container %s: %s", c->id, strerror(-r));
	r = check_status(c);
	if (r == 0)
		r = prepare(c);
	if (r == 0)
		r = go(c);
	container_unlock(c);
	if (r == 0)
		hooks_try(json_object_get(c->state, "hooks"), "poststart", c, CONTAINER_RUNNING);
	return r;
}

static int run_start(const struct runtime *rt, int argc, char **argv)
{
	struct container c;
	int r;

	if (options_words(options, NULL, 1, 1, argc, argv) < 0 || container_open(rt, argv[1], &c) < 0)
		return 1;
	r = container_start(&c);
	container_close(&c);
	return r;
}

const struct verb verb_start = {"start", "ID", "start the program of a created container", run_start, options};
