/* SPDX-License-Identifier: MIT */
/*
 * Making an image of one new layer: the layer is written into an archive with a configuration, and picket-fetch takes that in as it takes
 * any image. Layers that the store has are named by the configuration and are not in the archive.
 */
#ifndef PICKET_CMD_PUBLISH_H
#define PICKET_CMD_PUBLISH_H

#include <jansson.h>

#include "fuse-snap/digest.h"
#include "fuse-snap/refname.h"

/* The canonical form of a name with a tag. 0, or an exit status after a complaint. */
int publish_name(const char *text, char canonical[REF_NAME_MAX + 1]);

/* The time of now as configurations have it; malloc'd. */
char *publish_now(void);

/* Around the writing of the layer's bytes to the empty file fd: its archive's header has its place, then its length. */
int publish_layer_begin(int fd);
int publish_layer_end(int fd, uint64_t len);

/* Publish: the configuration's last diffID is the layer's. name NULL: none. 0 and the image's ID, or an exit status after a complaint. */
int publish_image(int fd, json_t *config, const char *name, struct digest *id);

#endif
