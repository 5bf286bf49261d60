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
 * Refuse to give away what lies in one of Picket's own directories. Where they lie in what is given, they are covered (hold_own());
 * directories on the way to them that are missing are made if it is `writable`. `option` and `source` are for the
 * message. 0, or EXIT_PICKET after a complaint.
 */
int protect_own(struct launch *l, const char *option, const char *source, bool writable);

/*
 * Behind the last protect_own(): write the records by which no guest sees Picket's own directories, nor can put others in their
 * place.
 */
void hold_own(struct launch *l);

/* Resolve the DIR of a share and refuse what must not be shared; malloc'd, or NULL after a complaint. */
char *share_source(const char *option, const char *dir);

#endif
