/* SPDX-License-Identifier: MIT */
/* Names that change: images, sandboxes, volumes, mounts. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/complete/complete.h"
#include "cmd/keep/runtime.h"
#include "cmd/keep/record.h"
#include "cmd/run/mounts.h"
#include "fuse-snap/store.h"

void offer_images(struct completion *c)
{
	/* The tag once a colon is typed; until then :latest is not worth typing. */
	const char *slash = strrchr(c->value, '/');
	bool tagged = strchr(slash ? slash : c->value, ':');
	struct image_ref *refs = NULL;
	struct store *s;
	size_t n = 0;

	if (store_open(NULL, &s, NULL) < 0)
		return;
	if (store_list_refs(s, &refs, &n, NULL) == 0) {
		for (size_t i = 0; i < n; i++) {
			char *name = *refs[i].name ? xstrdup(ref_familiar(refs[i].name)) : NULL;
			size_t len = name ? strlen(name) : 0;

			if (!tagged && len > 7 && strcmp(name + len - 7, ":latest") == 0)
				name[len - 7] = '\0';
			if (name)
				offer(c, name, NULL);
			free(name);
		}
	}
	free(refs);
	store_close(s);
}

void offer_volumes(struct completion *c)
{
	char *path = NULL, *dir_path;
	struct dirent *e;
	DIR *dir;

	if (store_default_path(&path, NULL) < 0)
		return;
	dir_path = xasprintf("%s/volumes", path);
	dir = opendir(dir_path);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			offer(c, e->d_name, "volume");
	if (dir)
		closedir(dir);
	free(dir_path);
	free(path);
}

static void offer_mount(void *arg, const char *dir)
{
	offer(arg, dir, NULL);
}

void offer_mounts(struct completion *c)
{
	mounts_each(offer_mount, c);
}

/*
 * Sandboxes are read lightly here: names are links to ids, and of each state only the status and the keeper's pid are
 * looked at. entries_list() would check, repair, and take three times as long.
 */

/* What stands behind "KEY": in a JSON object written by Picket; "" if there is none. */
static const char *member(const char *json, const char *key)
{
	char *quoted = xasprintf("\"%s\":", key);
	const char *at = strstr(json, quoted);

	at = at ? at + strlen(quoted) : "";
	free(quoted);
	return at + strspn(at, " \"");
}

static enum entry_status status_of(const char *json)
{
	const char *word = member(json, "status");
	enum entry_status status = ENTRY_EXITED;

	for (int i = 0; entry_status_name((enum entry_status)i); i++) {
		const char *name = entry_status_name((enum entry_status)i);

		if (strncmp(word, name, strlen(name)) == 0)
			status = (enum entry_status)i;
	}
	/* A keeper that is gone: the next command that looks closer says why. */
	if (status != ENTRY_CREATED && status != ENTRY_EXITED &&
		kill((pid_t)strtol(member(json, "pid"), NULL, 10), 0) < 0)
		status = ENTRY_EXITED;
	return status;
}

/* The status of the entry ID below a directory; false if there is none. */
static bool read_status(int dir, bool stored, const char *id, enum entry_status *ret)
{
	char path[160], json[4096];
	ssize_t n;
	int fd;

	if (stored)
		snprintf(path, sizeof(path), "sandboxes/%s/state.json", id);
	else
		snprintf(path, sizeof(path), "%.12s/entry/state.json", id);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	n = read(fd, json, sizeof(json) - 1);
	close(fd);
	json[n > 0 ? n : 0] = '\0';
	*ret = status_of(json);
	return true;
}

static bool is_wanted(enum entry_status status, enum complete_kind kind)
{
	bool live = status == ENTRY_RUNNING || status == ENTRY_PAUSED || status == ENTRY_RESTARTING;

	switch (kind) {
	case COMPLETE_RUNNING:
		return live;
	case COMPLETE_STOPPED:
		return !live;
	case COMPLETE_ACTIVE:
		return live && status != ENTRY_PAUSED;
	case COMPLETE_PAUSED:
		return status == ENTRY_PAUSED;
	default:
		return true;
	}
}

struct names {
	struct completion *c;
	enum complete_kind kind;
	const char *suffix;
	const char *base; /* where `names` is */
	bool stored;	  /* the store; else the runtime directory */
};

static void offer_named(const struct names *n, int base, int names, const char *name)
{
	enum entry_status status;
	char id[80], *candidate;
	ssize_t len = readlinkat(names, name, id, sizeof(id) - 1);

	if (len < ENTRY_SHORT_LEN)
		return;
	id[len] = '\0';
	if (strspn(id, "0123456789abcdef") != (size_t)len || !read_status(base, n->stored, id, &status) ||
		!is_wanted(status, n->kind))
		return;
	candidate = xasprintf("%s%s", name, n->suffix);
	offer(n->c, candidate, entry_status_name(status));
	free(candidate);
}

static void offer_names(const struct names *n)
{
	int base = open(n->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	struct dirent *e;
	DIR *dir;

	fd = base >= 0 ? openat(base, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (fd >= 0 && !dir)
		close(fd);
	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, n->c->value, strnlen(n->c->value, strlen(e->d_name))) == 0)
			offer_named(n, base, fd, e->d_name);
	if (dir)
		closedir(dir);
	if (base >= 0)
		close(base);
}

void offer_sandboxes(struct completion *c, enum complete_kind kind, const char *suffix)
{
	struct names n = {.c = c, .kind = kind, .suffix = suffix, .stored = true};
	char *store = NULL;

	if (store_default_path(&store, NULL) == 0) {
		n.base = store;
		offer_names(&n);
	}
	free(store);
	n.base = runtime_dir();
	n.stored = false;
	if (n.base)
		offer_names(&n);
}
