/* SPDX-License-Identifier: MIT */
/*
 * Entries as a whole: they appear and vanish by one rename(2), with the names held. What lies under .new-* or .gone-*
 * and is locked by nobody is what a crash left; whoever lists the entries removes it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/keep/runtime.h"
#include "cmd/keep/record_priv.h"
#include "cmd/lib/mode.h"
#include "fuse-snap/client.h"
#include "fuse-snap/distance.h"
#include "fuse-snap/store.h"
#include "net/err.h"

/* How long what looks left over must have been there, in seconds: its maker may not have locked it yet. */
#define LEFTOVER_AGE 60

/* Levels of a tree that is removed which are open at once: a program inside makes as many as it likes. */
#define REMOVE_DEPTH 64

/* Up to so many sandboxes beside it a start looks for what crashes left. */
#define SWEEP_ALWAYS 8

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- Places ---- */

char *store_dir(char **err)
{
	struct snap_error e;
	char *path = NULL;

	if (store_default_path(&path, &e) < 0) {
		if (err)
			err_set(err, "%s", e.text);
		return NULL;
	}
	return path;
}

char *entry_dir(const char *id, bool temporary)
{
	char *store, *path;

	if (temporary)
		return runtime_dir() ? xasprintf("%s/%.*s/entry", runtime_dir(), ENTRY_SHORT_LEN, id) : NULL;
	store = store_dir(NULL);
	path = store ? xasprintf("%s/sandboxes/%s", store, id) : NULL;
	free(store);
	return path;
}

static bool is_my_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077);
}

/* A sandbox started from cron has its runtime directory in /tmp, one from a login below /run/user. */
struct str_list runtime_dirs(void)
{
	struct str_list list = {0};
	char *others[] = {xasprintf("/run/user/%u/picket", geteuid()), xasprintf("/tmp/picket-%u", geteuid())};
	const char *own = runtime_dir();

	if (own)
		str_list_add(&list, xstrdup(own));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if ((!own || strcmp(own, others[i]) != 0) && is_my_dir(others[i]) && !test_mode("oneruntime"))
			str_list_add(&list, others[i]);
		else
			free(others[i]);
	}
	return list;
}

char *entry_runtime(const struct entry *e, bool make, char **err)
{
	const char *runtime = runtime_dir();
	char *path;

	if (!make && e->state.runtime && e->state.runtime[0] == '/')
		return xstrdup(e->state.runtime);
	if (!runtime)
		return err_set(err, "there is no runtime directory for the sandbox"), NULL;
	path = xasprintf("%s/%s", runtime, e->short_id);
	if (make && mkdir(path, 0700) < 0 && (errno != EEXIST || !is_my_dir(path))) {
		entry_fail(err, errno, "cannot make %s", path);
		free(path);
		return NULL;
	}
	return path;
}

char *entry_socket(const struct entry *e)
{
	char *dir, *path, *err = NULL;

	if (e->temporary) /* DIR is RUNTIME/ID12/entry */
		return xasprintf("%.*scontrol.sock", (int)(strlen(e->dir) - strlen("entry")), e->dir);
	dir = entry_runtime(e, false, &err);
	path = dir ? xasprintf("%s/control.sock", dir) : xstrdup("");
	free(dir);
	free(err);
	return path;
}

/* ---- Removing trees ---- */

/* Open a directory of ours that may have lost its permissions. */
static int open_any_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

/* Of one tree: what lies too deep for one descriptor a level is moved up to the top, and its turn comes there. */
struct removal {
	int top;
	unsigned int depth, moved, serial;
};

