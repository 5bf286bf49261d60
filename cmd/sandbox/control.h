/* SPDX-License-Identifier: MIT */
/* What the commands on several sandboxes share. */
#ifndef PICKET_CMD_CONTROL_H
#define PICKET_CMD_CONTROL_H

#include "cmd/keep/record.h"

/* Whether there is a keeper to ask. */
bool is_live(const struct entry *e);

/* entry_find, which complains; the entry is empty then. 0 or EXIT_FAILED. */
int find_sandbox(const char *name, struct entry *e);

/*
 * Start it in the background; one that runs already is left as it is. Takes the entry's lock and releases it; the entry may
 * be empty afterwards. 0, or EXIT_FAILED after a complaint.
 */
int start_sandbox(struct entry *e);

/*
 * Call fn for each of the sandboxes that are named, and print the name where it returned 0. fn says what went wrong by
 * itself. The exit status: 1 if anything failed. A name that is there twice is done once.
 */
int each_sandbox(int argc, char **argv, int (*fn)(struct entry *e, const void *arg), const void *arg);

/* Wait until the keeper's process is gone, at most so many ms. False: it is still there. */
bool keeper_gone(const struct entry *e, int timeout);

/* Remove a sandbox; one that lives only with `force`, which ends it. 0, or EXIT_FAILED after a complaint. */
int remove_sandbox(struct entry *e, bool force, bool volumes);

/* Remove one that does not run; 0, or -1 if it stays: it was started meanwhile, or somebody else is
 * at it. */
int remove_stopped(struct entry *e);

/* "Are you sure?" on the terminal, or from a pipe: whether "y" was the answer. */
bool confirmed(const char *warning);

#endif
