/* SPDX-License-Identifier: MIT */
/*
 * hostfs: attributes.
 *
 * Owners: the host user who runs the sandbox is root inside, as in a rootless container of podman; everybody else of a
 * volume is nobody (65534). In `host` mode and below an overlay the system's own files keep root as their owner. There is no
 * other owner to give a file to: chown(2) is EPERM unless it changes nothing. Times, modes and sizes are the host's.
 * With real owners (hostfs_owner.c) ids are the host's too.
 */
#include "fs/hostfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static uint32_t map_id(const struct hostfs *fs, uint32_t id, uint32_t own)
{
	if (fs->owners)
		return id;
	if (id == own)
		return 0;
	if (fs->system)
		return id == HOSTFS_NOBODY ? 0 : id; /* unmapped in our user namespace: a system account */
	return fs->lower ? id : HOSTFS_NOBODY;
}

uint64_t host_ino(const struct hostfs *fs, uint64_t dev, uint64_t ino)
{
	/* One super block may span mounts of the host: keep their inode numbers apart. */
	return dev == fs->root_dev ? ino : ino ^ (dev * 0x9e3779b97f4a7c15u >> 1);
}

static const struct host_place *find_place(struct inode *dir, const char *name)
{
	const struct hostfs *fs = hostfs_of(dir);
	const struct icache_entry *at = &host_node_of(dir)->entry;

	for (size_t i = 0; i < fs->n_places; i++)
		if (fs->places[i].ino == at->key2 && fs->places[i].dev == at->key1 && strcmp(fs->places[i].name, name) == 0)
			return &fs->places[i];
	return NULL;
}

bool host_held(struct inode *dir, const char *name)
{
	return host_guarded(hostfs_of(dir), name) || find_place(dir, name);
}

bool host_hidden(struct inode *dir, const char *name, const struct statx *st)
{
	const struct hostfs *fs = hostfs_of(dir);
	const struct host_place *place = find_place(dir, name);
	static const char *const secrets[] = {"shadow", "shadow-", "gshadow", "gshadow-", "sudoers", "sudoers.d", "opasswd",
		"krb5.keytab", "machine-id", "master.passwd"};

	for (size_t i = 0; i < fs->n_hidden; i++)
		if (fs->hidden[i].ino == st->stx_ino && fs->hidden[i].dev == host_stx_dev(st))
			return true;
	if (place && place->hidden)
		return true;
	if (!fs->hide || S_ISLNK(st->stx_mode))
		return false;
	if (S_ISDIR(st->stx_mode) ? (st->stx_mode & 0005) != 0005 : !(st->stx_mode & 0004))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		if (strcmp(name, secrets[i]) == 0)
			return true;
	return false;
}

static struct timespec to_timespec(const struct statx_timestamp *ts)
{
	return (struct timespec){.tv_sec = ts->tv_sec, .tv_nsec = ts->tv_nsec};
}

/* What was known of its access lists is for another change time. Two readers at once: both see the file as it is. */
static void host_seen_change(struct inode *inode, struct timespec ctime)
{
	struct host_node *n = host_node_of(inode);

	LOCK_SCOPE(&hostfs_of(inode)->lock);
	if (n->ctime.tv_sec != ctime.tv_sec || n->ctime.tv_nsec != ctime.tv_nsec) {
		n->ctime = ctime;
		n->acl_known = false;
	}
}

void host_fill_inode(struct inode *inode, const struct statx *st)
{
	const struct hostfs *fs = hostfs_of(inode);

	inode->mode = st->stx_mode;
	inode->uid = map_id(fs, st->stx_uid, fs->own_uid);
	inode->gid = map_id(fs, st->stx_gid, fs->own_gid);
	inode->nlink = st->stx_nlink;
	inode->size = st->stx_size;
	if (fs->owners)
		host_seen_change(inode, to_timespec(&st->stx_ctime));
	if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
		inode->rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor);
}

/* Attributes through an open descriptor of the node, which also works when its name is gone. -ENOENT: none is open. */
static int stat_open(struct inode *inode, struct statx *st)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	int fd = -1, r = -ENOENT;

	lock_acquire(&fs->lock);
	if (n->fd >= 0)
		fd = n->fd;
	else if (!list_empty(&n->handles))
		fd = list_first(&n->handles, struct host_handle, link)->fd;
	else
		fd = n->spare_fd >= 0 ? n->spare_fd : n->last_fd;
	if (fd >= 0) /* under the lock: nobody closes it meanwhile */
		r = host_stat(fd, "", st);
	lock_release(&fs->lock);
	return r;
}

