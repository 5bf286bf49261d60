/* SPDX-License-Identifier: MIT */
/* Objects of picket apply. */
#include "cmd/sandbox/apply_fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/lib/str.h"

#define DEPTH_MAX 512u
#define CHUNK 65536u

/* Open beneath: no link on the way or at its end, no other file system's magic, nothing above. -1 with errno. */
static int open_beneath(int dir, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned int)flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

	if (flags & O_PATH)
		how.flags = (unsigned int)flags | O_CLOEXEC | O_NOFOLLOW;
	return (int)syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof(how));
}

/* The directory that holds the change, and its name in it, which points into c->path. -1 with errno. */
static int open_parent(const struct apply_target *t, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int fd;

	if (path[0] != '/' || !slash[1]) {
		errno = EINVAL;
		return -1;
	}
	*name = slash + 1;
	if (strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
		errno = EINVAL;
		return -1;
	}
	dir = xstrndup(path + 1, slash > path ? (size_t)(slash - path - 1) : 0);
	fd = open_beneath(t->dir_fd, dir, O_RDONLY | O_DIRECTORY);
	free(dir);
	return fd;
}

static bool changed_since(const struct apply_target *t, const struct stat *st)
{
	return st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec > t->since;
}

/* Names in a directory that is open as `fd`; the descriptor is used up. NULL with errno. */
static DIR *list_of(int dir, const char *name)
{
	int fd = open_beneath(dir, name, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

/* Whether anything of the tree was changed since. -1 with errno. */
static int tree_changed(const struct apply_target *t, int dir, const char *name, unsigned int depth)
{
	DIR *d = list_of(dir, name);
	struct dirent *e;
	int r = 0;

	if (!d)
		return -1;
	if (depth > DEPTH_MAX) {
		errno = ELOOP;
		r = -1;
	}
	while (r == 0 && (errno = 0, e = readdir(d))) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -1;
		else if (S_ISDIR(st.st_mode))
			r = tree_changed(t, dirfd(d), e->d_name, depth + 1);
		else
			r = changed_since(t, &st);
	}
	if (r == 0 && errno)
		r = -1;
	closedir(d);
	return r;
}

/* Remove the directory with all that is in it. 0, or -1 with errno. */
static int remove_tree(int dir, const char *name, unsigned int depth)
{
	DIR *d = list_of(dir, name);
	struct dirent *e;
	int r = d ? 0 : -1;

	if (d && depth > DEPTH_MAX) {
		errno = ELOOP;
		r = -1;
	}
	while (r == 0 && (errno = 0, e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) < 0)
			r = errno == EISDIR || errno == EPERM ? remove_tree(dirfd(d), e->d_name, depth + 1) : -1;
	}
	if (d)
		closedir(d);
	if (r == 0)
		r = unlinkat(dir, name, AT_REMOVEDIR);
	return r;
}

/* What is at the change's place may go: 1 yes, 0 it was changed since, -1 with errno. */
static int may_go(const struct apply_target *t, int parent, const char *name, const struct stat *st)
{
	int r;

	if (t->force)
		return 1;
	if (!S_ISDIR(st->st_mode))
		return !changed_since(t, st);
	r = tree_changed(t, parent, name, 0);
	return r < 0 ? -1 : !r;
}

static enum apply_result take_away(const struct apply_target *t, int parent, const char *name, const struct stat *st)
{
	int r = may_go(t, parent, name, st);

	if (r == 0)
		return APPLY_CONFLICT;
	if (r > 0 && !t->dry)
		r = S_ISDIR(st->st_mode) ? remove_tree(parent, name, 0) : unlinkat(parent, name, 0);
	return r < 0 ? APPLY_FAILED : APPLY_DONE;
}

/* ---- Objects ---- */

/* A name beside the object, for what is renamed over it when it is whole. */
static void temporary_name(char name[64])
{
	unsigned long long n = 0;

	if (getrandom(&n, sizeof(n), 0) < 0)
		n = (unsigned long long)getpid();
	snprintf(name, 64, ".picket-apply.%016llx", n);
}

