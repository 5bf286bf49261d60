/* SPDX-License-Identifier: MIT */
/* picket attach. */
#include "cmd/keep/attach.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/keep/ask.h"
#include "cmd/keep/record.h"
#include "cmd/lib/message.h"

/* Ask for a stream; what it is like is in the answer. */
static int open_stream(struct attach *a, const struct entry *e)
{
	json_t *request = json_pack("{s:s, s:b}", "do", "attach", "no_stdin", !a->input), *answer = NULL;
	int r;

	a->sock = keeper_connect(e);
	r = a->sock < 0 ? a->sock : keeper_send(a->sock, request, NULL, 0);
	r = r ? r : keeper_receive(a->sock, &answer);
	json_decref(request);
	if (r < 0) {
		complain(EXIT_FAILED, "cannot attach to the sandbox %s: %s", e->config.name, keeper_error(r, answer));
	} else {
		a->tty = json_is_true(json_object_get(answer, "tty"));
		a->input = a->input && json_is_true(json_object_get(answer, "stdin"));
	}
	json_decref(answer);
	return r < 0 ? EXIT_FAILED : 0;
}

static int attach(const struct attach_options *o, const struct entry *e)
{
	char keys[DETACH_KEYS_MAX];
	int count = detach_keys(o->detach_keys, keys), status;
	struct attach a = {.sock = -1,
		.input = !o->no_stdin,
		.sig_proxy = !o->sig_proxy || strcmp(o->sig_proxy, "true") == 0,
		.keys = keys,
		.key_count = (size_t)count};

	if (count < 0)
		return EXIT_FAILED;
	if (e->state.status == ENTRY_PAUSED)
		return complain(EXIT_FAILED, "the sandbox %s is paused; picket unpause lets it go on", e->config.name);
	status = open_stream(&a, e);
	if (status == 0 && a.tty && a.input && !isatty(STDIN_FILENO))
		status = complain(EXIT_FAILED, "the input is not a terminal, which the sandbox %s has; --no-stdin shows its "
					       "output only",
			e->config.name);
	else if (status == 0)
		status = attach_run(&a);
	if (a.sock >= 0)
		close(a.sock);
	return status;
}

int cmd_attach(const void *opts, int argc, char **argv)
{
	struct entry e;
	char *err = NULL;
	int status;

	if (entry_find(argv[0], &e, &err) < 0) {
		complain(EXIT_FAILED, "%s", err);
		free(err);
		return EXIT_FAILED;
	}
	status = attach(opts, &e);
	entry_free(&e);
	return status;
}
