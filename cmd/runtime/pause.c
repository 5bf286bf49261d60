/* SPDX-License-Identifier: MIT */
/* `pause` and `resume`. */
#include <errno.h>
#include <jansson.h>

#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

static const struct option_row options[] = {
	{OPTION_END},
};

static int ask(const struct runtime *rt, int argc, char **argv, const char *what, enum container_status from, const char *otherwise)
{
	json_t *answer = NULL;
	struct container c;
	int r = -1;

	if (options_words(options, NULL, 1, 1, argc, argv) < 0 || container_open(rt, argv[1], &c) < 0)
		return 1;
	if (container_status(&c) != from)
		fail("%s", otherwise);
	else
		r = container_ask(&c, json_pack("{s:s}", "do", what), NULL, 0, &answer);
	if (r == -ESRCH)
		fail("container not running: %s", c.id);
	else if (r < 0)
		fail("%s", container_ask_error(r, answer)); /* the first sentence counts */
	json_decref(answer);
	container_close(&c);
	return r < 0 ? 1 : 0;
}

static int run_pause(const struct runtime *rt, int argc, char **argv)
{
	return ask(rt, argc, argv, "pause", CONTAINER_RUNNING, "container not running");
}

static int run_resume(const struct runtime *rt, int argc, char **argv)
{
	return ask(rt, argc, argv, "unpause", CONTAINER_PAUSED, "container not paused");
}

const struct verb verb_pause = {"pause", "ID", "stop all processes inside until resume", run_pause, options};
const struct verb verb_resume = {"resume", "ID", "let a paused container go on", run_resume, options};
