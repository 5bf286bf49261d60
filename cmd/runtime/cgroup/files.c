/* SPDX-License-Identifier: MIT */
/* Reading and writing files of control groups. */
#include "cmd/runtime/cgroup/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/runtime/cgroup/fail.h"

const char *cg_dir(const struct cg *g, const char *controller)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->version == CG_V2 ? !*g->dirs[i].name : strcmp(g->dirs[i].name, controller) == 0)
			return g->dirs[i].path;
	return NULL;
}

int cg_write_file(const char *path, const char *text, char **err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return cg_fail(err, -errno, "failed to write \"%s\": open %s: %s", text, path, strerror(errno));
	while (write(fd, text, strlen(text)) < 0) {
		if (errno == EINTR)
			continue;
		r = cg_fail(err, -errno, "failed to write \"%s\": write %s: %s", text, path, strerror(errno));
		break;
	}
	close(fd);
	return r;
}

char *cg_read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, room = 0;
	char *text = NULL;

	while (fd >= 0) {
		ssize_t n;

		if (len + 1 >= room) {
			char *more = realloc(text, room += 4096);

			if (!more)
				break;
			text = more;
		}
		n = read(fd, text + len, room - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		if (!n) {
			close(fd);
			return text;
		}
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return NULL;
}

static char *path_of(const struct cg *g, const char *controller, const char *file)
{
	const char *dir = cg_dir(g, controller);
	char *path;

	return dir && asprintf(&path, "%s/%s", dir, file) >= 0 ? path : NULL;
}

int cg_write(const struct cg *g, const char *controller, const char *file, char **err, const char *format, ...)
{
	char *path = path_of(g, controller, file), *text;
	va_list ap;
	int r;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!path)
		r = cg_fail(err, -ENODEV, "cannot set %s limit: container could not join or create cgroup", controller);
	else
		r = text ? cg_write_file(path, text, err) : -ENOMEM;
	free(path);
	free(text);
	return r;
}

bool cg_has(const struct cg *g, const char *controller, const char *file)
{
	char *path = path_of(g, controller, file);
	bool has = path && access(path, F_OK) == 0;

	free(path);
	return has;
}

char *cg_read(const struct cg *g, const char *controller, const char *file)
{
	char *path = path_of(g, controller, file), *text = path ? cg_read_file(path) : NULL;

	free(path);
	return text;
}

bool cg_read_number(const struct cg *g, const char *controller, const char *file, uint64_t *ret)
{
	char *text = cg_read(g, controller, file), *end;
	bool max = text && strncmp(text, "max", 3) == 0;
	uint64_t v = text ? strtoull(text, &end, 10) : 0;

	if (!text || (!max && end == text)) {
		free(text);
		return false;
	}
	free(text);
	*ret = max ? UINT64_MAX : v;
	return true;
}

uint64_t cg_keyed(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *c = text; c && *c; c = strchr(c, '\n') ? strchr(c, '\n') + 1 : NULL)
		if (strncmp(c, key, n) == 0 && c[n] == ' ')
			return strtoull(c + n + 1, NULL, 10);
	return 0;
}
