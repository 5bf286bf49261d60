/* SPDX-License-Identifier: MIT */
/* The heads of a tar archive's entries, as all that write archives make them (POSIX pax). */
#ifndef PICKET_CMD_TARHEAD_H
#define PICKET_CMD_TARHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse-snap/tar.h"

/** tar_type - the type byte of an entry of this mode; 0: it is in no archive (a socket). */
char tar_type(uint32_t mode);

struct tar_head {
	char *data; /* len bytes, whole blocks */
	size_t len, cap;
	bool failed;
};

/**
 * tar_head_make - what stands before the data of *en*: type, path, link, mode, uid, gid, major, minor, mtime, xattrs
 * and, of a regular file, size count. A zeroed *h* at first; each call uses its memory again. 0 or -ENOMEM.
 */
int tar_head_make(struct tar_head *h, const struct tar_entry *en);
void tar_head_free(struct tar_head *h);

#endif
