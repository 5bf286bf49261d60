/* SPDX-License-Identifier: MIT */
/*
 * Twins of the host's C library, for runs on the host's own files and on directories: twins/ in the store, one file for each state of an original.
 * They are a cache: any of them may go at any time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "layertwins.h"
#include "store_priv.h"
#include "twinwrite.h"

#define FILES_MAX 64u		     /* in twins/ */
#define ORIGINAL_MAX (256 << 20)
#define YOUNG_SECONDS 3		     /* a time stamp as old as this has had its last change within its own tick */

/* Where the dynamic loader and the C library are found. */
static const char *const candidates[] = {
	"lib64/ld-linux-x86-64.so.2",
	"lib/ld-musl-x86_64.so.1",
	"lib/x86_64-linux-gnu/libc.so.6",
	"lib64/libc.so.6",
	"usr/lib/libc.so.6",
	"lib/x86_64-linux-gnu/libpthread.so.0",
	"lib64/libpthread.so.0",
};

static int open_in(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static void identify(const struct stat *st, struct twin_file *of)
{
	*of = (struct twin_file){.dev = (uint64_t)major(st->st_dev) << 32 | minor(st->st_dev), .ino = st->st_ino, .size = (uint64_t)st->st_size,
		.mtime_sec = st->st_mtim.tv_sec, .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec, .ctime_sec = st->st_ctim.tv_sec,
		.ctime_nsec = (uint32_t)st->st_ctim.tv_nsec};
}

static bool same(const struct twin_file *a, const struct twin_file *b)
{
	return !memcmp(a, b, sizeof(*a)); /* without padding */
}

static void cache_name(const struct twin_file *of, char buf[static 160])
{
	snprintf(buf, 160, STORE_TWINS "/%u-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%x-%" PRIx64 ".%x", TWIN_VERSION, of->dev, of->ino,
		of->size, (uint64_t)of->mtime_sec, of->mtime_nsec, (uint64_t)of->ctime_sec, of->ctime_nsec);
}

static bool is_young(const struct twin_file *of)
{
	int64_t now = (int64_t)time(NULL);

	return of->mtime_sec > now - YOUNG_SECONDS || of->ctime_sec > now - YOUNG_SECONDS;
}

/* A new twin goes in: so that there is an end to it, the one that was made first goes. */
static void make_room(const struct store *s)
{
	int fd = openat(s->dirfd, STORE_TWINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct timespec oldest = {0};
	unsigned int n = 0;
	struct dirent *de;
	struct stat st;
	char name[256] = "";

	while (d && (de = readdir(d))) {
		if (de->d_name[0] == '.' || fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		n++;
		if (!*name || st.st_mtim.tv_sec < oldest.tv_sec) {
			oldest = st.st_mtim;
			snprintf(name, sizeof(name), "%s", de->d_name);
		}
	}
	if (d && n >= FILES_MAX)
		unlinkat(dirfd(d), name, 0);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

/* Write the twin of *original* to the unnamed file *fd*. */
static int build(int original, const struct twin_file *of, int fd)
{
	struct twin_writer *w = twin_writer_new(fd);
	uint8_t *map = mmap(NULL, of->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, original, 0);
	struct twin_file now;
	struct stat st;
	int r = !w ? -ENOMEM : map == MAP_FAILED ? -errno : twin_add(w, map, of->size, 0, 0);

	if (!r)
		r = twin_finish(w, of, NULL, NULL, 0);
	if (!r && fstat(original, &st))
		r = -errno;
	if (!r) {
		identify(&st, &now);
		r = same(&now, of) ? 0 : -ESTALE;
	}
	if (map != MAP_FAILED)
		munmap(map, of->size);
	twin_writer_free(w);
	return r;
}

static void keep(const struct store *s, int fd, const char *path, const char *name)
{
	if (fdatasync(fd))
		return;
	make_room(s);
	if (linkat(AT_FDCWD, path, s->dirfd, name, AT_SYMLINK_FOLLOW))
		return; /* somebody else was faster, or the next run makes it again */
}

/*
 * Make a twin: without a name until it is whole and on disk, so that a kill or a crash leaves nothing. Returns a descriptor to read from. The run waits for
 * it, some 20 ms once for each C library.
 */
static int make(const struct store *s, int original, const struct twin_file *of, const char *name)
{
	char path[32];
	int fd = openat(s->dirfd, STORE_TWINS, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), ro, r;

	if (fd < 0 && errno == ENOENT && !mkdirat(s->dirfd, STORE_TWINS, 0700))
		fd = openat(s->dirfd, STORE_TWINS, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = build(original, of, fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = r ? r : open(path, O_RDONLY | O_CLOEXEC);
	if (ro >= 0)
		keep(s, fd, path, name);
	close(fd);
	return ro;
}

/* The twin for *path*; -1: none. */
static int open_one(const struct store *s, int root, const char *path, struct twin_file *of)
{
	int fd, original = open_in(root, path, O_PATH);
	struct stat st;
	char name[160];

	if (original < 0)
		return -1;
	fd = fstat(original, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > ORIGINAL_MAX ? -1 : 0;
	close(original);
	if (fd < 0)
		return -1;
	identify(&st, of);
	cache_name(of, name);
	fd = openat(s->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 || errno != ENOENT || is_young(of))
		return fd;
	original = open_in(root, path, O_RDONLY);
	if (original < 0)
		return -1;
	fd = make(s, original, of, name);
	close(original);
	return fd;
}

unsigned int twin_cache_open(const struct store *s, int root, int *fds)
{
	struct twin_file of[TWIN_CACHE_MAX];
	unsigned int n = 0;

	_Static_assert(sizeof(candidates) / sizeof(*candidates) <= TWIN_CACHE_MAX, "room for each");
	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates); i++) {
		bool again = false;
		int fd = open_one(s, root, candidates[i], &of[n]);

		for (unsigned int j = 0; fd >= 0 && j < n; j++)
			again |= same(&of[j], &of[n]);
		if (again)
			close(fd);
		else if (fd >= 0)
			fds[n++] = fd;
	}
	return n;
}

/* The twin file of a layer. -1: it has none, or one without anything in it; -2: there should be another one. */
static int open_layer(const struct store *s, const struct digest *id)
{
	int fd = openat(s->dirfd, store_name(STORE_LAYERS, id, "twins").s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct twin_head h;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -2 : -1;
	if (fstat(fd, &st) || read_full(fd, &h, sizeof(h), 0) || twin_head_check(&h, (uint64_t)st.st_size) || h.entry != TWIN_ENTRY) {
		close(fd);
		return -2;
	}
	if (h.n_segs)
		return fd;
	close(fd);
	return -1;
}

/* Beside the run, in a process that nobody waits for: this run does without. */
static void renew_later(const struct store *s, const struct digest *ids, size_t n)
{
	pid_t pid = fork();
	int null;

	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	if (pid)
		return;
	setsid();
	pid = fork();
	if (pid)
		_exit(0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		if (dup2(null, i) < 0)
			_exit(1);
	if (s->dirfd > 3)
		close_range(3, (unsigned int)s->dirfd - 1, 0);
	close_range((unsigned int)s->dirfd + 1, ~0u, 0);
	if (chdir("/") || nice(10) < -20)
		_exit(1);
	for (size_t i = 0; i < n; i++)
		layer_twins_renew(s, &ids[i]);
	_exit(0);
}

unsigned int twin_layers_open(const struct store *s, const struct digest *chain, int **ret)
{
	size_t count = 0, n_old = 0;
	struct digest *ids = NULL;
	unsigned int n = 0;
	int *fds;

	*ret = NULL;
	if (store_image_layers(s, chain, &ids, &count))
		return 0;
	fds = calloc(count ? count : 1, sizeof(*fds));
	for (size_t i = 0; fds && i < count; i++) {
		fds[n] = open_layer(s, &ids[i]);
		if (fds[n] == -2)
			ids[n_old++] = ids[i];
		n += fds[n] >= 0;
	}
	if (n_old)
		renew_later(s, ids, n_old);
	free(ids);
	*ret = fds;
	return n;
}
