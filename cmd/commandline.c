/* SPDX-License-Identifier: MIT */
/* Finds the command in the table, reads its options, runs it. */
#include "cmd/commandline.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/help/help.h"
#include "cmd/lib/json.h"
#include "cmd/lib/message.h"
#include "cmd/options.h"

#ifndef PICKET_VERSION
#define PICKET_VERSION "unknown"
#endif

static int unknown_command(const char *name)
{
	const struct cmd_spec *best = NULL;
	size_t distance = 3;

	for (size_t i = 0; command_at(i); i++) {
		size_t d = command_at(i)->hidden ? distance : word_distance(name, command_at(i)->name, distance - 1);

		if (d < distance) {
			distance = d;
			best = command_at(i);
		}
	}
	if (best)
		return complain(EXIT_FAILED, "unknown command \"%s\"; did you mean picket %s?", name, best->name);
	return complain(EXIT_FAILED, "unknown command \"%s\"; picket --help lists the commands", name);
}

/* Find the command that argv begins with; *used is the number of words that name it. NULL after a complaint. */
static const struct cmd_spec *choose_command(int argc, char **argv, int *used)
{
	const struct cmd_spec *cmd = match_command(argc, argv, used);

	if (cmd)
		return cmd;
	if (*used)
		complain(EXIT_FAILED, "picket %s has no command \"%s\"; picket --help lists the commands", argv[0],
			argc > 1 ? argv[1] : "");
	else
		unknown_command(argv[0]);
	return NULL;
}

static int run_command(int argc, char **argv)
{
	const struct cmd_spec *cmd;
	struct parsed p;
	int used, status;

	cmd = choose_command(argc, argv, &used);
	if (!cmd)
		return EXIT_FAILED;
	status = parse_options(cmd, argc - used, argv + used, &p);
	if (status == 0 && p.help) {
		print_command_help(stdout, cmd);
		status = finish_output();
	} else if (status == 0) {
		status = cmd->run(p.opts, p.argc, p.argv);
	}
	parsed_free(cmd, &p);
	return status;
}

int cmd_help(const void *opts, int argc, char **argv)
{
	const struct cmd_spec *cmd;
	int used;

	if (argc == 0) {
		print_overview(stdout);
		return finish_output();
	}
	cmd = choose_command(argc, argv, &used);
	if (!cmd)
		return EXIT_FAILED;
	print_command_help(stdout, cmd);
	return finish_output();
}

int cmd_version(const void *opts, int argc, char **argv)
{
	const struct list_options *o = opts;
	struct json j = {.out = stdout};

	if (!o || !o->format || strcmp(o->format, "json") != 0) {
		printf("picket %s\n", PICKET_VERSION);
		return finish_output();
	}
	jw_open(&j, NULL, '{');
	jw_string(&j, "name", "picket");
	jw_string(&j, "version", PICKET_VERSION);
	jw_string(&j, "launch_format", "1");
	jw_close(&j, '}');
	return finish_output();
}

int cmd_completion(const void *opts, int argc, char **argv)
{
	if (strcmp(argv[0], "bash") == 0)
		print_bash_completion(stdout);
	else if (strcmp(argv[0], "zsh") == 0)
		print_zsh_completion(stdout);
	else if (strcmp(argv[0], "fish") == 0)
		print_fish_completion(stdout);
	else
		return complain(EXIT_FAILED, "no completions for %s: bash, zsh and fish have them", argv[0]);
	return finish_output();
}

int cmd_man(const void *opts, int argc, char **argv)
{
	print_man_page(stdout);
	return finish_output();
}

int command_line(int argc, char **argv)
{
	if (argc < 2) {
		print_overview(stderr);
		return EXIT_FAILED;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return cmd_help(NULL, 0, NULL);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
		return cmd_version(NULL, 0, NULL);
	if (argv[1][0] == '-')
		return complain(EXIT_FAILED, "unknown option %s; picket --help lists the commands", argv[1]);
	return run_command(argc - 1, argv + 1);
}
