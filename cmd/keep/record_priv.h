/* SPDX-License-Identifier: MIT */
/* What the files of the entries share among themselves. */
#ifndef PICKET_CMD_RECORD_PRIV_H
#define PICKET_CMD_RECORD_PRIV_H

#include "cmd/keep/record.h"

/* As err_set, with ": " and the text of `error` behind; returns -error. */
int entry_fail(char **err, int error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Read both files of `dir`. `id` may be the first 12 digits of a temporary one. -ENOENT, -EUCLEAN (damaged). */
int entry_load(const char *dir, const char *id, bool temporary, struct entry *ret);

/* Just the name in config.json of `dir`; allocated, NULL if there is none. */
char *entry_name_of(const char *dir);

/* Write config.json into an entry that has not its name yet. */
int entry_write_new(const char *dir, const char *id, const struct entry_config *config);

/* And state.json that names this process: with its death a temporary entry that was never started is left over. */
int entry_write_maker(const char *dir, const char *id);

/* Remove a directory of ours with all that is in it, whatever modes it has. 0 or a negative errno. */
int remove_tree(int dirfd, const char *path);

/* Take the flock of DIR/lock, making the file. The descriptor, or -EBUSY, … */
int entry_lock_file(const char *dir, bool wait);

/* Hold the names: descriptors that are closed by names_unlock. */
struct names_lock {
	int fds[2];
};

void names_lock(struct names_lock *lock);
void names_unlock(struct names_lock *lock);

/* Whether a name is free, with the names held; removes a link that leads nowhere. 0, or -EEXIST with a sentence. */
int name_check(const char *name, char **err);

/* Take it for an entry, or give it back. `runtime` is the runtime directory of a temporary one, else NULL. */
int name_take(const char *name, const char *id, const char *runtime, char **err);
void name_give(const char *name, const char *id, const char *runtime);

/* Directories. Allocated; NULL where there is none. */
char *store_dir(char **err);	       /* of the store, whether it is there or not */
char *entry_dir(const char *id, bool temporary);
struct str_list runtime_dirs(void);    /* all that may hold entries of this user; the one in use is first */

#endif