static bool same_data(const struct upper_change *c, int fd)
{
	char *a = xcalloc(2, CHUNK), *b = a + CHUNK;
	uint64_t off = 0;
	bool same = true;

	while (same && off < c->meta->size) {
		size_t want = c->meta->size - off < CHUNK ? (size_t)(c->meta->size - off) : CHUNK;
		ssize_t n = upper_change_pread(c, a, want, off);

		same = n > 0 && pread(fd, b, (size_t)n, (off_t)off) == n && memcmp(a, b, (size_t)n) == 0;
		off += n > 0 ? (uint64_t)n : 0;
	}
	free(a);
	return same;
}

static bool same_file(const struct upper_change *c, int parent, const char *name, const struct stat *st)
{
	bool same;
	int fd;

	if ((uint64_t)st->st_size != c->meta->size || (st->st_mode & 0777) != (c->meta->mode & 0777))
		return false;
	fd = open_beneath(parent, name, O_RDONLY);
	if (fd < 0)
		return false;
	same = same_data(c, fd);
	close(fd);
	return same;
}

static int copy_data(const struct upper_change *c, int fd)
{
	char *buf = xcalloc(1, CHUNK);
	uint64_t off = 0;
	int r = ftruncate(fd, (off_t)c->meta->size);

	while (r == 0 && off < c->meta->size) {
		size_t want = c->meta->size - off < CHUNK ? (size_t)(c->meta->size - off) : CHUNK;
		ssize_t n = upper_change_pread(c, buf, want, off);

		if (n == 0)
			break; /* it became shorter */
		if (n < 0) {
			errno = (int)-n;
			r = -1;
		} else if (pwrite(fd, buf, (size_t)n, (off_t)off) != n) {
			r = -1;
		}
		off += n > 0 ? (uint64_t)n : 0;
	}
	free(buf);
	return r;
}

/* Written beside, then renamed over: whoever reads meanwhile sees the old file or the new one. */
static int put_file(const struct upper_change *c, int parent, const char *name)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, c->meta->mtime};
	char beside[64];
	int fd, r;

	temporary_name(beside);
	fd = openat(parent, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	r = copy_data(c, fd);
	r = r ? r : fchmod(fd, c->meta->mode & 0777);
	r = r ? r : futimens(fd, times);
	r = r ? r : renameat(parent, beside, parent, name);
	if (r) {
		int saved = errno;

		unlinkat(parent, beside, 0);
		errno = saved;
	}
	close(fd);
	return r;
}

static int put_link(const struct upper_change *c, int parent, const char *name)
{
	char beside[64];
	int r;

	temporary_name(beside);
	r = symlinkat(c->meta->target, parent, beside);
	if (r == 0) {
		r = renameat(parent, beside, parent, name);
		if (r)
			unlinkat(parent, beside, 0);
	}
	return r;
}

static bool same_link(const struct upper_change *c, int parent, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(parent, name, target, sizeof(target));

	return n >= 0 && (size_t)n < sizeof(target) && strlen(c->meta->target) == (size_t)n &&
	       memcmp(target, c->meta->target, (size_t)n) == 0;
}

/* `st` NULL: nothing is there yet. What a directory has lost is told name by name. */
static enum apply_result put_dir(const struct apply_target *t, const struct upper_change *c, int parent, const char *name,
	const struct stat *st)
{
	mode_t mode = (c->meta->mode & 0777) | 0700; /* what is in it is still to come, and may be looked at */
	int fd, r = 0;

	if (st && (st->st_mode & 0777) == mode)
		return APPLY_SAME;
	if (t->dry)
		return APPLY_DONE;
	if (!st)
		r = mkdirat(parent, name, 0700);
	if (r < 0)
		return APPLY_FAILED;
	fd = open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
	r = fd < 0 ? -1 : fchmod(fd, mode);
	if (fd >= 0)
		close(fd);
	return r < 0 ? APPLY_FAILED : APPLY_DONE;
}

