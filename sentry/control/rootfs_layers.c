/* SPDX-License-Identifier: MIT */
/*
 * Named volumes and copy-on-write shares: overlays with a store on disk (docs/kept-format.md), or in memory. An empty volume gets
 * what the image has at its place.
 */
#include "control/rootfs.h"

#include "control/config.h"
#include "fs/fs.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "vfs/acl.h"
#include "vfs/simple_xattr.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define COPY_DEPTH 100
#define COPY_CHUNK (256u << 10)

int rootfs_layer_error(struct rootfs_error *err, int r, const char *what)
{
	if (r == -EOPNOTSUPP)
		snprintf(err->text, sizeof(err->text), "%s cannot be kept on this file system, which has no user extended attributes: "
			"use --rm, or a store on ext4, xfs or btrfs", what);
	else if (r == -EUCLEAN || r == -EPROTONOSUPPORT)
		snprintf(err->text, sizeof(err->text), "%s is damaged, or of a newer version", what);
	else if (r == -ENOSYS || r == -EPERM)
		snprintf(err->text, sizeof(err->text), "%s needs openat2(2): Linux 5.6, and a container that allows it", what);
	else
		snprintf(err->text, sizeof(err->text), "%s cannot be opened: %s", what, strerror(-r));
	return r;
}

/* --- filling a volume from the image ---------------------------------------------------------------------------------------------- */

struct names { /* of one directory */
	struct dir_emit de;
	char *bytes;
	size_t len, room;
	int err;
};

static bool take_name(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next)
{
	struct names *n = container_of(de, struct names, de);

	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	if (n->len + len + 1 > n->room) {
		size_t room = n->room ? n->room * 2 : 4096;
		char *p = realloc(n->bytes, room);

		if (!p) {
			n->err = -ENOMEM;
			return false;
		}
		n->bytes = p;
		n->room = room;
	}
	memcpy(n->bytes + n->len, name, len);
	n->bytes[n->len + len] = 0;
	n->len += len + 1;
	return true;
}

static int list(struct task *t, const struct path *dir, struct names *n)
{
	FILE_SCOPE f = NULL;
	int64_t pos = 0, before = -1;
	int r = vfs_open_path(t, dir, O_RDONLY | O_DIRECTORY, &f);

	*n = (struct names){.de.emit = take_name, .de.task = NULL};
	while (r == 0 && n->err == 0 && pos != before) {
		before = pos;
		r = f->ops && f->ops->readdir ? f->ops->readdir(f, &n->de, &pos) : -ENOTDIR;
	}
	return r < 0 ? r : n->err;
}

static bool is_empty(struct task *t, const struct path *dir)
{
	struct names n;
	bool empty = list(t, dir, &n) == 0 && n.len == 0;

	free(n.bytes);
	return empty;
}

static int copy_xattrs(struct inode *from, struct inode *to)
{
	char *names, *value;
	ssize_t len;
	int r = 0;

	if (!from->ops || !from->ops->listxattr || !from->ops->getxattr || !to->ops->setxattr)
		return 0;
	len = from->ops->listxattr(from, NULL, 0);
	if (len <= 0)
		return 0;
	names = malloc((size_t)len);
	value = malloc(XATTR_VALUE_BYTES);
	if (!names || !value)
		r = -ENOMEM;
	len = r == 0 ? from->ops->listxattr(from, names, (size_t)len) : 0;
	for (ssize_t at = 0; r == 0 && at < len; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t n = from->ops->getxattr(from, names + at, value, XATTR_VALUE_BYTES);

		if (n < 0 || acl_is_name(names + at))
			continue;
		lock_acquire(&to->lock);
		r = to->ops->setxattr(to, names + at, value, (size_t)n, 0);
		lock_release(&to->lock);
	}
	free(names);
	free(value);
	return r;
}

