/* SPDX-License-Identifier: MIT */
/* The overlay's store on disk: opening it, its root, room, the end. See upper.h. */
#include "fs/upper.h"
#include "host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#define BYTES_AN_OBJECT 4096u /* how many objects a limit of bytes allows, and some */
#define OBJECTS_MIN 4096u

struct dirent64_head { /* getdents64(2) */
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
} __attribute__((packed));

/* --- opening ----------------------------------------------------------------------------------------------------------------- */

static int open_sub(int top, const char *name)
{
	int fd = host_open_beneath(top, name, O_RDONLY | O_DIRECTORY, 0), r;

	if (fd != -ENOENT)
		return fd == -ENOTDIR || fd == -ELOOP ? -EUCLEAN : fd;
	r = host_mkdir(top, name, 0700);
	return r < 0 ? r : host_open_beneath(top, name, O_RDONLY | O_DIRECTORY, 0);
}

/* Call *each* for the names in *fd*, which was just opened. */
static int each_name(int fd, int (*each)(struct upper *up, const struct dirent64_head *d), struct upper *up)
{
	char *buf = malloc(32768);
	ssize_t n = buf ? 1 : -ENOMEM;

	while (n > 0 && (n = host_getdents(fd, buf, 32768)) > 0) {
		for (ssize_t at = 0; at + (ssize_t)sizeof(struct dirent64_head) < n;) {
			const struct dirent64_head *d = (const void *)(buf + at);
			int r = 0;

			at += d->d_reclen;
			if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
				r = each(up, d);
			if (r < 0) {
				n = r;
				break;
			}
		}
	}
	free(buf);
	return (int)n;
}

/* What a killed sentry left in work/: files, and directories just made, which are empty. Anything else may lie there for ever. */
static int drop_work(struct upper *up, const struct dirent64_head *d)
{
	host_unlink(up->work, d->d_name, d->d_type == DT_DIR);
	return 0;
}

static int note_index(struct upper *up, const struct dirent64_head *d)
{
	up->index_empty = false;
	return -EEXIST;
}

static int check_header(struct upper *up)
{
	uint8_t bytes[UPPER_HEADER_BYTES + 1];
	ssize_t n = host_fgetxattr(up->top, UPPER_XATTR, bytes, sizeof(bytes));
	struct upper_header h;

	if (n == -ENODATA) { /* new */
		upper_header_encode(&(struct upper_header){0}, bytes);
		return host_fsetxattr(up->top, UPPER_XATTR, bytes, UPPER_HEADER_BYTES, 0);
	}
	return n < 0 ? (int)n : upper_header_decode(bytes, (size_t)n, &h);
}

static int open_dirs(struct upper *up, bool read_only)
{
	struct statx st;
	int r = check_header(up);

	if (r < 0)
		return r;
	up->work = open_sub(up->top, "work");
	up->index = up->work < 0 ? up->work : open_sub(up->top, "index");
	if (up->index < 0)
		return up->index;
	r = host_stat(up->top, "", &st);
	if (r < 0)
		return r;
	up->dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	if (!read_only)
		r = each_name(up->work, drop_work, up);
	up->index_empty = true;
	if (r == 0)
		r = each_name(up->index, note_index, up);
	return r == -EEXIST ? 0 : r;
}

/* --- counting -------------------------------------------------------------------------------------------------------------------- */

int upper_charge(struct upper *up, uint64_t bytes, uint64_t objects)
{
	uint64_t b, o;

	if (!up->max_bytes)
		return 0;
	b = atomic_fetch_add(&up->bytes, bytes) + bytes;
	o = atomic_fetch_add(&up->objects, objects) + objects;
	if (!up->ended && (!bytes || b <= up->max_bytes) && (!objects || o <= up->max_objects))
		return 0;
	upper_uncharge(up, bytes, objects);
	return -ENOSPC;
}

void upper_uncharge(struct upper *up, uint64_t bytes, uint64_t objects)
{
	if (!up->max_bytes)
		return;
	atomic_fetch_sub(&up->bytes, bytes);
	atomic_fetch_sub(&up->objects, objects);
}

/*
 * A scan goes down one directory at a time: an open one for each level, with the names of directories in it that are still to be
 * looked at. Hard links of one file count as parts of it.
 */
#define PARTS 5040u /* divisible by the usual numbers of links */

struct count_level {
	int fd;
	char *names; /* NUL-terminated, one behind the other */
	size_t len, at, room;
};

