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
	COMPLETE_NOTHING, /* nothing said: of a shown option with a value, and of arguments, a mistake that a test finds
			   */
	COMPLETE_FREE,	  /* any text, nothing to offer: a number, a new name */
	COMPLETE_FILE,
	COMPLETE_DIR,
	COMPLETE_WORDS,	   /* the option's choices; of arguments, the words of `arg_choices` */
	COMPLETE_IMAGE,	   /* live: names in the store */
	COMPLETE_RUNNABLE, /* live: names in the store, and `host` */
	COMPLETE_SANDBOX,  /* live: sandboxes in any state */
	COMPLETE_RUNNING,  /* live: sandboxes that run, paused ones too */
	COMPLETE_STOPPED,  /* live: sandboxes that do not run */
	COMPLETE_ACTIVE,   /* live: sandboxes that run and are not paused */
	COMPLETE_PAUSED,   /* live: paused sandboxes */
	COMPLETE_OBJECT,   /* live: sandboxes and images (inspect) */
	COMPLETE_MOUNTED,  /* live: where images are mounted */
	COMPLETE_VOLUME,   /* live: names of volumes */
	COMPLETE_SHARE,	   /* -v: a volume's name or a file, then :DST, then :ro */
	COMPLETE_COPY,	   /* cp: a file, - or SANDBOX:PATH */
	COMPLETE_INSIDE,   /* a path in the image or sandbox that is the first argument */
	COMPLETE_PROGRAM,  /* a program in the image or sandbox that is the first argument, then files */
	COMPLETE_USER,	   /* users of the image or sandbox that is the first argument */
	COMPLETE_COMMAND,  /* the commands of this table */
	COMPLETE_VARIABLE, /* names of environment variables */
	COMPLETE_SIGNAL,   /* signals, without SIG */
	COMPLETE_NETWORK,  /* the choices, container:SANDBOX */
	COMPLETE_CAPABILITY,
	COMPLETE_PLATFORM,
	COMPLETE_ULIMIT,
	COMPLETE_TEMPLATE, /* --format: table, json, a template */
	COMPLETE_FILTER,   /* NAME=VALUE: the names are `choices` */
	COMPLETE_PROFILE,  /* live: profiles of minikube */
	COMPLETE_NODE,	   /* live: nodes of the profile */
	COMPLETE_SETTING,  /* keys of the configuration */
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
	const char *name;  /* one word, or two: "volume ls" */
	const char *usage; /* the arguments, as --help shows them */
	const char *help;  /* one line */
	const char *text;  /* more for --help and the manual page, paragraphs parted by a newline; NULL: none */
	const struct opt_spec *opts;
	size_t opt_count;
	size_t opts_size;	     /* of the structure the options fill */
	int min_args, max_args;	     /* -1: any number */
	bool stop_at_arg;	     /* what follows the first argument is not looked at (run) */
	enum complete_kind complete; /* of the first argument */
	bool hidden;
	bool no_config; /* the configuration is not read first: it may be what is wrong */
	int failure;	/* exit status of bad usage: 125 as docker's run, or 1 */
	int (*run)(const void *opts, int argc, char **argv);
	/*
	 * At least one line for each shown command, parted by newlines: a command line without "picket", and behind
	 * " # " what it does: "run -it alpine sh # a shell in a terminal".
	 */
	const char *examples;
	const char *arg_choices; /* with `complete` = COMPLETE_WORDS */
	/* Of the arguments behind the first. COMPLETE_NOTHING: as the first. */
	enum complete_kind then;
};

/* docker's two-word commands: `picket image ls` is `picket images`. */
struct cmd_alias {
	const char *group, *name; /* group NULL: a one-word alias */
	const char *command;
	const char *preset; /* an option that stands before the others; NULL: none */
};

/* The commands of one file of rows (cmd/table/). What help lists under one title: cmd/help/sections.c. */
struct cmd_group {
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

/* Whether some command is called "GROUP …", or has such an alias. */
bool is_command_group(const char *group);

/* What the two-word alias that argv begins with sets; NULL: nothing, or there is none. */
const char *alias_preset(int argc, char *const *argv);

/*
 * The command that argv begins with, by name or alias; *used is the number of words that name it (1 or 2). NULL if
 * there is none; *used is 1 then if argv[0] is the group of other commands, 0 if it is nothing.
 */
const struct cmd_spec *match_command(int argc, char *const *argv, int *used);

#endif
