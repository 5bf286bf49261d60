/* SPDX-License-Identifier: MIT */
/* The overlay's store on disk: objects. Reading one into an inode, making one, its record, its attributes. See upper.h. */
#include "fs/upper.h"
#include "host/file.h"
#include "vfs/acl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static struct platform *platform_of(const struct inode *inode)
{
	return inode->sb->kernel->platform;
}

static struct timespec to_timespec(const struct statx_timestamp *ts)
{
	return (struct timespec){.tv_sec = ts->tv_sec, .tv_nsec = ts->tv_nsec < 1000000000u ? ts->tv_nsec : 0};
}

/* --- the lower object of an origin ------------------------------------------------------------------------------------------------ */

/* *origin* has been checked by the decoder: components without "." and "..". -ENOENT, -ENOTDIR: the lower tree is another one now. */
static int find_lower(struct overlay *ov, const struct upper_bytes *origin, struct inode **ret)
{
	const char *s = origin->p, *end = s + origin->len;
	struct inode *at;

	if (!ov->lower)
		return -ENOENT;
	at = ov->lower->root->inode;
	inode_get(at);
	while (s < end) {
		const char *slash = memchr(s, '/', (size_t)(end - s));
		size_t n = (size_t)((slash ? slash : end) - s);
		struct inode *next;
		int r = S_ISDIR(at->mode) && at->ops && at->ops->lookup ? at->ops->lookup(at, s, n, &next) : -ENOTDIR;

		inode_put(at);
		if (r < 0)
			return r;
		at = next;
		s += n + !!slash;
	}
	*ret = at;
	return 0;
}

/* Has *low* the type that the record speaks of? Else it is as if there were none. */
static int lower_of_record(struct overlay *ov, const struct upper_record *rec, struct inode **ret)
{
	bool below = rec->flags & UPPER_DATA_BELOW;
	int r;

	*ret = NULL;
	if (!rec->origin.p || (!S_ISDIR(rec->mode) && !below))
		return 0;
	r = find_lower(ov, &rec->origin, ret);
	if (r == 0 && ((*ret)->mode & S_IFMT) != (rec->mode & S_IFMT)) {
		inode_put(*ret);
		*ret = NULL;
		r = -ENOENT;
	}
	if (r == -ENOENT || r == -ENOTDIR)
		return below ? -EUCLEAN : 0;
	return r;
}

/* --- reading an object -------------------------------------------------------------------------------------------------------------- */

struct object {
	int fd;
	struct statx st;
	uint8_t *bytes; /* of the record; malloc'ed */
	struct upper_record rec;
};

static int read_record(struct object *o)
{
	size_t room = 512;
	ssize_t n;

	for (;;) {
		o->bytes = malloc(room);
		if (!o->bytes)
			return -ENOMEM;
		n = host_fgetxattr(o->fd, UPPER_XATTR, o->bytes, room);
		if (n != -ERANGE || room > UPPER_RECORD_MAX)
			break;
		free(o->bytes);
		room = UPPER_RECORD_MAX + 1;
	}
	if (n == -ENODATA || n == -ERANGE)
		return -EUCLEAN;
	return n < 0 ? (int)n : upper_record_decode(o->bytes, (size_t)n, &o->rec);
}

