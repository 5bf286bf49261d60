/* SPDX-License-Identifier: MIT */
/*
 * What a run changes on volumes, for its report (kernel/report.h). The VFS tells of each change after it has succeeded; one load where no
 * report was asked for, or the file system is the sandbox's own. Inode locks may be held.
 */
#pragma once

#include "vfs/vfs.h"

#include <string.h>

enum touched { TOUCHED_MADE = 1, TOUCHED_WRITTEN = 2, TOUCHED_REMOVED = 4, TOUCHED_ATTR = 8 };

void touched_slow(struct dentry *dir, const char *name, size_t len, enum touched how);

/* The name *name* of directory *dir*. */
static inline void touched_name(struct dentry *dir, const char *name, size_t len, enum touched how)
{
	if (dir->sb->reported)
		touched_slow(dir, name, len, how);
}

/* The object *d* itself. */
static inline void touched(struct dentry *d, enum touched how)
{
	if (d->sb->reported)
		touched_slow(d, NULL, 0, how);
}
