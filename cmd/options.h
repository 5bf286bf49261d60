/* SPDX-License-Identifier: MIT */
/* Reading a command line by the table. */
#ifndef PICKET_CMD_OPTIONS_H
#define PICKET_CMD_OPTIONS_H

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

#endif
