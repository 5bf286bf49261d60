/* SPDX-License-Identifier: MIT */
/* The table of commands: its groups are in table/, one file of rows each. */
#include "cmd/table.h"

#include <string.h>

#include "cmd/table/table_rows.h"

const struct cmd_group *const command_groups[] = {&run_group, &life_group, &sandbox_group, &watch_group, &changes_group, &image_group, &volume_group, &minikube_group, &config_group, &host_group, NULL};

const struct cmd_spec *command_at(size_t i)
{
	for (const struct cmd_group *const *g = command_groups; *g; g++) {
		if (i < (*g)->count)
			return &(*g)->commands[i];
		i -= (*g)->count;
	}
	return NULL;
}

const struct cmd_alias *command_alias_at(size_t i)
{
	for (const struct cmd_group *const *g = command_groups; *g; g++) {
		if (i < (*g)->alias_count)
			return &(*g)->aliases[i];
		i -= (*g)->alias_count;
	}
	return NULL;
}

const struct cmd_spec *find_command(const char *name)
{
	const struct cmd_spec *cmd;

	for (size_t i = 0; (cmd = command_at(i)); i++)
		if (strcmp(cmd->name, name) == 0)
			return cmd;
	return NULL;
}

bool is_command_group(const char *group)
{
	size_t len = strlen(group);

	for (size_t i = 0; command_at(i); i++)
		if (strncmp(command_at(i)->name, group, len) == 0 && command_at(i)->name[len] == ' ')
			return true;
	for (size_t i = 0; command_alias_at(i); i++)
		if (command_alias_at(i)->group && strcmp(command_alias_at(i)->group, group) == 0)
			return true;
	return false;
}

/* Is `name` (of two words) `first` and `second`? */
static bool is_pair(const char *name, const char *first, const char *second)
{
	size_t len = strlen(first);

	return strncmp(name, first, len) == 0 && name[len] == ' ' && strcmp(name + len + 1, second) == 0;
}

static const struct cmd_spec *match_two(const char *first, const char *second)
{
	for (size_t i = 0; command_at(i); i++)
		if (is_pair(command_at(i)->name, first, second))
			return command_at(i);
	for (size_t i = 0; command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);

		if (a->group && strcmp(a->group, first) == 0 && strcmp(a->name, second) == 0)
			return find_command(a->command);
	}
	return NULL;
}

static const struct cmd_spec *match_one(const char *name)
{
	const struct cmd_spec *cmd = find_command(name);

	for (size_t i = 0; !cmd && command_alias_at(i); i++)
		if (!command_alias_at(i)->group && strcmp(command_alias_at(i)->name, name) == 0)
			cmd = find_command(command_alias_at(i)->command);
	return cmd;
}

const char *alias_preset(int argc, char *const *argv)
{
	for (size_t i = 0; argc > 1 && command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);

		if (a->group && strcmp(a->group, argv[0]) == 0 && strcmp(a->name, argv[1]) == 0)
			return a->preset;
	}
	return NULL;
}

const struct cmd_spec *match_command(int argc, char *const *argv, int *used)
{
	const struct cmd_spec *cmd = argc > 1 ? match_two(argv[0], argv[1]) : NULL;

	*used = 2;
	if (cmd)
		return cmd;
	cmd = match_one(argv[0]);
	*used = cmd || is_command_group(argv[0]) ? 1 : 0;
	return cmd;
}
