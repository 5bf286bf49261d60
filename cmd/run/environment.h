/* SPDX-License-Identifier: MIT */
/* The variables a program finds inside: the image's, what Docker adds, and what -e and --env-file name. */
#ifndef PICKET_CMD_ENVIRONMENT_H
#define PICKET_CMD_ENVIRONMENT_H

#include "cmd/commands.h"

/*
 * Collect them. `image` is the image's list (NULL-terminated, may be NULL), `hostname` the sandbox's. 0, or EXIT_PICKET
 * after a complaint. HOME is left to the sentry, which knows the user's home directory.
 */
int collect_environment(struct str_list *env, const struct run_options *o, char *const *image, const char *hostname);

/*
 * The variables that the options ask for, read now: NAME=VALUE, or NAME alone where it takes one away. 0, or the exit
 * status after a complaint.
 */
int chosen_environment(struct str_list *env, const struct run_options *o);

/*
 * Add the variables of --env-file and -e to *env*, over what it has. With `copy` NAME alone copies the caller's, else it is
 * taken away. 0, or EXIT_PICKET after a complaint.
 */
int read_environment(struct str_list *env, const struct str_list *files, const struct str_list *set, bool copy);

#endif
