/* SPDX-License-Identifier: MIT */
/* Making files of a tar archive. */
#include "cmd/copy/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fuse-snap/tar.h"

#define DIRS_MAX (1u << 20) /* directories whose modes and times wait for the end */

struct later { /* a directory that still gets entries: its mode and time come last */
	struct later *next;
	mode_t mode;
	struct timespec mtime;
	char path[];
};

struct unpack {
	struct unpack_options opt;
	int dirfd;
	struct tar *tar;
	char first;
	int fd; /* the file that is being written; -1: none */
	struct later *dirs;
	unsigned n_dirs;
	uint64_t bytes, at;
	const struct tar_segment *segments; /* of a sparse file */
	size_t n_segments, segment;
	uint64_t in_segment;
	struct tar_entry entry; /* of the file: modes, times */
	char path[TAR_PATH_MAX];
	char link[TAR_PATH_MAX];
};

/* --- names
 * ---------------------------------------------------------------------------------------------------------------- */

static int bad_name(struct snap_error *e, const char *path)
{
	return snap_fail(e, EBADMSG, "the archive has the name \"%s\", which leads out of where it belongs", path);
}

/* Take "", "." and "/" out of *path*; ".." is refused. The result is "." or relative. */
static int clean(const char *path, char *ret, struct snap_error *e)
{
	size_t n = 0;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !memcmp(p, "..", 2))
			return bad_name(e, path);
		if (len && !(len == 1 && *p == '.')) {
			if (n + len + 2 > TAR_PATH_MAX)
				return snap_fail(
					e, ENAMETOOLONG, "the archive has a name that is too long: %.200s…", path);
			if (n)
				ret[n++] = '/';
			memcpy(ret + n, p, len);
			n += len;
		}
		p += len;
		p += *p == '/';
	}
	if (!n)
		ret[n++] = '.';
	ret[n] = 0;
	return 0;
}

/* The name below the directory: checked, and with its top renamed. */
static int place(struct unpack *u, const char *path, char *ret, struct snap_error *e)
{
	char cleaned[TAR_PATH_MAX];
	size_t top;
	int r = clean(path, cleaned, e);

	if (r)
		return r;
	if (!u->opt.from || (strcmp(u->opt.from, ".") == 0 && !u->opt.to)) {
		strcpy(ret, cleaned);
		return 0;
	}
	if (strcmp(u->opt.from, ".") == 0) { /* all of it is what the new directory holds */
		if (strlen(u->opt.to) + strlen(cleaned) + 2 > TAR_PATH_MAX)
			return snap_fail(e, ENAMETOOLONG, "the archive has a name that is too long: %.200s…", path);
		strcpy(ret, u->opt.to);
		if (strcmp(cleaned, ".") != 0) {
			strcat(ret, "/");
			strcat(ret, cleaned);
		}
		return 0;
	}
	top = strcspn(cleaned, "/");
	if (strlen(u->opt.from) != top || memcmp(cleaned, u->opt.from, top) != 0)
		return bad_name(e, path);
	if (!u->opt.to) {
		strcpy(ret, cleaned);
		return 0;
	}
	if (strlen(u->opt.to) + strlen(cleaned + top) >= TAR_PATH_MAX)
		return snap_fail(e, ENAMETOOLONG, "the archive has a name that is too long: %.200s…", path);
	strcpy(ret, u->opt.to);
	strcat(ret, cleaned + top);
	return 0;
}

static int open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/* Open the directory that holds *path*, made if it is missing, as tar does; *name* is the last component. -1 with
 * errno. */
static int open_parent(struct unpack *u, char *path, const char **name)
{
	char *slash = strrchr(path, '/');
	int fd, parent;
	const char *last;

	if (!slash) {
		*name = path;
		return open_beneath(u->dirfd, ".", O_PATH | O_DIRECTORY, 0);
	}
	*name = slash + 1;
	*slash = 0;
	fd = open_beneath(u->dirfd, path, O_PATH | O_DIRECTORY, 0);
	if (fd < 0 && errno == ENOENT) {
		parent = open_parent(u, path, &last);
		if (parent >= 0) {
			if (mkdirat(parent, last, 0755) == 0 || errno == EEXIST)
				fd = open_beneath(parent, last, O_PATH | O_DIRECTORY, 0);
			close(parent);
		}
	}
	*slash = '/';
	return fd;
}

/* --- attributes
 * -------------------------------------------------------------------------------------------------------------- */

static mode_t mode_of(const struct unpack *u, const struct tar_entry *en)
{
	return en->mode & (u->opt.special_bits ? 07777 : en->type == '5' ? 01777 : 0777);
}

static void times_of(const struct tar_entry *en, struct timespec ts[2])
{
	ts[0] = ts[1] = (struct timespec){.tv_sec = en->mtime_sec, .tv_nsec = en->mtime_nsec};
}

