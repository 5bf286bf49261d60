/* SPDX-License-Identifier: MIT */
/* What is done with sandboxes that are there: commands and options. */
#include "cmd/table/table_rows.h"

static const struct cmd_spec commands[] = {
	{"rename", "SANDBOX NAME", "give a sandbox another name", NULL, NO_OPTS, 2, 2, .complete = COMPLETE_SANDBOX,
		.then = COMPLETE_FREE, .failure = EXIT_FAILED, .run = cmd_rename,
		.examples = "rename brave_turing web # web from now on"},
};

static const struct cmd_alias aliases[] = {
	{"container", "rename", "rename"},
};

const struct cmd_group sandbox_group = {"Sandboxes", commands, COUNT(commands), aliases, COUNT(aliases)};
