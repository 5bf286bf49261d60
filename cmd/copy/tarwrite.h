/* SPDX-License-Identifier: MIT */
/* Writing a tar archive through a callback, for picket-guest too; what commands write to a file is cmd/image/tarout.h. */
#ifndef PICKET_CMD_TARWRITE_H
#define PICKET_CMD_TARWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/copy/tarhead.h"

struct tar_out {
	/* Takes all *len* bytes, or returns a negative errno. */
	int (*write)(void *arg, const void *data, size_t len);
	void *arg;
	char *buf;
	struct tar_head head;
	size_t n;
	uint64_t size, left; /* of the present file: bytes in all, and that are still to come */
	uint64_t total;	     /* bytes of files written so far */
};

/* 0 or -ENOMEM. */
int tar_out_init(struct tar_out *o, int (*write)(void *arg, const void *data, size_t len), void *arg);
void tar_out_free(struct tar_out *o);

/*
 * Begin an entry: type, path, link, mode, uid, gid, major, minor, mtime, size and xattrs of *en* count. Of a regular
 * file exactly en->size bytes follow by tar_out_data(). 0 or a negative errno.
 */
int tar_out_entry(struct tar_out *o, const struct tar_entry *en);
int tar_out_data(struct tar_out *o, const void *data, size_t len);
/* After each regular file: zeros for what is missing (it shrank while it was read), and padding. */
int tar_out_end_file(struct tar_out *o);
/* The end of the archive. */
int tar_out_finish(struct tar_out *o);

#endif
