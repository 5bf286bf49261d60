/* SPDX-License-Identifier: MIT */
/* The layers of writes of a kept sandbox, seen from outside: its own over its image, and those of its --share-cow (docs/kept-format.md). */
#ifndef PICKET_CMD_LAYERS_H
#define PICKET_CMD_LAYERS_H

#include "cmd/run/run.h"
#include "fuse-snap/upper.h"

struct layer_view {
	char *share;  /* the host directory of a --share-cow; NULL: the sandbox's own tree */
	int upper_fd; /* -1: there is no layer: nothing was written yet */
	int dir_fd;   /* the host directory below; -1: an image */
	struct upper_lower *lower;
	struct snap_image image;
	bool image_open;
	void *map; /* of the image's index */
	size_t map_len;
	struct snap_index *index;
};

struct layers {
	struct run run; /* filled by run_load() */
	struct layer_view *views;
	size_t count;
};

enum { LAYERS_TREE = 1, LAYERS_SHARES = 2 };

/* Open the layers of the entry, which is taken over (also after a failure). 0, or an exit status after a complaint. */
int layers_open(struct entry *e, unsigned int which, struct layers *ret);
void layers_close(struct layers *l);

/* upper_walk() over a view, with the complaint: 0, what *each* returned, or an exit status. */
int layer_walk(const struct layer_view *v, int (*each)(void *ctx, const struct upper_change *c), void *ctx);

/* The sandbox's path of a change: that of the share, and below it. malloc'd. */
char *layer_path(const struct layer_view *v, const char *path);

/* Whether the sandbox's own tree has this because Picket made it, as docker's mounts of /etc/hosts and the like. */
bool layer_is_ours(const struct layer_view *v, const char *path);

/* Whether it is a directory (or a link) that Picket made at the start: a place for a mount, or the empty ones of `host`. */
bool layer_is_scaffold(const struct layers *l, const struct layer_view *v, const struct upper_change *c);

#endif
