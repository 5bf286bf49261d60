/* SPDX-License-Identifier: MIT */
/* Texts made from the table: help, the manual page, completions. All go to `out`. */
#ifndef PICKET_CMD_HELP_H
#define PICKET_CMD_HELP_H

#include <stdio.h>

#include "cmd/table.h"

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
