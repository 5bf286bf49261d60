/* SPDX-License-Identifier: MIT */
/* Finds the command in the table, reads its options, runs it. */
#include "cmd/commandline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/complete/complete.h"
#include "cmd/config/config.h"
#include "cmd/help/foreign.h"
#include "cmd/help/help.h"
#include "cmd/lib/columns.h"
#include "cmd/lib/json.h"
#include "cmd/lib/message.h"
#include "cmd/options.h"
#include "fuse-snap/distance.h"

#ifndef PICKET_VERSION
#define PICKET_VERSION "unknown"
#endif

/* What a mistyped word is likely to mean: a command whose first word it is, or in a group the second; NULL if none. */
static const char *near_command(const char *group, const char *word)
{
	const char *near = NULL;
	size_t len = group ? strlen(group) : 0, best = strlen(word) < 4 ? 2 : 3;

	for (size_t i = 0; command_at(i); i++) {
		const char *name = command_at(i)->name;
		char first[32];
		size_t d;

		if (command_at(i)->hidden || (group && (strncmp(name, group, len) != 0 || name[len] != ' ')))
			continue;
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(name, " "), name);
		d = word_distance(word, group ? name + len + 1 : first, best - 1);
		if (d < best) {
			best = d;
			near = group ? name + len + 1 : name;
		}
	}
	for (size_t i = 0; command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);
		const char *name = group || !a->group ? a->name : a->group;
		size_t d = !group == !a->group || !group ? word_distance(word, name, best - 1) : best;

		if (d < best && (!group || strcmp(a->group, group) == 0)) {
			best = d;
			near = name;
		}
	}
	return near;
}

static int unknown_command(const char *name)
{
	const char *near = near_command(NULL, name), *why = foreign_command(name);

	if (why)
		return complain(EXIT_FAILED, "%s is not offered: %s", name, why);
	if (near)
		return complain(EXIT_FAILED, "unknown command \"%s\"; did you mean picket %.*s?", name, (int)strcspn(near, " "), near);
	return complain(EXIT_FAILED, "unknown command \"%s\"; picket --help lists the commands", name);
}

static int unknown_of_group(const char *group, const char *word)
{
	const char *near = word ? near_command(group, word) : NULL;

	if (!word)
		return complain(EXIT_FAILED, "picket %s needs a command: picket %s --help lists them", group, group);
	if (near)
		return complain(EXIT_FAILED, "picket %s has no command \"%s\"; did you mean picket %s %s?", group, word,
			group, near);
	return complain(
		EXIT_FAILED, "picket %s has no command \"%s\"; picket %s --help lists them", group, word, group);
}

/* Find the command that argv begins with; *used is the number of words that name it. NULL after a complaint. */
static const struct cmd_spec *choose_command(int argc, char **argv, int *used)
{
	const struct cmd_spec *cmd = match_command(argc, argv, used);

	if (cmd)
		return cmd;
	if (*used)
		unknown_of_group(argv[0], argc > 1 ? argv[1] : NULL);
	else
		unknown_command(argv[0]);
	return NULL;
}

/* `picket image --help`, where image is only the first word of commands. */
static bool wants_group_help(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) &&
	       is_command_group(argv[0]) && !find_command(argv[0]);
}

static int run_configured(const struct cmd_spec *cmd, struct parsed *p)
{
	struct config config;
	int status;

	if (cmd->no_config)
		return cmd->run(p->opts, p->argc, p->argv);
	status = config_read(&config, cmd);
	if (status == 0) {
		config_settings(&config);
		status = config_defaults(&config, cmd, p);
	}
	if (status == 0)
		status = cmd->run(p->opts, p->argc, p->argv);
	else
		status = cmd->failure;
	config_free(&config);
	return status;
}

