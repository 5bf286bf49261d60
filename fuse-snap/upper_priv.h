/* SPDX-License-Identifier: MIT */
/* What the files of the reader of layers of writes share. */
#pragma once

#include "upper.h"

/* openat2(2) beneath *dirfd*, never through a link, never a wait: a descriptor or -errno. *path* may have several components. */
int upper_open_beneath(int dirfd, const char *path, int flags);
/* Extended attributes of a host file into *b*, as items; only `user.`, which is all that a sandbox sees of host files. */
int upper_take_host_xattrs(int fd, struct upper_buf *b);
/* Move the items of *b* into *m*. */
void upper_meta_take(struct upper_meta *m, struct upper_buf *b);