static int stat_place(struct inode *inode, struct statx *st)
{
	char name[VFS_NAME_MAX + 1];
	struct inode *parent;
	int fd, r;

	fd = host_place_get(inode, name, &parent);
	if (fd < 0)
		return fd;
	platform_host_block_begin(inode->sb->kernel->platform);
	r = host_stat(fd, name, st);
	platform_host_block_end(inode->sb->kernel->platform);
	host_place_put(parent);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	return host_node_is(inode, st) ? 0 : -ESTALE;
}

static int stat_node(struct inode *inode, struct statx *st)
{
	int r = stat_open(inode, st);

	if (r != -ENOENT)
		return r;
	r = -ESTALE;
	for (int i = 0; i < HOSTFS_RETRIES && r == -ESTALE; i++)
		r = stat_place(inode, st);
	return r;
}

int hostfs_getattr(struct inode *inode, struct kstat *ret)
{
	struct statx st;
	int r = stat_node(inode, &st);

	if (r < 0)
		return r;
	host_fill_inode(inode, &st);
	*ret = (struct kstat){
		.dev = inode->sb->dev, .ino = inode->ino, .rdev = inode->rdev,
		.mode = inode->mode, .nlink = inode->nlink, .uid = inode->uid, .gid = inode->gid,
		.size = st.stx_size, .blocks = st.stx_blocks, .blksize = st.stx_blksize,
		.atime = to_timespec(&st.stx_atime), .mtime = to_timespec(&st.stx_mtime),
		.ctime = to_timespec(&st.stx_ctime),
		.btime = st.stx_mask & STATX_BTIME ? to_timespec(&st.stx_btime) : to_timespec(&st.stx_ctime),
	};
	return 0;
}

/* The list of handles is not held while the descriptor is used: it is duplicated. */
int host_node_fd(struct inode *inode, bool writable, bool *opened)
{
	struct hostfs *fs = hostfs_of(inode);
	struct host_node *n = host_node_of(inode);
	struct host_handle *h;
	int fd = -EBADF;

	lock_acquire(&fs->lock);
	if (n->spare_fd >= 0)
		fd = host_dup(n->spare_fd);
	else if (n->pinned && n->fd >= 0 && !S_ISDIR(inode->mode))
		fd = host_dup(n->fd);
	list_for_each_entry(h, &n->handles, link) {
		if (fd >= 0)
			break;
		if (!writable || h->writable)
			fd = host_dup(h->fd);
	}
	lock_release(&fs->lock);
	*opened = fd >= 0;
	return fd >= 0 ? fd : host_node_open(inode, writable ? O_WRONLY : O_RDONLY);
}

static int set_size(struct inode *inode, uint64_t size)
{
	bool was_open;
	int r, fd = host_node_fd(inode, true, &was_open);

	if (fd < 0)
		return fd;
	platform_host_block_begin(inode->sb->kernel->platform);
	r = host_ftruncate(fd, size);
	platform_host_block_end(inode->sb->kernel->platform);
	host_close(fd);
	if (r == 0)
		inode->size = size;
	return r;
}

/* An O_PATH descriptor does it where Linux has fchmodat2; else one that the mode lets us open. */
static int set_mode(struct inode *inode, uint32_t mode)
{
	bool was_open;
	int r, fd;

	if (!hostfs_of(inode)->owners && !S_ISDIR(inode->mode) && (mode & (S_ISUID | S_ISGID)))
		return -EPERM; /* a program that runs with the host user's identity for others */
	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	fd = S_ISREG(inode->mode) || S_ISDIR(inode->mode) ? host_node_fd(inode, false, &was_open) : -EACCES;
	if (fd >= 0) {
		r = host_fchmod(fd, mode & 07777);
	} else {
		fd = host_node_open(inode, O_PATH);
		r = fd < 0 ? fd : host_chmod_path(inode->sb->kernel->proc_fd, fd, mode & 07777);
	}
	host_close(fd);
	if (r == 0)
		inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
	return r;
}

