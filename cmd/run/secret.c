/* SPDX-License-Identifier: MIT */
/*
 * Secrets. The value goes from its source into a sealed memory file, which the sentry copies into a file system in memory; the
 * launch configuration and the entry name the source alone.
 */
#include "cmd/run/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/message.h"

struct secret {
	const char *name, *file, *variable;
};

/* docker's long form: id=NAME,src=FILE or id=NAME,env=VAR. */
static bool long_form(char *text, struct secret *s)
{
	char *save = NULL;

	for (char *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *value = strchr(w, '=');

		if (!value)
			return false;
		*value++ = '\0';
		if (strcmp(w, "id") == 0)
			s->name = value;
		else if (strcmp(w, "src") == 0 || strcmp(w, "source") == 0)
			s->file = value;
		else if (strcmp(w, "env") == 0)
			s->variable = value;
		else if (strcmp(w, "type") != 0 || (strcmp(value, "file") != 0 && strcmp(value, "env") != 0))
			return false;
	}
	return s->name && !s->file != !s->variable;
}

static bool parse(char *text, struct secret *s)
{
	char *value = strchr(text, '=');

	*s = (struct secret){0};
	if (strncmp(text, "id=", 3) == 0 && strchr(text, ','))
		return long_form(text, s);
	if (!value || value == text || !value[1])
		return false;
	*value++ = '\0';
	s->name = text;
	if (strncmp(value, "env:", 4) == 0)
		s->variable = value + 4;
	else
		s->file = value;
	return !s->variable || *s->variable;
}

static bool is_name(const char *name)
{
	if (!*name || strlen(name) > 255 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == '/' || *name == 127)
			return false;
	return true;
}

/* The whole of a file that may be a pipe (process substitution): its length, or -1 with errno. */
static ssize_t read_whole(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static ssize_t read_source(const struct secret *s, char *buf, size_t size)
{
	const char *value;
	ssize_t n;
	int fd;

	if (s->variable) {
		value = getenv(s->variable);
		if (!value)
			return complain(-1, "secret %s: the variable %s is not set", s->name, s->variable);
		n = (ssize_t)strnlen(value, size);
		memcpy(buf, value, (size_t)n);
		return n;
	}
	fd = open(s->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	n = fd < 0 ? -1 : read_whole(fd, buf, size);
	if (n < 0)
		complain(-1, "secret %s: cannot read %s: %s", s->name, s->file, strerror(errno));
	if (fd >= 0)
		close(fd);
	return n;
}

static int sealed_copy(const char *data, size_t len)
{
	int fd = memfd_create("picket-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (pwrite(fd, data, len, 0) != (ssize_t)len ||
			       fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int write_secret(struct launch *l, const char *text)
{
	char *copy = xstrdup(text), *buf = xcalloc(1, SECRET_MAX + 1);
	struct secret s;
	ssize_t n = -1;
	int fd = -1, r = EXIT_PICKET;

	if (!parse(copy, &s))
		complain(EXIT_PICKET, "--secret takes NAME=FILE, NAME=env:VAR or id=NAME,src=FILE");
	else if (!is_name(s.name))
		complain(EXIT_PICKET, "--secret: \"%s\" is no name for a file in /run/secrets", s.name);
	else
		n = read_source(&s, buf, SECRET_MAX + 1);
	if (n > (ssize_t)SECRET_MAX)
		complain(EXIT_PICKET, "secret %s is longer than %u bytes", s.name, SECRET_MAX);
	else if (n >= 0)
		fd = sealed_copy(buf, (size_t)n);
	if (fd >= 0) {
		launch_record(l, CONFIG_SECRET, s.name, launch_give(l, fd));
		r = 0;
	} else if (n >= 0 && n <= (ssize_t)SECRET_MAX) {
		complain(EXIT_PICKET, "secret %s: cannot copy it: %s", s.name, strerror(errno));
	}
	explicit_bzero(buf, SECRET_MAX + 1);
	free(buf);
	free(copy);
	return r;
}

int write_secrets(struct launch *l, const struct run_options *o)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->secrets.count; i++)
		r = write_secret(l, o->secrets.items[i]);
	return r;
}
