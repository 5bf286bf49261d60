/* SPDX-License-Identifier: MIT */
/* -v, --mount, --tmpfs: what of the host the sandbox is shown. Opened here, as the user, before anything runs. */
#ifndef PICKET_CMD_VOLUME_H
#define PICKET_CMD_VOLUME_H

#include "cmd/commands.h"
#include "cmd/run/launch.h"

/* Whose volumes without a name are: a sandbox that is kept has them on disk, another one's are directories of its own. */
struct volume_owner {
	const char *id;
	bool kept;
	char *const *places; /* VOLUME of the image, ends with NULL; or NULL */
};

/* Write the records of all three options. 0, or EXIT_PICKET after a complaint. */
int write_volumes(struct launch *l, const struct run_options *o, const struct volume_owner *owner);

/* Whether an option puts something at this place, so that the image's VOLUME there has no volume. */
bool volume_is_taken(const struct run_options *o, const char *target);

/* Write the records of `host` as a root file system. 0, or EXIT_PICKET after a complaint. */
int write_host_root(struct launch *l);

#endif
