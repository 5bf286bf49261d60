/* SPDX-License-Identifier: MIT */
/* The notes of running sandboxes. */
#include "cmd/keep/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/lib/json.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "fuse-snap/client.h"

const char *runtime_dir(void)
{
	static char path[4096];
	struct snap_error e;

	if (path[0] == '\0' && snap_runtime_dir(path, sizeof(path), &e) < 0) {
		path[0] = '\0';
		complain(EXIT_PICKET, "%s", e.text);
		return NULL;
	}
	return path;
}

uint64_t process_start(pid_t pid)
{
	char path[64], buf[1024], *p;
	uint64_t start = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	/* The name in parentheses may hold anything; the start time is the 20th field behind it. */
	p = strrchr(buf, ')');
	for (int field = 0; p && field < 20; field++)
		p = strchr(p + 1, ' ');
	if (p)
		start = strtoull(p + 1, NULL, 10);
	return start;
}

static bool is_id(const char *s)
{
	return strlen(s) == SANDBOX_ID_LEN && strspn(s, "0123456789abcdef") == SANDBOX_ID_LEN;
}

/* The number behind "key": of a note that write_note wrote. */
static uint64_t note_number(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

/* Read ID/state.json below dirfd. A name has no characters that JSON would escape (valid_name). */
static int read_note(int dirfd, const char *id, struct sandbox_note *note)
{
	char path[64], text[8192];
	const char *p, *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/state.json", id);
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	*note = (struct sandbox_note){
		.pid = (pid_t)note_number(text, "\"pid\": "), .start = note_number(text, "\"start\": ")};
	snprintf(note->id, sizeof(note->id), "%s", id);
	p = strstr(text, "\"name\": \"");
	end = p ? strchr(p + 9, '"') : NULL;
	if (end && (size_t)(end - p - 9) < sizeof(note->name))
		memcpy(note->name, p + 9, (size_t)(end - p - 9));
	return 0;
}

static void remove_dir(int dirfd, const char *id)
{
	static const char *const files[] = {"state.json", "state.json.new"};
	char path[64];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", id, files[i]);
		unlinkat(dirfd, path, 0);
	}
	unlinkat(dirfd, id, AT_REMOVEDIR);
}

/* Walk the notes; with `clean` (the lock is held) what is left over is removed. */
static void walk(const char *dir, bool clean, void (*fn)(void *arg, const struct sandbox_note *note), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct sandbox_note note = {0};

		if (!is_id(e->d_name))
			continue;
		if (read_note(dirfd(d), e->d_name, &note) == 0 && note.pid > 0 && process_start(note.pid) == note.start)
			fn(arg, &note);
		else if (clean)
			remove_dir(dirfd(d), e->d_name);
	}
	if (d)
		closedir(d);
}

void state_each(void (*fn)(void *arg, const struct sandbox_note *note), void *arg)
{
	const char *dir = runtime_dir();

	if (dir)
		walk(dir, false, fn, arg);
}

struct name_search {
	const char *name;
	char id[SANDBOX_ID_LEN + 1];
};

static void match_name(void *arg, const struct sandbox_note *note)
{
	struct name_search *s = arg;

	if (s->name && strcmp(s->name, note->name) == 0)
		memcpy(s->id, note->id, sizeof(s->id));
}

/* Letters, digits, and _.- behind the first, as docker has it. */
static bool valid_name(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	if (len < 1 || len > 63 || !strchr(ok, name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!strchr(ok, name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

/* Written beside and renamed over, so that a reader never sees half a note. */
static int write_note(
	const struct sandbox_state *s, const char *name, const char *image, char *const *command, pid_t sentry)
{
	char *new = xasprintf("%s/state.json.new", s->dir), *final = xasprintf("%s/state.json", s->dir);
	FILE *f = fopen(new, "wxe");
	struct json j = {.out = f};
	int r = -1;

	if (f) {
		json_open(&j, NULL, '{');
		json_string(&j, "id", s->id);
		json_string(&j, "name", name);
		json_number(&j, "pid", getpid());
		json_number(&j, "start", (int64_t)process_start(getpid()));
		json_number(&j, "sentry", sentry);
		json_string(&j, "image", image);
		json_strings(&j, "command", command);
		json_number(&j, "created", (int64_t)time(NULL));
		json_close(&j, '}');
		r = fclose(f) == 0 && rename(new, final) == 0 ? 0 : -1;
	}
	free(new);
	free(final);
	return r;
}

static int make_id(char id[SANDBOX_ID_LEN + 1])
{
	unsigned char bytes[SANDBOX_ID_LEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return complain(-1, "no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int lock_dir(const char *dir)
{
	char *path = xasprintf("%s/sandboxes.lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	free(path);
	if (fd >= 0)
		while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
			;
	return fd;
}

int state_create(struct sandbox_state *s, const char *name, const char *image, char *const *command)
{
	struct name_search search = {.name = name};
	const char *dir = runtime_dir();
	int lock, r = 0;

	*s = (struct sandbox_state){0};
	if (!dir || make_id(s->id) < 0)
		return -1;
	if (name && !valid_name(name))
		return complain(-1,
			"\"%s\" is no name for a sandbox: letters, digits, and _ . - after the first, 63 at most",
			name);
	lock = lock_dir(dir);
	walk(dir, true, match_name, &search);
	if (search.id[0])
		r = complain(
			-1, "the name \"%s\" is in use by the running sandbox %s; choose another", name, search.id);
	if (r == 0) {
		s->dir = xasprintf("%s/%s", dir, s->id);
		if (mkdir(s->dir, 0700) < 0 || write_note(s, name, image, command, 0) < 0)
			r = complain(-1, "cannot note the sandbox in %s: %s", s->dir, strerror(errno));
	}
	if (lock >= 0)
		close(lock);
	if (r < 0)
		state_remove(s);
	return r;
}

void state_running(struct sandbox_state *s, const char *name, const char *image, char *const *command, pid_t sentry)
{
	if (s->dir)
		write_note(s, name, image, command, sentry);
}

void state_remove(struct sandbox_state *s)
{
	if (s->dir)
		remove_dir(AT_FDCWD, s->dir);
	free(s->dir);
	s->dir = NULL;
}
