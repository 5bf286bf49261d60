/* SPDX-License-Identifier: MIT */
/* Images as an archive. */
#ifndef PICKET_CMD_SAVE_H
#define PICKET_CMD_SAVE_H

#include "fuse-snap/digest.h"

/*
 * Write the images that are named to fd, as an archive that is an OCI layout and a docker-archive in one, not compressed.
 * `ids`, if not NULL, gets what each is called by ID where the archive is loaded. An exit status.
 */
int save_images(int fd, int count, char *const *names, struct digest *ids);

#endif