static int set_owner(struct unpack *u, int dirfd, const char *name, const struct tar_entry *en)
{
	bool archive = u->opt.owner == UNPACK_OWNER_ARCHIVE;

	if (u->opt.owner == UNPACK_OWNER_KEEP)
		return 0;
	return fchownat(dirfd, name, archive ? en->uid : 0, archive ? en->gid : 0, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
}

static void set_xattrs(struct unpack *u, int fd, const struct tar_entry *en)
{
	for (size_t i = 0; u->opt.xattrs && i < en->xattr_count; i++)
		if (fsetxattr(fd, en->xattrs[i].name, en->xattrs[i].value, en->xattrs[i].len, 0) < 0 && u->opt.warn)
			u->opt.warn(u->opt.arg, "an extended attribute could not be kept");
}

static int failed(struct unpack *u, struct snap_error *e, const char *what)
{
	return snap_fail_errno(e, errno, "cannot %s %s", what, u->path);
}

static int later(struct unpack *u, const struct tar_entry *en, struct snap_error *e)
{
	struct later *l;

	if (u->n_dirs++ >= DIRS_MAX)
		return snap_fail(e, E2BIG, "the archive has more than %u directories", DIRS_MAX);
	l = malloc(sizeof(*l) + strlen(u->path) + 1);
	if (!l)
		return snap_fail_errno(e, ENOMEM, "cannot unpack %s", u->path);
	l->mode = mode_of(u, en);
	l->mtime = (struct timespec){.tv_sec = en->mtime_sec, .tv_nsec = en->mtime_nsec};
	strcpy(l->path, u->path);
	l->next = u->dirs;
	u->dirs = l;
	return 0;
}

/* The deepest came last and is first here. What is gone meanwhile is nobody's loss. */
static void finish_directories(struct unpack *u)
{
	while (u->dirs) {
		struct later *l = u->dirs;
		int fd = open_beneath(u->dirfd, l->path, O_RDONLY | O_DIRECTORY, 0);
		struct timespec ts[2] = {l->mtime, l->mtime};

		if (fd >= 0) {
			if (fchmod(fd, l->mode) < 0 || futimens(fd, ts) < 0)
				errno = 0;
			close(fd);
		}
		u->dirs = l->next;
		free(l);
	}
}

/* --- objects
 * ------------------------------------------------------------------------------------------------------------------ */

/*
 * What stands at the place is taken away, unless both are directories; a directory does not replace a file, nor a file
 * a directory. 1: the directory is there already.
 */
static int make_room(struct unpack *u, int dirfd, const char *name, char type, struct snap_error *e)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : failed(u, e, "write");
	if (S_ISDIR(st.st_mode) && type == '5')
		return 1;
	if (S_ISDIR(st.st_mode))
		return snap_fail(e, EISDIR, "cannot overwrite the directory %s with a file", u->path);
	if (type == '5')
		return snap_fail(e, ENOTDIR, "cannot overwrite the file %s with a directory", u->path);
	return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? failed(u, e, "replace") : 0;
}

static int make_directory(
	struct unpack *u, int dirfd, const char *name, const struct tar_entry *en, bool there, struct snap_error *e)
{
	int fd;

