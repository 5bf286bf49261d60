/* SPDX-License-Identifier: MIT */
/* Opening the store, and what all its files need: names, whole files, directories, locks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_priv.h"

#define RESERVE_BYTES (128 << 10)

#define STORE_VERSION "picket-store 1\n"

/* ---- Files ---- */

int write_full(int fd, const void *data, size_t len, int64_t at)
{
	const char *p = data;

	while (len) {
		ssize_t n = at < 0 ? write(fd, p, len) : pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		if (at >= 0)
			at += n;
	}
	return 0;
}

int read_full(int fd, void *data, size_t len, int64_t at)
{
	char *p = data;

	while (len) {
		ssize_t n = at < 0 ? read(fd, p, len) : pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		if (at >= 0)
			at += n;
	}
	return 0;
}

struct store_name store_name(const char *dir, const struct digest *d, const char *file)
{
	struct store_name n;
	char hex[DIGEST_HEX_LEN + 1];

	snprintf(n.s, sizeof(n.s), "%s/%s%s%s", dir, digest_hex(d, hex), file ? "/" : "", file ? file : "");
	return n;
}

bool store_exists(const struct store *s, const char *path)
{
	return !faccessat(s->dirfd, path, F_OK, 0);
}

int store_write_file(const struct store *s, const char *path, const void *data, size_t len)
{
	int fd = openat(s->dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_full(fd, data, len, -1);
	if (!r && fsync(fd))
		r = -errno;
	if (close(fd) && !r)
		r = -errno;
	if (r)
		unlinkat(s->dirfd, path, 0);
	return r;
}

int store_read_file(const struct store *s, const char *path, size_t max, void **ret, size_t *len)
{
	int fd = openat(s->dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *p = NULL;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		r = -errno;
	else if ((uint64_t)st.st_size > max)
		r = -EFBIG;
	if (!r) {
		p = malloc((size_t)st.st_size + 1);
		r = p ? read_full(fd, p, (size_t)st.st_size, 0) : -ENOMEM;
	}
	close(fd);
	if (r) {
		free(p);
		return r;
	}
	p[st.st_size] = 0;
	*ret = p;
	*len = (size_t)st.st_size;
	return 0;
}

int store_fsync_dir(const struct store *s, const char *path)
{
	int fd = openat(s->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd))
		r = -errno;
	close(fd);
	return r;
}

static int remove_at(int dirfd, const char *name, uint64_t *freed, int depth);

static int empty_dir(int parent, const char *name, uint64_t *freed, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			r = remove_at(dirfd(d), de->d_name, freed, depth + 1);
	closedir(d);
	return r;
}

static int remove_at(int dirfd, const char *name, uint64_t *freed, int depth)
{
	struct stat st;
	int r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(dirfd, name, 0) && errno != ENOENT)
			return -errno;
		if (freed)
			*freed += (uint64_t)st.st_blocks * 512;
		return 0;
	}
	if (depth > 8) /* the store is never deeper */
		return -ELOOP;
	r = empty_dir(dirfd, name, freed, depth);
	if (!r && unlinkat(dirfd, name, AT_REMOVEDIR) && errno != ENOENT)
		r = -errno;
	return r;
}

int store_remove_tree(const struct store *s, const char *path, uint64_t *freed)
{
	return remove_at(s->dirfd, path, freed, 0);
}

void store_clean_tmp(const struct store *s)
{
	empty_dir(s->dirfd, STORE_TMP, NULL, 0);
}

void store_reserve_keep(const struct store *s)
{
	int fd;

	if (store_exists(s, STORE_RESERVE))
		return;
	fd = openat(s->dirfd, STORE_RESERVE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	/* Half of it would help as little as none. */
	if (posix_fallocate(fd, 0, RESERVE_BYTES))
		unlinkat(s->dirfd, STORE_RESERVE, 0);
	close(fd);
}

bool store_reserve_release(const struct store *s, int r)
{
	return (r == -ENOSPC || r == -EDQUOT) && !unlinkat(s->dirfd, STORE_RESERVE, 0);
}

int store_flock(int fd, int op)
{
	int r;

	do
		r = flock(fd, op);
	while (r && errno == EINTR);
	return r ? -errno : 0;
}

void store_free_names(char **names)
{
	for (char **p = names; p && *p; p++)
		free(*p);
	free(names);
}

static int add_name(char ***names, size_t *n, size_t *cap, const char *name)
{
	if (*n + 2 > *cap) {
		size_t more = *cap ? *cap * 2 : 64;
		char **p = realloc(*names, more * sizeof(*p));

		if (!p)
			return -ENOMEM;
		*names = p;
		*cap = more;
	}
	(*names)[*n] = strdup(name);
	if (!(*names)[*n])
		return -ENOMEM;
	(*names)[++*n] = NULL;
	return 0;
}

static int read_names(DIR *d, char ***ret)
{
	char **names = calloc(1, sizeof(*names));
	size_t n = 0, cap = 0;
	struct dirent *de;
	int r = names ? 0 : -ENOMEM;

	while (!r && (de = readdir(d)))
		if (de->d_name[0] != '.')
			r = add_name(&names, &n, &cap, de->d_name);
	if (r)
		store_free_names(names);
	else
		*ret = names;
	return r;
}

int store_list(const struct store *s, const char *path, char ***ret)
{
	int fd = openat(s->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = read_names(d, ret);
	closedir(d);
	return r;
}

int store_map_fd(int fd, struct mapped_index *ret)
{
	struct mapped_index m = {0};
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct snap_super))
		return -EINVAL;
	m.len = (size_t)st.st_size;
	m.map = mmap(NULL, m.len, PROT_READ, MAP_SHARED, fd, 0);
	if (m.map == MAP_FAILED)
		return -errno;
	r = snap_index_open(m.map, m.len, &m.ix);
	if (r)
		munmap(m.map, m.len);
	else
		*ret = m;
	return r;
}

