/* SPDX-License-Identifier: MIT */
/* The table of commands: its groups are in table/, one file of rows each. */
#include "cmd/table.h"

#include <string.h>

#include "cmd/table/table_rows.h"

const struct cmd_group *const command_groups[] = {&run_group, &image_group, &host_group, NULL};

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
