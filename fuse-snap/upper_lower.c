/* SPDX-License-Identifier: MIT */
/* What lies below a layer of writes, for its reader: a host directory, an image, nothing. */
#include "upper_priv.h"

#include "index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LIST_MAX 65536u
#define IMAGE_DEPTH_MAX 2048u
#define IMAGE_NAMES_MAX 50000000u /* an image that is no tree must end too */

int upper_open_beneath(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (flags & O_PATH)
		how.resolve &= ~(uint64_t)RESOLVE_NO_SYMLINKS; /* a link itself; those on the way are still not followed: */
	if (flags & O_PATH && strchr(path, '/')) {	       /* its directory is opened first */
		const char *slash = strrchr(path, '/');
		char *dir = strndup(path, (size_t)(slash - path));
		int at = dir ? upper_open_beneath(dirfd, dir, O_RDONLY | O_DIRECTORY) : -ENOMEM;

		free(dir);
		if (at < 0)
			return at;
		fd = upper_open_beneath(at, slash + 1, flags);
		close(at);
		return (int)fd;
	}
	do
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : (int)fd;
}

void upper_meta_clear(struct upper_meta *m)
{
	free(m->target);
	free(m->xattrs);
	*m = (struct upper_meta){0};
}

void upper_meta_take(struct upper_meta *m, struct upper_buf *b)
{
	m->xattrs = b->p;
	m->names = (struct upper_bytes){.p = b->len ? b->p : NULL, .len = b->len};
	*b = (struct upper_buf){0};
}

int upper_take_host_xattrs(int fd, struct upper_buf *b)
{
	char *list = malloc(LIST_MAX), *value = malloc(LIST_MAX);
	ssize_t n = list && value ? flistxattr(fd, list, LIST_MAX) : -1;

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1) {
		ssize_t size;

		if (strncmp(list + at, "user.", 5) != 0)
			continue;
		size = fgetxattr(fd, list + at, value, LIST_MAX);
		if (size >= 0 && size < 32768)
			upper_put_xattr(b, list + at, value, (size_t)size);
	}
	free(list);
	free(value);
	return b->err == -ENOMEM ? -ENOMEM : 0;
}

void upper_lower_free(struct upper_lower *l)
{
	if (!l)
		return;
	if (l->destroy)
		l->destroy(l);
	free(l);
}

/* --- a host directory ------------------------------------------------------------------------------------------------------------- */

static int dir_fd_of(struct upper_lower *l)
{
	return (int)(intptr_t)l->priv;
}

static int open_path(struct upper_lower *l, const char *path, int flags)
{
	return upper_open_beneath(dir_fd_of(l), *path ? path : ".", flags);
}

static int fill_meta(int fd, const struct stat *st, struct upper_meta *m)
{
	*m = (struct upper_meta){
		.mode = st->st_mode, .uid = st->st_uid == geteuid() ? 0 : st->st_uid, .gid = st->st_gid == getegid() ? 0 : st->st_gid,
		.rdev_major = major(st->st_rdev), .rdev_minor = minor(st->st_rdev), .size = (uint64_t)st->st_size, .mtime = st->st_mtim,
	};
	if (S_ISLNK(st->st_mode)) {
		char buf[4096];
		ssize_t n = readlinkat(fd, "", buf, sizeof(buf));

		if (n < 0 || n == sizeof(buf))
			return n < 0 ? -errno : -ENAMETOOLONG;
		m->target = strndup(buf, (size_t)n);
		return m->target ? 0 : -ENOMEM;
	}
	return 0;
}