int store_map_index(const struct store *s, const char *path, struct mapped_index *ret)
{
	int fd = openat(s->dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return -errno;
	r = store_map_fd(fd, ret);
	close(fd);
	return r;
}

void store_unmap_index(struct mapped_index *m)
{
	if (m->map)
		munmap(m->map, m->len);
	*m = (struct mapped_index){0};
}

/* ---- Opening ---- */

int store_default_path(char **ret, struct snap_error *e)
{
	const char *env = getenv("PICKET_STORE"), *home;
	int n;

	if (env && *env == '/')
		return (*ret = strdup(env)) ? 0 : -ENOMEM;
	if (env && *env)
		return snap_fail(e, EINVAL, "PICKET_STORE must be an absolute path, not '%s'", env);
	env = getenv("XDG_DATA_HOME");
	home = getenv("HOME");
	if (env && *env == '/')
		n = asprintf(ret, "%s/picket", env);
	else if (home && *home == '/')
		n = asprintf(ret, "%s/.local/share/picket", home);
	else
		return snap_fail(e, ENOENT, "no place for the store: set HOME, XDG_DATA_HOME or PICKET_STORE");
	return n < 0 ? -ENOMEM : 0;
}

/* mkdir -p; new directories are the user's alone. */
static int make_dirs(char *path)
{
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (mkdir(path, 0700) && errno != EEXIST && (errno != EROFS || access(path, F_OK)))
			return -errno;
		*p = c;
		if (!c)
			return 0;
	}
}

/* The version file is made last: where it is, everything is. */
static int make_layout(const struct store *s)
{
	static const char *const dirs[] = {
		"blobs", STORE_BLOBS, STORE_LAYERS, STORE_IMAGES, STORE_RECORDS, STORE_TMP, STORE_LOCKS};
	static const char *const files[] = {"lock", "refs.lock"};
	char tmp[64];
	int r;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdirat(s->dirfd, dirs[i], 0700) && errno != EEXIST)
			return -errno;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int fd = openat(s->dirfd, files[i], O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		close(fd);
	}
	snprintf(tmp, sizeof(tmp), "version.%d", getpid()); /* not in tmp/: another's first command may be cleaning it */
	unlinkat(s->dirfd, tmp, 0);
	r = store_write_file(s, tmp, STORE_VERSION, strlen(STORE_VERSION));
	/* Another process that made the store at the same time may already be at work, and have cleaned tmp/. */
	if (!r && renameat(s->dirfd, tmp, s->dirfd, "version") && !(errno == ENOENT && store_exists(s, "version")))
		r = -errno;
	return r ? r : store_fsync_dir(s, ".");
}

static int check_version(const struct store *s, struct snap_error *e)
{
	size_t len;
	void *v;
	int r = store_read_file(s, "version", 64, &v, &len);

	if (r == -ENOENT) {
		r = make_layout(s);
		return r ? snap_fail_errno(e, -r, "cannot make the store in %s", s->path) : 0;
	}
	if (r)
		return snap_fail_errno(e, -r, "cannot read the store in %s", s->path);
	r = strcmp(v, STORE_VERSION);
	free(v);
	return r ? snap_fail(e, EPROTONOSUPPORT, "the store in %s was made by another version of picket", s->path) : 0;
}

static int check_owner(const struct store *s, struct snap_error *e)
{
	struct stat st;

	if (fstat(s->dirfd, &st))
		return snap_fail_errno(e, errno, "cannot read the store in %s", s->path);
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022))
		return snap_fail(
			e, EPERM, "the store in %s belongs to another user, or others may write to it", s->path);
	return 0;
}

/* picket-snapd opens it by path, from another directory. */
static int absolute_path(const char *path, char **ret)
{
	char *cwd;
	int n;

	if (*path == '/')
		return (*ret = strdup(path)) ? 0 : -ENOMEM;
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return -errno;
	n = asprintf(ret, "%s/%s", cwd, path);
	free(cwd);
	return n < 0 ? -ENOMEM : 0;
}

int store_open(const char *path, struct store **ret, struct snap_error *e)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return snap_fail_errno(e, ENOMEM, "cannot open the store");
	s->dirfd = -1;
	r = path ? absolute_path(path, &s->path) : store_default_path(&s->path, e);
	if (r) {
		if (path || r == -ENOMEM)
			snap_fail_errno(e, -r, "cannot open the store");
		goto fail;
	}
	s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0 && errno == ENOENT) {
		r = make_dirs(s->path);
		if (!r)
			s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (s->dirfd < 0) {
		r = r ? -r : errno;
		if (!path && (r == EACCES || r == EROFS))
			r = snap_fail(e, r, "cannot open the store in %s: %s; PICKET_STORE or --store names another place",
				s->path, strerror(r));
		else
			r = snap_fail_errno(e, r, "cannot open the store in %s", s->path);
		goto fail;
	}
	r = check_owner(s, e);
	if (!r)
		r = check_version(s, e);
	if (r)
		goto fail;
	*ret = s;
	return 0;
fail:
	store_close(s);
	return r;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->dirfd >= 0)
		close(s->dirfd);
	free(s->path);
	free(s);
}

const char *store_path(const struct store *s)
{
	return s->path;
}

int store_dirfd(const struct store *s)
{
	return s->dirfd;
}
