/* SPDX-License-Identifier: MIT */
/* The place of what was changed, for the report. */
#include "vfs/touched.h"

#include "kernel/report.h"
#include "vfs/internal.h"

#include <stdio.h>

/* The path below the root of the file system, at the end of *buf*; NULL: too long. */
static char *path_below(struct dentry *dir, const char *name, size_t len, char *buf, size_t size)
{
	char *p = buf + size;

	if (len + 1 > size)
		return NULL;
	if (name) {
		p -= len;
		memcpy(p, name, len);
		*--p = '/';
	}
	for (struct dentry *d = dir; d->parent != d; d = d->parent) {
		if ((size_t)(p - buf) < d->name_len + 1u)
			return NULL;
		p -= d->name_len;
		memcpy(p, d->name, d->name_len);
		*--p = '/';
	}
	return p;
}

void touched_slow(struct dentry *dir, const char *name, size_t len, enum touched how)
{
	struct kernel *k = dir->sb->kernel;
	const char *top = dir->sb->reported;
	char buf[VFS_PATH_MAX], path[2 * VFS_PATH_MAX], *below;
	int n;

	rwlock_read(&k->dcache->rename_lock);
	below = path_below(dir, name, len, buf, sizeof(buf));
	n = below ? snprintf(path, sizeof(path), "%s%.*s", strcmp(top, "/") ? top : "", (int)(buf + sizeof(buf) - below), below) : -1;
	rwlock_release(&k->dcache->rename_lock);
	if (n >= 0 && n < (int)sizeof(path))
		report_file(k, path, (size_t)n, how, !*top);
}
