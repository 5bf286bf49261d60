/* SPDX-License-Identifier: MIT */
/*
 * Names of files, users and programs inside an image or a sandbox, read from the image's index and the sandbox's layer
 * of writes without starting anything. What is removed inside may still be offered; what is offered is only a proposal.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/complete/complete.h"
#include "cmd/keep/record.h"
#include "fuse-snap/client.h"
#include "fuse-snap/index.h"

enum { LINKS_MAX = 16, PASSWD_MAX = 256 << 10, TARGET_MAX = 4096 };

/* A tree: the image's index, and directories of the host that lie over it. */
struct tree {
	struct store *store;
	struct snap_image image;
	void *map;
	size_t map_len;
	struct snap_index index;
	int dirs[2]; /* -1: none */
};

static void tree_close(struct tree *t)
{
	if (t->map) {
		munmap(t->map, t->map_len);
		snap_close_image(&t->image);
	}
	if (t->store)
		store_close(t->store);
	for (size_t i = 0; i < 2; i++)
		if (t->dirs[i] >= 0)
			close(t->dirs[i]);
}

static void map_index(struct tree *t, const struct digest *chain)
{
	struct snap_error e;
	struct stat st;

	if (snap_open_image(t->store, chain, NULL, SNAP_OPEN_NO_FUSE, &t->image, &e) < 0)
		return;
	if (fstat(t->image.index_fd, &st) == 0 && st.st_size > 0) {
		t->map_len = (size_t)st.st_size;
		t->map = mmap(NULL, t->map_len, PROT_READ, MAP_PRIVATE, t->image.index_fd, 0);
		if (t->map == MAP_FAILED)
			t->map = NULL;
	}
	if (t->map && snap_index_open(t->map, t->map_len, &t->index) < 0) {
		munmap(t->map, t->map_len);
		t->map = NULL;
	}
	if (!t->map)
		snap_close_image(&t->image);
}

static void open_image(struct tree *t, const char *name)
{
	struct image_ref ref;

	if (store_resolve(t->store, name, &ref, NULL) == 0)
		map_index(t, &ref.chain);
}

