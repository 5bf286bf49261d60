/* SPDX-License-Identifier: MIT */
/*
 * picket-runtime: what all its files share (docs/runtime.md). A verb is a file of its own, which defines one `const struct
 * verb` and has a line in verbs.c. It reads its arguments with options_read(), opens the container with container_open()
 * (state.h), asks its monitor with container_ask(), and returns an exit status.
 *
 * Whatever goes wrong is said once, with fail() (log.h), where it is found; callers hand the failure up. complain() and
 * warn() of cmd/lib go the same way.
 */
#ifndef PICKET_RUNTIME_H
#define PICKET_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

/* The global options. */
struct runtime {
	char *root; /* absolute; made when the first container is */
	const char *log;
	const char *log_format;	    /* text, json */
	const char *cgroup_manager; /* cgroupfs, systemd, disabled; NULL: not said */
	const char *rootless;	    /* true, false, auto; NULL: not said */
	bool debug;
	bool systemd_cgroup;
};

struct verb {
	const char *name;
	const char *usage; /* what stands behind the name */
	const char *help;  /* one line */
	/* argv[0] is the verb. Returns the exit status. */
	int (*run)(const struct runtime *rt, int argc, char **argv);
	const struct option_row *options; /* for --help; may be NULL */
};

/* All of them; the last one has no name. */
extern const struct verb *const verbs[];

/* ---- Options (options.c) ---- */

enum option_kind {
	OPTION_END, /* behind the last row */
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char * */
	OPTION_NUMBER, /* int, not negative */
	OPTION_LIST,   /* struct str_list: may be repeated */
	OPTION_IGNORED, /* a flag that has no meaning here */
	OPTION_UNUSED,	/* an option with a value that has no meaning here */
};

struct option_row {
	enum option_kind kind;
	const char *name; /* long, without dashes */
	char letter;	  /* 0: none */
	size_t at;	  /* offset of the member */
	const char *help;
};

/*
 * Read options into the members of *into*: --name value, --name=value, -name value (as Go's flag package has it), -l value, -lvalue, letters
 * together, --flag=true. They stand anywhere before "--"; with `leading` (words of a program follow) only before the first word.
 * Returns the number of words, which are moved to argv[1] and on (argv[count + 1] is NULL); -1 after fail().
 */
int options_read(const struct option_row *rows, void *into, bool leading, int argc, char **argv);

/* As options_read, and complains unless there are at least min and at most max words. */
int options_words(const struct option_row *rows, void *into, int min, int max, int argc, char **argv);

#endif
