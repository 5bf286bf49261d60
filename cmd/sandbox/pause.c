/* SPDX-License-Identifier: MIT */
/* picket pause and unpause. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/keep/ask.h"
#include "cmd/keep/record.h"
#include "cmd/lib/message.h"

/* 0, or an exit status after a complaint. */
static int one(const char *name, const char *what)
{
	struct entry e;
	char *err = NULL;
	json_t *answer = NULL;
	int r, status = 0;

	if (entry_find(name, &e, &err) < 0) {
		status = complain(EXIT_FAILED, "%s", err);
		free(err);
		return status;
	}
	if (e.state.status != ENTRY_RUNNING && e.state.status != ENTRY_PAUSED) {
		status = complain(EXIT_FAILED, "cannot %s %s: it is not running", what, name);
	} else {
		r = keeper_ask(&e, json_pack("{s:s}", "do", what), NULL, 0, &answer);
		if (r < 0)
			status = complain(EXIT_FAILED, "cannot %s %s: %s", what, name, keeper_error(r, answer));
		else
			printf("%s\n", name);
		json_decref(answer);
	}
	entry_free(&e);
	return status;
}

static int all(int argc, char **argv, const char *what)
{
	int status = 0, r;

	for (int i = 0; i < argc; i++)
		if (one(argv[i], what))
			status = EXIT_FAILED;
	r = finish_output();
	return status ? status : r;
}

int cmd_pause(const void *opts, int argc, char **argv)
{
	return all(argc, argv, "pause");
}

int cmd_unpause(const void *opts, int argc, char **argv)
{
	return all(argc, argv, "unpause");
}