	/* Ours to write into until the end. */
	if (!there && mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return failed(u, e, "make the directory");
	if (strcmp(u->path, ".") == 0)
		return 0; /* whose contents are copied: it stays as it is */
	fd = open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return failed(u, e, "make the directory");
	if (set_owner(u, fd, "", en) < 0) {
		close(fd);
		return failed(u, e, "set the owner of");
	}
	set_xattrs(u, fd, en);
	close(fd);
	return later(u, en, e);
}

static int begin_file(struct unpack *u, int dirfd, const char *name, const struct tar_entry *en, struct snap_error *e)
{
	u->fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (u->fd < 0)
		return failed(u, e, "make");
	if (set_owner(u, u->fd, "", en) < 0)
		return failed(u, e, "set the owner of");
	set_xattrs(u, u->fd, en);
	u->entry = *en;
	u->segments = en->sparse ? en->segments : NULL;
	u->n_segments = en->segment_count;
	u->segment = 0;
	u->in_segment = u->at = 0;
	return 0;
}

static int make_link(struct unpack *u, int dirfd, const char *name, const struct tar_entry *en, struct snap_error *e)
{
	const char *last;
	int from, r = place(u, en->link, u->link, e);

	if (r)
		return r;
	from = open_parent(u, u->link, &last);
	if (from < 0)
		return failed(u, e, "make the link");
	r = linkat(from, last, dirfd, name, 0) < 0 ? failed(u, e, "make the link") : 0;
	close(from);
	return r;
}

static int make_node(struct unpack *u, int dirfd, const char *name, const struct tar_entry *en, struct snap_error *e)
{
	mode_t kind = en->type == '3' ? S_IFCHR : en->type == '4' ? S_IFBLK : S_IFIFO;
	char text[TAR_PATH_MAX + 64];

	if (kind != S_IFIFO && !u->opt.devices) {
		snprintf(text, sizeof(text), "%s: a device node cannot be copied", u->path);
		if (u->opt.warn)
			u->opt.warn(u->opt.arg, text);
		return 0;
	}
	if (mknodat(dirfd, name, kind | mode_of(u, en), kind == S_IFIFO ? 0 : makedev(en->major, en->minor)) < 0)
		return failed(u, e, "make");
	if (set_owner(u, dirfd, name, en) < 0)
		return failed(u, e, "set the owner of");
	/* The umask; a link that somebody has put there meanwhile is not followed where the host can do that, and is
	 * harmless inside. */
	if (fchmodat(dirfd, name, mode_of(u, en), AT_SYMLINK_NOFOLLOW) < 0)
		errno = 0;
	return 0;
}

static int make_symlink(struct unpack *u, int dirfd, const char *name, const struct tar_entry *en, struct snap_error *e)
{
	struct timespec ts[2];

	if (symlinkat(en->link, dirfd, name) < 0)
		return failed(u, e, "make the link");
	if (set_owner(u, dirfd, name, en) < 0)
		return failed(u, e, "set the owner of");
	times_of(en, ts);
	if (utimensat(dirfd, name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		errno = 0;
	return 0;
}

static int make(struct unpack *u, int dirfd, const char *name, const struct tar_entry *en, struct snap_error *e)
{
	int r = make_room(u, dirfd, name, en->type, e);

	if (r < 0)
		return r;
	switch (en->type) {
	case '5':
		return make_directory(u, dirfd, name, en, r > 0, e);
	case '0':
		return begin_file(u, dirfd, name, en, e);
	case '1':
		return make_link(u, dirfd, name, en, e);
	case '2':
		return make_symlink(u, dirfd, name, en, e);
	default:
		return make_node(u, dirfd, name, en, e);
	}
}

static int on_entry(void *arg, const struct tar_entry *en, struct snap_error *e)
{
	struct unpack *u = arg;
	const char *name;
	int fd, r = place(u, en->path, u->path, e);

	if (r)
		return r;
	if (!u->first)
		u->first = en->type;
	if (strcmp(u->path, ".") == 0) {
		if (en->type != '5')
			return bad_name(e, en->path);
		return 0;
	}
	fd = open_parent(u, u->path, &name);
	if (fd < 0)
		return failed(u, e, "write");
	r = make(u, fd, name, en, e);
	close(fd);
	if (u->opt.progress)
		u->opt.progress(u->opt.arg);
	return r;
}

/* --- data
 * -----------------------------------------------------------------------------------------------------------------------
 */

/* Where the next bytes go, and how many of them at most. */
static uint64_t next_piece(struct unpack *u, uint64_t *off)
{
	if (!u->segments) {
		*off = u->at;
		return UINT64_MAX;
	}
	while (u->segment < u->n_segments && u->in_segment == u->segments[u->segment].len) {
		u->segment++;
		u->in_segment = 0;
	}
	if (u->segment == u->n_segments)
		return 0;
	*off = u->segments[u->segment].off + u->in_segment;
	return u->segments[u->segment].len - u->in_segment;
}

static int on_data(void *arg, const void *data, size_t len, struct snap_error *e)
{
	struct unpack *u = arg;
	const char *p = data;

	while (len && u->fd >= 0) {
		uint64_t off = 0, most = next_piece(u, &off);
		size_t want = len < most ? len : (size_t)most;
		ssize_t n = want ? pwrite(u->fd, p, want, (off_t)off) : (ssize_t)len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(u, e, "write");
		u->at += (uint64_t)n;
		u->in_segment += (uint64_t)n;
		u->bytes += (uint64_t)n;
		p += n;
		len -= (size_t)n;
	}
	if (u->opt.progress)
		u->opt.progress(u->opt.arg);
	return 0;
}

static int on_done(void *arg, struct snap_error *e)
{
	struct unpack *u = arg;
	struct timespec ts[2];
	int r = 0;

	if (u->fd < 0)
		return 0;
	times_of(&u->entry, ts);
	if (u->segments && ftruncate(u->fd, (off_t)u->entry.size) < 0)
		r = failed(u, e, "write");
	if (!r && fchmod(u->fd, mode_of(u, &u->entry)) < 0)
		r = failed(u, e, "set the mode of");
	if (!r && futimens(u->fd, ts) < 0)
		r = failed(u, e, "set the time of");
	if (close(u->fd) < 0 && !r)
		r = failed(u, e, "write");
	u->fd = -1;
	return r;
}

static const struct tar_ops ops = {.entry = on_entry, .data = on_data, .done = on_done};

struct unpack *unpack_new(int dirfd, const struct unpack_options *opt)
{
	struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->opt = *opt;
	u->dirfd = dirfd;
	u->fd = -1;
	u->tar = tar_new(&ops, u);
	if (!u->tar) {
		free(u);
		return NULL;
	}
	return u;
}

int unpack_feed(struct unpack *u, const void *data, size_t len, struct snap_error *e)
{
	return tar_feed(u->tar, data, len, e);
}

int unpack_finish(struct unpack *u, struct snap_error *e)
{
	int r = tar_finish(u->tar, e);

	finish_directories(u);
	return r;
}

char unpack_first(const struct unpack *u)
{
	return u->first;
}

uint64_t unpack_bytes(const struct unpack *u)
{
	return u->bytes;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	finish_directories(u);
	tar_free(u->tar);
	free(u);
}
