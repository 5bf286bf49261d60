/* SPDX-License-Identifier: MIT */
/* picket create and start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/run/run.h"
#include "cmd/sandbox/control.h"

int cmd_create(const void *opts, int argc, char **argv)
{
	struct run_options o = *(const struct run_options *)opts;
	char id[ENTRY_ID_LEN + 1];
	int status;

	o.detach = true; /* no terminal is needed now */
	status = run_create(&o, argc, argv, id);
	if (status)
		return status;
	puts(id);
	return finish_output() ? EXIT_PICKET : EXIT_OK;
}

/* Take the lock; *live tells that there is nothing to do. */
static int lock_stopped(struct entry *e, bool *live)
{
	char *err = NULL;
	int status = 0;

	if (entry_lock(e, true, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	*live = status == 0 && is_live(e);
	if (*live)
		entry_unlock(e);
	free(err);
	return status;
}

int start_sandbox(struct entry *e)
{
	const struct run_how how = {0};
	bool live;
	int status = lock_stopped(e, &live);

	if (status || live)
		return status;
	return run_start(e, &how) ? EXIT_FAILED : 0;
}

/* start -a: its output is ours, and its exit status. */
static int start_attached(const struct start_options *o, const char *name)
{
	const struct run_how how = {.attach = true,
		.input = o->interactive,
		.sig_proxy = !o->sig_proxy || strcmp(o->sig_proxy, "true") == 0,
		.detach_keys = o->detach_keys};
	struct entry e;
	bool live = false;
	int status = find_sandbox(name, &e);

	status = status ? status : lock_stopped(&e, &live);
	if (status == 0 && live)
		status = complain(EXIT_FAILED, "the sandbox %s runs already; picket attach %s shows it", name, name);
	else if (status == 0)
		status = run_start(&e, &how);
	entry_free(&e);
	return status;
}

static int start_one(struct entry *e, const void *arg)
{
	return start_sandbox(e);
}

int cmd_start(const void *opts, int argc, char **argv)
{
	const struct start_options *o = opts;

	if (!o->attach && !o->interactive)
		return each_sandbox(argc, argv, start_one, NULL);
	if (argc > 1)
		return complain(EXIT_FAILED, "picket start -a and -i take one sandbox, not %d", argc);
	return start_attached(o, argv[0]);
}
