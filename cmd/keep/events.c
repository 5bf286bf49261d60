/* SPDX-License-Identifier: MIT */
/* The writer of events. */
#include "cmd/keep/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/keep/runtime.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/str.h"
#include "cmd/lib/when.h"

/* A file that is longer makes room for a new one, in bytes. */
#define EVENTS_SIZE_MAX (2 << 20)

/* One event is not longer: what has so many labels is noted without them. */
#define EVENT_MAX 16384

/*
 * The file, locked: it is one that still has its name. The lock is for the renaming alone (an append is atomic by itself) and
 * is held for a few microseconds; it goes with its holder.
 */
static int open_locked(const char *path, struct stat *st)
{
	for (int tries = 0; tries < 100; tries++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat named;

		if (fd < 0)
			return -1;
		while (flock(fd, LOCK_EX) < 0)
			if (errno != EINTR)
				break;
		if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && stat(path, &named) == 0 && named.st_ino == st->st_ino)
			return fd;
		close(fd);
	}
	return -1;
}

static void append(const char *line, size_t len)
{
	char *path, *old;
	struct stat st;
	int fd;

	if (!runtime_dir())
		return;
	path = xasprintf("%s/" EVENTS_NAME, runtime_dir());
	old = xasprintf("%s.1", path);
	fd = open_locked(path, &st);
	if (fd >= 0 && st.st_size + (off_t)len > EVENTS_SIZE_MAX && rename(path, old) == 0) {
		close(fd);
		fd = open_locked(path, &st);
	}
	/* Half a line, on a full disk, is ended: readers leave it out. */
	if (fd >= 0 && write(fd, line, len) != (ssize_t)len && write(fd, "\n", 1) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
	free(old);
	free(path);
}

static char *compose(const char *type, const char *action, const char *id, const json_t *attributes)
{
	int64_t now = now_real();
	json_t *event = json_pack("{s:s, s:s, s:{s:o, s:O}, s:s, s:I, s:I}", "Type", type, "Action", action, "Actor", "ID",
		jtext(id), "Attributes", attributes, "scope", "local", "time", (json_int_t)(now / 1000000000), "timeNano",
		(json_int_t)now);
	char *text = event ? json_dumps(event, JSON_COMPACT) : NULL, *line = text ? xasprintf("%s\n", text) : NULL;

	free(text);
	json_decref(event);
	return line;
}

void event_note(const char *type, const char *action, const char *id, json_t *attributes)
{
	json_t *all = attributes ? attributes : json_object();
	char *line = compose(type, action, id, all);

	if (line && strlen(line) > EVENT_MAX) {
		json_t *few = json_object();

		json_object_set(few, "name", json_object_get(all, "name"));
		free(line);
		line = compose(type, action, id, few);
		json_decref(few);
	}
	if (line && strlen(line) <= EVENT_MAX)
		append(line, strlen(line));
	free(line);
	json_decref(all);
}

void event_of(const struct entry *e, const char *action, json_t *attributes)
{
	json_t *all = attributes ? attributes : json_object();

	for (size_t i = 0; i < e->config.labels.count; i++) {
		const char *label = e->config.labels.items[i];
		size_t len = env_name_len(label);
		char *name = xstrndup(label, len);

		json_object_set_new(all, name, jtext(label + len + (label[len] == '=')));
		free(name);
	}
	json_object_set_new(all, "image", jtext(e->config.image));
	json_object_set_new(all, "name", jtext(e->config.name));
	event_note("container", action, e->id, all);
}