static int dir_stat(struct upper_lower *l, const char *path, struct upper_meta *ret)
{
	int fd = open_path(l, path, O_PATH), r, rfd;
	struct upper_buf b = {0};
	struct stat st;

	if (fd < 0)
		return fd == -ENOTDIR || fd == -ELOOP ? -ENOENT : fd;
	r = fstatat(fd, "", &st, AT_EMPTY_PATH) < 0 ? -errno : fill_meta(fd, &st, ret);
	close(fd);
	if (r == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		rfd = open_path(l, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
		if (rfd >= 0) {
			r = upper_take_host_xattrs(rfd, &b);
			close(rfd);
		}
		upper_meta_take(ret, &b);
	}
	if (r < 0)
		upper_meta_clear(ret);
	return r;
}

static int dir_list(struct upper_lower *l, const char *path, int (*each)(void *ctx, const char *name), void *ctx)
{
	int fd = open_path(l, path, O_RDONLY | O_DIRECTORY), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = each(ctx, e->d_name);
	closedir(d);
	return r;
}

static ssize_t dir_pread(struct upper_lower *l, const char *path, void *buf, size_t len, uint64_t off)
{
	int fd = open_path(l, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, buf, len, (off_t)off);
	n = n < 0 ? -errno : n;
	close(fd);
	return n;
}

struct upper_lower *upper_lower_dir(int dir_fd)
{
	struct upper_lower *l = calloc(1, sizeof(*l));

	if (l)
		*l = (struct upper_lower){.priv = (void *)(intptr_t)dir_fd, .stat = dir_stat, .list = dir_list, .pread = dir_pread};
	return l;
}

/* --- an image ---------------------------------------------------------------------------------------------------------------------- */

struct image {
	const struct snap_index *ix;
	const int *packs;
	unsigned n_packs;
};

static int image_find(struct upper_lower *l, const char *path, uint32_t *ino)
{
	struct image *i = l->priv;

	return *path ? snap_path_lookup(i->ix, path, ino) : (*ino = SNAP_ROOT_INO, 0);
}

static int image_xattrs(const struct snap_index *ix, uint32_t ino, struct upper_buf *b)
{
	for (uint32_t i = 0;; i++) {
		const char *name;
		const void *value;
		size_t name_len, len;
		char copy[256];
		int r = snap_xattr_at(ix, ino, i, &name, &name_len, &value, &len);

		if (r < 0)
			return r == -ENODATA ? 0 : r;
		if (name_len == 0 || name_len > 255 || memchr(name, 0, name_len) || len > 65000 - name_len)
			continue;
		memcpy(copy, name, name_len);
		copy[name_len] = '\0';
		upper_put_xattr(b, copy, value, len);
		if (b->err)
			return b->err;
	}
}

static int image_stat(struct upper_lower *l, const char *path, struct upper_meta *ret)
{
	struct image *im = l->priv;
	const struct snap_inode *rec;
	struct upper_buf b = {0};
	const char *target;
	size_t len;
	uint32_t ino;
	int r = image_find(l, path, &ino);

	if (r < 0)
		return r == -ENOTDIR ? -ENOENT : r;
	rec = snap_inode_get(im->ix, ino);
	if (!rec)
		return -EUCLEAN;
	*ret = (struct upper_meta){
		.mode = rec->mode, .uid = rec->uid, .gid = rec->gid, .rdev_major = rec->rdev_major, .rdev_minor = rec->rdev_minor,
		.size = rec->size, .mtime = {.tv_sec = rec->mtime_sec, .tv_nsec = rec->mtime_nsec < 1000000000u ? rec->mtime_nsec : 0},
	};
	if (S_ISLNK(rec->mode)) {
		r = snap_readlink(im->ix, ino, &target, &len);
		ret->target = r == 0 && !memchr(target, 0, len) ? strndup(target, len) : NULL;
		ret->mode = S_IFLNK | 0777;
		r = r == 0 && !ret->target ? -EUCLEAN : r;
	}
	if (r == 0)
		r = image_xattrs(im->ix, ino, &b);
	upper_meta_take(ret, &b);
	if (r < 0)
		upper_meta_clear(ret);
	return r;
}

static int image_list(struct upper_lower *l, const char *path, int (*each)(void *ctx, const char *name), void *ctx)
{
	struct image *im = l->priv;
	uint32_t ino;
	int r = image_find(l, path, &ino);

	for (uint32_t pos = 0; r == 0; pos++) {
		struct snap_entry e;
		char name[256];

		r = snap_entry_at(im->ix, ino, pos, &e);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		if (e.name_len > 255)
			continue;
		memcpy(name, e.name, e.name_len);
		name[e.name_len] = '\0';
		r = e.ino ? each(ctx, name) : 0;
	}
	return r;
}

static ssize_t image_pread(struct upper_lower *l, const char *path, void *buf, size_t len, uint64_t off)
{
	struct image *im = l->priv;
	struct snap_run run;
	uint32_t ino;
	ssize_t n;
	int r = image_find(l, path, &ino);

	if (r == 0)
		r = snap_data_at(im->ix, ino, off, &run);
	if (r < 0 || run.len == 0)
		return r;
	if (len > run.len)
		len = (size_t)run.len;
	if (run.hole) {
		memset(buf, 0, len);
		return (ssize_t)len;
	}
	if (run.pack >= im->n_packs || im->packs[run.pack] < 0)
		return -EIO;
	n = pread(im->packs[run.pack], buf, len, (off_t)run.pack_off);
	return n < 0 ? -errno : n == 0 ? -EIO : n;
}

struct image_names {
	const struct snap_index *ix;
	const uint64_t *numbers;
	size_t n, seen;
	int (*each)(void *ctx, uint64_t number, const char *path);
	void *ctx;
	char path[4096];
};

/* The directory whose path, with a slash behind it, is the first *at* bytes. */
static int image_names_in(struct image_names *in, uint32_t dir, size_t at, unsigned depth)
{
	struct snap_entry e;
	int r = depth > IMAGE_DEPTH_MAX ? -ELOOP : 0;

	for (uint32_t pos = 0; r == 0; pos++) {
		const struct snap_inode *i;

		r = snap_entry_at(in->ix, dir, pos, &e);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		if (++in->seen > IMAGE_NAMES_MAX)
			return -EUCLEAN;
		i = e.ino ? snap_inode_get(in->ix, e.ino) : NULL;
		if (!i || e.name_len > 255 || at + e.name_len + 2 > sizeof(in->path))
			continue;
		memcpy(in->path + at, e.name, e.name_len);
		in->path[at + e.name_len] = '\0';
		if (S_ISREG(i->mode) && i->nlink > 1 && upper_number_in(in->numbers, in->n, e.ino)) {
			r = in->each(in->ctx, e.ino, in->path);
		} else if (S_ISDIR(i->mode) && i->parent == dir && e.ino != dir) {
			in->path[at + e.name_len] = '/';
			r = image_names_in(in, e.ino, at + e.name_len + 1, depth + 1);
		}
	}
	return r;
}

static int image_links(struct upper_lower *l, const uint64_t *numbers, size_t n,
		       int (*each)(void *ctx, uint64_t number, const char *path), void *ctx)
{
	struct image *im = l->priv;
	struct image_names in = {.ix = im->ix, .numbers = numbers, .n = n, .each = each, .ctx = ctx};

	return image_names_in(&in, SNAP_ROOT_INO, 0, 0);
}

static void image_destroy(struct upper_lower *l)
{
	free(l->priv);
}

struct upper_lower *upper_lower_snap(const struct snap_index *ix, const int *packs, unsigned n_packs)
{
	struct upper_lower *l = calloc(1, sizeof(*l));
	struct image *im = l ? malloc(sizeof(*im)) : NULL;

	if (!im) {
		free(l);
		return NULL;
	}
	*im = (struct image){.ix = ix, .packs = packs, .n_packs = n_packs};
	*l = (struct upper_lower){.priv = im, .stat = image_stat, .list = image_list, .pread = image_pread, .links = image_links, .destroy = image_destroy};
	return l;
}

/* --- nothing ------------------------------------------------------------------------------------------------------------------------- */

static int none_stat(struct upper_lower *l, const char *path, struct upper_meta *ret)
{
	return -ENOENT;
}

static int none_list(struct upper_lower *l, const char *path, int (*each)(void *ctx, const char *name), void *ctx)
{
	return -ENOENT;
}

static ssize_t none_pread(struct upper_lower *l, const char *path, void *buf, size_t len, uint64_t off)
{
	return -ENOENT;
}

struct upper_lower *upper_lower_none(void)
{
	struct upper_lower *l = calloc(1, sizeof(*l));

	if (l)
		*l = (struct upper_lower){.stat = none_stat, .list = none_list, .pread = none_pread};
	return l;
}
