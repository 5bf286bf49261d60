/* SPDX-License-Identifier: MIT */
/*
 * Packing a tree. Each object is looked at, opened without following links, and looked at again: what was exchanged
 * between is left out. Names of a directory are read before its entries are packed, so that no listing stays open on
 * the way down.
 */
#include "cmd/copy/pack.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK (256u << 10)
#define LINKS 4096 /* chains of the table of hard links */

struct seen { /* a file with several names */
	struct seen *next;
	dev_t dev;
	ino_t ino;
	char path[];
};

struct packer {
	const struct pack_options *opt;
	struct tar_out *out;
	struct snap_error *e;
	dev_t dev; /* of the top */
	char *chunk;
	struct seen *links[LINKS];
	char path[TAR_PATH_MAX];
	char target[TAR_PATH_MAX];
	struct tar_xattr xattrs[TAR_XATTR_COUNT];
	char names[TAR_XATTR_MAX];
	char *values[TAR_XATTR_COUNT];
	size_t n_xattrs;
};

static void left_out(struct packer *p, const char *why)
{
	char text[TAR_PATH_MAX + 64];

	if (!p->opt->warn)
		return;
	snprintf(text, sizeof(text), "%s: %s", p->path, why);
	p->opt->warn(p->opt->progress_arg, text);
}

static int write_failed(struct packer *p, int r)
{
	return snap_fail_errno(p->e, -r, "cannot write the archive");
}

/* --- what an entry says
 * ---------------------------------------------------------------------------------------------------- */

static void drop_xattrs(struct packer *p)
{
	while (p->n_xattrs)
		free(p->values[--p->n_xattrs]);
}

/* *fd* may be one of O_PATH, which has no xattrs of its own call: then by its name under /proc, if there is one. */
static void read_xattrs(struct packer *p, int fd)
{
	ssize_t n = p->opt->xattrs ? flistxattr(fd, p->names, sizeof(p->names)) : 0;

	for (char *s = p->names; n > 0 && s < p->names + n && p->n_xattrs < TAR_XATTR_COUNT; s += strlen(s) + 1) {
		char *value = malloc(TAR_XATTR_MAX);
		ssize_t len = value ? fgetxattr(fd, s, value, TAR_XATTR_MAX) : -1;

		if (len < 0) {
			free(value);
			continue;
		}
		p->values[p->n_xattrs] = value;
		p->xattrs[p->n_xattrs++] = (struct tar_xattr){.name = s, .value = value, .len = (size_t)len};
	}
}

static int put_entry(struct packer *p, const struct stat *st, char type, const char *link)
{
	struct tar_entry en = {
		.type = type,
		.path = p->path,
		.link = link,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_sec = st->st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)st->st_mtim.tv_nsec,
		.size = type == '0' ? (uint64_t)st->st_size : 0,
		.xattrs = p->xattrs,
		.xattr_count = p->n_xattrs,
	};
	int r;

	if (type == '3' || type == '4') {
		en.major = major(st->st_rdev);
		en.minor = minor(st->st_rdev);
	}
	r = tar_out_entry(p->out, &en);
	drop_xattrs(p);
	return r ? write_failed(p, r) : 0;
}

/* A second name of a file that is in the archive already. 1: written. */
static int put_hard_link(struct packer *p, const struct stat *st)
{
	struct seen **chain = &p->links[(st->st_ino ^ st->st_dev) % LINKS], *s;
	int r;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	for (s = *chain; s; s = s->next) {
		if (s->dev != st->st_dev || s->ino != st->st_ino)
			continue;
		r = put_entry(p, st, '1', s->path);
		return r ? r : 1;
	}
	s = malloc(sizeof(*s) + strlen(p->path) + 1);
	if (!s)
		return snap_fail_errno(p->e, ENOMEM, "cannot pack %s", p->path);
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	strcpy(s->path, p->path);
	s->next = *chain;
	*chain = s;
	return 0;
}

/* --- objects
 * -------------------------------------------------------------------------------------------------------------- */

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT);
}

static bool vanished(int err)
{
	return err == ENOENT || err == ELOOP || err == ENOTDIR || err == ENXIO;
}

static int copy_data(struct packer *p, int fd)
{
	int r = 0;

	while (p->out->left && !r) {
		size_t want = p->out->left < CHUNK ? (size_t)p->out->left : CHUNK;
		ssize_t n = read(fd, p->chunk, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return snap_fail_errno(p->e, errno, "cannot read %s", p->path);
		if (n == 0) {
			left_out(p, "the file became shorter while it was copied: the rest is zeros");
			break;
		}
		r = tar_out_data(p->out, p->chunk, (size_t)n);
		if (!r && p->opt->progress)
			p->opt->progress(p->opt->progress_arg);
	}
	if (!r)
		r = tar_out_end_file(p->out);
	return r ? write_failed(p, r) : 0;
}

/* The object that *st* told of, opened; -1: it is another one now. -2: failed. */
static int open_same(struct packer *p, int dirfd, const char *name, int flags, struct stat *st)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags);
	struct stat now;

	if (fd < 0 && vanished(errno))
		return -1;
	if (fd < 0) {
		snap_fail_errno(p->e, errno, "cannot read %s", p->path);
		return -2;
	}
	if (fstat(fd, &now) < 0 || !same(&now, st)) {
		close(fd);
		return -1;
	}
	*st = now;
	return fd;
}

static int pack_file(struct packer *p, int dirfd, const char *name, struct stat *st)
{
	int fd = open_same(p, dirfd, name, 0, st), r;

	if (fd < 0)
		return fd == -1 ? 0 : -p->e->err;
	r = put_hard_link(p, st);
	if (r == 0) {
		read_xattrs(p, fd);
		r = put_entry(p, st, '0', NULL);
		r = r ? r : copy_data(p, fd);
	}
	close(fd);
	return r < 0 ? r : 0;
}

