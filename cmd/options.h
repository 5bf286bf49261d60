/* SPDX-License-Identifier: MIT */
/* Reading a command line by the table. */
#ifndef PICKET_CMD_OPTIONS_H
#define PICKET_CMD_OPTIONS_H

#include "cmd/lib/str.h"
#include "cmd/table.h"

struct parsed {
	void *opts; /* the command's structure, zeroed and filled */
	int argc;   /* the arguments that are no options */
	char **argv;
	bool help; /* --help was among the options; nothing else is checked then */
};

/*
 * Parse argv[0..argc) (without the program and the command) for `cmd`. Values point into argv. Returns 0, or the exit
 * status after a complaint. parsed_free releases what was allocated.
 */
int parse_options(const struct cmd_spec *cmd, int argc, char **argv, struct parsed *ret);
void parsed_free(const struct cmd_spec *cmd, struct parsed *p);

/*
 * The options of a filled structure as words that parse_options reads back into the same: "--name=VALUE", in the order
 * of the table. The words are allocated and appended to `words`.
 */
void dump_options(const struct cmd_spec *cmd, const void *opts, struct str_list *words);

#endif
