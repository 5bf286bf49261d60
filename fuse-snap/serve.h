/* SPDX-License-Identifier: MIT */
/* The two ways picket-snapd runs. */
#ifndef PICKET_SNAP_SERVE_H
#define PICKET_SNAP_SERVE_H

#include "snapfuse.h"
#include "store.h"

/* A snapshot, opened from the store. */
struct snapshot {
	struct store *store;
	int index_fd; /* with its shared lock */
	void *map;    /* of the index */
	size_t map_len;
	struct snap_index ix;
	int *pack_fds;
};

/**
 * serve - hand out descriptors to whoever connects to SNAPD_LISTEN, until nobody is connected
 * @socket: name of the socket in SNAPD_DIR, to be removed in the end; may be NULL
 *
 * Returns an exit status.
 */
int serve(struct snapshot *s, const char *socket);

/** mount_tree - show the tree at @dir until it is unmounted; goes to the background when it is there. */
int mount_tree(struct snapshot *s, const char *dir, const char *name);

#endif
