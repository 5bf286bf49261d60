/* SPDX-License-Identifier: MIT */
/* docker's commands that Picket does not have. docs/docker.md gives the same reasons. */
#ifndef PICKET_CMD_FOREIGN_H
#define PICKET_CMD_FOREIGN_H

/* Why there is none, and what to do instead; NULL: no command of docker's, or one that is here. */
const char *foreign_command(const char *name);

#endif
