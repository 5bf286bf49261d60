/* SPDX-License-Identifier: MIT */
/*
 * Defaults of options, and the few settings that belong to no command. From the strongest:
 *   the command line; PICKET_* variables; .picket.json of the project (approved ones); config.json of the user; built
 * in. A file is an object: settings by name ("store"), and for a command the object of its options ("run": {"network":
 * …}).
 */
#ifndef PICKET_CMD_CONFIG_H
#define PICKET_CMD_CONFIG_H

#include <jansson.h>

#include "cmd/lib/str.h"
#include "cmd/options.h"

enum { CONFIG_MAX = 64 << 10 }; /* bytes of a file */

/* One file that was read. */
struct config_file {
	char *path;
	char *dir;	/* of a project: what its relative paths begin at; NULL: taken as typed */
	char *text;	/* as read, for the numbers of lines */
	json_t *values; /* NULL: there is no such file */
};

struct config {
	struct config_file user, project;
	struct str_list made; /* values that were not strings in the file */
};

/*
 * Read what matters to `cmd` (NULL: the user's file alone) and check all of it. 0, or an exit status after a
 * complaint. A project's file that is not approved is said in a line, and is as none.
 */
int config_read(struct config *c, const struct cmd_spec *cmd);
void config_free(struct config *c);

/* Put the settings that other programs read too into the environment, where they are not yet. */
void config_settings(const struct config *c);

/*
 * Give the options that the command line does not have their configured values; lists come before what the command line
 * adds. The values live as long as `c`. 0, or an exit status after a complaint.
 */
int config_defaults(struct config *c, const struct cmd_spec *cmd, struct parsed *p);

/* ---- for picket config ---- */

/* A setting or "COMMAND.OPTION" ("run.network"; a bare option is one of run). */
struct config_key {
	const char *setting;	    /* or NULL */
	const struct cmd_spec *cmd; /* with opt */
	const struct opt_spec *opt;
};

/* Look a key up; false with a sentence in `why`. */
bool config_find_key(const char *name, struct config_key *ret, char *why, size_t len);

/* "store", "run.network"; allocated. */
char *config_key_name(const struct config_key *k);

/* The name of the variable: PICKET_NETWORK, PICKET_PS_FORMAT; allocated. */
char *config_variable(const struct config_key *k);

/* The i-th setting and what it is; NULL behind the last. */
const char *config_setting_at(size_t i, const char **help);

/* Check a value for a key: 0, or -1 with what is wrong in `why`. */
int config_check_value(const struct config_key *k, const json_t *value, char *why, size_t len);

/* The words that a value of a file is on a command line, added to `out` (allocated). -1: not of the option's type. */
int config_words(const struct opt_spec *o, const json_t *value, const char *dir, struct str_list *out);

/* Whether an option can have a default: --name and the like make sense with one sandbox alone. */
bool config_can_default(const struct opt_spec *o);

/* Which command's options count for `cmd`: those of create are run's. */
const struct cmd_spec *config_section(const struct cmd_spec *cmd);

/* Whether the options of `cmd` can have defaults. */
bool config_has_section(const struct cmd_spec *cmd);

/* ---- files (files.c) ---- */

/* The directory of config.json; NULL where no HOME tells. Allocated. */
char *config_dir(void);

/* The .picket.json that belongs to the working directory; NULL if there is none. Allocated. */
char *config_find_project(void);

/*
 * Read a file into *text (allocated). 1: read; 0: there is none; -1 after a complaint. It must be a plain file of the
 * user (or of root), which nobody else may write, in a directory of the same kind if `dir_too`.
 */
int config_slurp(const char *path, bool dir_too, char **text);

/* Parse a file's text; NULL after a complaint. */
json_t *config_parse(const char *path, const char *text);

/* Write an object as the file `path`, whole or not at all. 0, or -1 after a complaint. */
int config_write(const char *path, const json_t *values);

/* What was approved for the project file `path`: its whole text, or NULL. Allocated. */
char *config_approved(const char *path);

/* Approve a text (NULL: no longer). 0, or -1 after a complaint. */
int config_approve(const char *path, const char *text);

/* The line on which a key of the outermost object, or with `inner` of the object under it, stands; 0 if not found. */
size_t config_line(const char *text, const char *key, const char *inner);

#endif
