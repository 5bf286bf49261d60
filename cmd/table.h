/* SPDX-License-Identifier: MIT */
/*
 * The one table of commands and options: parsing, --help, the manual page and the completions of bash, zsh and fish
 * all read it. To add an option, add a row to a file of table/ and a field to the command's structure in commands.h.
 */
#ifndef PICKET_CMD_TABLE_H
#define PICKET_CMD_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* How an option takes its value, and the type of the field at its offset. */
enum opt_kind {
	OPT_FLAG,     /* bool: --x, --x=true, --x=false */
	OPT_STRING,   /* const char * */
	OPT_OPTIONAL, /* const char *: --x gives "", --x=V gives V; never takes the next argument */
	OPT_CHOICE,   /* const char *: one of the words in `choices` */
	OPT_LIST,     /* struct str_list: may be repeated */
	OPT_SIZE,     /* int64_t: bytes, with a unit */
	OPT_NUMBER,   /* int64_t */
	OPT_REFUSED,  /* no field: docker has it, Picket says why not (`help`) */
};

/* What the shells offer for a value or an argument. */
enum complete_kind {
	COMPLETE_NOTHING,
	COMPLETE_FILE,
	COMPLETE_DIR,
	COMPLETE_WORDS,	   /* the option's choices */
	COMPLETE_IMAGE,	   /* live: names in the store */
	COMPLETE_RUNNABLE, /* live: names in the store, and `host` */
	COMPLETE_SANDBOX,  /* live: names of running sandboxes */
	COMPLETE_MOUNTED,  /* live: where images are mounted */
	COMPLETE_COMMAND,  /* the commands of this table */
	COMPLETE_VARIABLE, /* names of environment variables */
};

struct opt_spec {
	const char *name;
	char letter; /* 0: none */
	enum opt_kind kind;
	size_t offset;
	const char *value; /* placeholder of the value in help */
	const char *help;
	enum complete_kind complete;
	const char *choices; /* words parted by spaces */
	bool hidden;	     /* accepted, not shown: aliases and test options */
};

struct cmd_spec {
	const char *name;
	const char *usage; /* the arguments, as --help shows them */
	const char *help;  /* one line */
	const char *text;  /* more for --help and the manual page; NULL: none */
	const struct opt_spec *opts;
	size_t opt_count;
	size_t opts_size;	/* of the structure the options fill */
	int min_args, max_args; /* -1: any number */
	bool stop_at_arg;	/* what follows the first argument is not looked at (run) */
	enum complete_kind complete;
	bool hidden;
	int failure; /* exit status of bad usage: 125 as docker's run, or 1 */
	int (*run)(const void *opts, int argc, char **argv);
};

/* docker's two-word commands: `picket image ls` is `picket images`. */
struct cmd_alias {
	const char *group, *name; /* group NULL: a one-word alias */
	const char *command;
};

/* Commands that help lists under one title; their rows are in one file of cmd/table/. */
struct cmd_group {
	const char *title;
	const struct cmd_spec *commands;
	size_t count;
	const struct cmd_alias *aliases;
	size_t alias_count;
};

extern const struct cmd_group *const command_groups[]; /* ends with NULL */

/* The i-th command, and the i-th alias, of all groups; NULL behind the last. */
const struct cmd_spec *command_at(size_t i);
const struct cmd_alias *command_alias_at(size_t i);

const struct cmd_spec *find_command(const char *name);

#endif
