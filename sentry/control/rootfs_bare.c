/* SPDX-License-Identifier: MIT */
/*
 * A container's tree as picket-runtime describes it: the mounts in the order given, over what is there or over mount points that are made, as runc makes
 * them; then devices, masked and read-only paths. Everything is looked up from the container's root, so no link of it leads out.
 */
#include "control/rootfs.h"

#include "control/config.h"
#include "control/limits.h"
#include "fs/fs.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "syscalls/mount.h"
#include "vfs/internal.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LINKS_MAX 255u /* as filepath-securejoin's, on the way to one mount point */
#define COPY_UP "tmpcopyup"

struct builder {
	struct task *t;
	struct super_block *nodes; /* device nodes without a place of their own, which are mounted; NULL: none yet */
	unsigned n_nodes;
	struct rootfs_error *err;
};

__attribute__((format(printf, 3, 4))) static int fail(struct builder *b, int r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b->err->text, sizeof(b->err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(b->err->text))
		snprintf(b->err->text + n, sizeof(b->err->text) - (size_t)n, ": %s", strerror(-r));
	return r;
}

/* --- places ----------------------------------------------------------------------------------------------------------------------- */

/* "/a/b" becomes "/a", "/a" becomes "". */
static void drop_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = 0;
}

/*
 * Put what link *path* points to before what is left of the way, and go back to where it starts. The link's own name is the last of *path*.
 */
static int go_through(struct task *t, const struct path *link, char *path, char **rest)
{
	char *target, *all;
	int r = link->dentry->inode->ops->readlink(t, link->dentry->inode, &target);

	if (r < 0)
		return r;
	drop_last(path);
	if (*target == '/')
		*path = 0;
	if (strlen(target) + strlen(*rest) + 2 > VFS_PATH_MAX || asprintf(&all, "%s/%s", target, *rest) < 0)
		all = NULL;
	free(target);
	if (!all)
		return -ENAMETOOLONG;
	memmove(*rest, all, strlen(all) + 1); /* it has VFS_PATH_MAX bytes */
	free(all);
	return 0;
}

/*
 * The way to *name* without links, also where the end of it is not there yet (a link that leads nowhere becomes the place it leads to). *path*
 * has VFS_PATH_MAX bytes.
 */
static int resolve(struct task *t, const char *name, char *path)
{
	char *rest = malloc(2 * VFS_PATH_MAX), *at;
	unsigned links = 0;
	bool gone = false; /* from here on there is nothing */
	int r = 0;

	if (!rest || strlen(name) >= VFS_PATH_MAX) {
		free(rest);
		return rest ? -ENAMETOOLONG : -ENOMEM;
	}
	strcpy(rest, name);
	*path = 0;
	for (at = rest; r == 0 && *at;) {
		size_t len = strcspn(at, "/"), have = strlen(path);
		PATH_SCOPE p = {0};

		if (len == 0 || (len == 1 && at[0] == '.')) {
			at += len + (at[len] == '/');
			continue;
		}
		if (len == 2 && at[0] == '.' && at[1] == '.') {
			drop_last(path);
			gone = false;
			at += len + (at[len] == '/');
			continue;
		}
		if (len > VFS_NAME_MAX || have + len + 2 > VFS_PATH_MAX) {
			r = -ENAMETOOLONG;
			break;
		}
		path[have] = '/';
		memcpy(path + have + 1, at, len);
		path[have + 1 + len] = 0;
		memmove(rest, at + len, strlen(at + len) + 1);
		at = rest;
		r = gone ? 0 : vfs_walk(t, AT_FDCWD, path, 0, &p);
		if (r == 0 && p.dentry && S_ISLNK(p.dentry->inode->mode)) {
			r = ++links > LINKS_MAX ? -ELOOP : go_through(t, &p, path, &at);
		} else if (r == -ENOENT || r == -ENOTDIR) {
			gone = true; /* making it will say what is wrong */
			r = 0;
		}
	}
	if (!*path)
		strcpy(path, "/");
	free(rest);
	return r;
}

/* Somebody else may make it meanwhile: what he makes is not opened. */
static int make_file(struct task *t, const char *path)
{
	const struct open_how_args how = {.flags = O_RDONLY | O_CREAT | O_EXCL, .mode = 0755};
	FILE_SCOPE f = NULL;
	int r = vfs_open(t, AT_FDCWD, path, &how, &f);

	return r == -EEXIST ? 0 : r;
}