static int move_up(struct removal *rm, int dirfd, const char *name)
{
	char to[32];
	int r;

	do {
		snprintf(to, sizeof(to), ".deep-%u", rm->serial++);
		r = renameat2(dirfd, name, rm->top, to, RENAME_NOREPLACE);
		/* What is moved gets another "..": it has to be writable. */
		if (r < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
			r = renameat2(dirfd, name, rm->top, to, RENAME_NOREPLACE);
	} while (r < 0 && errno == EEXIST && rm->serial);
	rm->moved += r == 0;
	return r < 0 ? -errno : 0;
}

static int remove_one(struct removal *rm, int dirfd, const char *name);

/* All that is in the directory `fd`, which is taken over. */
static int empty_dir(struct removal *rm, int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	int r = 0;

	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		r = remove_one(rm, fd, d->d_name);
		if (r == -EACCES && fchmod(fd, 0700) == 0)
			r = remove_one(rm, fd, d->d_name);
	}
	closedir(dir);
	return r;
}

static int remove_one(struct removal *rm, int dirfd, const char *name)
{
	int fd, r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (rm->depth >= REMOVE_DEPTH)
		return move_up(rm, dirfd, name);
	fd = open_any_dir(dirfd, name);
	if (fd < 0)
		return -errno;
	rm->depth++;
	r = empty_dir(rm, fd);
	rm->depth--;
	if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

int remove_tree(int dirfd, const char *path)
{
	struct removal rm = {0};
	int fd, r = 0;

	if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	rm.top = open_any_dir(dirfd, path);
	if (rm.top < 0)
		return -errno;
	do {
		rm.moved = 0;
		fd = openat(rm.top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? -errno : empty_dir(&rm, fd);
	} while (r == 0 && rm.moved);
	close(rm.top);
	if (r == 0 && unlinkat(dirfd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* PARENT/PREFIXBASE of an entry's directory PARENT/BASE. */
static char *beside(const char *dir, const char *prefix)
{
	const char *base = strrchr(dir, '/') + 1;

	return xasprintf("%.*s%s%s", (int)(base - dir), dir, prefix, base);
}

/* ---- Making ---- */

static void sweep_runtime(const char *runtime, const char *id);

static int make_id(char id[ENTRY_ID_LEN + 1])
{
	unsigned char bytes[ENTRY_ID_LEN / 2];

	do {
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			return -errno;
		for (size_t i = 0; i < sizeof(bytes); i++)
			snprintf(id + 2 * i, 3, "%02x", bytes[i]);
		/* As docker: a short id is never a decimal number. */
	} while (strspn(id, "0123456789") >= ENTRY_SHORT_LEN);
	return 0;
}

/* The folder that the entry is to appear in: STORE/sandboxes, or RUNTIME/ID12, which must be new. */
static int make_parent(const char *id, bool temporary, char **err)
{
	struct snap_error e;
	struct store *s;
	char *path;
	int r;

	if (temporary) {
		if (!runtime_dir())
			return err_set(err, "there is no runtime directory for the sandbox"), -ENOENT;
		path = xasprintf("%s/%.*s", runtime_dir(), ENTRY_SHORT_LEN, id);
		r = mkdir(path, 0700) < 0 ? entry_fail(err, errno, "cannot make %s", path) : 0;
		free(path);
		return r;
	}
	r = store_open(NULL, &s, &e);
	if (r)
		return err_set(err, "%s", e.text), r;
	if ((mkdirat(store_dirfd(s), "sandboxes", 0700) < 0 && errno != EEXIST) ||
		(mkdirat(store_dirfd(s), "names", 0700) < 0 && errno != EEXIST))
		r = entry_fail(err, errno, "cannot keep sandboxes in %s", store_path(s));
	store_close(s);
	return r;
}

static bool id_begins(const char *folder, const char *prefix, size_t len)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		found = strncmp(e->d_name, prefix, len) == 0;
	if (d)
		closedir(d);
	return found;
}

/* Whether another entry has the same short id; of 2^48 that is nearly never so. */
static bool short_id_taken(const char *id)
{
	char *store = store_dir(NULL), *folder = store ? xasprintf("%s/sandboxes", store) : NULL;
	struct str_list runtimes = runtime_dirs();
	bool taken = folder && id_begins(folder, id, ENTRY_SHORT_LEN);

	for (size_t i = 0; !taken && i < runtimes.count; i++) {
		char *path = xasprintf("%s/%.*s", runtimes.items[i], ENTRY_SHORT_LEN, id);

		taken = access(path, F_OK) == 0;
		free(path);
	}
	str_list_free(&runtimes);
	free(folder);
	free(store);
	return taken;
}

/* Take a name and let the entry appear: both or neither. */
static int publish(const char *new, const char *dir, const char *id, const char *name, bool temporary, char **err)
{
	const char *runtime = temporary ? runtime_dir() : NULL;
	struct names_lock lock;
	int r;

	names_lock(&lock);
	r = name_take(name, id, runtime, err);
	if (r == 0 && rename(new, dir) < 0) {
		r = entry_fail(err, errno, "cannot make %s", dir);
		name_give(name, id, runtime);
	}
	names_unlock(&lock);
	return r;
}

/* Write the files into `new`; with a random name, until one is free. The lock's descriptor or a negative errno. */
static int make_entry(const char *new, const char *dir, const char *id, struct entry_config *config, bool temporary,
	char **err)
{
	bool chosen = config->name && config->name[0];
	int lock, r = -EEXIST;

	if (mkdir(new, 0700) < 0)
		return entry_fail(err, errno, "cannot make %s", new);
	lock = entry_lock_file(new, false);
	if (lock < 0)
		return entry_fail(err, -lock, "cannot lock %s", new);
	for (unsigned int attempt = 0; r == -EEXIST && attempt < (chosen ? 1 : 20); attempt++) {
		if (!chosen) {
			free(config->name);
			config->name = random_entry_name(attempt);
		}
		r = entry_write_new(new, id, config);
		if (r == 0 && temporary)
			r = entry_write_maker(new, id);
		if (r)
			entry_fail(err, -r, "cannot write the sandbox's entry %s", new);
		else
			r = publish(new, dir, id, config->name, temporary, err);
	}
	if (r)
		close(lock);
	return r ? r : lock;
}

int entry_create(struct entry_config *config, bool temporary, struct entry *ret, char **err)
{
	char id[ENTRY_ID_LEN + 1], *dir, *new;
	int r;

	if (config->name && config->name[0] && !valid_entry_name(config->name))
		return err_set(err,
			       "\"%s\" is no name for a sandbox: letters, digits, and _ . - after the first, %d at most",
			       config->name, ENTRY_NAME_MAX),
		       -EINVAL;
	if (!config->created)
		config->created = now_ns();
	do {
		if (make_id(id) < 0)
			return entry_fail(err, errno, "no random numbers");
	} while (short_id_taken(id));
	if (temporary && runtime_dir())
		sweep_runtime(runtime_dir(), id);
	r = make_parent(id, temporary, err);
	dir = r ? NULL : entry_dir(id, temporary);
	if (!dir)
		return r ? r : (err_set(err, "there is no place for the sandbox's entry"), -ENOENT);
	new = beside(dir, ".new-");
	r = make_entry(new, dir, id, config, temporary, err);
	if (r >= 0) {
		int lock = r;

		r = entry_load(dir, id, temporary, ret);
		if (r)
			entry_fail(err, -r, "cannot read the sandbox's entry %s", dir), close(lock);
		else
			ret->lock = lock;
	} else {
		remove_tree(AT_FDCWD, new);
		if (temporary) {
			*strrchr(new, '/') = '\0';
			rmdir(new);
		}
	}
	free(new);
	free(dir);
	return r;
}

static int sync_file(const char *dir, const char *file)
{
	char *path = xasprintf("%s/%s", dir, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r = 0;

	if (fd < 0 || fsync(fd) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	free(path);
	return r;
}

/* What must be on disk of an entry, seen from its directory. */
static const char *const sync_names[] = {"config.json", ".", "..", "../../names"};

#define SYNC_COUNT (sizeof(sync_names) / sizeof(sync_names[0]))

/* Nothing is allocated or freed here: the process may clone another at any moment. */
static void *sync_all(void *arg)
{
	char *const *paths = arg;

	for (size_t i = 0; i < SYNC_COUNT; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd >= 0) {
			fsync(fd);
			close(fd);
		}
	}
	return NULL;
}

void entry_sync_later(const struct entry *e)
{
	static char *paths[SYNC_COUNT]; /* one entry a process */
	pthread_attr_t attr;
	pthread_t thread;

	if (e->temporary || paths[0])
		return;
	for (size_t i = 0; i < SYNC_COUNT; i++)
		paths[i] = xasprintf("%s/%s", e->dir, sync_names[i]);
	if (pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_create(&thread, &attr, sync_all, paths);
	pthread_attr_destroy(&attr);
}

int entry_sync(const struct entry *e, char **err)
{
	int r = 0;

	for (size_t i = 0; !e->temporary && r == 0 && i < SYNC_COUNT; i++)
		r = sync_file(e->dir, sync_names[i]);
	return r ? entry_fail(err, -r, "cannot write the sandbox %s to disk in %s", e->config.name, e->dir) : 0;
}

/* ---- Changing ---- */

/* The runtime directory that a temporary entry lies in, RUNTIME of RUNTIME/ID12/entry; allocated. NULL: a kept one. */
static char *runtime_of(const struct entry *e)
{
	const size_t tail = strlen("/entry") + ENTRY_SHORT_LEN + 1;

	return e->temporary ? xstrndup(e->dir, strlen(e->dir) - tail) : NULL;
}

int entry_rename(struct entry *e, const char *name, char **err)
{
	char *old = e->config.name, *runtime;
	struct names_lock lock;
	int r;

	if (!valid_entry_name(name))
		return err_set(err,
			       "\"%s\" is no name for a sandbox: letters, digits, and _ . - after the first, %d at most",
			       name, ENTRY_NAME_MAX),
		       -EINVAL;
	if (strcmp(name, old) == 0)
		return err_set(err, "the sandbox is called %s already", name), -EINVAL;
	runtime = runtime_of(e);
	names_lock(&lock);
	r = name_take(name, e->id, runtime, err);
	if (r == 0) {
		e->config.name = xstrdup(name);
		r = entry_write_config(e, err);
		name_give(r ? name : old, e->id, runtime);
		free(r ? e->config.name : old);
		if (r)
			e->config.name = old;
	}
	names_unlock(&lock);
	free(runtime);
	return r;
}

void entry_runtime_remove(const struct entry *e)
{
	char *err = NULL, *dir, *path;
	struct dirent *d;
	DIR *open_dir;

	if (e->temporary)
		dir = xstrndup(e->dir, (size_t)(strrchr(e->dir, '/') - e->dir));
	else
		dir = entry_runtime(e, false, &err);
	/* Its name is the short id, whatever state.json says: nothing else is ever removed. */
	open_dir = dir && strrchr(dir, '/') && strcmp(strrchr(dir, '/') + 1, e->short_id) == 0 && is_my_dir(dir)
			   ? opendir(dir)
			   : NULL;
	while (open_dir && (d = readdir(open_dir))) {
		if (strcmp(d->d_name, "entry") == 0 || d->d_name[0] == '.')
			continue;
		remove_tree(dirfd(open_dir), d->d_name);
	}
	if (open_dir) {
		closedir(open_dir);
		path = xstrdup(dir);
		rmdir(path); /* a temporary entry's stays */
		free(path);
	}
	free(dir);
	free(err);
}

int entry_remove(struct entry *e, char **err)
{
	char *gone = beside(e->dir, ".gone-"), *runtime = runtime_of(e), *name;
	struct names_lock lock;
	int r;

	entry_runtime_remove(e);
	names_lock(&lock);
	name = entry_name_of(e->dir); /* it may have been renamed since it was read */
	r = rename(e->dir, gone) < 0 ? entry_fail(err, errno, "cannot remove the sandbox %s", e->config.name) : 0;
	if (r == 0 && name)
		name_give(name, e->id, runtime);
	names_unlock(&lock);
	free(name);
	free(runtime);
	/* A keeper on its last steps may still write into it. */
	for (int tries = 0; r == 0 && tries < 10; tries++) {
		r = remove_tree(AT_FDCWD, gone);
		if (r != -ENOTEMPTY)
			break;
		r = tries < 9 ? 0 : r;
	}
	if (r)
		entry_fail(err, -r, "cannot remove all of the sandbox %s; what is left is in %s", e->config.name, gone);
	if (r == 0 && e->temporary) {
		*strrchr(gone, '/') = '\0';
		rmdir(gone);
	}
	free(gone);
	entry_unlock(e);
	return r;
}

/* ---- What a crash left ---- */

/*
 * A crashed entry: write down what became of it, or remove it if it was to be dropped. Somebody else may be at it: then
 * it is left as it is. False if it is gone.
 */
static bool repair(struct entry *e)
{
	char *err = NULL;
	bool there = true;

	if (e->crashed && entry_lock(e, false, &err) == 0) {
		if (e->crashed && e->config.dropped) {
			there = entry_remove(e, &err) < 0;
		} else if (e->crashed) {
			e->state.finished = now_ns();
			if (entry_write_state(e, &err) == 0)
				entry_runtime_remove(e);
		}
		entry_unlock(e);
	}
	if (e->crashed && e->config.dropped)
		there = false; /* it counts as gone, whoever removes it */
	free(err);
	return there;
}

static bool is_old(const struct stat *st)
{
	return st->st_mtime < time(NULL) - LEFTOVER_AGE;
}

/* .new-ID of a creation or .gone-ID of a removal that was killed. Whether it was there and is gone now. */
static bool remove_leftover(const char *folder, const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	bool removed = false;
	struct stat st;
	int lock;

	if (stat(path, &st) == 0 && (name[1] == 'g' || is_old(&st))) {
		lock = entry_lock_file(path, false);
		if (lock >= 0) {
			removed = remove_tree(AT_FDCWD, path) == 0;
			close(lock);
		}
	}
	free(path);
	return removed;
}

static bool is_leftover(const char *name)
{
	return strncmp(name, ".new-", 5) == 0 || strncmp(name, ".gone-", 6) == 0;
}

/* ---- Finding ---- */

static bool is_hex(const char *name, size_t len)
{
	return strlen(name) == len && strspn(name, "0123456789abcdef") == len;
}

/* RUNTIME/ID12 without an entry in it: of a kept one that runs, or of a temporary one that was killed on its way. */
static void look_at_runtime(const char *path)
{
	char *socket = xasprintf("%s/control.sock", path);
	struct stat st;
	bool over = stat(path, &st) == 0 && is_old(&st); /* removing something in it makes it young */

	/* Both were locked by whoever made or removed the entry, as long as he lived. */
	if (remove_leftover(path, ".new-entry"))
		over = true;
	if (remove_leftover(path, ".gone-entry"))
		over = true;
	if (over && access(socket, F_OK) < 0)
		rmdir(path);
	free(socket);
}

/* Load one entry if `prefix` is the beginning of its id; what looks left over is looked at. */
static int load_one(const char *folder, const char *name, bool temporary, const char *prefix, struct entry *ret)
{
	char *path;
	int r;

	if (!temporary && is_leftover(name)) {
		if (!*prefix)
			remove_leftover(folder, name);
		return -ENOENT;
	}
	if (!is_hex(name, temporary ? ENTRY_SHORT_LEN : ENTRY_ID_LEN) ||
		strncmp(name, prefix, temporary && strlen(prefix) > ENTRY_SHORT_LEN ? ENTRY_SHORT_LEN : strlen(prefix)) != 0)
		return -ENOENT;
	path = xasprintf(temporary ? "%s/%s/entry" : "%s/%s", folder, name);
	r = entry_load(path, name, temporary, ret);
	free(path);
	if (r == -ENOENT && temporary && !*prefix) {
		path = xasprintf("%s/%s", folder, name);
		look_at_runtime(path);
		free(path);
	}
	if (r)
		return r;
	if (strncmp(ret->id, prefix, strlen(prefix)) != 0 || !repair(ret)) {
		entry_free(ret);
		return -ENOENT;
	}
	return 0;
}

static void add_entry(struct entry_list *list, const struct entry *e)
{
	if ((list->count & (list->count + 1)) == 0)
		list->items = xrealloc(list->items, (2 * list->count + 2) * sizeof(*list->items));
	list->items[list->count++] = *e;
}

static int walk(const char *folder, bool temporary, const char *prefix, unsigned int flags, struct entry_list *list)
{
	DIR *d = opendir(folder);
	struct dirent *de;
	struct entry e;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((de = readdir(d))) {
		if (load_one(folder, de->d_name, temporary, prefix, &e) < 0)
			continue;
		if ((flags & ENTRIES_LIVE) && (e.state.status == ENTRY_CREATED || e.state.status == ENTRY_EXITED))
			entry_free(&e);
		else
			add_entry(list, &e);
	}
	closedir(d);
	return 0;
}

/*
 * Before a temporary entry is made: remove those that crashes left, so that runs that nobody ever lists leave nothing. With
 * many beside it this is left to one start in some: it would be the start's time.
 */
static void sweep_runtime(const char *runtime, const char *id)
{
	struct entry_list list = {0};
	DIR *d = opendir(runtime);
	struct dirent *e;
	size_t count = 0;

	while (d && (e = readdir(d)))
		count += is_hex(e->d_name, ENTRY_SHORT_LEN);
	if (d)
		closedir(d);
	if (count && (count <= SWEEP_ALWAYS || id[0] == '0'))
		walk(runtime, true, "", 0, &list);
	entry_list_free(&list);
}

/* All entries whose id begins so. */
static int gather(const char *prefix, unsigned int flags, struct entry_list *list, char **err)
{
	struct str_list runtimes = runtime_dirs();
	char *store = store_dir(NULL), *folder = store ? xasprintf("%s/sandboxes", store) : NULL;
	int r = folder ? walk(folder, false, prefix, flags, list) : 0;

	if (r && folder)
		entry_fail(err, -r, "cannot read the sandboxes in %s", folder);
	for (size_t i = 0; i < runtimes.count; i++)
		walk(runtimes.items[i], true, prefix, flags, list);
	str_list_free(&runtimes);
	free(folder);
	free(store);
	return r;
}

static int newer_first(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	if (a->config.created != b->config.created)
		return a->config.created < b->config.created ? 1 : -1;
	return strcmp(a->id, b->id);
}

int entries_list(unsigned int flags, struct entry_list *ret, char **err)
{
	int r;

	*ret = (struct entry_list){0};
	r = gather("", flags, ret, err);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), newer_first);
	return r;
}

void entry_list_free(struct entry_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		entry_free(&list->items[i]);
	free(list->items);
	*list = (struct entry_list){0};
}

/* Follow FOLDER/names/NAME. */
static int find_name(const char *base, bool temporary, const char *name, struct entry *ret)
{
	char id[ENTRY_ID_LEN + 2], *link = xasprintf("%s/names/%s", base, name), *path;
	ssize_t n = readlink(link, id, sizeof(id) - 1);
	int r;

	free(link);
	id[n > 0 ? n : 0] = '\0';
	if (!is_hex(id, ENTRY_ID_LEN))
		return -ENOENT;
	path = temporary ? xasprintf("%s/%.*s/entry", base, ENTRY_SHORT_LEN, id) : xasprintf("%s/sandboxes/%s", base, id);
	r = entry_load(path, id, temporary, ret);
	free(path);
	if (r)
		return r;
	if (strcmp(ret->config.name, name) != 0 || !repair(ret)) {
		entry_free(ret);
		return -ENOENT;
	}
	return 0;
}

static int find_by_name(const char *name, struct entry *ret)
{
	struct str_list runtimes = runtime_dirs();
	char *store = store_dir(NULL);
	int r = store ? find_name(store, false, name, ret) : -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < runtimes.count; i++)
		r = find_name(runtimes.items[i], true, name, ret);
	str_list_free(&runtimes);
	free(store);
	return r;
}

/* The directory of a damaged entry with this name or beginning of its id, allocated; NULL if there is none. */
static char *find_damaged(const char *text)
{
	char *store = store_dir(NULL), *folder = store ? xasprintf("%s/sandboxes", store) : NULL, *found = NULL, id[80];
	char *link = store && valid_entry_name(text) ? xasprintf("%s/names/%s", store, text) : NULL;
	ssize_t n = link ? readlink(link, id, sizeof(id) - 1) : -1;
	DIR *d = folder ? opendir(folder) : NULL;
	struct dirent *de;
	struct entry e;

	id[n > 0 ? n : 0] = '\0';
	while (d && !found && (de = readdir(d))) {
		char *path;
		int r;

		if (!is_hex(de->d_name, ENTRY_ID_LEN) ||
			(strncmp(de->d_name, text, strlen(text)) != 0 && strcmp(de->d_name, id) != 0))
			continue;
		path = xasprintf("%s/%s", folder, de->d_name);
		r = entry_load(path, de->d_name, false, &e);
		if (r == 0)
			entry_free(&e);
		/* Without config.json after a power failure: no entry either. */
		if (r == -EUCLEAN || r == -ENOENT)
			found = path;
		else
			free(path);
	}
	if (d)
		closedir(d);
	free(link);
	free(folder);
	free(store);
	return found;
}

int entry_remove_damaged(const char *text, char **err)
{
	char *path = *text ? find_damaged(text) : NULL, *gone;
	int lock, r;

	if (!path)
		return -ENOENT;
	lock = entry_lock_file(path, false);
	if (lock < 0) {
		r = entry_fail(err, -lock, "cannot lock %s", path);
		free(path);
		return r;
	}
	gone = beside(path, ".gone-");
	r = rename(path, gone) < 0 ? -errno : remove_tree(AT_FDCWD, gone);
	if (r)
		entry_fail(err, -r, "cannot remove %s", path);
	close(lock);
	free(gone);
	free(path);
	return r;
}

/* With a name that is nearly the same, if there is one. */
static void no_such(const char *text, char **err)
{
	struct entry_list all = {0};
	const char *near = NULL;
	char *ignored = NULL;
	size_t best = 0;

	gather("", 0, &all, &ignored);
	for (size_t i = 0; i < all.count; i++)
		near = word_nearer(text, all.items[i].config.name, near, &best);
	if (near)
		err_set(err, "no such sandbox: %s; did you mean %s? picket ps -a lists all", text, near);
	else
		err_set(err, "no such sandbox: %s; picket ps -a lists them", text);
	entry_list_free(&all);
	free(ignored);
}

int entry_find(const char *text, struct entry *ret, char **err)
{
	struct entry_list list = {0};
	size_t len = strlen(text);
	int r = -ENOENT;

	if (!is_hex(text, ENTRY_ID_LEN) && valid_entry_name(text))
		r = find_by_name(text, ret);
	if (r == -EUCLEAN)
		r = -ENOENT;
	if (r != -ENOENT)
		return r ? entry_fail(err, -r, "cannot read the sandbox %s", text) : 0;
	if (len && len <= ENTRY_ID_LEN && strspn(text, "0123456789abcdef") == len)
		gather(text, 0, &list, err);
	if (list.count == 1) {
		*ret = list.items[0];
		free(list.items);
		return 0;
	}
	r = list.count ? -ENOTUNIQ : -ENOENT;
	if (r == -ENOENT && *text) {
		char *damaged = find_damaged(text);

		r = damaged ? -EUCLEAN : r;
		free(damaged);
	}
	if (r == -EUCLEAN)
		err_set(err, "the entry of the sandbox %s is damaged; picket rm -f %s removes it", text, text);
	else if (r == -ENOTUNIQ)
		err_set(err, "\"%s\" is the beginning of %zu ids of sandboxes: write more digits", text, list.count);
	else
		no_such(text, err);
	entry_list_free(&list);
	return r;
}
