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
	bool *given; /* by the number of the option: whether the command line has it */
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

/*
 * Store `value` (NULL: none was given, where the kind allows that) in the field of option o; it must live as long as
 * `opts`. 0, or -1 with what is wrong in `why`: "takes a number, not …".
 */
int option_store(const struct opt_spec *o, void *opts, char *value, char *why, size_t len);

/* Whether the command line had the option, by any of its names. */
bool option_given(const struct cmd_spec *cmd, const struct parsed *p, const struct opt_spec *o);

/* The option called by the first `len` bytes of name; NULL if there is none. */
const struct opt_spec *find_option(const struct cmd_spec *cmd, const char *name, size_t len);

/* The name of the option that a mistyped one is likely to mean; NULL if none. */
const char *near_option(const struct cmd_spec *cmd, const char *name);

#endif