static int pack_other(struct packer *p, int dirfd, const char *name, const struct stat *st)
{
	char type = tar_type(st->st_mode);
	ssize_t n = 0;
	int r;

	if (!type) {
		left_out(p, "a socket cannot be copied");
		return 0;
	}
	r = put_hard_link(p, st);
	if (r)
		return r < 0 ? r : 0;
	if (type == '2') {
		n = readlinkat(dirfd, name, p->target, sizeof(p->target) - 1);
		if (n < 0)
			return vanished(errno) || errno == EINVAL
				       ? 0
				       : snap_fail_errno(p->e, errno, "cannot read the link %s", p->path);
		p->target[n] = 0;
	}
	return put_entry(p, st, type, type == '2' ? p->target : NULL);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **list;
	size_t n;
};

static void names_free(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->list[i]);
	free(l->list);
	*l = (struct names){0};
}

static int names_add(struct names *l, const char *name)
{
	if (!(l->n & (l->n - 1))) {
		char **more = reallocarray(l->list, l->n ? l->n * 2 : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->list = more;
	}
	l->list[l->n] = strdup(name);
	return l->list[l->n] ? (l->n++, 0) : -ENOMEM;
}

/* All names of the directory, in order; *fd* stays open. */
static int list_names(struct packer *p, int fd, struct names *l)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), r = 0;
	DIR *d = own < 0 ? NULL : fdopendir(own);
	struct dirent *de;

	if (!d) {
		r = errno;
		if (own >= 0)
			close(own);
		return snap_fail_errno(p->e, r, "cannot list %s", p->path);
	}
	for (errno = 0; !r && (de = readdir(d)); errno = 0)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = names_add(l, de->d_name);
	if (!r && errno)
		r = -errno;
	closedir(d);
	if (r)
		return snap_fail_errno(p->e, -r, "cannot list %s", p->path);
	qsort(l->list, l->n, sizeof(*l->list), compare);
	return 0;
}

static int pack_object(struct packer *p, int dirfd, const char *name, bool follow);

/* p->path is the directory's, without a slash, and *len* long. */
static int pack_children(struct packer *p, int fd, size_t len)
{
	struct names l = {0};
	int r = list_names(p, fd, &l);

	for (size_t i = 0; !r && i < l.n; i++) {
		int n = snprintf(p->path + len, sizeof(p->path) - len, "%s%s", len ? "/" : "", l.list[i]);

		if (n < 0 || (size_t)n >= sizeof(p->path) - len - 2) /* room for the slash of a directory */
			left_out(p, "the path is too long for an archive");
		else
			r = pack_object(p, fd, l.list[i], false);
	}
	p->path[len] = 0;
	names_free(&l);
	return r;
}

static int pack_directory(struct packer *p, int dirfd, const char *name, struct stat *st)
{
	int fd = open_same(p, dirfd, name, O_DIRECTORY, st), r = 0;
	size_t len = strlen(p->path);

	if (fd < 0)
		return fd == -1 ? 0 : -p->e->err;
	if (len) {
		read_xattrs(p, fd);
		strcpy(p->path + len, "/");
		r = put_entry(p, st, '5', NULL);
		p->path[len] = 0;
	}
	if (!r && !(p->opt->one_fs && st->st_dev != p->dev))
		r = pack_children(p, fd, len);
	close(fd);
	return r;
}

/* Not for what a symbolic link led to, which is opened as it was found. */
static int pack_object(struct packer *p, int dirfd, const char *name, bool top)
{
	struct stat st;
	int r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (!top && vanished(errno))
			return 0;
		return snap_fail_errno(p->e, errno, "cannot copy %s", top ? name : p->path);
	}
	if (top)
		p->dev = st.st_dev;
	if (S_ISDIR(st.st_mode))
		r = pack_directory(p, dirfd, name, &st);
	else if (S_ISREG(st.st_mode))
		r = pack_file(p, dirfd, name, &st);
	else
		r = pack_other(p, dirfd, name, &st);
	if (!r && p->opt->progress)
		p->opt->progress(p->opt->progress_arg);
	return r;
}

/* Where a link at the top leads to, by its real path. */
static int pack_followed(struct packer *p, int dirfd, const char *name)
{
	char proc[64], real[PATH_MAX];
	int fd = openat(dirfd, name, O_PATH | O_CLOEXEC), r;
	ssize_t n;

	if (fd < 0)
		return snap_fail_errno(p->e, errno, "cannot copy %s", name);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, sizeof(real) - 1);
	r = n < 0 ? errno : 0;
	close(fd);
	if (r)
		return snap_fail_errno(p->e, r, "cannot follow %s", name);
	real[n] = 0;
	return pack_object(p, AT_FDCWD, real, true);
}

int pack_tree(int dirfd, const char *name, const struct pack_options *opt, struct tar_out *out, struct snap_error *e)
{
	struct packer *p = calloc(1, sizeof(*p));
	struct rlimit lim;
	int r;

	if (!p || !(p->chunk = malloc(CHUNK))) {
		free(p);
		return snap_fail_errno(e, ENOMEM, "cannot copy %s", name);
	}
	/* A descriptor is held for each level on the way down. */
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	p->opt = opt;
	p->out = out;
	p->e = e;
	snprintf(p->path, sizeof(p->path), "%s", opt->name);
	r = opt->follow ? pack_followed(p, dirfd, name) : pack_object(p, dirfd, name, true);
	for (size_t i = 0; i < LINKS; i++) {
		while (p->links[i]) {
			struct seen *s = p->links[i];

			p->links[i] = s->next;
			free(s);
		}
	}
	free(p->chunk);
	free(p);
	return r;
}
