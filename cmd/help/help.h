/* SPDX-License-Identifier: MIT */
/* Texts made from the table: help, the manual page, completions. All go to `out`. */
#ifndef PICKET_CMD_HELP_H
#define PICKET_CMD_HELP_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/table.h"

/* A title of `picket --help` and of picket(1), and what stands below it, in the order of use. */
struct help_section {
	const char *title;
	/*
	 * Names parted by commas: of commands, or the first word of commands that are listed in one line ("volume");
	 * a command whose name begins others ("config") lists them behind its own line.
	 */
	const char *names;
};

extern const struct help_section help_sections[]; /* ends with a title of NULL */

/* Copy the i-th name of the section into buf; false behind the last. */
bool section_name(const struct help_section *s, size_t i, char *buf, size_t len);

/* The commands in short: `picket --help`. */
void print_overview(FILE *out);

/* One command: `picket run --help`. */
void print_command_help(FILE *out, const struct cmd_spec *cmd);

/* The commands that begin with one word: `picket image --help`. */
void print_group_help(FILE *out, const char *group);

/* picket-COMMAND(1), as source for scdoc(1). */
void print_man_page(FILE *out, const struct cmd_spec *cmd);

/* The commands by group, as a part of picket(1). */
void print_man_commands(FILE *out);

/* The i-th option that may stand before the command; NULL behind the last. */
const char *global_option_at(size_t i, const char **help);

/* "--name VALUE" or "--name[=VALUE]" into buf. */
const char *option_text(const struct opt_spec *o, char *buf, size_t len);

/* Whether help shows the option. */
bool is_shown(const struct opt_spec *o);

#endif
