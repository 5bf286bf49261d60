/* SPDX-License-Identifier: MIT */
/* Extended attributes held in sentry memory (tmpfs, overlay). Guarded by the inode's lock. */
#pragma once

#include "lib/list.h"

#include <stddef.h>
#include <sys/types.h>

struct kernel;

#define XATTR_NAME_BYTES 255	/* XATTR_NAME_MAX */
#define XATTR_VALUE_BYTES 65536 /* XATTR_SIZE_MAX */
#define XATTR_LIST_BYTES 65536	/* XATTR_LIST_MAX: all names of an inode */

struct simple_xattrs {
	struct list_head list;
	size_t charged; /* bytes taken with kernel_charge() */
	size_t names;	/* bytes of all names with their NULs */
};

void simple_xattrs_init(struct simple_xattrs *x);
/* Free all; uncharges. */
void simple_xattrs_free(struct kernel *k, struct simple_xattrs *x);
/* Length of the value (copied when size > 0); -ENODATA, -ERANGE. */
ssize_t simple_xattr_get(const struct simple_xattrs *x, const char *name, void *buf, size_t size);
/* flags: XATTR_CREATE (-EEXIST), XATTR_REPLACE (-ENODATA). *value* NULL removes (-ENODATA). -ENOSPC, -ENOMEM. */
int simple_xattr_set(struct kernel *k, struct simple_xattrs *x, const char *name, const void *value, size_t size, int flags);
/* Each attribute in turn. */
void simple_xattr_each(const struct simple_xattrs *x, void (*each)(void *ctx, const char *name, const void *value, size_t size),
		       void *ctx);
/* Names with their NULs; length (copied when size > 0); -ERANGE. */
ssize_t simple_xattr_list(const struct simple_xattrs *x, char *buf, size_t size);
