/* SPDX-License-Identifier: MIT */
/* ROOT/ID: made, found, locked, read, removed. */
#include "cmd/runtime/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/jtext.h"
#include "cmd/lib/process.h"
#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"

#define STATE_NAME "state.json"
#define MAKING_NAME "making.json"
#define LOCK_NAME "lock"
#define STATE_SIZE_MAX (4u << 20)

/* What is being removed has a name that no id has. */
#define GONE "~"

bool container_id_valid(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > CONTAINER_ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return false;
	return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.:") == len;
}

/* ---- Directories ---- */

static int make_parents(const char *path)
{
	char *copy = xstrdup(path);
	int r = 0;

	for (char *p = copy + 1; r == 0; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			r = -errno;
		*p = c;
		if (c == '\0')
			break;
	}
	free(copy);
	return r;
}

/* A root that others could write to would let them choose whom we kill and what we remove. */
static int open_root(const struct runtime *rt, bool make)
{
	struct stat st;
	int fd = -1, r = make ? make_parents(rt->root) : 0;

	if (r == 0)
		fd = open(rt->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return r ? r : -errno;
	if (fstat(fd, &st) == 0 && st.st_uid != geteuid() && st.st_uid != 0) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static int open_dir(struct container *c)
{
	c->dir = openat(c->root, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return c->dir < 0 ? -errno : 0;
}

static void forget_state(struct container *c)
{
	json_decref(c->state);
	c->state = NULL;
	c->making = c->damaged = false;
	c->pid = 0;
	c->start = 0;
	c->bundle = c->rootfs = c->created = c->owner = c->boot = "";
}

static const char *text_of(const json_t *state, const char *key)
{
	const char *s = json_string_value(json_object_get(state, key));

	return s ? s : "";
}

static void take_state(struct container *c, json_t *state)
{
	c->state = state;
	c->bundle = text_of(state, "bundle");
	c->rootfs = text_of(state, "rootfs");
	c->created = text_of(state, "created");
	c->owner = text_of(state, "owner");
	c->boot = text_of(state, "boot");
	c->terminal = json_is_true(json_object_get(state, "terminal"));
	c->pid = (pid_t)json_integer_value(json_object_get(state, "pid"));
	c->start = (uint64_t)json_integer_value(json_object_get(state, "start"));
}

/* One that is being created may have none yet. */
static int read_state(struct container *c)
{
	json_t *state = NULL;
	int r;

	forget_state(c);
	r = jfile_read(c->dir, STATE_NAME, STATE_SIZE_MAX, &state);
	if (r == -ENOENT) {
		c->making = true;
		r = jfile_read(c->dir, MAKING_NAME, STATE_SIZE_MAX, &state);
	}
	if (r == 0)
		take_state(c, state);
	c->damaged = r == -EUCLEAN;
	c->making = c->making || c->damaged;
	return r == -ENOENT || c->damaged ? 0 : r;
}

static void container_init(struct container *c, const char *id)
{
	*c = (struct container){.id = xstrdup(id), .root = -1, .dir = -1, .lock = -1};
	forget_state(c);
}

static int find(const struct runtime *rt, const char *id, bool damaged, struct container *ret)
{
	int r = 0;

	container_init(ret, id);
	if (!container_id_valid(id))
		r = -ENOENT;
	if (r == 0)
		ret->root = r = open_root(rt, false);
	if (r >= 0)
		r = open_dir(ret);
	if (r >= 0)
		r = read_state(ret);
	if (r >= 0 || (r == -EUCLEAN && damaged))
		return 0;
	container_close(ret);
	return r;
}

int container_find(const struct runtime *rt, const char *id, struct container *ret)
{
	return find(rt, id, false, ret);
}

int container_find_damaged(const struct runtime *rt, const char *id, struct container *ret)
{
	return find(rt, id, true, ret);
}

int container_open(const struct runtime *rt, const char *id, struct container *ret)
{
	int r = container_find(rt, id, ret);

	if (r == -ENOENT || r == -ENOTDIR)
		return fail("container does not exist: %s", id);
	if (r < 0)
		return fail("cannot read the state of container %s: %s", id, strerror(-r));
	if (!ret->damaged)
		return 0;
	container_close(ret);
	return fail("the state of container %s is damaged; delete --force removes it", id);
}

int container_make(const struct runtime *rt, const char *id, struct container *ret)
{
	int r;

	if (!container_id_valid(id))
		return fail("invalid container ID format: %s", id);
	container_init(ret, id);
	ret->making = true;
	ret->root = r = open_root(rt, true);
	if (r < 0)
		fail("cannot make the state directory %s: %s", rt->root, strerror(-r));
	else if (mkdirat(ret->root, id, 0700) < 0)
		r = errno == EEXIST ? fail("container with given ID already exists: %s", id)
				    : fail("cannot make %s/%s: %s", rt->root, id, strerror(errno));
	if (r >= 0) {
		r = open_dir(ret);
		if (r == 0)
			r = container_lock(ret, true);
		if (r == -ENOENT) {
			fail("container %s was deleted while it was created", id);
		} else if (r < 0) {
			fail("cannot make container %s: %s", id, strerror(-r));
			unlinkat(ret->dir, LOCK_NAME, 0);
			unlinkat(ret->root, id, AT_REMOVEDIR);
		}
	}
	if (r >= 0)
		return 0;
	container_close(ret);
	return -1;
}

/* Whether ROOT/ID is still the directory that was opened. */
static bool still_there(const struct container *c)
{
	struct stat own, now;

	return fstat(c->dir, &own) == 0 && fstatat(c->root, c->id, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       own.st_dev == now.st_dev && own.st_ino == now.st_ino;
}

int container_lock(struct container *c, bool wait)
{
	int r = 0, fd = openat(c->dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0 && r == 0)
		if (errno != EINTR)
			r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (r == 0 && !still_there(c))
		r = -ENOENT;
	if (r == 0)
		r = read_state(c);
	if (r < 0) {
		close(fd);
		return r;
	}
	c->lock = fd;
	return 0;
}

int container_reload(struct container *c)
{
	return still_there(c) ? read_state(c) : -ENOENT;
}

void container_unlock(struct container *c)
{
	if (c->lock >= 0)
		close(c->lock);
	c->lock = -1;
}

void container_close(struct container *c)
{
	container_unlock(c);
	if (c->dir >= 0)
		close(c->dir);
	if (c->root >= 0)
		close(c->root);
	forget_state(c);
	free(c->id);
	*c = (struct container){.root = -1, .dir = -1, .lock = -1};
}

/* ---- Removing ---- */

/* Remove a directory of plain files. */
static int remove_flat(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(fd, e->d_name, 0);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int container_remove(struct container *c)
{
	char *gone = xasprintf(GONE "%d.%.200s", (int)getpid(), c->id);
	int r;

	remove_flat(c->root, gone); /* of one with our pid, that was killed */
	r = renameat(c->root, c->id, c->root, gone) < 0 ? -errno : remove_flat(c->root, gone);
	free(gone);
	container_unlock(c);
	return r < 0 && r != -ENOENT ? fail("cannot remove the state of container %s: %s", c->id, strerror(-r)) : 0;
}

int containers_list(const struct runtime *rt, struct str_list *ret)
{
	int root = open_root(rt, false), fd;
	struct dirent *e;
	DIR *d;

	if (root == -ENOENT)
		return 0;
	fd = root < 0 ? root : fcntl(root, F_DUPFD_CLOEXEC, 3);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return fail("cannot read the state directory %s: %s", rt->root, strerror(root < 0 ? -root : errno));
	while ((e = readdir(d))) {
		if (container_id_valid(e->d_name))
			str_list_add(ret, xstrdup(e->d_name));
		else if (e->d_name[0] == GONE[0]) /* of a delete that was killed */
			remove_flat(root, e->d_name);
	}
	closedir(d);
	close(root);
	return 0;
}

/* ---- Writing ---- */

int container_note(struct container *c, json_t *state)
{
	int r = jfile_write(c->dir, MAKING_NAME, state, false);

	forget_state(c);
	c->making = true;
	take_state(c, state);
	return r < 0 ? fail("cannot write the state of container %s: %s", c->id, strerror(-r)) : 0;
}

int container_write(struct container *c, json_t *state)
{
	int r = jfile_write(c->dir, STATE_NAME, state, false);

	forget_state(c);
	take_state(c, state);
	if (r == 0)
		unlinkat(c->dir, MAKING_NAME, 0);
	return r < 0 ? fail("cannot write the state of container %s: %s", c->id, strerror(-r)) : 0;
}

/* ---- Status ---- */

bool container_lives(const struct container *c)
{
	return process_lives(c->pid, c->start, c->boot);
}

enum container_status container_status(const struct container *c)
{
	if (c->making || !c->state)
		return CONTAINER_CREATING;
	if (!container_lives(c))
		return CONTAINER_STOPPED;
	if (faccessat(c->dir, CONTAINER_STARTED, F_OK, 0) < 0)
		return CONTAINER_CREATED;
	return faccessat(c->dir, CONTAINER_PAUSED_MARK, F_OK, 0) == 0 ? CONTAINER_PAUSED : CONTAINER_RUNNING;
}

const char *container_status_name(enum container_status s)
{
	static const char *const names[] = {
		[CONTAINER_CREATING] = "creating",
		[CONTAINER_CREATED] = "created",
		[CONTAINER_RUNNING] = "running",
		[CONTAINER_PAUSED] = "paused",
		[CONTAINER_STOPPED] = "stopped",
	};

	return names[s];
}

json_t *container_oci_state(const struct container *c, enum container_status s)
{
	json_t *annotations = json_object_get(c->state, "annotations");
	json_t *v = json_pack("{s:s, s:s, s:s, s:i, s:o}", "ociVersion", OCI_VERSION, "id", c->id, "status",
		container_status_name(s), "pid", s == CONTAINER_STOPPED ? 0 : (int)c->pid, "bundle", jtext(c->bundle));

	if (annotations)
		json_object_set(v, "annotations", annotations);
	return v;
}