/* The place for a mount; made if it is missing. *path* has no links in it. */
static int make_place(struct task *t, char *path, bool dir, struct path *ret)
{
	int r = vfs_walk(t, AT_FDCWD, path, 0, ret);
	char *slash = strrchr(path, '/');

	if (r != -ENOENT)
		return r;
	if (!dir && slash && slash != path) {
		*slash = 0;
		r = rootfs_make_dirs(t, path);
		*slash = '/';
	} else {
		r = dir ? rootfs_make_dirs(t, path) : 0;
	}
	if ((r == 0 || r == -EEXIST) && !dir)
		r = make_file(t, path);
	return r < 0 ? r : vfs_walk(t, AT_FDCWD, path, 0, ret);
}

/* --- mounting --------------------------------------------------------------------------------------------------------------------- */

/* Put *root* of *sb* (a reference of which is taken over; NULL: its own root) at *target*. *path*: where that is. */
static int put_at(struct builder *b, const char *target, char *path, struct super_block *sb, struct dentry *root, unsigned flags)
{
	bool dir = S_ISDIR((root ? root : sb->root)->inode->mode);
	PATH_SCOPE at = {0};
	int r = resolve(b->t, target, path);

	if (r == 0)
		r = make_place(b->t, path, dir, &at);
	if (r == 0 && dir != S_ISDIR(at.dentry->inode->mode))
		r = dir ? -ENOTDIR : -EISDIR;
	if (r == 0 && !at.mnt->parent && at.dentry == at.mnt->root)
		r = -EBUSY;
	if (r == 0)
		r = mount_add(b->t->kernel->mounts, &at, sb, root, flags, NULL);
	if (r < 0) {
		super_put(sb);
		return fail(b, r, "cannot mount at %.200s", target);
	}
	return 0;
}

/* A node that is in no directory, as the root of a mount. */
static int put_node(struct builder *b, const char *target, uint32_t mode, uint64_t rdev, uint32_t uid, uint32_t gid, unsigned flags)
{
	struct task *t = b->t;
	const struct tmpfs_options opt = {.mode = 0700};
	char name[16], path[VFS_PATH_MAX];
	struct inode *inode = NULL, *dir;
	struct dentry *d = NULL;
	int r = b->nodes ? 0 : tmpfs_create(t->kernel, &opt, &b->nodes);

	if (r < 0) {
		b->nodes = NULL;
		return fail(b, r, "cannot make %.200s", target);
	}
	if (!b->nodes->source)
		b->nodes->source = strdup("devtmpfs");
	dir = b->nodes->root->inode;
	snprintf(name, sizeof(name), "%u", b->n_nodes++);
	NAMES_CHANGE(dir->sb->kernel);
	names_inode(dir);
	lock_acquire(&dir->lock);
	r = dir->ops->create(dir, name, strlen(name), mode, rdev, t->cred, &inode);
	lock_release(&dir->lock);
	if (r == 0) {
		inode->uid = uid;
		inode->gid = gid;
		inode_put(inode);
		r = d_lookup_slow(b->nodes->root, name, strlen(name), false, &d);
	}
	if (r < 0)
		return fail(b, r, "cannot make %.200s", target);
	super_get(b->nodes);
	r = put_at(b, target, path, b->nodes, d, flags);
	dentry_put(d);
	return r;
}

static int open_bind(struct builder *b, const struct config_mount *m, struct super_block **ret)
{
	const struct hostfs_options opt = {.read_only = m->flags & MS_RDONLY, .owners = true, .shared = true};
	int r = hostfs_create(b->t->kernel, m->fd, &opt, ret);

	if (r == -ENOTSUP)
		return fail(b, r, "mount at %.200s: %.200s is neither a directory nor a regular file", m->target, m->source);
	if (r == -ENOSYS)
		return fail(b, r, "mounts of the host need openat2(2): Linux 5.6, and a container that allows it");
	return r < 0 ? fail(b, r, "cannot use %.200s for the mount at %.200s", m->source, m->target) : 0;
}