/* A sandbox's image (or directory) and its layer of writes. False if there is no such sandbox. */
static bool open_sandbox(struct tree *t, const char *name)
{
	char *err = NULL, *upper;
	struct digest chain;
	struct entry e;

	if (entry_find(name, &e, &err) < 0) {
		free(err);
		return false;
	}
	upper = xasprintf("%s/upper/root", e.dir);
	t->dirs[0] = open(upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(upper);
	if (strcmp(e.config.image, "host") == 0)
		t->dirs[1] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	else if (e.config.image[0] == '/')
		t->dirs[1] = open(e.config.image, O_PATH | O_DIRECTORY | O_CLOEXEC);
	else if (digest_parse(e.config.chain, &chain) == 0)
		map_index(t, &chain);
	entry_free(&e);
	return true;
}

static bool tree_open(struct tree *t, const char *subject)
{
	*t = (struct tree){.dirs = {-1, -1}};
	if (strcmp(subject, "host") == 0 || subject[0] == '/' || subject[0] == '.') {
		t->dirs[0] = open(subject[0] == 'h' ? "/" : subject, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return t->dirs[0] >= 0;
	}
	if (store_open(NULL, &t->store, NULL) < 0)
		return false;
	if (!open_sandbox(t, subject))
		open_image(t, subject);
	return t->map || t->dirs[0] >= 0 || t->dirs[1] >= 0;
}

static uint32_t walk(const struct snap_index *ix, uint32_t at, const char *path, unsigned int links);

/* The inode that one name of a directory stands for; a link is followed. 0: none. */
static uint32_t step(const struct snap_index *ix, uint32_t dir, const char *name, size_t len, unsigned int links)
{
	const struct snap_inode *inode;
	struct snap_entry e;
	const char *target;
	size_t target_len;
	char *path;
	uint32_t ino;

	if (len == 1 && name[0] == '.')
		return dir;
	if (len == 2 && strncmp(name, "..", 2) == 0) {
		inode = snap_inode_get(ix, dir);
		return inode ? inode->parent : 0;
	}
	if (snap_lookup(ix, dir, name, len, &e) < 0)
		return 0;
	if (snap_readlink(ix, e.ino, &target, &target_len) < 0)
		return e.ino;
	if (links == 0 || target_len == 0 || target_len >= TARGET_MAX)
		return 0;
	path = xstrndup(target, target_len);
	ino = walk(ix, path[0] == '/' ? SNAP_ROOT_INO : dir, path, links - 1);
	free(path);
	return ino;
}

/* The inode of a path in the index from the directory `at`; 0: none. */
static uint32_t walk(const struct snap_index *ix, uint32_t at, const char *path, unsigned int links)
{
	for (path += strspn(path, "/"); at && *path; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");

		at = step(ix, at, path, len, links);
		path += len;
	}
	return at;
}

/* A path below a directory of the host, without leaving it. */
static int open_below(int dir, const char *path, int flags)
{
	char *relative = xasprintf("./%s", path + strspn(path, "/"));
	int fd = openat(dir, relative, flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	free(relative);
	return fd;
}

/* ---- Directories ---- */

struct listing {
	struct completion *c;
	const char *before, *dir; /* what the candidates begin with */
	bool programs;
};

static void offer_name(struct listing *l, const char *name, size_t len, bool is_dir)
{
	char *candidate;

	if (l->programs)
		candidate = is_dir ? NULL : xstrndup(name, len);
	else
		candidate = xasprintf("%s%s%.*s%s", l->before, l->dir, (int)len, name, is_dir ? "/" : "");
	if (candidate)
		offer(l->c, candidate, NULL);
	free(candidate);
}

static void list_index(struct listing *l, const struct snap_index *ix, const char *dir)
{
	uint32_t ino = walk(ix, SNAP_ROOT_INO, dir, LINKS_MAX);
	struct snap_entry e;

	for (uint32_t pos = 0; ino && snap_entry_at(ix, ino, pos, &e) == 0; pos++)
		if (e.ino)
			offer_name(l, e.name, e.name_len, e.type == DT_DIR);
}

static void list_host(struct listing *l, int base, const char *dir)
{
	int fd = open_below(base, *dir ? dir : "/", O_RDONLY | O_DIRECTORY);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (fd >= 0 && !d)
		close(fd);
	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			strncmp(e->d_name, ".picket.", 8) != 0)
			offer_name(l, e->d_name, strlen(e->d_name), e->d_type == DT_DIR);
	if (d)
		closedir(d);
}

static void list_all(struct listing *l, const struct tree *t, const char *dir)
{
	if (t->map)
		list_index(l, &t->index, dir);
	for (size_t i = 0; i < 2; i++)
		if (t->dirs[i] >= 0)
			list_host(l, t->dirs[i], dir);
}

void offer_paths_inside(struct completion *c, const char *subject, const char *before, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("/");
	struct listing l = {.c = c, .before = before, .dir = dir};
	struct tree t;

	if (tree_open(&t, subject))
		list_all(&l, &t, dir);
	tree_close(&t);
	free(dir);
}

void offer_programs_inside(struct completion *c, const char *subject)
{
	static const char *const dirs[] = {
		"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"};
	struct listing l = {.c = c, .before = "", .dir = "", .programs = true};
	struct tree t;

	if (tree_open(&t, subject))
		for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
			list_all(&l, &t, dirs[i]);
	tree_close(&t);
}

/* ---- Users ---- */

/* A small file of the image; NULL if there is none. Allocated. */
static char *read_index_file(const struct tree *t, const char *path)
{
	uint32_t ino = walk(&t->index, SNAP_ROOT_INO, path, LINKS_MAX);
	const struct snap_inode *inode = ino ? snap_inode_get(&t->index, ino) : NULL;
	struct snap_run run;
	uint64_t done = 0;
	char *text;

	if (!inode || !S_ISREG(inode->mode) || inode->size > PASSWD_MAX)
		return NULL;
	text = xcalloc(1, inode->size + 1);
	while (done < inode->size && snap_data_at(&t->index, ino, done, &run) == 0 && run.len) {
		size_t len = run.len < inode->size - done ? (size_t)run.len : (size_t)(inode->size - done);

		if (!run.hole && (run.pack >= t->image.pack_count || pread(t->image.pack_fds[run.pack], text + done,
									     len, (off_t)run.pack_off) != (ssize_t)len))
			break;
		done += len;
	}
	return text;
}

static char *read_host_file(int base, const char *path)
{
	int fd = open_below(base, path, O_RDONLY);
	char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PASSWD_MAX) {
		text = xcalloc(1, (size_t)st.st_size + 1);
		n = read(fd, text, (size_t)st.st_size);
		text[n > 0 ? n : 0] = '\0';
	}
	if (fd >= 0)
		close(fd);
	return text;
}

void offer_users_inside(struct completion *c, const char *subject)
{
	char *text = NULL, *save = NULL;
	struct tree t;

	if (tree_open(&t, subject)) {
		for (size_t i = 0; i < 2 && !text; i++)
			if (t.dirs[i] >= 0)
				text = read_host_file(t.dirs[i], "/etc/passwd");
		if (!text && t.map)
			text = read_index_file(&t, "/etc/passwd");
	}
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':'), *number = colon ? strchr(colon + 1, ':') : NULL;
		char *about;

		if (!number)
			continue;
		*colon = '\0';
		number[1 + strcspn(number + 1, ":")] = '\0';
		about = xasprintf("user %s", number + 1);
		offer(c, line, about);
		free(about);
	}
	free(text);
	tree_close(&t);
}