struct count {
	struct upper *up;
	struct count_level *levels;
	size_t n, room;
	uint64_t parts; /* of objects */
};

static int count_name(struct count_level *l, const char *name)
{
	size_t len = strlen(name) + 1;

	if (l->len + len > l->room) {
		size_t room = l->room ? l->room * 2 : 1024;
		char *p = realloc(l->names, room);

		if (!p)
			return -ENOMEM;
		l->names = p;
		l->room = room;
	}
	memcpy(l->names + l->len, name, len);
	l->len += len;
	return 0;
}

static void count_one(struct count *c, const struct statx *st)
{
	uint64_t links = S_ISDIR(st->stx_mode) || st->stx_nlink == 0 ? 1 : st->stx_nlink;

	c->parts += PARTS / links;
	if (!S_ISDIR(st->stx_mode))
		atomic_fetch_add(&c->up->bytes, st->stx_blocks * 512 / links);
}

static int count_dir(struct count *c, struct count_level *l)
{
	char *buf = malloc(32768);
	ssize_t n = buf ? 1 : -ENOMEM;
	int r = 0;

	while (r == 0 && n > 0 && (n = host_getdents(l->fd, buf, 32768)) > 0) {
		for (ssize_t at = 0; r == 0 && at + (ssize_t)sizeof(struct dirent64_head) < n;) {
			const struct dirent64_head *d = (const void *)(buf + at);
			struct statx st;

			at += d->d_reclen;
			if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || strcmp(d->d_name, UPPER_WHITEOUTS) == 0 ||
				host_stat(l->fd, d->d_name, &st) < 0 || S_ISLNK(st.stx_mode))
				continue;
			count_one(c, &st);
			if (S_ISDIR(st.stx_mode))
				r = count_name(l, d->d_name);
		}
	}
	free(buf);
	return n < 0 ? (int)n : r;
}

static int count_push(struct count *c, int dirfd, const char *name)
{
	int fd = host_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE ? fd : 0;
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 16;
		struct count_level *p = reallocarray(c->levels, room, sizeof(*p));

		if (!p) {
			host_close(fd);
			return -ENOMEM;
		}
		c->levels = p;
		c->room = room;
	}
	c->levels[c->n] = (struct count_level){.fd = fd};
	return count_dir(c, &c->levels[c->n++]);
}

static int count_all(struct upper *up)
{
	struct count c = {.up = up};
	int r = count_push(&c, up->top, "root");

	while (c.n > 0) {
		struct count_level *l = &c.levels[c.n - 1];

		if (r == 0 && l->at < l->len) {
			const char *name = l->names + l->at;

			l->at += strlen(name) + 1;
			r = count_push(&c, l->fd, name);
			continue;
		}
		host_close(l->fd);
		free(l->names);
		c.n--;
	}
	free(c.levels);
	up->objects = c.parts / PARTS + 1; /* and the root */
	return r;
}

static int start_counting(struct upper *up, uint64_t size)
{
	uint8_t bytes[UPPER_HEADER_BYTES];
	struct upper_header h = {0};
	ssize_t n = host_fgetxattr(up->top, UPPER_XATTR, bytes, sizeof(bytes));
	int r = n < 0 ? (int)n : upper_header_decode(bytes, (size_t)n, &h);

	if (r < 0)
		return r;
	up->max_bytes = size;
	up->max_objects = size / BYTES_AN_OBJECT + OBJECTS_MIN;
	if (h.right) {
		up->bytes = h.bytes;
		up->objects = h.objects;
	} else {
		r = count_all(up);
	}
	if (r < 0)
		return r;
	return 0;
}

/* Without counting the old figures are wrong from now on; with it, until the end in order. */
static int figures_wrong(struct upper *up)
{
	uint8_t bytes[UPPER_HEADER_BYTES];
	struct upper_header h;
	ssize_t n = host_fgetxattr(up->top, UPPER_XATTR, bytes, sizeof(bytes));
	int r = n < 0 ? (int)n : upper_header_decode(bytes, (size_t)n, &h);

	if (r < 0 || !h.right)
		return r;
	upper_header_encode(&(struct upper_header){0}, bytes);
	return host_fsetxattr(up->top, UPPER_XATTR, bytes, sizeof(bytes), 0);
}

/* --- super block ------------------------------------------------------------------------------------------------------------------ */

