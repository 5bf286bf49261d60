/* SPDX-License-Identifier: MIT */
/* The host, help, completion: commands and options. */
#include "cmd/table/table_rows.h"

static const struct opt_spec format_opts[] = {
	{"format", 0, OPT_CHOICE, LIST(format), "FORMAT", "text (default) or json", COMPLETE_WORDS, "text json"},
};

static const struct opt_spec info_opts[] = {
	{"format", 0, OPT_STRING, LIST(format), "FORMAT", "text (default), json, or a template: '{{.Images}}'",
		COMPLETE_WORDS, "text json"},
};

static const struct opt_spec version_opts[] = {
	{"format", 0, OPT_STRING, LIST(format), "FORMAT", "text (default), json, or a template: '{{.Client.Version}}'", COMPLETE_WORDS,
		"text json"},
};

static const struct cmd_spec commands[] = {
	{"doctor", "[OPTIONS]", "say what this host gives, and how to mend what it does not",
		"The exit status is 0 when sandboxes can run.", OPTS(format_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .no_config = true, .run = cmd_doctor,
		.examples = "doctor # what this host gives, and how to mend what is missing\n"
			    "doctor --format json # the same for programs"},
	{"info", "[OPTIONS]", "say where things are and which ways are used", NULL, OPTS(info_opts, list_options), 0,
		0, .failure = EXIT_FAILED, .run = cmd_info, .examples = "info # store, programs, number of images"},
	{"version", "[OPTIONS]", "print the version", NULL, OPTS(version_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .no_config = true, .run = cmd_version,
		.examples = "version --format json # for programs"},
	{"completion", "bash|zsh|fish", "print a completion script for a shell", NULL, NO_OPTS, 1, 1,
		.complete = COMPLETE_WORDS, .arg_choices = "bash zsh fish", .failure = EXIT_FAILED, .no_config = true,
		.run = cmd_completion,
		.examples = "completion bash >~/.local/share/bash-completion/completions/picket # for bash\n"
			    "completion fish >~/.config/fish/completions/picket.fish # for fish"},
	{"help", "[COMMAND]", "explain a command", NULL, NO_OPTS, 0, 2, .complete = COMPLETE_COMMAND,
		.failure = EXIT_FAILED, .no_config = true, .run = cmd_help,
		.examples = "help run # the options of picket run"},
	{"__man", "[COMMAND]", "print the source of a manual page", NULL, NO_OPTS, 0, 2, .hidden = true,
		.failure = EXIT_FAILED, .no_config = true, .run = cmd_man},
	{"__complete", "SHELL -- WORD…", "print what may follow on a command line", NULL, NO_OPTS, 1, -1, true,
		.hidden = true, .failure = EXIT_FAILED, .no_config = true, .run = cmd_complete},
};

static const struct cmd_alias aliases[] = {
	{"system", "info", "info"},
};

const struct cmd_group host_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
