/* SPDX-License-Identifier: MIT */
/* From a dentry back to a name: getcwd(2), /proc/PID/fd, /proc/PID/maps. */
#include "vfs/internal.h"

#include <string.h>

/* Prepend to a string that grows downwards. */
static bool prepend(char **p, const char *floor, const char *s, size_t len)
{
	if ((size_t)(*p - floor) < len)
		return false;
	*p -= len;
	memcpy(*p, s, len);
	return true;
}

/* Build the path of *at* up to *root* at the end of buf; returns its start, NULL: too long. *reached*: did it meet the root? */
static char *build(struct path at, const struct path *root, char *buf, char *end, bool *reached)
{
	struct mount *mnt = at.mnt;
	struct dentry *d = at.dentry;
	char *p = end;

	*reached = false;
	for (;;) {
		if (mnt == root->mnt && d == root->dentry) {
			*reached = true;
			break;
		}
		if (mnt && d == mnt->root) {
			if (!mnt->parent || !mnt->ns)
				break;
			d = mnt->mountpoint;
			mnt = mnt->parent;
			continue;
		}
		if (d->parent == d)
			break;
		if (!prepend(&p, buf, d->name, d->name_len) || !prepend(&p, buf, "/", 1))
			return NULL;
		d = d->parent;
	}
	if (p == end && !prepend(&p, buf, "/", 1))
		return NULL;
	return p;
}

/* Anonymous objects have a name of their own and no place. */
static ssize_t anon_name(const struct path *p, char *buf, size_t size)
{
	if (p->dentry->name_len + 1 > size)
		return -ENAMETOOLONG;
	memcpy(buf, p->dentry->name, p->dentry->name_len + 1);
	return (ssize_t)p->dentry->name_len;
}

static ssize_t path_string(const struct path *root, const struct path *p, bool say, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
	struct kernel *k = p->dentry->sb->kernel;
	char *start, *end;
	bool reached;

	if (!p->mnt || p->dentry->sb == k->nsfs)
		return anon_name(p, buf, size);
	if (size < sizeof(deleted) + 2)
		return -ENAMETOOLONG;
	end = buf + size - 1;
	*end = 0;
	if (p->dentry->unhashed && !prepend(&end, buf, deleted, sizeof(deleted) - 1))
		return -ENAMETOOLONG;
	mount_read_lock(k);
	rwlock_read(&k->dcache->rename_lock);
	start = build(*p, root, buf, end, &reached);
	rwlock_release(&k->dcache->rename_lock);
	mount_unlock(k);
	if (!start || (say && !reached && !prepend(&start, buf, unreachable, sizeof(unreachable) - 1)))
		return -ENAMETOOLONG;
	size = (size_t)(buf + size - 1 - start);
	memmove(buf, start, size + 1);
	return (ssize_t)size;
}

ssize_t vfs_path_string_from(const struct path *root, const struct path *p, char *buf, size_t size)
{
	return path_string(root, p, true, buf, size);
}

ssize_t vfs_path_string(struct task *t, const struct path *p, char *buf, size_t size)
{
	struct path root;
	ssize_t n;

	fs_get_root(t, &root);
	n = path_string(&root, p, false, buf, size);
	path_put(&root);
	return n;
}