static int set_times(struct inode *inode, const struct setattr *attr)
{
	struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	char name[VFS_NAME_MAX + 1];
	struct inode *parent;
	bool was_open;
	int fd, r;

	if (attr->valid & ATTR_ATIME)
		ts[0] = attr->atime;
	if (attr->valid & ATTR_MTIME)
		ts[1] = attr->mtime;
	fd = host_place_get(inode, name, &parent);
	if (fd >= 0) {
		r = host_utimens(fd, name, ts);
		host_place_put(parent);
		if (r != -ENOENT)
			return r;
	}
	fd = host_node_fd(inode, false, &was_open); /* roots, and files whose name is gone */
	if (fd < 0)
		return fd;
	r = host_utimens(fd, "", ts);
	host_close(fd);
	return r;
}

int hostfs_setattr(struct inode *inode, const struct setattr *attr)
{
	int r = 0;

	if (inode->sb->read_only)
		return -EROFS;
	if (atomic_load_explicit(&host_node_of(inode)->guarded, memory_order_relaxed))
		return -EPERM;
	if (hostfs_of(inode)->owners) {
		if (attr->valid & (ATTR_UID | ATTR_GID))
			r = host_set_owner(inode, attr);
	} else if (((attr->valid & ATTR_UID) && attr->uid != inode->uid) || ((attr->valid & ATTR_GID) && attr->gid != inode->gid)) {
		return -EPERM;
	}
	if (r == 0 && (attr->valid & ATTR_SIZE))
		r = set_size(inode, attr->size);
	if (r == 0 && (attr->valid & ATTR_MODE) && (attr->mode & 07777) != (inode->mode & 07777))
		r = set_mode(inode, attr->mode);
	if (r == 0 && (attr->valid & (ATTR_ATIME | ATTR_MTIME)))
		r = set_times(inode, attr);
	return r;
}

/* --- extended attributes: user.* alone, unless owners are real ---------------------------------------------------------------------------------------- */

/* What else there is the host decides: it lets security.capability be set where it lets set-user-ID programs be made. */
static bool kept_name(const struct inode *inode, const char *name)
{
	return strncmp(name, "user.", 5) == 0 || (hostfs_of(inode)->owners && strncmp(name, "system.", 7) != 0);
}

static int xattr_fd(struct inode *inode)
{
	bool was_open;

	return S_ISREG(inode->mode) || S_ISDIR(inode->mode) ? host_node_fd(inode, false, &was_open) : -EOPNOTSUPP;
}

ssize_t hostfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	ssize_t r;
	int fd;

	if (!kept_name(inode, name))
		return -EOPNOTSUPP;
	fd = xattr_fd(inode);
	if (fd < 0)
		return fd;
	r = host_fgetxattr(fd, name, buf, size);
	host_close(fd);
	return r;
}

int hostfs_setxattr(struct inode *inode, const char *name, const void *buf, size_t size, int flags)
{
	int r, fd;

	if (!kept_name(inode, name))
		return -EOPNOTSUPP;
	fd = xattr_fd(inode);
	if (fd < 0)
		return fd;
	r = host_fsetxattr(fd, name, buf, size, flags);
	host_close(fd);
	return r;
}

int hostfs_removexattr(struct inode *inode, const char *name)
{
	int r, fd;

	if (!kept_name(inode, name))
		return -EOPNOTSUPP;
	fd = xattr_fd(inode);
	if (fd < 0)
		return fd;
	r = host_fremovexattr(fd, name);
	host_close(fd);
	return r;
}

/* Keep the names of a list that are shown, in place. */
static size_t keep_names(const struct inode *inode, char *list, size_t len)
{
	size_t out = 0;

	for (size_t at = 0; at < len;) {
		size_t n = strnlen(list + at, len - at) + 1;

		if (at + n <= len && kept_name(inode, list + at)) {
			memmove(list + out, list + at, n);
			out += n;
		}
		at += n;
	}
	return out;
}

ssize_t hostfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	char *list = NULL;
	ssize_t n;
	int fd = xattr_fd(inode);

	if (fd < 0)
		return fd == -EOPNOTSUPP ? 0 : fd;
	n = host_flistxattr(fd, NULL, 0);
	if (n > 0) {
		list = malloc((size_t)n);
		n = list ? host_flistxattr(fd, list, (size_t)n) : -ENOMEM;
	}
	host_close(fd);
	if (n > 0) {
		n = (ssize_t)keep_names(inode, list, (size_t)n);
		if (size > 0 && (size_t)n > size)
			n = -ERANGE;
		else if (size > 0)
			memcpy(buf, list, (size_t)n);
	}
	free(list);
	return n;
}