int upper_create(struct super_block *sb, int fd, uint64_t size, struct upper **ret)
{
	struct upper *up = calloc(1, sizeof(*up));
	int r;

	if (!up)
		return -ENOMEM;
	up->sb = sb;
	up->top = fd;
	up->work = up->index = -1;
	list_init(&up->fds);
	lock_init(&up->tree, RANK_UPPER);
	lock_init(&up->fd_lock, RANK_LEAF);
	r = open_dirs(up, sb->read_only);
	if (r == 0 && size)
		r = start_counting(up, size);
	if (r == 0 && !sb->read_only)
		r = figures_wrong(up);
	if (r < 0) {
		up->top = -1; /* stays the caller's */
		upper_destroy(up);
		return r;
	}
	*ret = up;
	return 0;
}

void upper_ended(struct upper *up)
{
	uint8_t bytes[UPPER_HEADER_BYTES];
	struct upper_header h;

	if (!up->max_bytes || up->top < 0)
		return;
	atomic_store(&up->ended, true); /* nothing more is counted: what other threads still make fails */
	h = (struct upper_header){.right = true, .bytes = up->bytes, .objects = up->objects};
	upper_header_encode(&h, bytes);
	host_fsetxattr(up->top, UPPER_XATTR, bytes, sizeof(bytes), 0);
}

void upper_destroy(struct upper *up)
{
	upper_ended(up);
	host_close(up->index);
	host_close(up->work);
	host_close(up->top);
	lock_destroy(&up->tree);
	lock_destroy(&up->fd_lock);
	free(up);
}

/* The root's own object, made aside like any other and moved to its place. */
static int make_root(struct upper *up, struct inode *inode)
{
	char name[VFS_NAME_MAX + 1];
	struct inode *parent;
	int dirfd, r = ovl_xattrs_up(inode);

	if (r == 0)
		r = upper_make(inode);
	if (r < 0)
		return r;
	dirfd = upper_place_get(inode, name, &parent);
	r = dirfd < 0 ? dirfd : host_rename(dirfd, name, up->top, "root", 0);
	return r < 0 ? r : upper_set_place(inode, UPPER_IN_DIR, NULL, "root");
}

int upper_root(struct upper *up, struct inode *lower, struct inode **ret)
{
	struct inode *inode = NULL;
	int r;

	LOCK_SCOPE(&up->tree);
	r = upper_get(up->sb, UPPER_IN_DIR, NULL, up->top, "root", true, &inode);
	if (r != -ENOENT) {
		if (lower)
			inode_put(lower);
		if (r == 0)
			*ret = inode;
		return r;
	}
	if (lower) {
		r = ovl_node_for_lower(up->sb, lower, &inode);
	} else {
		inode = ovl_node_alloc(up->sb, S_IFDIR | 0755);
		r = inode ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	ovl_node(inode)->xattrs_up |= !lower;
	if (!lower)
		inode->nlink = 2;
	if (lower)
		upper_node(inode)->origin = strdup("");
	r = make_root(up, inode);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	*ret = inode;
	return 0;
}

int upper_statfs(struct upper *up, struct kstatfs *st)
{
	struct platform *p = up->sb->kernel->platform;
	uint64_t blocks = up->max_bytes / 4096, used = up->bytes / 4096, objects = up->objects;
	struct statfs h;
	int r;

	platform_host_block_begin(p);
	r = host_statfs(up->top, &h);
	platform_host_block_end(p);
	if (r < 0)
		return r;
	*st = (struct kstatfs){
		.bsize = (uint64_t)h.f_bsize, .blocks = h.f_blocks, .bfree = h.f_bfree, .bavail = h.f_bavail,
		.files = h.f_files, .ffree = h.f_ffree, .namelen = VFS_NAME_MAX,
	};
	if (up->max_bytes) {
		uint64_t left = used < blocks ? blocks - used : 0, room = h.f_bavail * (uint64_t)h.f_bsize / 4096;

		st->bsize = 4096;
		st->blocks = blocks;
		st->bfree = st->bavail = left < room ? left : room;
		st->files = up->max_objects;
		st->ffree = objects < up->max_objects ? up->max_objects - objects : 0;
	}
	return 0;
}

int upper_sync(struct upper *up)
{
	struct platform *p = up->sb->kernel->platform;
	int r;

	platform_host_block_begin(p);
	r = host_syncfs(up->top);
	platform_host_block_end(p);
	return r;
}
