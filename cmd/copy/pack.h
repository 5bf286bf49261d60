/* SPDX-License-Identifier: MIT */
/* A tree of files as a tar archive. The tree may change, and be somebody's who wants us to go astray. */
#ifndef PICKET_CMD_PACK_H
#define PICKET_CMD_PACK_H

#include <stdbool.h>

#include "cmd/copy/tarwrite.h"
#include "fuse-snap/error.h"

struct pack_options {
	const char *name; /* of the top entry; "." gives "./", "./a"; "" leaves the top out: "a" */
	bool follow;	  /* the top may be a symbolic link: what it leads to is packed */
	bool one_fs;	  /* directories on which something is mounted are packed empty */
	bool xattrs;
	void (*progress)(void *arg); /* after each file, or NULL */
	void *progress_arg;
	void (*warn)(void *arg, const char *text); /* what was left out, or NULL */
};

/*
 * Pack *name*, seen from directory *dirfd*, into *out* (whose end is the caller's to write). Returns 0, or a negative
 * errno with a sentence. -ENOENT and kin: the top is not there.
 */
int pack_tree(int dirfd, const char *name, const struct pack_options *opt, struct tar_out *out, struct snap_error *e);

#endif
