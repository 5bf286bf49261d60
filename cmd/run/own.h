/* SPDX-License-Identifier: MIT */
/* The directories that Picket itself reads and trusts, which no sandbox may be given to write to. */
#ifndef PICKET_CMD_OWN_H
#define PICKET_CMD_OWN_H

#include <stdbool.h>

#include "cmd/lib/str.h"

/* The absolute path of what `path` names, links resolved as far as it exists; the rest is taken as written. malloc'd. */
char *resolved_path(const char *path);

/* Whether `path` is `dir` or below it. Both are resolved paths. */
bool path_within(const char *path, const char *dir);

/* The resolved paths of the store, the configuration's directory and the runtime directory. */
void own_dirs(struct str_list *ret);

/*
 * Go the way to each of them and to config.json, one name at a time and through links: `step` is called with a directory that has no link in
 * its path, and a name in it, which may not be there (then the way ends); `last`: the path ends with it. A status but 0 of
 * `step` ends the walk and is returned.
 */
int own_walk(int (*step)(void *arg, const char *dir, const char *name, bool last), void *arg);

/* The caller's home directory by $HOME, else by the user database; resolved, malloc'd. NULL: none. */
char *home_dir(void);

#endif