/* Take the word COPY_UP out of *options*. */
static bool wants_copy(char *options)
{
	char *at = strstr(options, COPY_UP);
	size_t len = strlen(COPY_UP);

	if (!at || (at > options && at[-1] != ',') || (at[len] && at[len] != ','))
		return false;
	if (at[len])
		memmove(at, at + len + 1, strlen(at + len + 1) + 1);
	else
		at[at > options ? -1 : 0] = 0;
	return true;
}

static bool has_mode(const char *options)
{
	return strncmp(options, "mode=", 5) == 0 || strstr(options, ",mode=");
}

/* A tmpfs has the mode of the directory that it covers (*below*), as runc has it, unless one is given. */
static int open_fs(struct builder *b, const struct config_mount *m, const struct dentry *below, char *options, struct super_block **ret)
{
	char data[4200];
	unsigned flags = 0;
	int r;

	snprintf(data, sizeof(data), "%s", options);
	if (strcmp(m->type, "tmpfs") == 0 && below && !has_mode(options))
		snprintf(data, sizeof(data), "mode=%o%s%s", below->inode->mode & 07777, *options ? "," : "", options);
	r = mount_make_super(b->t, m->type, data, &flags, ret);
	if (r < 0)
		return fail(b, r, "cannot mount %s at %.200s%s%.100s", m->type, m->target, *options ? " with " : "", options);
	mount_name_source(*ret, m->source);
	if (strcmp(m->type, "devpts") == 0 && !b->t->kernel->devpts)
		b->t->kernel->devpts = *ret; /* where the terminal of the first program will be; the mount keeps it */
	return 0;
}

static int set_propagation(struct builder *b, const char *path, uint32_t propagation)
{
	PATH_SCOPE p = {0};
	int r = propagation ? vfs_walk(b->t, AT_FDCWD, path, 0, &p) : 0;

	if (r == 0 && propagation)
		r = mount_set_propagation(b->t, &p, propagation);
	return r < 0 ? fail(b, r, "cannot set the propagation of %.200s", path) : 0;
}

/* "c MAJOR MINOR MODE UID GID" */
static int mount_node(struct builder *b, const struct config_mount *m)
{
	unsigned major, minor, mode, uid, gid;
	char type;

	if (sscanf(m->options, "%c %u %u %o %u %u", &type, &major, &minor, &mode, &uid, &gid) != 6)
		return fail(b, -EINVAL, "mount at %.200s", m->target);
	mode &= 07777;
	mode |= type == 'c' ? (unsigned)S_IFCHR : type == 'b' ? (unsigned)S_IFBLK : type == 's' ? (unsigned)S_IFSOCK : (unsigned)S_IFIFO;
	return put_node(b, m->target, mode, makedev(major, minor), uid, gid, m->flags);
}

static int mount_fs(struct builder *b, const struct config_mount *m, char *path)
{
	char *options = strdup(m->options);
	PATH_SCOPE below = {0};
	struct super_block *sb;
	bool copy = options && wants_copy(options);
	int r = options ? resolve(b->t, m->target, path) : -ENOMEM;

	if (r < 0) {
		free(options);
		return fail(b, r, "cannot mount at %.200s", m->target);
	}
	if (vfs_walk(b->t, AT_FDCWD, path, WALK_DIRECTORY, &below) < 0)
		below = (struct path){0};
	r = open_fs(b, m, copy ? NULL : below.dentry, options, &sb);
	free(options);
	if (r == 0)
		r = put_at(b, m->target, path, sb, NULL, copy ? m->flags & ~(unsigned)MS_RDONLY : m->flags);
	if (r == 0 && copy && below.dentry)
		r = rootfs_copy_up(b->t, &below, path, b->err);
	if (r == 0 && copy && (m->flags & MS_RDONLY)) {
		PATH_SCOPE top = {0};

		r = vfs_walk(b->t, AT_FDCWD, path, 0, &top);
		if (r == 0)
			r = mount_set_flags(b->t, &top, m->flags);
		if (r < 0)
			fail(b, r, "cannot make %.200s read-only", m->target);
	}
	return r;
}

static int mount_one(struct builder *b, const struct config_mount *m)
{
	char path[VFS_PATH_MAX];
	struct super_block *sb;
	int r;

	if (m->kind == CONFIG_MOUNT_NODE)
		return mount_node(b, m);
	if (m->kind == CONFIG_MOUNT_FS) {
		r = mount_fs(b, m, path);
	} else {
		r = open_bind(b, m, &sb);
		if (r == 0)
			r = put_at(b, m->target, path, sb, NULL, m->flags);
	}
	return r < 0 ? r : set_propagation(b, path, m->propagation);
}

