/* SPDX-License-Identifier: MIT */
/* What SRC and DST of cp mean. */
#include "cmd/copy/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40
#define ERR_SIZE 4352

static const char *last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool copy_says_dir(const char *path)
{
	const char *l = last(path);

	return !*l || strcmp(l, ".") == 0 || strcmp(l, "..") == 0;
}

bool copy_says_contents(const char *path)
{
	return strcmp(last(path), ".") == 0 || strspn(path, "/") == strlen(path);
}

void copy_base(const char *path, char *ret, unsigned long size)
{
	unsigned long end = strlen(path), begin;

	for (;;) {
		while (end && path[end - 1] == '/')
			end--;
		if (!end || path[end - 1] != '.' || (end > 1 && path[end - 2] != '/'))
			break;
		end--;
	}
	for (begin = end; begin && path[begin - 1] != '/'; begin--)
		;
	if (begin == end)
		snprintf(ret, size, ".");
	else
		snprintf(ret, size, "%.*s", (int)(end - begin), path + begin);
}

/* The directory of *path*, into *ret*. */
static void parent_of(const char *path, char *ret, unsigned long size)
{
	unsigned long end = strlen(path);

	while (end && path[end - 1] == '/')
		end--;
	while (end && path[end - 1] != '/')
		end--;
	while (end > 1 && path[end - 1] == '/')
		end--;
	if (end)
		snprintf(ret, size, "%.*s", (int)end, path);
	else
		snprintf(ret, size, ".");
}

/* A link that leads to nothing yet: what it leads to is meant. *path* is changed. */
static bool follow_dangling(char *path, unsigned long size)
{
	char target[4096], dir[4096], joined[8200];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = 0;
	parent_of(path, dir, sizeof(dir));
	if (target[0] == '/')
		snprintf(joined, sizeof(joined), "%s", target);
	else
		snprintf(joined, sizeof(joined), "%s/%s", dir, target);
	if (strlen(joined) >= size)
		return false;
	strcpy(path, joined);
	return true;
}

__attribute__((format(printf, 2, 3))) static int fail(char *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, ERR_SIZE, fmt, ap);
	va_end(ap);
	return -1;
}

static int beside(const char *path, struct copy_place *ret, char *err)
{
	struct stat st;

	parent_of(path, ret->dir, sizeof(ret->dir));
	copy_base(path, ret->name, sizeof(ret->name));
	if (stat(ret->dir, &st) < 0)
		return fail(err, "the directory %s, which is to hold the copy, cannot be used: %s", ret->dir,
			strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(err, "%s is not a directory", ret->dir);
	return 0;
}

int copy_destination(const char *dst, enum copy_source what, struct copy_place *ret, char *err)
{
	char path[4096];
	struct stat st;
	int links = 0;

	*ret = (struct copy_place){.name = ""};
	if (strlen(dst) >= sizeof(path))
		return fail(err, "the path %.100s… is too long", dst);
	strcpy(path, *dst ? dst : ".");
	while (stat(path, &st) < 0) {
		if (errno != ENOENT)
			return fail(err, "cannot look at %s: %s", path, strerror(errno));
		if (copy_says_dir(path) || !follow_dangling(path, sizeof(path)) || links++ >= LINKS_MAX) {
			if (what == COPY_FILE && copy_says_dir(path))
				return fail(err, "the directory %s does not exist", path);
			return beside(path, ret, err);
		}
	}
	if (S_ISDIR(st.st_mode)) {
		strcpy(ret->dir, path);
		return 0;
	}
	if (what != COPY_FILE)
		return fail(err, "cannot copy a directory to %s, which is a file", path);
	if (copy_says_dir(dst))
		return fail(err, "%s is not a directory", path);
	return beside(path, ret, err);
}