static int copy_acl(struct inode *from, struct inode *to, bool dflt)
{
	void *bytes;
	ssize_t n = acl_export(from, dflt, &bytes);
	int r = n > 0 ? acl_import(to, dflt, bytes, (size_t)n) : (int)n;

	free(bytes);
	if (n > 0 && r == 0 && to->ops->acl_changed) {
		lock_acquire(&to->lock);
		r = to->ops->acl_changed(to);
		lock_release(&to->lock);
	}
	return r;
}

static int copy_attributes(const struct path *from, const struct path *to)
{
	struct inode *f = from->dentry->inode, *i = to->dentry->inode;
	struct setattr a = {.valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME};
	struct kstat st;
	int r = inode_getattr(f, &st);

	if (r < 0)
		return r;
	a.mode = st.mode & 07777;
	a.uid = st.uid;
	a.gid = st.gid;
	a.atime = st.atime;
	a.mtime = st.mtime;
	lock_acquire(&i->lock);
	r = i->ops->setattr(i, &a);
	lock_release(&i->lock);
	if (r == 0)
		r = copy_xattrs(f, i);
	if (r == 0 && !S_ISLNK(st.mode))
		r = copy_acl(f, i, false);
	return r == 0 && S_ISDIR(st.mode) ? copy_acl(f, i, true) : r;
}

static int copy_data(struct task *t, const struct path *from, const char *name)
{
	const struct open_how_args how = {.flags = O_WRONLY | O_CREAT | O_EXCL, .mode = 0600};
	FILE_SCOPE in = NULL;
	FILE_SCOPE out = NULL;
	char *buf = malloc(COPY_CHUNK);
	int r = buf ? vfs_open_path(t, from, O_RDONLY, &in) : -ENOMEM;
	ssize_t n = 0;

	if (r == 0)
		r = vfs_open(t, AT_FDCWD, name, &how, &out);
	while (r == 0) {
		struct uio u;

		uio_init_kernel(&u, buf, COPY_CHUNK);
		n = file_read(t, in, &u, -1);
		if (n <= 0)
			break;
		uio_init_kernel(&u, buf, (size_t)n);
		n = file_write(t, out, &u, -1);
		if (n < 0)
			break;
	}
	free(buf);
	return r < 0 ? r : n < 0 ? (int)n : 0;
}

static int make_copy(struct task *t, const struct path *from, const char *name)
{
	struct inode *inode = from->dentry->inode;
	uint32_t mode = inode->mode;
	char *target;
	int r;

	switch (mode & S_IFMT) {
	case S_IFDIR:
		return vfs_mkdir(t, AT_FDCWD, name, 0700);
	case S_IFREG:
		return copy_data(t, from, name);
	case S_IFLNK:
		r = inode->ops->readlink(t, inode, &target);
		if (r == 0) {
			r = vfs_symlink(t, target, AT_FDCWD, name);
			free(target);
		}
		return r;
	default:
		return vfs_mknod(t, AT_FDCWD, name, mode, inode->rdev);
	}
}

static int copy_tree(struct task *t, const struct path *from, const struct path *to, unsigned depth);

static int copy_entry(struct task *t, const struct path *from_dir, const struct path *to_dir, const char *name, unsigned depth)
{
	PATH_SCOPE from = {0};
	PATH_SCOPE to = {0};
	int r = vfs_walk_at(t, from_dir, name, 0, &from);

	if (r == 0 && from.mnt != from_dir->mnt)
		return 0; /* something is mounted there */
	if (r == 0) {
		fs_set_cwd(t->fs, to_dir);
		r = make_copy(t, &from, name);
	}
	if (r == 0)
		r = vfs_walk_at(t, to_dir, name, 0, &to);
	if (r == 0 && S_ISDIR(from.dentry->inode->mode))
		r = copy_tree(t, &from, &to, depth + 1);
	return r < 0 ? r : copy_attributes(&from, &to);
}