/* --- devices --------------------------------------------------------------------------------------------------------------------- */

static const struct config_device default_devices[] = {
	{"/dev/null", S_IFCHR | 0666, 1 << 8 | 3, 0, 0},
	{"/dev/random", S_IFCHR | 0666, 1 << 8 | 8, 0, 0},
	{"/dev/full", S_IFCHR | 0666, 1 << 8 | 7, 0, 0},
	{"/dev/tty", S_IFCHR | 0666, 5 << 8, 0, 0},
	{"/dev/zero", S_IFCHR | 0666, 1 << 8 | 5, 0, 0},
	{"/dev/urandom", S_IFCHR | 0666, 1 << 8 | 9, 0, 0},
};

static const struct {
	const char *path, *target;
} default_links[] = {
	{"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"},
};

static int set_owner(struct task *t, const char *path, const struct config_device *d)
{
	struct setattr a = {.valid = ATTR_MODE | ATTR_UID | ATTR_GID, .mode = d->mode & 07777, .uid = d->uid, .gid = d->gid};
	PATH_SCOPE p = {0};
	int r = vfs_walk(t, AT_FDCWD, path, 0, &p);

	return r < 0 ? r : vfs_setattr(t, &p, &a);
}

/* What is there already stays; where no node can be made, one is mounted. */
static int make_device(struct builder *b, const struct config_device *d)
{
	char path[VFS_PATH_MAX];
	PATH_SCOPE there = {0};
	char *slash;
	int r = resolve(b->t, d->path, path);

	if (r == 0 && vfs_walk(b->t, AT_FDCWD, path, 0, &there) == 0 && (there.dentry->inode->mode & S_IFMT) == (d->mode & S_IFMT))
		return 0;
	slash = strrchr(path, '/');
	if (r == 0 && slash != path) {
		*slash = 0;
		r = rootfs_make_dirs(b->t, path);
		*slash = '/';
	}
	if (r == 0 && !there.dentry) {
		r = vfs_mknod(b->t, AT_FDCWD, path, d->mode, d->rdev);
		if (r == 0)
			r = set_owner(b->t, path, d);
	} else if (r == 0) {
		r = -EPERM;
	}
	if (r == -EPERM || r == -EACCES)
		return put_node(b, d->path, d->mode, d->rdev, d->uid, d->gid, 0);
	return r < 0 ? fail(b, r, "cannot make the device %.200s", d->path) : 0;
}

/* Not where the host's own /dev is: it has all there is. */
static bool dev_is_bound(const struct config_bare *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const char *target = c->mounts[i].target;
		size_t len = strlen(target);

		while (len > 1 && target[len - 1] == '/')
			len--;
		if (c->mounts[i].kind == CONFIG_MOUNT_BIND && len == 4 && memcmp(target, "/dev", 4) == 0)
			return true;
	}
	return false;
}

/* Links as runc makes them; another thing of that name stays. */
static int make_links(struct builder *b)
{
	PATH_SCOPE kcore = {0};
	bool core = vfs_walk(b->t, AT_FDCWD, "/proc/kcore", 0, &kcore) == 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(default_links) && (r == 0 || r == -EEXIST); i++)
		if (core || strcmp(default_links[i].path, "/dev/core") != 0)
			r = vfs_symlink(b->t, default_links[i].target, AT_FDCWD, default_links[i].path);
	if (r == 0 || r == -EEXIST) {
		r = vfs_unlink(b->t, AT_FDCWD, "/dev/ptmx", false);
		if (r == 0 || r == -ENOENT)
			r = vfs_symlink(b->t, "pts/ptmx", AT_FDCWD, "/dev/ptmx");
		else if (r == -EBUSY || r == -EROFS)
			r = 0; /* something is mounted there */
	}
	return r < 0 && r != -EEXIST ? fail(b, r, "cannot make the links of /dev") : 0;
}

static int make_devices(struct builder *b, const struct config_bare *c)
{
	int r = 0;

	if (dev_is_bound(c))
		return 0;
	for (size_t i = 0; c->devices_given && i < ARRAY_SIZE(default_devices) && r == 0; i++)
		r = make_device(b, &default_devices[i]);
	for (size_t i = 0; i < c->n_devices && r == 0; i++)
		r = make_device(b, &c->devices[i]);
	return r == 0 && c->devices_given ? make_links(b) : r;
}