/* Open, look, read: nothing is believed yet. */
static int open_object(struct upper *up, int dirfd, const char *name, bool dir, struct object *o)
{
	int flags = dir ? O_RDONLY | O_DIRECTORY : (up->sb->read_only ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY, r;

	o->bytes = NULL;
	o->fd = host_open_beneath(dirfd, name, flags, 0);
	if (o->fd < 0)
		return o->fd == -ELOOP || o->fd == -ENXIO || o->fd == -ENOTDIR ? -EUCLEAN : o->fd == -EMFILE ? -ENFILE : o->fd;
	r = host_stat(o->fd, "", &o->st);
	if (r == 0 && (((uint64_t)o->st.stx_dev_major << 32 | o->st.stx_dev_minor) != up->dev ||
			      (dir ? !S_ISDIR(o->st.stx_mode) : !S_ISREG(o->st.stx_mode))))
		r = -EUCLEAN;
	if (r == 0)
		r = read_record(o);
	if (r == 0 && S_ISDIR(o->rec.mode) != dir)
		r = -EUCLEAN;
	if (r == 0 && S_ISLNK(o->rec.mode) && (o->st.stx_size == 0 || o->st.stx_size >= VFS_PATH_MAX))
		r = -EUCLEAN;
	return r;
}

static void object_close(struct object *o)
{
	free(o->bytes);
	host_close(o->fd);
}

static int take_lists(struct inode *inode, const struct upper_record *rec)
{
	struct upper_bytes list = rec->xattrs;
	struct upper_xattr x;
	int r = 0;

	simple_xattrs_init(&ovl_node(inode)->xattrs);
	while (r == 0 && upper_xattr_next(&list, &x))
		r = simple_xattr_set(inode->sb->kernel, &ovl_node(inode)->xattrs, x.name, x.value, x.size, 0);
	if (r == 0 && rec->acl.p)
		r = acl_import(inode, false, rec->acl.p, rec->acl.len);
	if (r == 0 && rec->default_acl.p)
		r = acl_import(inode, true, rec->default_acl.p, rec->default_acl.len);
	return r == -EINVAL ? -EUCLEAN : r == -ENOSPC ? -ENOMEM : r;
}

static uint32_t links_of(const struct object *o)
{
	int64_t n = (int64_t)o->st.stx_nlink + o->rec.links;

	return n < 1 ? 1 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static int take_origin(struct inode *inode, const struct upper_bytes *origin)
{
	if (!origin->p)
		return 0;
	upper_node(inode)->origin = strndup(origin->p, origin->len);
	return upper_node(inode)->origin ? 0 : -ENOMEM;
}

static void take_times(struct inode *inode, const struct statx *st)
{
	inode->mtime = to_timespec(&st->stx_mtime);
	inode->ctime = to_timespec(&st->stx_ctime);
}

static int fill_node(struct inode *inode, const struct object *o, struct inode *lower)
{
	struct upper_node *u = upper_node(inode);
	const struct upper_record *rec = &o->rec;

	ovl_node(inode)->lower = lower;
	ovl_node(inode)->xattrs_up = true;
	ovl_node(inode)->entry.key1 = u->host_ino = o->st.stx_ino;
	ovl_node(inode)->entry.key2 = 1;
	u->on_host = true;
	u->below = rec->flags & UPPER_DATA_BELOW;
	u->indexed = rec->flags & UPPER_INDEXED;
	u->copying = rec->has_mtime;
	u->links = rec->links;
	u->blocks = u->charged = o->st.stx_blocks;
	inode->ino = rec->ino ? rec->ino : o->st.stx_ino + UPPER_INO_BIAS;
	inode->uid = rec->uid;
	inode->gid = rec->gid;
	inode->rdev = makedev(rec->rdev_major, rec->rdev_minor);
	inode->size = u->below ? lower->size : S_ISDIR(rec->mode) ? 4096 : o->st.stx_size;
	inode->nlink = S_ISDIR(rec->mode) ? (lower ? lower->nlink : o->st.stx_nlink) : links_of(o);
	inode->atime = to_timespec(&o->st.stx_atime);
	inode->btime = o->st.stx_mask & STATX_BTIME ? to_timespec(&o->st.stx_btime) : to_timespec(&o->st.stx_ctime);
	take_times(inode, &o->st);
	if (rec->has_mtime)
		inode->mtime = rec->mtime;
	if (take_origin(inode, &rec->origin) < 0)
		return -ENOMEM;
	return take_lists(inode, rec);
}

static int node_of(struct super_block *sb, struct object *o, struct inode **ret)
{
	struct overlay *ov = sb->priv;
	struct inode *inode, *lower;
	int r = lower_of_record(ov, &o->rec, &lower);

	if (r < 0)
		return r;
	inode = ovl_node_alloc(sb, o->rec.mode);
	if (!inode) {
		if (lower)
			inode_put(lower);
		return -ENOMEM;
	}
	r = fill_node(inode, o, lower);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	*ret = ovl_publish(ov, inode);
	return 0;
}

int upper_get(struct super_block *sb, int where, struct inode *parent, int dirfd, const char *name, bool dir, struct inode **ret)
{
	struct overlay *ov = sb->priv;
	struct inode *inode = NULL;
	struct object o;
	int r;

	platform_host_block_begin(sb->kernel->platform);
	r = open_object(ov->up, dirfd, name, dir, &o);
	platform_host_block_end(sb->kernel->platform);
	if (r == 0) {
		inode = icache_get(&ov->cache, o.st.stx_ino, 1);
		if (inode && (inode->mode & S_IFMT) != (o.rec.mode & S_IFMT)) {
			inode_put(inode);
			inode = NULL;
			r = -EUCLEAN;
		} else if (!inode) {
			r = node_of(sb, &o, &inode);
		}
	}
	/* A directory that hangs in two places is none of ours: a host's bind mount, or a hostile record. */
	if (r == 0 && upper_node(inode)->where == UPPER_IN_WORK)
		; /* it has a name aside until it is forgotten */
	else if (r == 0 && !upper_node(inode)->indexed)
		r = upper_set_place(inode, where, parent, name);
	else if (r == 0 && where == UPPER_IN_INDEX)
		r = upper_set_place(inode, where, NULL, name);
	else if (r == 0 && upper_node(inode)->where == UPPER_NOWHERE)
		r = upper_set_place(inode, where, parent, name);
	if (r == 0) {
		upper_fd_give(inode, o.fd);
		o.fd = -1;
		*ret = inode;
	} else if (inode) {
		inode_put(inode);
	}
	object_close(&o);
	return r;
}

/* --- writing the record ---------------------------------------------------------------------------------------------------------------- */

static void put_one(void *ctx, const char *name, const void *value, size_t size)
{
	if (!acl_is_name(name)) /* the lists have items of their own */
		upper_put_xattr(ctx, name, value, size);
}

static int write_record(struct inode *inode, int fd)
{
	struct upper_node *u = upper_node(inode);
	uint64_t own = u->host_ino + UPPER_INO_BIAS;
	struct upper_record rec = {
		.flags = (uint16_t)((u->below ? UPPER_DATA_BELOW : 0) | (u->indexed ? UPPER_INDEXED : 0)),
		.mode = inode->mode, .uid = inode->uid, .gid = inode->gid, .ino = inode->ino == own ? 0 : inode->ino,
		.rdev_major = major(inode->rdev), .rdev_minor = minor(inode->rdev), .links = u->links,
		.has_mtime = u->copying, .mtime = inode->mtime,
		.origin = {.p = u->origin, .len = u->origin ? strlen(u->origin) : 0},
	};
	void *acl = NULL, *dflt = NULL;
	ssize_t n = acl_export(inode, false, &acl), m = n < 0 ? n : acl_export(inode, true, &dflt);
	struct upper_buf b = {0};
	int r = m < 0 ? (int)m : 0;

	if (r == 0) {
		rec.acl = (struct upper_bytes){.p = acl, .len = (size_t)n};
		rec.default_acl = (struct upper_bytes){.p = dflt, .len = (size_t)m};
		upper_record_begin(&b, &rec);
		simple_xattr_each(&ovl_node(inode)->xattrs, put_one, &b);
		r = upper_record_end(&b);
	}
	if (r == 0)
		r = host_fsetxattr(fd, UPPER_XATTR, b.p, b.len, 0);
	upper_buf_free(&b);
	free(acl);
	free(dflt);
	return r == -E2BIG || r == -ERANGE ? -ENOSPC : r;
}

int upper_record(struct inode *inode, bool tree)
{
	int fd, r;

	if (!upper_node(inode)->on_host)
		return 0;
	fd = upper_fd(inode, tree);
	if (fd == -ENOENT && inode->nlink == 0)
		return 0; /* nobody will see it again */
	if (fd < 0)
		return fd;
	platform_host_block_begin(platform_of(inode));
	r = write_record(inode, fd);
	platform_host_block_end(platform_of(inode));
	upper_fd_put(inode);
	return r;
}

/* --- making an object -------------------------------------------------------------------------------------------------------------------- */

static int make_in_work(struct inode *inode, char *name)
{
	struct upper *up = upper_of(inode);
	bool dir = S_ISDIR(inode->mode);
	int fd = -EEXIST;

	for (int i = 0; i < 1000 && fd == -EEXIST; i++) {
		snprintf(name, 32, "%llx", (unsigned long long)atomic_fetch_add(&up->serial, 1));
		fd = dir ? host_mkdir(up->work, name, 0700) : host_open_beneath(up->work, name, O_CREAT | O_EXCL | O_RDWR, 0600);
	}
	if (fd == 0 && dir) {
		fd = host_open_beneath(up->work, name, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			host_unlink(up->work, name, true);
	}
	return fd == -EMFILE ? -ENFILE : fd;
}

static int write_target(struct inode *inode, int fd)
{
	const char *target = ovl_node(inode)->target;
	char *below = NULL;
	size_t len;
	ssize_t n;

	if (!target) {
		int r = ovl_node(inode)->lower->ops->readlink(NULL, ovl_node(inode)->lower, &below);

		if (r < 0)
			return r;
		target = below;
	}
	len = strlen(target);
	n = len < VFS_PATH_MAX ? host_pwrite(fd, target, len, 0) : -ENAMETOOLONG;
	free(below);
	return n < 0 ? (int)n : (size_t)n == len ? 0 : -ENOSPC;
}

/* What the guest sees of the new object's times is what the host has. */
static int settle(struct inode *inode, int fd, bool copy)
{
	struct upper_node *u = upper_node(inode);
	const struct timespec ts[2] = {inode->atime, inode->mtime};
	struct statx st;
	int r = S_ISLNK(inode->mode) ? write_target(inode, fd) : 0;

	if (r == 0 && copy)
		r = host_utimens(fd, "", ts);
	if (r == 0)
		r = host_stat(fd, "", &st);
	if (r < 0)
		return r;
	u->host_ino = st.stx_ino;
	u->blocks = st.stx_blocks;
	if (!copy)
		inode->ino = st.stx_ino + UPPER_INO_BIAS;
	return write_record(inode, fd);
}

void upper_uncache(struct inode *inode)
{
	if (ovl_node(inode)->cached)
		icache_remove(&ovl_of(inode)->cache, &ovl_node(inode)->entry);
	ovl_node(inode)->cached = false;
}

static void rekey(struct inode *inode)
{
	struct ovl_node *n = ovl_node(inode);
	struct inode *other;

	if (n->cached)
		icache_remove(&ovl_of(inode)->cache, &n->entry);
	n->entry.key1 = n->up.host_ino;
	n->entry.key2 = 1;
	other = icache_insert(&ovl_of(inode)->cache, &n->entry);
	n->cached = !other; /* another: the host used the number again before its old inode was forgotten */
	if (other)
		inode_put(other);
}

int upper_make(struct inode *inode)
{
	struct upper *up = upper_of(inode);
	struct upper_node *u = upper_node(inode);
	bool copy = ovl_node(inode)->lower, dir = S_ISDIR(inode->mode);
	char name[32];
	int fd, r = upper_charge(up, 0, 1);

	if (r < 0)
		return r;
	u->below = copy && S_ISREG(inode->mode) && inode->size > 0;
	platform_host_block_begin(platform_of(inode));
	fd = make_in_work(inode, name);
	r = fd < 0 ? fd : settle(inode, fd, copy);
	platform_host_block_end(platform_of(inode));
	if (r == 0)
		r = upper_set_place(inode, UPPER_IN_WORK, NULL, name);
	if (r < 0) {
		if (fd >= 0) {
			host_close(fd);
			host_unlink(up->work, name, dir);
		}
		u->below = false;
		upper_uncharge(up, 0, 1);
		return r;
	}
	upper_fd_give(inode, fd);
	rekey(inode);
	u->loaded = true; /* an empty directory, or a lower one in which nothing is changed */
	u->on_host = true;
	return 0;
}

/* --- copy-up -------------------------------------------------------------------------------------------------------------------------------- */

/* The path of the lower object that a node not yet on the host stands for: its directory's, and its name. */
static int make_origin(struct inode *inode)
{
	struct upper_node *u = upper_node(inode);
	const char *base = u->parent ? upper_node(u->parent)->origin : "";

	if (u->origin)
		return 0;
	if (u->where == UPPER_NOWHERE) /* the root */
		u->origin = strdup("");
	else if (!base)
		return -EUCLEAN;
	else if (asprintf(&u->origin, "%s%s%s", base, *base ? "/" : "", u->name) < 0)
		u->origin = NULL;
	if (!u->origin)
		return -ENOMEM;
	if (strlen(u->origin) < VFS_PATH_MAX)
		return 0;
	free(u->origin);
	u->origin = NULL;
	return -ENAMETOOLONG;
}

/* The object of a lower file with several names, under its number: from then on all of them lead to it. */
static int put_in_index(struct inode *inode)
{
	struct upper *up = upper_of(inode);
	char key[32], name[VFS_NAME_MAX + 1];
	struct inode *parent;
	int r, dirfd = upper_place_get(inode, name, &parent);

	if (dirfd < 0)
		return dirfd;
	snprintf(key, sizeof(key), "%016llx", (unsigned long long)inode->ino);
	r = host_link(dirfd, name, up->index, key);
	upper_place_put(parent);
	if (r == 0)
		up->index_empty = false;
	return r;
}

static int move_to(struct inode *inode, struct inode *dir, struct ovl_entry *e)
{
	char from[VFS_NAME_MAX + 1], to[256];
	struct statx before;
	struct inode *parent;
	int r = upper_name_encode(e->name, e->len, e->hex, to), dirfd, ofd;

	if (r < 0)
		return r;
	dirfd = upper_fd(dir, true);
	if (dirfd < 0)
		return dirfd;
	ofd = upper_place_get(inode, from, &parent);
	r = ofd < 0 ? ofd : host_stat(dirfd, "", &before);
	if (r == 0)
		r = host_rename(ofd, from, dirfd, to, RENAME_NOREPLACE);
	if ((r == -EINVAL || r == -EILSEQ || r == -ENAMETOOLONG) && !e->hex && upper_name_encode(e->name, e->len, true, to) == 0) {
		r = host_rename(ofd, from, dirfd, to, RENAME_NOREPLACE);
		e->hex = r == 0;
	}
	if (r == 0) { /* nothing was made as the guest sees it */
		const struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, to_timespec(&before.stx_mtime)};

		host_utimens(dirfd, "", ts);
	}
	if (ofd >= 0)
		upper_place_put(parent);
	upper_fd_put(dir);
	if (r == 0 && !upper_node(inode)->indexed)
		r = upper_set_place(inode, UPPER_IN_DIR, dir, to);
	return r;
}

/* Undo upper_make(), and put_in_index(). */
static void unmake(struct inode *inode, bool in_index)
{
	struct upper *up = upper_of(inode);
	struct upper_node *u = upper_node(inode);
	char key[32];

	snprintf(key, sizeof(key), "%016llx", (unsigned long long)inode->ino);
	if (in_index)
		host_unlink(up->index, key, false);
	host_unlink(up->work, u->name, S_ISDIR(inode->mode));
	u->on_host = false;
	u->below = u->indexed = false;
	u->links = 0;
	upper_fd_close(inode);
	upper_uncharge(up, 0, 1);
	icache_remove(&ovl_of(inode)->cache, &ovl_node(inode)->entry);
	ovl_node(inode)->entry.key1 = (uintptr_t)ovl_node(inode)->lower;
	ovl_node(inode)->entry.key2 = 0;
	ovl_node(inode)->cached = false;
	if (ovl_node(inode)->lower) {
		struct inode *other = icache_insert(&ovl_of(inode)->cache, &ovl_node(inode)->entry);

		ovl_node(inode)->cached = !other;
		if (other)
			inode_put(other);
	}
}

/* Copy up one node whose directory is on the host already. */
static int copy_up(struct inode *inode)
{
	struct upper_node *u = upper_node(inode);
	struct inode *dir = u->parent;
	struct ovl_names *t = &ovl_node(dir)->names;
	size_t len = strlen(u->name);
	char *name = strdup(u->name);
	bool many = !S_ISDIR(inode->mode) && inode->nlink > 1;
	struct ovl_entry *e = name ? ovl_names_find(t, name, len) : NULL;
	bool had = e, in_index = false; /* had: its name is being changed */
	int r = !name ? -ENOMEM : e && (e->there || e->white) ? -EUCLEAN : upper_load(dir);

	if (r == 0)
		r = make_origin(inode);
	if (r == 0)
		r = ovl_xattrs_up(inode);
	if (r == 0 && !had) {
		e = ovl_names_add(inode->sb->kernel, t, name, len);
		r = e ? 0 : -ENOSPC;
	}
	if (r < 0) {
		free(name);
		return r;
	}
	inode_get(dir);
	u->indexed = many;
	/* Until it has its name: what a kill leaves has one in index/ alone. */
	u->links = many ? (int32_t)inode->nlink - 1 : 0;
	r = upper_make(inode);
	if (r == 0) {
		r = many ? put_in_index(inode) : 0;
		in_index = many && r == 0;
		if (r == 0)
			r = move_to(inode, dir, e);
		if (r < 0)
			unmake(inode, in_index);
		else if (many) {
			char key[32];

			snprintf(key, sizeof(key), "%016llx", (unsigned long long)inode->ino);
			upper_set_place(inode, UPPER_IN_INDEX, NULL, key);
			u->links--;
			upper_record(inode, true); /* a failure leaves it too high by one */
		}
	}
	if (r < 0) {
		u->indexed = false;
		u->links = 0;
		upper_set_place(inode, UPPER_IN_DIR, dir, name);
		if (!had)
			ovl_names_remove(inode->sb->kernel, t, e);
	} else {
		e->there = e->covers = true;
		e->ino = inode->ino;
		e->type = (uint8_t)((inode->mode & S_IFMT) >> 12);
		u->fresh = true;
	}
	inode_put(dir);
	free(name);
	return r;
}

/* An object without a name, for an inode whose last one is gone. */
static int make_orphan(struct inode *inode)
{
	struct upper_node *u = upper_node(inode);
	int r = ovl_xattrs_up(inode);

	if (r == 0)
		r = upper_make(inode);
	if (r == 0)
		r = upper_fd_keep(inode);
	if (r == 0) {
		host_unlink(upper_of(inode)->work, u->name, S_ISDIR(inode->mode));
		r = upper_set_place(inode, UPPER_NOWHERE, NULL, NULL);
	}
	return r;
}

int upper_need_locked(struct inode *inode)
{
	int r = 0;

	if (upper_node(inode)->on_host)
		return 0;
	if (upper_node(inode)->where == UPPER_NOWHERE || inode->nlink == 0)
		return ovl_node(inode)->lower && S_ISREG(inode->mode) ? make_orphan(inode) : 0;
	/* From the top down; found anew each time, since trees are as deep as the guest likes and this is rare. */
	while (r == 0 && !upper_node(inode)->on_host) {
		struct inode *at = inode;

		while (upper_node(at)->parent && !upper_node(upper_node(at)->parent)->on_host)
			at = upper_node(at)->parent;
		r = upper_node(at)->parent ? copy_up(at) : -EUCLEAN;
	}
	return r;
}

int upper_need(struct inode *inode)
{
	int r;

	if (upper_node(inode)->on_host)
		return 0;
	lock_acquire(&upper_of(inode)->tree);
	r = upper_need_locked(inode);
	lock_release(&upper_of(inode)->tree);
	return r;
}

/* --- lower objects ------------------------------------------------------------------------------------------------------------------------------ */

int upper_lower_get(struct inode *dir, const char *name, size_t len, struct inode *lower, struct inode **ret)
{
	struct upper *up = upper_of(dir);
	char copy[VFS_NAME_MAX + 1], key[32];
	int r;

	if (!S_ISDIR(lower->mode) && lower->nlink > 1 && !up->index_empty) {
		snprintf(key, sizeof(key), "%016llx", (unsigned long long)lower->ino);
		r = upper_get(dir->sb, UPPER_IN_INDEX, NULL, up->index, key, false, ret);
		if (r != -ENOENT) {
			inode_put(lower);
			return r;
		}
	}
	r = ovl_node_for_lower(dir->sb, lower, ret);
	if (r < 0 || upper_node(*ret)->on_host || (upper_node(*ret)->where == UPPER_IN_DIR && upper_node(*ret)->parent == dir))
		return r;
	memcpy(copy, name, len);
	copy[len] = 0;
	upper_node(*ret)->loaded = true;
	r = upper_set_place(*ret, UPPER_IN_DIR, dir, copy);
	if (r < 0)
		inode_put(*ret);
	return r;
}

/* --- attributes ------------------------------------------------------------------------------------------------------------------------------------ */

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

void upper_touch(struct inode *inode, bool tree)
{
	const struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	int fd = upper_node(inode)->on_host ? upper_fd(inode, tree) : -ENOENT;

	if (fd < 0)
		return;
	host_utimens(fd, "", ts);
	upper_fd_put(inode);
	upper_node(inode)->stale = true;
}

void upper_refresh(struct inode *inode)
{
	struct upper_node *u = upper_node(inode);
	struct statx st;
	int fd;

	if (!u->on_host || (!u->stale && !u->mapped))
		return;
	fd = upper_fd(inode, false);
	if (fd < 0)
		return;
	platform_host_block_begin(platform_of(inode));
	if (host_stat(fd, "", &st) == 0) {
		const struct timespec ours = inode->ctime, mtime = inode->mtime;

		take_times(inode, &st);
		if (u->copying)
			inode->mtime = mtime;
		if (later(&ours, &inode->ctime)) /* a change that changed nothing is none to the host */
			inode->ctime = ours;
		if (S_ISREG(inode->mode))
			u->blocks = st.stx_blocks;
		u->stale = false;
	}
	platform_host_block_end(platform_of(inode));
	upper_fd_put(inode);
}

int upper_setattr(struct inode *inode, uint32_t valid)
{
	struct upper_node *u = upper_node(inode);
	struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	uint32_t recorded = ATTR_MODE | ATTR_UID | ATTR_GID | (u->copying ? ATTR_MTIME : 0);
	int r = valid & recorded ? upper_record(inode, false) : 0, fd;

	if (r < 0 || !u->on_host)
		return r;
	if (valid & ATTR_ATIME)
		ts[0] = inode->atime;
	if (valid & ATTR_MTIME)
		ts[1] = inode->mtime;
	if (valid & (ATTR_ATIME | ATTR_MTIME)) {
		fd = upper_fd(inode, false);
		if (fd == -ENOENT && inode->nlink == 0)
			return 0;
		if (fd < 0)
			return fd;
		platform_host_block_begin(platform_of(inode));
		r = host_utimens(fd, "", ts);
		platform_host_block_end(platform_of(inode));
		upper_fd_put(inode);
	}
	if (r == 0)
		u->stale = true;
	return r;
}

int upper_readlink(struct inode *inode, char **ret)
{
	char *buf = malloc(VFS_PATH_MAX);
	int fd = buf ? upper_fd(inode, false) : -ENOMEM;
	ssize_t n = fd;

	if (fd >= 0) {
		platform_host_block_begin(platform_of(inode));
		n = host_pread(fd, buf, VFS_PATH_MAX, 0);
		platform_host_block_end(platform_of(inode));
		upper_fd_put(inode);
	}
	if (n >= 0 && (n == 0 || n >= VFS_PATH_MAX || memchr(buf, 0, (size_t)n)))
		n = -EUCLEAN;
	if (n < 0) {
		free(buf);
		return (int)n;
	}
	buf[n] = 0;
	*ret = buf;
	return 0;
}

/* --- fsync ---------------------------------------------------------------------------------------------------------------------------------------------- */

static int sync_whiteouts(struct inode *dir, int fd)
{
	int wfd, r;

	if (!upper_node(dir)->white_fresh)
		return 0;
	wfd = host_open_beneath(fd, UPPER_WHITEOUTS, O_RDONLY | O_DIRECTORY, 0);
	r = wfd < 0 ? wfd : host_fsync(wfd, false);
	host_close(wfd);
	if (r == 0)
		upper_node(dir)->white_fresh = false;
	return r;
}

static int sync_one(struct inode *inode, bool data_only)
{
	int fd = upper_fd(inode, false), r;

	if (fd < 0)
		return fd == -ENOENT && inode->nlink == 0 ? 0 : fd;
	platform_host_block_begin(platform_of(inode));
	r = host_fsync(fd, data_only);
	if (r == 0 && S_ISDIR(inode->mode))
		r = sync_whiteouts(inode, fd);
	platform_host_block_end(platform_of(inode));
	upper_fd_put(inode);
	return r;
}

/* The directory that has the name, held, or NULL. */
static struct inode *parent_of(struct inode *inode)
{
	struct upper *up = upper_of(inode);
	struct inode *parent;

	lock_acquire(&up->fd_lock);
	parent = upper_node(inode)->where == UPPER_IN_DIR ? upper_node(inode)->parent : NULL;
	if (parent)
		inode_get(parent);
	lock_release(&up->fd_lock);
	return parent;
}

int upper_fsync(struct inode *inode, bool data_only)
{
	struct upper *up = upper_of(inode);
	bool fresh = atomic_exchange(&upper_node(inode)->fresh, false);
	struct inode *at, *up_from;
	int r;

	if (!upper_node(inode)->on_host)
		return 0;
	r = sync_one(inode, data_only && !fresh);
	if (r == 0 && fresh && upper_node(inode)->indexed) {
		platform_host_block_begin(platform_of(inode));
		r = host_fsync(up->index, false);
		platform_host_block_end(platform_of(inode));
	}
	/* The name, and those of the directories above that are new too. */
	at = r == 0 && fresh ? parent_of(inode) : NULL;
	while (at) {
		fresh = atomic_exchange(&upper_node(at)->fresh, false);
		r = sync_one(at, false);
		if (r < 0)
			upper_node(at)->fresh = fresh;
		up_from = at;
		at = r == 0 && fresh ? parent_of(at) : NULL;
		inode_put(up_from);
	}
	if (r < 0)
		upper_node(inode)->fresh = true;
	return r;
}

/* --- the end of an inode ---------------------------------------------------------------------------------------------------------------------------------- */

struct inode *upper_forget(struct inode *inode)
{
	struct upper *up = upper_of(inode);
	struct upper_node *u = upper_node(inode);

	upper_fd_close(inode);
	if (u->where == UPPER_IN_WORK && u->name && u->on_host)
		host_unlink(up->work, u->name, S_ISDIR(inode->mode));
	if (u->on_host && inode->nlink == 0)
		upper_uncharge(up, u->charged * 512, 1);
	free(u->name);
	free(u->origin);
	return u->parent;
}
