/* SPDX-License-Identifier: MIT */
/* The FUSE side of picket-snapd: what the kernel asks about a snapshot. */
#ifndef PICKET_SNAPFUSE_H
#define PICKET_SNAPFUSE_H

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>
#include <sys/types.h>

#include "index.h"

/* The pages of a pack that the image's extents cover, a bit each. */
struct pack_view {
	uint64_t *bits;
	uint64_t pages;
};

/* One snapshot, read-only and shared by all threads. */
struct snapfuse {
	const struct snap_index *ix;
	const int *pack_fds;	 /* of the pack files in the store, by number */
	struct pack_view *views; /* by pack; for snapfuse_pack_ops */
};

/** snapfuse_make_views - work out what of each pack the image may see. Returns 0 or -ENOMEM. */
int snapfuse_make_views(struct snapfuse *s);
void snapfuse_free_views(struct snapfuse *s);

/* The image as a directory tree; inode numbers are the index's. */
extern const struct fuse_lowlevel_ops snapfuse_tree_ops;

/* A flat directory with the packs by number ("0", "1" ...); pack n is inode n + 2. */
extern const struct fuse_lowlevel_ops snapfuse_pack_ops;

#endif
