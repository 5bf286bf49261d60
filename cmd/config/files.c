/* SPDX-License-Identifier: MIT */
/*
 * The files of the configuration. Nothing that a sandbox may have written is read: config.json has to be the user's
 * own, and a project's .picket.json counts only while it is, byte for byte, what the user approved (a copy is kept).
 */
#include "cmd/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/message.h"

#define PROJECT_FILE ".picket.json"

char *config_dir(void)
{
	const char *dir = getenv("PICKET_CONFIG"), *home = getenv("HOME");

	if (dir && *dir == '/')
		return xstrdup(dir);
	dir = getenv("XDG_CONFIG_HOME");
	if (dir && *dir == '/')
		return xasprintf("%s/picket", dir);
	return home && *home == '/' ? xasprintf("%s/.config/picket", home) : NULL;
}

/* Ours alone (or root's) to change. */
static bool is_safe(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Whether the directory that `path` is in is safe too. */
static bool dir_is_safe(const char *path)
{
	char *dir = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	struct stat st;
	bool safe = stat(dir, &st) == 0 && is_safe(&st);

	free(dir);
	return safe;
}

static int read_all(int fd, const char *path, char **text)
{
	char *buf = xcalloc(1, CONFIG_MAX + 2);
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, CONFIG_MAX + 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0 || len > CONFIG_MAX || strlen(buf) != len) {
		if (n < 0)
			complain(EXIT_PICKET, "cannot read %s: %s", path, strerror(errno));
		else
			complain(EXIT_PICKET, "%s %s; it is not read", path,
				len > CONFIG_MAX ? "is larger than 64 KiB" : "has a zero byte in it");
		free(buf);
		return -1;
	}
	*text = buf;
	return 1;
}

int config_slurp(const char *path, bool dir_too, char **text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0) {
		complain(EXIT_PICKET, "cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		complain(EXIT_PICKET, "%s is not a regular file", path);
		r = -1;
	} else if (dir_too && (!is_safe(&st) || !dir_is_safe(path))) {
		complain(EXIT_PICKET,
			"%s can be changed by others than you, and is not read: make it and its directory yours alone "
			"(chmod go-w)",
			path);
		r = -1;
	} else {
		r = read_all(fd, path, text);
	}
	close(fd);
	return r;
}

json_t *config_parse(const char *path, const char *text)
{
	json_error_t e;
	json_t *values = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (!values)
		complain(EXIT_PICKET, "%s:%d: not JSON: %s", path, e.line, e.text);
	else if (!json_is_object(values))
		complain(EXIT_PICKET, "%s:1: the outermost value must be an object: { … }", path);
	if (!json_is_object(values)) {
		json_decref(values);
		return NULL;
	}
	return values;
}

/* mkdir -p of the directory that `path` is in, the user's alone. 0, or the errno of the first that could not be made. */
static int make_parents(const char *path)
{
	char *dir = xstrdup(path);
	int err = 0;

	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (err == 0 && mkdir(dir, 0700) < 0) {
			err = errno;
			if (access(dir, F_OK) == 0)
				err = 0;
		}
		*p = '/';
	}
	free(dir);
	return err;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -1;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd);
}

/* A link is followed, so that a file kept elsewhere stays where it is. */
static char *real_target(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : xstrdup(path);
}

int config_write(const char *path, const json_t *values)
{
	char *text = json_dumps(values, JSON_INDENT(2)), *target = real_target(path),
	     *temp = xasprintf("%s.XXXXXX", target);
	int fd = -1, r = -1, err = make_parents(target);

	if (err)
		errno = err;
	else if (text)
		fd = mkostemp(temp, O_CLOEXEC);
	if (fd >= 0) {
		r = write_all(fd, text, strlen(text));
		if (r == 0)
			r = write_all(fd, "\n", 1);
		close(fd);
		if (r == 0)
			r = rename(temp, target);
		if (r < 0)
			unlink(temp);
	}
	if (r < 0)
		complain(EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
	free(text);
	free(target);
	free(temp);
	return r;
}

/* ---- Projects ---- */

static char *project_in(const char *dir, size_t len)
{
	char *path = xasprintf("%.*s/" PROJECT_FILE, (int)len, dir);

	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* Is `dir` (its first len bytes) inside or equal to `home`? */
static bool is_below(const char *dir, size_t len, const char *home)
{
	size_t n = strlen(home);

	return len >= n && strncmp(dir, home, n) == 0 && (len == n || dir[n] == '/');
}

/* Outside of the home directory only directories of the user are looked in: others' files are no project of his. */
static bool may_hold(const char *dir, size_t len)
{
	char *path = xasprintf("%.*s", (int)len, dir);
	struct stat st;
	bool own = stat(path, &st) == 0 && st.st_uid == geteuid();

	free(path);
	return own;
}

char *config_find_project(void)
{
	const char *home = getenv("HOME");
	char cwd[PATH_MAX], *found = NULL;
	size_t len;
	bool at_home;

	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		return NULL;
	len = strlen(cwd);
	at_home = home && home[0] == '/' && home[1] && is_below(cwd, len, home);
	while (len > 1 && !found) {
		if (at_home ? !is_below(cwd, len, home) : !may_hold(cwd, len))
			break;
		found = project_in(cwd, len);
		while (len > 0 && cwd[len - 1] != '/')
			len--;
		while (len > 0 && cwd[len - 1] == '/')
			len--;
	}
	return found;
}

static json_t *read_approvals(char **path)
{
	char *dir = config_dir(), *text = NULL;
	json_t *all = NULL;

	*path = dir ? xasprintf("%s/approved.json", dir) : NULL;
	if (*path && config_slurp(*path, true, &text) > 0)
		all = config_parse(*path, text);
	free(text);
	free(dir);
	return all;
}

char *config_approved(const char *path)
{
	char *file, *text = NULL;
	json_t *all = read_approvals(&file);
	const char *approved = json_string_value(json_object_get(all, path));

	if (approved)
		text = xstrdup(approved);
	json_decref(all);
	free(file);
	return text;
}

int config_approve(const char *path, const char *text)
{
	char *file;
	json_t *all = read_approvals(&file);
	int r;

	if (!file)
		return complain(-1, "no place for what is approved: set HOME or XDG_CONFIG_HOME");
	if (!all)
		all = json_object();
	if (text)
		r = json_object_set_new(all, path, json_string(text));
	else
		r = json_object_del(all, path);
	if (r < 0)
		complain(-1, text ? "%s is not text in UTF-8" : "%s is not approved", path);
	else
		r = config_write(file, all);
	json_decref(all);
	free(file);
	return r;
}
