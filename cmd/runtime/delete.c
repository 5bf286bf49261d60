/* SPDX-License-Identifier: MIT */
/* `delete`: what a container has left, and with --force the container itself, in whatever state. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/process.h"
#include "cmd/runtime/delete.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/hooks.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

/* How long an end by SIGKILL may take, and how long another command may hold the container while it is being ended. */
#define END_TRIES 1000
#define END_TRY_US 10000

struct arguments {
	bool force;
};

static const struct option_row options[] = {
	{OPTION_FLAG, "force", 'f', offsetof(struct arguments, force), "end it first, if it is not stopped"},
	{OPTION_END},
};

/* The monitor takes the sentry along, and that all that is inside. */
static void end_monitor(const struct container *c)
{
	pid_t pid = c->damaged ? container_listener(c) : 0;

	if (pid > 0)
		kill(pid, SIGKILL);
	if (process_end(c->pid, c->start, c->boot))
		container_wait(c, END_TRIES * (END_TRY_US / 1000));
}

/* Whose pid nobody knows: it is asked. */
static void end_unknown(const struct container *c)
{
	for (int i = 0; i < END_TRIES; i++) {
		if (container_ask(c, json_pack("{s:s, s:i}", "do", "kill", "signal", SIGKILL), NULL, 0, NULL) == -ESRCH)
			break;
		usleep(END_TRY_US);
	}
}

/*
 * Who creates or starts it holds the lock, perhaps for long: with `force` the monitor is ended under its hands, which makes it give
 * up. -ENOENT: it is gone then.
 */
static int lock_for_delete(struct container *c, bool force)
{
	int r = container_lock(c, false);

	for (int i = 0; r == -EBUSY && force && i < END_TRIES; i++) {
		group_thaw(c->state);
		end_monitor(c);
		usleep(END_TRY_US);
		r = container_reload(c);
		if (r == 0)
			r = container_lock(c, false);
	}
	return r;
}

static int check_status(const struct container *c)
{
	switch (container_status(c)) {
	case CONTAINER_STOPPED:
	case CONTAINER_CREATED:
		return 0;
	case CONTAINER_CREATING:
		return fail("cannot delete container %s, whose creation did not end; delete --force does", c->id);
	default:
		return fail("cannot delete container %s that is not stopped: %s", c->id,
			container_status_name(container_status(c)));
	}
}

int container_delete(struct container *c, bool force)
{
	json_t *state;
	int r = lock_for_delete(c, force);

	if (r == -ENOENT)
		return force ? 0 : fail("container does not exist: %s", c->id);
	if (r == -EBUSY)
		return fail("cannot delete container %s: another command is at it", c->id);
	if (r < 0 && !force)
		return fail("cannot lock container %s: %s", c->id, strerror(-r));
	if (!force && check_status(c) < 0)
		return -1;
	group_thaw(c->state);
	if (r == -EUCLEAN)
		end_unknown(c);
	end_monitor(c);
	if (container_lives(c))
		return fail("cannot delete container %s: its monitor, process %d, does not end", c->id, (int)c->pid);
	state = json_incref(c->state);
	r = container_clean(c);
	if (r == 0)
		r = container_remove(c);
	if (r == 0 && !c->making)
		hooks_try(json_object_get(state, "hooks"), "poststop", c, CONTAINER_STOPPED);
	json_decref(state);
	return r;
}

int container_clean(const struct container *c)
{
	return group_remove(c->state);
}

static int run_delete(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {0};
	struct container c;
	int r;

	if (options_words(options, &a, 1, 1, argc, argv) < 0)
		return 1;
	if (a.force)
		r = container_find_damaged(rt, argv[1], &c);
	else
		r = container_open(rt, argv[1], &c);
	if (a.force && r == -ENOENT)
		return 0;
	if (r < 0)
		return a.force ? fail("cannot read the state of container %s: %s", argv[1], strerror(-r)) : 1;
	r = container_delete(&c, a.force);
	container_close(&c);
	return r;
}

const struct verb verb_delete = {"delete", "[OPTIONS] ID", "delete a container that has stopped, or was never started", run_delete, options};