static enum apply_result put_object(const struct apply_target *t, const struct upper_change *c, int parent,
	const char *name, const struct stat *st)
{
	bool link = S_ISLNK(c->meta->mode), file = S_ISREG(c->meta->mode);

	if (st && ((file && S_ISREG(st->st_mode) && same_file(c, parent, name, st)) ||
			  (link && S_ISLNK(st->st_mode) && same_link(c, parent, name))))
		return APPLY_SAME;
	if (link && !t->force && apply_leads_out(c->path, c->meta->target))
		return APPLY_OUTSIDE;
	if (st && S_ISDIR(st->st_mode)) {
		enum apply_result r = take_away(t, parent, name, st);

		if (r != APPLY_DONE)
			return r;
	} else if (st && !t->force && changed_since(t, st)) {
		return APPLY_CONFLICT;
	}
	if (t->dry)
		return APPLY_DONE;
	return (link ? put_link(c, parent, name) : put_file(c, parent, name)) < 0 ? APPLY_FAILED : APPLY_DONE;
}

static enum apply_result change_in(const struct apply_target *t, const struct upper_change *c, int parent, const char *name)
{
	struct stat buf, *st = &buf;

	if (fstatat(parent, name, &buf, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return APPLY_FAILED;
		st = NULL;
	}
	if (c->kind == UPPER_DELETED)
		return st ? take_away(t, parent, name, st) : APPLY_SAME;
	if (S_ISDIR(c->meta->mode)) {
		if (st && !S_ISDIR(st->st_mode)) {
			enum apply_result r = take_away(t, parent, name, st);

			if (r != APPLY_DONE)
				return r;
			st = NULL;
		}
		return put_dir(t, c, parent, name, st);
	}
	if (!S_ISREG(c->meta->mode) && !S_ISLNK(c->meta->mode))
		return APPLY_KIND;
	return put_object(t, c, parent, name, st);
}

/* In a dry run the directory above may be one that is still to be made. */
static bool would_be_made(const struct apply_target *t, const struct upper_change *c)
{
	return t->dry && errno == ENOENT && c->kind != UPPER_DELETED;
}

enum apply_result apply_change(const struct apply_target *t, const struct upper_change *c)
{
	enum apply_result r;
	const char *name;
	int parent;

	if (strcmp(c->path, "/") == 0)
		return APPLY_SAME; /* the directory itself stays as it is */
	parent = open_parent(t, c->path, &name);
	if (parent < 0) {
		if (c->kind == UPPER_DELETED && errno == ENOENT)
			return APPLY_SAME;
		return would_be_made(t, c) ? APPLY_DONE : APPLY_FAILED;
	}
	r = change_in(t, c, parent, name);
	if (r != APPLY_FAILED) {
		close(parent);
	} else {
		int saved = errno;

		close(parent);
		errno = saved;
	}
	return r;
}

enum apply_result apply_parent(const struct apply_target *t, const struct upper_change *c)
{
	enum apply_result r = APPLY_SAME;
	const char *name;
	struct stat st;
	int parent;

	if (strcmp(c->path, "/") == 0 || t->dry)
		return APPLY_SAME;
	parent = open_parent(t, c->path, &name);
	if (parent < 0)
		return APPLY_FAILED;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		r = put_dir(t, c, parent, name, NULL);
	close(parent);
	return r;
}

bool apply_leads_out(const char *path, const char *target)
{
	int depth = -1; /* of the directory that holds the link */
	bool down = false;

	if (target[0] == '/')
		return true;
	for (const char *p = path; *p; p++)
		depth += *p == '/';
	while (*target) {
		size_t n = strcspn(target, "/");

		if (n == 2 && strncmp(target, "..", 2) == 0) {
			/* Behind a name, which may be a link, nobody can say where it leads. */
			if (down || --depth < 0)
				return true;
		} else if (n && !(n == 1 && *target == '.')) {
			down = true;
		}
		target += n + (target[n] == '/');
	}
	return false;
}
