/* SPDX-License-Identifier: MIT */
/* The host, help, completion: commands and options. */
#include "cmd/table/table_rows.h"

static const struct opt_spec format_opts[] = {
	{"format", 0, OPT_CHOICE, LIST(format), "FORMAT", "text (default) or json", COMPLETE_WORDS, "text json"},
};

static const struct cmd_spec commands[] = {
	{"doctor", "[OPTIONS]", "say what this host gives, and how to mend what it does not",
		"The exit status is 0 when sandboxes can run.", OPTS(format_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_doctor},
	{"info", "[OPTIONS]", "say where things are and which ways are used", NULL, OPTS(format_opts, list_options), 0,
		0, .failure = EXIT_FAILED, .run = cmd_info},
	{"version", "[OPTIONS]", "print the version", NULL, OPTS(format_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_version},
	{"completion", "bash|zsh|fish", "print a completion script for a shell", NULL, NO_OPTS, 1, 1,
		.failure = EXIT_FAILED, .run = cmd_completion},
	{"help", "[COMMAND]", "explain a command", NULL, NO_OPTS, 0, 2, .complete = COMPLETE_COMMAND,
		.failure = EXIT_FAILED, .run = cmd_help},
	{"__man", "", "print the manual page", NULL, NO_OPTS, 0, 0, .hidden = true, .failure = EXIT_FAILED,
		.run = cmd_man},
	{"__complete", "KIND", "print live names for the completions", NULL, NO_OPTS, 1, 1, .hidden = true,
		.failure = EXIT_FAILED, .run = cmd_complete},
};

static const struct cmd_alias aliases[] = {
	{"system", "info", "info"},
};

const struct cmd_group host_group = {"Picket itself", commands, COUNT(commands), aliases, COUNT(aliases)};
