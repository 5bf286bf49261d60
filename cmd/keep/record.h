/* SPDX-License-Identifier: MIT */
/*
 * Entries: what is on disk of a sandbox (docs/sandboxes.md). Kept ones lie in the store, those that are dropped at their
 * end in the runtime directory. Whatever is read is checked: a file that is not as it should be is an entry that is
 * damaged, not one with odd values.
 *
 * Locks, in the order they are taken:
 *   ENTRY/lock       flock: who starts, removes, renames or repairs an entry
 *   names            flock on the folder of names: who takes or gives a name, and lets an entry appear or vanish
 * Functions return 0 or a negative errno; `err` (never NULL) gets an allocated sentence where they fail.
 */
#ifndef PICKET_CMD_RECORD_H
#define PICKET_CMD_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/lib/str.h"

#define ENTRY_ID_LEN 64
#define ENTRY_SHORT_LEN 12
#define ENTRY_NAME_MAX 128
#define ENTRY_BOOT_LEN 36

/* Exit status of a sandbox whose keeper was killed. */
#define ENTRY_CRASHED_STATUS 137

enum entry_status { ENTRY_CREATED, ENTRY_RUNNING, ENTRY_PAUSED, ENTRY_RESTARTING, ENTRY_EXITED, ENTRY_STATUS_COUNT };

/* What was asked for: config.json. Strings are never NULL in an entry that was read; "" is none. */
struct entry_config {
	char *name;
	char *image;	 /* as the user wrote it; "host", or the directory of --rootfs */
	char *image_id;	 /* sha256:… of the configuration; "": no image */
	char *chain;	 /* sha256:…, the chainID */
	char *platform;	 /* linux/amd64 */
	int64_t created; /* ns since 1970 */
	bool dropped;	 /* removed when it ends */
	struct str_list options;   /* words for parse_options(), resolved (dump_options) */
	struct str_list arguments; /* the words behind the image */
	struct str_list command;   /* what runs: with the entry point */
	struct str_list labels;	   /* NAME=VALUE, the image's included */
};

/* How it is: state.json. */
struct entry_state {
	enum entry_status status;
	pid_t pid;			 /* of the keeper, or of picket run where that is the keeper; 0: none */
	uint64_t start;			 /* start time of that process */
	char boot[ENTRY_BOOT_LEN + 1];	 /* the boot it belongs to */
	pid_t sentry;			 /* 0: none */
	int exit_code;
	bool oom_killed;
	bool detached;
	uint64_t restarts;
	int64_t started, finished;	 /* ns since 1970; 0: never */
	char health[16];		 /* "", starting, healthy, unhealthy */
	char *error;			 /* NULL: none */
	char *runtime;			 /* RUNTIME/ID12 of the keeper; NULL: none */
};

struct entry {
	char id[ENTRY_ID_LEN + 1];
	char short_id[ENTRY_SHORT_LEN + 1];
	bool temporary; /* lies in the runtime directory */
	char *dir;	/* absolute path of the entry */
	struct entry_config config;
	struct entry_state state; /* as it counts: a crashed one is ENTRY_EXITED */
	bool crashed;		  /* the file says otherwise, and its keeper is gone */
	int lock;		  /* -1: not held */
};

struct entry_list {
	struct entry *items;
	size_t count;
};

/* ---- Making ---- */

/**
 * entry_create - choose an id and a name, and make the entry
 * @config: what to write; @config->name NULL or "" is a random name, which is stored there. Stays the caller's
 * @temporary: in the runtime directory
 * @ret: the entry, its lock held: state ENTRY_CREATED
 *
 * A kept entry may be lost or half there after a power failure until entry_sync() has been called.
 * Returns 0, -EINVAL (a bad name), -EEXIST (a name in use), or what the file system says.
 */
int entry_create(struct entry_config *config, bool temporary, struct entry *ret, char **err);

/** entry_sync - make a kept entry survive a power failure. Takes tens of milliseconds. */
int entry_sync(const struct entry *e, char **err);

/** entry_sync_later - the same in a thread beside this one, which is not waited for. Failures are nobody's. */
void entry_sync_later(const struct entry *e);

void entry_config_free(struct entry_config *c);

/** entry_free - forget what was read; releases the lock; leaves the files. */
void entry_free(struct entry *e);

/* ---- Finding ---- */

/**
 * entry_find - the entry a person means: by whole id, name, or the beginning of an id, in this order
 *
 * A crashed one is repaired on the way, if nobody holds its lock; a crashed one that was to be dropped is not found.
 * Returns 0, -ENOENT, -ENOTUNIQ (several ids begin so), -EUCLEAN (damaged).
 */
int entry_find(const char *text, struct entry *ret, char **err);

enum { ENTRIES_LIVE = 1 }; /* only those with a keeper */

/** entries_list - all entries, newest first; repairs crashed ones and removes what is left over, where nobody is at it.
 * Damaged ones are left out. */
int entries_list(unsigned int flags, struct entry_list *ret, char **err);
void entry_list_free(struct entry_list *list);

/** entry_reload - read both files again. Returns 0, -ENOENT if it is gone. */
int entry_reload(struct entry *e, char **err);

/* ---- Changing ---- */

/**
 * entry_lock - take the entry's lock and read it again
 * @wait: wait for another holder; else -EBUSY
 *
 * Returns 0, -ENOENT if it has been removed meanwhile, -EBUSY.
 */
int entry_lock(struct entry *e, bool wait, char **err);
void entry_unlock(struct entry *e);

/** entry_rename - give it another name; the lock is held. Tell a keeper (`reload`) afterwards. */
int entry_rename(struct entry *e, const char *name, char **err);

/** entry_write_config - replace config.json by e->config; the lock is held. The name must not have changed. */
int entry_write_config(const struct entry *e, char **err);

/** entry_write_state - replace state.json by e->state. By the keeper while there is one, else with the lock held. */
int entry_write_state(const struct entry *e, char **err);

/** entry_keeper_is - note `pid` of this boot as the keeper in e->state (nothing is written). */
void entry_keeper_is(struct entry *e, pid_t pid);

/** entry_remove - remove a stopped entry with all its files; the lock is held and released. */
int entry_remove(struct entry *e, char **err);

/**
 * entry_remove_damaged - remove a kept entry whose files cannot be read, by its id, name, or the beginning of its id
 *
 * Returns 0, -ENOENT if there is no such one, -EBUSY if somebody is at it.
 */
int entry_remove_damaged(const char *text, char **err);

/* ---- Where things are ---- */

/** entry_runtime - RUNTIME/ID12 of an entry, allocated; made (mode 700) with @make. NULL after a sentence. */
char *entry_runtime(const struct entry *e, bool make, char **err);

/** entry_runtime_remove - remove RUNTIME/ID12 with control.sock and what else is in it (but not a temporary entry). */
void entry_runtime_remove(const struct entry *e);

/** entry_socket - path of the keeper's control.sock; allocated. */
char *entry_socket(const struct entry *e);

/** valid_entry_name - letters, digits, and _ . - behind the first: docker's rule. */
bool valid_entry_name(const char *name);

/** entry_status_name - "created", "running" and so on; NULL behind the last. */
const char *entry_status_name(enum entry_status status);

/** random_entry_name - an adjective and a noun; allocated. @attempt from 0: later ones get a number. */
char *random_entry_name(unsigned int attempt);

#endif
