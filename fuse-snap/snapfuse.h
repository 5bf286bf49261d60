/* SPDX-License-Identifier: MIT */
/* The FUSE side of picket-snapd: what the kernel asks about a snapshot. */
#ifndef PICKET_SNAPFUSE_H
#define PICKET_SNAPFUSE_H

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>
#include <sys/types.h>

#include "index.h"

/* One snapshot, read-only and shared by all threads. */
struct snapfuse {
	const struct snap_index *ix;
	const int *pack_fds; /* of the pack files in the store, by number */
};

/* The image as a directory tree; inode numbers are the index's. */
extern const struct fuse_lowlevel_ops snapfuse_tree_ops;

/* A flat directory with the packs by number ("0", "1" ...); pack n is inode n + 2. */
extern const struct fuse_lowlevel_ops snapfuse_pack_ops;

#endif
