/* SPDX-License-Identifier: MIT */
/* picket config: commands and options. */
#include "cmd/table/table_rows.h"

static const struct opt_spec list_opts[] = {
	{"format", 0, OPT_CHOICE, CONFIG(format), "FORMAT", "table (default) or json", COMPLETE_WORDS, "table json"},
};

static const struct opt_spec file_opts[] = {
	{"project", 'p', OPT_FLAG, CONFIG(project), NULL, "the project's .picket.json instead of config.json"},
};

static const char list_text[] =
	"Lists what is configured and where each value is from. Each option of a command can have a default, as "
	"COMMAND.OPTION, or OPTION alone for picket run (and create): run.network, ps.format. The strongest place "
	"that says something holds: the command line, a variable (PICKET_NETWORK, PICKET_PS_FORMAT), the project's "
	".picket.json, ~/.config/picket/config.json. Lists add up. Settings of no command are store and runtime "
	"(directories) and color (auto, always, never).";

static const char trust_text[] =
	"A .picket.json, in the working directory or above, gives defaults to run and create. It counts only as long "
	"as it "
	"is what you approved by this command, which prints it: whoever can write to the project, a sandbox too, could "
	"write one. A changed file has to be approved again.";

#define ROW .failure = EXIT_FAILED, .no_config = true

static const struct cmd_spec commands[] = {
	{"config", "[OPTIONS]", "list what is configured", list_text, OPTS(list_opts, config_options), 0, 0, ROW,
		.run = cmd_config, .examples = "config # every value and where it is from"},
	{"config get", "KEY", "print a configured value", NULL, NO_OPTS, 1, 1, .complete = COMPLETE_SETTING, ROW,
		.run = cmd_config_get, .examples = "config get run.network # or just: network"},
	{"config set", "[OPTIONS] KEY VALUE…", "configure a value",
		"Writes the value into config.json, or with --project into .picket.json. A list takes several values.",
		OPTS(file_opts, config_options), 2, -1, .complete = COMPLETE_SETTING, .then = COMPLETE_FREE, ROW,
		.run = cmd_config_set,
		.examples = "config set network none # no sandbox has a network unless it is asked for\n"
			    "config set run.memory 2g # no sandbox takes more memory\n"
			    "config set --project run.share . # here, the project's directory is shared\n"
			    "config set ps.format json"},
	{"config unset", "[OPTIONS] KEY", "remove a configured value", NULL, OPTS(file_opts, config_options), 1, 1,
		.complete = COMPLETE_SETTING, ROW, .run = cmd_config_unset, .examples = "config unset network"},
	{"config path", "[OPTIONS]", "print the name of the file", NULL, OPTS(file_opts, config_options), 0, 0, ROW,
		.run = cmd_config_path, .examples = "config path # ~/.config/picket/config.json"},
	{"config edit", "[OPTIONS]", "open the file in your editor, and check it", NULL,
		OPTS(file_opts, config_options), 0, 0, ROW, .run = cmd_config_edit,
		.examples = "config edit # with $VISUAL, $EDITOR or vi"},
	{"config trust", "[FILE]", "approve the project's .picket.json as it is now", trust_text, NO_OPTS, 0, 1,
		.complete = COMPLETE_FILE, ROW, .run = cmd_config_trust,
		.examples = "config trust # the one of this directory"},
	{"config untrust", "[FILE]", "take an approval back", NULL, NO_OPTS, 0, 1, .complete = COMPLETE_FILE, ROW,
		.run = cmd_config_untrust, .examples = "config untrust"},
};

static const struct cmd_alias aliases[] = {
	{"config", "list", "config"},
	{"config", "ls", "config"},
};

const struct cmd_group config_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
