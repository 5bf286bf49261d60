/* SPDX-License-Identifier: MIT */
/*
 * Changing a host directory as a layer of writes says, one object at a time (picket apply). The layer's names, links and modes are a
 * stranger's: everything is done beneath one descriptor, by components, without following any link.
 */
#ifndef PICKET_CMD_APPLY_FS_H
#define PICKET_CMD_APPLY_FS_H

#include <stdbool.h>

#include "fuse-snap/upper.h"

struct apply_target {
	int dir_fd;	 /* the host directory */
	int64_t since;	 /* ns since 1970: what was changed there later is in the way */
	bool force;
	bool dry;
};

enum apply_result {
	APPLY_DONE,
	APPLY_SAME,	/* the host has it already */
	APPLY_CONFLICT, /* the host's was changed since */
	APPLY_KIND,	/* devices, sockets and fifos stay where they are */
	APPLY_OUTSIDE,	/* a link that leads out of the directory */
	APPLY_FAILED,	/* errno says why */
};

/* Do one change. In a dry run nothing is done, and the answer is what would come of it. */
enum apply_result apply_change(const struct apply_target *t, const struct upper_change *c);

/* Make the directory of a change if it is missing, and nothing else: it leads to something that is wanted. */
enum apply_result apply_parent(const struct apply_target *t, const struct upper_change *c);

/* A link at `path` ("/a/b", below the directory) with this target leads to a place that is not below it. */
bool apply_leads_out(const char *path, const char *target);

#endif