static int copy_tree(struct task *t, const struct path *from, const struct path *to, unsigned depth)
{
	struct names n;
	int r = depth > COPY_DEPTH ? -ELOOP : list(t, from, &n);

	if (depth > COPY_DEPTH)
		return r;
	for (size_t at = 0; r == 0 && at < n.len; at += strlen(n.bytes + at) + 1)
		r = copy_entry(t, from, to, n.bytes + at, depth);
	free(n.bytes);
	return r;
}

static int fill(struct task *t, const struct path *from, const char *target, struct rootfs_error *err)
{
	PATH_SCOPE to = {0};
	PATH_SCOPE cwd = {0};
	int r = vfs_walk(t, AT_FDCWD, target, WALK_FOLLOW, &to);

	if (r < 0 || !is_empty(t, &to))
		return 0;
	fs_get_cwd(t, &cwd);
	r = copy_tree(t, from, &to, 0);
	if (r == 0)
		r = copy_attributes(from, &to);
	fs_set_cwd(t->fs, &cwd);
	if (r < 0)
		snprintf(err->text, sizeof(err->text), "volume at %s: cannot copy what the image has there: %s", target, strerror(-r));
	return r;
}

int rootfs_copy_up(struct task *t, const struct path *from, const char *target, struct rootfs_error *err)
{
	return fill(t, from, target, err);
}

/* --- mounting -------------------------------------------------------------------------------------------------------------------------- */

static int mount_volume(struct task *t, const struct config_layer *l, struct rootfs_error *err)
{
	const struct overlay_options opt = {.upper_fd = l->upper_fd};
	struct super_block *sb;
	PATH_SCOPE image = {0};
	char what[300];
	int r;

	snprintf(what, sizeof(what), "the volume at %.250s", l->target);
	if (l->upper_fd < 0) { /* of a sandbox that is dropped: a directory of its own layer does as well */
		r = rootfs_make_dirs(t, l->target);
		if (r < 0)
			snprintf(err->text, sizeof(err->text), "%s: cannot make the directory: %s", what, strerror(-r));
		return r;
	}
	r = overlay_create(t->kernel, NULL, &opt, &sb);
	if (r < 0)
		return rootfs_layer_error(err, r, what);
	if (l->copy && vfs_walk(t, AT_FDCWD, l->target, WALK_FOLLOW | WALK_DIRECTORY, &image) < 0)
		image = (struct path){0};
	r = rootfs_mount_at(t, l->target, sb, l->writable ? 0 : MS_RDONLY, err);
	return r == 0 && image.dentry ? fill(t, &image, l->target, err) : r;
}

static int mount_cow(struct task *t, const struct config *c, const struct config_layer *l, struct rootfs_error *err)
{
	const struct hostfs_options below = {.read_only = true, .lower = true,
		.hidden = (const struct host_object *)(const void *)c->hidden, .n_hidden = c->n_hidden,
		.places = (const struct host_place *)(const void *)c->places, .n_places = c->n_places};
	const struct overlay_options opt = {.upper_fd = l->upper_fd, .size = c->storage_size};
	struct super_block *lower, *sb;
	char what[300];
	int r;

	snprintf(what, sizeof(what), "the share at %.250s", l->target);
	r = hostfs_create(t->kernel, l->lower_fd, &below, &lower);
	if (r < 0)
		return rootfs_layer_error(err, r, what);
	r = overlay_create(t->kernel, lower, &opt, &sb);
	if (r < 0) {
		super_put(lower);
		return rootfs_layer_error(err, r, what);
	}
	return rootfs_mount_at(t, l->target, sb, MS_NOSUID | MS_NODEV, err);
}

int rootfs_mount_layer(struct task *t, const struct config *c, const struct config_layer *l, struct rootfs_error *err)
{
	return l->lower_fd < 0 ? mount_volume(t, l, err) : mount_cow(t, c, l, err);
}

void rootfs_ended(struct kernel *k)
{
	struct mount *m;

	mount_read_lock(k);
	list_for_each_entry(m, &k->mounts->mounts, link)
		overlay_ended(m->sb);
	mount_unlock(k);
}