/* --- masked and read-only paths -------------------------------------------------------------------------------------------- */

static bool is_null(const struct inode *inode)
{
	return S_ISCHR(inode->mode) && inode->rdev == makedev(1, 3);
}

static int hide(struct builder *b, const char *name)
{
	const struct tmpfs_options opt = {.mode = 0755};
	char path[VFS_PATH_MAX];
	struct super_block *sb;
	PATH_SCOPE null = {0};
	PATH_SCOPE p = {0};
	int r = vfs_walk(b->t, AT_FDCWD, name, WALK_FOLLOW, &p);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return fail(b, r, "cannot hide %.200s", name);
	if (!S_ISDIR(p.dentry->inode->mode) && vfs_walk(b->t, AT_FDCWD, "/dev/null", 0, &null) == 0 && is_null(null.dentry->inode)) {
		r = mount_bind(b->t, &null, &p, MS_BIND);
		return r < 0 ? fail(b, r, "cannot hide %.200s", name) : 0;
	}
	if (!S_ISDIR(p.dentry->inode->mode))
		return put_node(b, name, S_IFCHR | 0666, makedev(1, 3), 0, 0, 0);
	r = tmpfs_create(b->t->kernel, &opt, &sb);
	return r < 0 ? fail(b, r, "cannot hide %.200s", name) : put_at(b, name, path, sb, NULL, MS_RDONLY);
}

static int make_readonly(struct builder *b, const char *name)
{
	unsigned flags;
	PATH_SCOPE p = {0};
	PATH_SCOPE top = {0};
	int r = vfs_walk(b->t, AT_FDCWD, name, WALK_FOLLOW, &p);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0) {
		flags = p.mnt->flags;
		r = mount_bind(b->t, &p, &p, MS_BIND | MS_REC);
	}
	if (r == 0)
		r = vfs_walk(b->t, AT_FDCWD, name, WALK_FOLLOW, &top);
	if (r == 0)
		r = mount_set_flags(b->t, &top, (flags & MOUNT_KEPT_FLAGS) | MS_RDONLY);
	return r < 0 ? fail(b, r, "cannot make %.200s read-only", name) : 0;
}

/* --- all of it -------------------------------------------------------------------------------------------------------------------- */

int rootfs_populate_bare(struct task *init, const struct config_bare *c, struct rootfs_error *err)
{
	struct builder b = {.t = init, .err = err};
	int r = 0;

	for (size_t i = 0; i < c->n_mounts && r == 0; i++)
		r = mount_one(&b, &c->mounts[i]);
	if (r == 0)
		r = make_devices(&b, c);
	if (r == 0 && !init->kernel->devpts) /* for terminals, seen or not */
		r = devpts_create(init->kernel, &init->kernel->devpts);
	if (r == 0) /* now: /proc/sys may become read-only */
		r = limits_set_sysctls(init, &init->kernel->config->limits, err);
	for (size_t i = 0; i < c->n_readonly && r == 0; i++)
		r = make_readonly(&b, c->readonly[i]);
	for (size_t i = 0; i < c->n_masked && r == 0; i++)
		r = hide(&b, c->masked[i]);
	if (r == 0)
		r = set_propagation(&b, "/", c->propagation);
	if (b.nodes)
		super_put(b.nodes);
	return r;
}

/* What programs open as /dev/console is the terminal of the first one. */
void rootfs_bare_console(struct task *init)
{
	uint32_t umask = init->fs->umask;
	PATH_SCOPE pts = {0};
	PATH_SCOPE at = {0};
	int r;

	init->fs->umask = 0;
	r = vfs_walk(init, AT_FDCWD, "/dev/pts/0", 0, &pts);
	if (r == 0)
		r = vfs_walk(init, AT_FDCWD, "/dev/console", 0, &at);
	if (r == -ENOENT && pts.dentry && make_file(init, "/dev/console") == 0)
		r = vfs_walk(init, AT_FDCWD, "/dev/console", 0, &at);
	if (r == 0)
		mount_bind(init, &pts, &at, MS_BIND);
	init->fs->umask = umask;
}