static int run_command(int argc, char **argv)
{
	const struct cmd_spec *cmd;
	struct parsed p;
	int used, status;

	if (wants_group_help(argc, argv)) {
		print_group_help(stdout, argv[0]);
		return finish_output();
	}
	cmd = choose_command(argc, argv, &used);
	if (!cmd)
		return EXIT_FAILED;
	/* `picket config frob`: config alone takes no arguments, so that the word was meant as a command. */
	if (cmd->max_args == 0 && used == 1 && argc > 1 && argv[1][0] != '-' && is_command_group(cmd->name))
		return unknown_of_group(cmd->name, argv[1]);
	if (used == 2 && alias_preset(argc, argv)) {
		/* In the place of the alias's second word. */
		argv[1] = (char *)(uintptr_t)alias_preset(argc, argv);
		used = 1;
	}
	status = parse_options(cmd, argc - used, argv + used, &p);
	if (status == 0 && p.help) {
		print_command_help(stdout, cmd);
		status = finish_output();
	} else if (status == 0) {
		status = run_configured(cmd, &p);
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
	if (argc == 1 && is_command_group(argv[0]) && !find_command(argv[0])) {
		print_group_help(stdout, argv[0]);
		return finish_output();
	}
	cmd = choose_command(argc, argv, &used);
	if (!cmd)
		return EXIT_FAILED;
	print_command_help(stdout, cmd);
	return finish_output();
}

/* docker's places of the version, for scripts that ask for it by a template. */
static int print_version(const char *format)
{
	json_t *rows = json_pack("[{s:s s:s s:{s:s s:s} s:{s:s s:s}}]", "name", "picket", "version", PICKET_VERSION, "Client", "Version",
		PICKET_VERSION, "Os", "linux", "Server", "Version", PICKET_VERSION, "Os", "linux");
	int status = check_list_format(format);

	status = status ? status : print_list(format, NULL, 0, rows, stdout);
	json_decref(rows);
	return status ? status : finish_output();
}

int cmd_version(const void *opts, int argc, char **argv)
{
	const struct list_options *o = opts;
	struct json j = {.out = stdout};

	if (o && o->format && *o->format && strcmp(o->format, "json") != 0 && strcmp(o->format, "text") != 0 &&
	    strcmp(o->format, "table") != 0)
		return print_version(o->format);
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

/* `__man` lists the pages, `__man commands` is a part of picket(1), `__man COMMAND` a page. */
int cmd_man(const void *opts, int argc, char **argv)
{
	const struct cmd_spec *cmd;
	int used;

	if (argc == 0) {
		for (size_t i = 0; command_at(i); i++)
			if (!command_at(i)->hidden)
				puts(command_at(i)->name);
	} else if (strcmp(argv[0], "commands") == 0) {
		print_man_commands(stdout);
	} else {
		cmd = choose_command(argc, argv, &used);
		if (!cmd)
			return EXIT_FAILED;
		print_man_page(stdout, cmd);
	}
	return finish_output();
}

/* Options before the command: each stands for its variable. */
static const struct {
	const char *name, *variable, *help;
} global_options[] = {
	{"--config", "PICKET_CONFIG", "directory of config.json"},
	{"--store", "PICKET_STORE", "directory of the images and the kept sandboxes"},
	{"--runtime", "PICKET_RUNTIME", "directory of what runs"},
	{"--color", "PICKET_COLOR", "auto (on a terminal), always or never"},
};

const char *global_option_at(size_t i, const char **help)
{
	if (i >= sizeof(global_options) / sizeof(global_options[0]))
		return NULL;
	*help = global_options[i].help;
	return global_options[i].name;
}

/* Paths are from here on: programs that are started may have another working directory. */
static int set_global(size_t i, const char *value)
{
	bool is_path = strcmp(global_options[i].name, "--color") != 0;
	char *cwd = is_path && value[0] != '/' ? getcwd(NULL, 0) : NULL;
	char *path = cwd ? xasprintf("%s/%s", cwd, value) : xstrdup(value);

	free(cwd);
	if (!is_path && strcmp(value, "auto") != 0 && strcmp(value, "always") != 0 && strcmp(value, "never") != 0) {
		free(path);
		return complain(EXIT_FAILED, "--color takes one of: auto always never; not \"%s\"", value);
	}
	setenv(global_options[i].variable, path, 1);
	free(path);
	return 0;
}

/* Read the options before the command; *at is the first word behind them. 0, or an exit status after a complaint. */
static int read_globals(int argc, char **argv, int *at)
{
	for (; *at < argc; ++*at) {
		const char *word = argv[*at];
		size_t i, len = strcspn(word, "=");

		for (i = 0; i < sizeof(global_options) / sizeof(global_options[0]); i++)
			if (strlen(global_options[i].name) == len && strncmp(word, global_options[i].name, len) == 0)
				break;
		if (i == sizeof(global_options) / sizeof(global_options[0]))
			return 0;
		if (!word[len] && *at + 1 >= argc)
			return complain(EXIT_FAILED, "option %s needs a value", word);
		if (set_global(i, word[len] ? word + len + 1 : argv[++*at]))
			return EXIT_FAILED;
	}
	return 0;
}

/* A word that begins with a dash where a command was expected. */
static int option_or_complaint(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return cmd_help(NULL, 0, NULL);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0)
		return cmd_version(NULL, 0, NULL);
	return complain(
		EXIT_FAILED, "unknown option %s before the command; picket --help lists options and commands", word);
}

int command_line(int argc, char **argv)
{
	int at = 1, status = read_globals(argc, argv, &at);

	if (status)
		return status;
	if (at >= argc) {
		print_overview(stderr);
		return EXIT_FAILED;
	}
	if (argv[at][0] == '-')
		return option_or_complaint(argv[at]);
	return run_command(argc - at, argv + at);
}
