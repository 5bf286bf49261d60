/* SPDX-License-Identifier: MIT */
/* `kill`: a signal for the first program, or for all processes. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "cmd/lib/signals.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"


struct arguments {
	bool all;
};

static const struct option_row options[] = {
	{OPTION_FLAG, "all", 'a', offsetof(struct arguments, all), "send the signal to all processes inside"},
	{OPTION_END},
};

static int send_signal(struct container *c, int sig, bool all)
{
	json_t *answer = NULL;
	int r;

	r = container_ask(c, json_pack("{s:s, s:i, s:b}", "do", "kill", "signal", sig, "all", (int)all), NULL, 0, &answer);
	if (r == -ESRCH)
		fail("container not running: %s", c->id);
	else if (r < 0)
		fail("cannot signal container %s: %s", c->id, container_ask_error(r, answer));
	json_decref(answer);
	return r < 0 ? -1 : 0;
}

static int run_kill(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {0};
	int words = options_words(options, &a, 1, 2, argc, argv), sig, r = 0;
	enum container_status s;
	struct container c;

	if (words < 0)
		return 1;
	sig = words > 1 ? parse_signal(argv[2]) : SIGTERM;
	if (sig <= 0)
		return fail("unknown signal %s", argv[2]);
	if (container_open(rt, argv[1], &c) < 0)
		return 1;
	s = container_status(&c);
	/* With --all callers mean whatever is left: nothing, in one that has ended. */
	if (s == CONTAINER_STOPPED || s == CONTAINER_CREATING)
		r = a.all && s == CONTAINER_STOPPED ? 0 : fail("container not running: %s", c.id);
	else
		r = send_signal(&c, sig, a.all);
	container_close(&c);
	return r;
}

const struct verb verb_kill = {"kill", "[OPTIONS] ID [SIGNAL]", "send a signal to a container's first program, or to all of them",
	run_kill, options};
