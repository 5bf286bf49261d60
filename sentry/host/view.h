/* SPDX-License-Identifier: MIT */
/*
 * Host files mapped read-only, to be read without a host call.
 *
 * Somebody may cut such a file: then its pages raise SIGBUS. The handler (host_views_init()) puts zeros in place of the page and marks the
 * view as broken; whoever copied from it looks at that afterwards and reads the file by pread(2) instead, which tells the guest what
 * there is: EIO, or less. So a view is never an answer by itself, only a quicker one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct uio;
struct host_view;

#define HOST_VIEWS_MAX 1024u /* of a process */

/* Take SIGBUS of views; before any other thread runs. */
int host_views_init(void);
/* Map the first *len* bytes of *fd*. NULL: no memory, or too many views. */
struct host_view *host_view_map(int fd, uint64_t len);
/* Nobody copies from it any more. NULL is allowed. */
void host_view_unmap(struct host_view *v);
/*
 * Move up to *len* bytes from *off* to *dst*. Returns what was moved, or 0: read the file itself (beyond the view, broken, or memory of the guest that is not there).
 */
ssize_t host_view_to_uio(const struct host_view *v, uint64_t off, size_t len, struct uio *dst);
