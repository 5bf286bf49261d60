/* SPDX-License-Identifier: MIT */
/* --share, --share-ro, --share-cow: directories of the host at their own place inside (docs/scripts.md). */
#ifndef PICKET_CMD_SHARE_H
#define PICKET_CMD_SHARE_H

#include "cmd/commands.h"
#include "cmd/run/launch.h"

struct run;

/* Write the records. 0, or EXIT_PICKET after a complaint. */
int write_shares(struct run *r);

/* The caller's directory, if one of the shares holds it: the working directory inside. malloc'd, or NULL. */
char *shared_workdir(const struct run_options *o);

/*
 * Refuse to give away what Picket itself reads: a directory to write to that holds Picket's own, or any that lies in them. What is only read
 * has them hidden (records are written). `option` and `source` are for the message. 0, or EXIT_PICKET after a complaint.
 */
int protect_own(struct launch *l, const char *option, const char *source, bool writable);

/* Resolve the DIR of a share and refuse what must not be shared; malloc'd, or NULL after a complaint. */
char *share_source(const char *option, const char *dir);

#endif
