/* SPDX-License-Identifier: MIT */
/* Images as docker describes them. */
#ifndef PICKET_CMD_IMAGE_DESCRIBE_H
#define PICKET_CMD_IMAGE_DESCRIBE_H

#include <jansson.h>

#include "fuse-snap/store.h"

/* The image's own configuration (OCI's "config" object: Env, Cmd, Labels, …); an empty object if it cannot be read. */
json_t *image_config(const struct store *s, const struct digest *config);

/* What `inspect` shows of an image. */
json_t *inspect_image(const struct store *s, const struct image_ref *ref);

#endif
