/* SPDX-License-Identifier: MIT */
/* The table of commands: its groups are in table/, one file of rows each. */
#include "cmd/table.h"

#include <string.h>

#include "cmd/table/table_rows.h"

const struct cmd_group *const command_groups[] = {&run_group, &sandbox_group, &image_group, &host_group, NULL};

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

/* Is `name`, of one or two words, `first`, or `first` and `second`? The number of its words, or 0. */
static int names(const char *name, const char *first, const char *second)
{
	size_t len = strlen(first);

	if (strncmp(name, first, len) != 0)
		return 0;
	if (!name[len])
		return 1;
	return second && name[len] == ' ' && strcmp(name + len + 1, second) == 0 ? 2 : 0;
}

const struct cmd_spec *match_command(int argc, char *const *argv, int *used)
{
	const char *second = argc > 1 ? argv[1] : NULL;

	for (size_t i = 0; command_at(i); i++) {
		*used = names(command_at(i)->name, argv[0], second);
		if (*used)
			return command_at(i);
	}
	for (size_t i = 0; command_alias_at(i); i++) {
		const struct cmd_alias *a = command_alias_at(i);

		*used = a->group ? 2 : 1;
		if (a->group ? second && strcmp(a->group, argv[0]) == 0 && strcmp(a->name, second) == 0
			     : strcmp(a->name, argv[0]) == 0)
			return find_command(a->command);
	}
	*used = is_command_group(argv[0]) ? 1 : 0;
	return NULL;
}
