/* SPDX-License-Identifier: MIT */
/* Volumes. */
#include "cmd/run/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/share.h"

/*
 * Open what `path` names for the sandbox: a directory, or a regular file (for writing too, if it may be written). The
 * first descriptor is O_PATH, so that nothing happens to a device or a pipe. Returns a descriptor, or -1 after a
 * complaint.
 */
static int open_source(const char *path, bool *writable)
{
	int at = open(path, O_PATH | O_CLOEXEC), fd = -1;
	char again[64];
	struct stat st;

	if (at < 0)
		return complain(-1, "cannot open %s to show it in the sandbox: %s", path, strerror(errno));
	snprintf(again, sizeof(again), "/proc/self/fd/%d", at);
	if (fstat(at, &st) == 0 && S_ISDIR(st.st_mode)) {
		fd = open(again, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else if (S_ISREG(st.st_mode)) {
		fd = *writable ? open(again, O_RDWR | O_CLOEXEC) : -1;
		if (fd < 0) {
			*writable = false;
			fd = open(again, O_RDONLY | O_CLOEXEC);
		}
	} else {
		close(at);
		return complain(
			-1, "%s is neither a directory nor a regular file: it cannot be shown in a sandbox", path);
	}
	if (fd < 0)
		complain(-1, "cannot open %s to show it in the sandbox: %s", path, strerror(errno));
	close(at);
	return fd;
}

static int bind(struct launch *l, const char *source, const char *target, bool writable)
{
	int fd;

	if (target[0] != '/')
		return complain(
			EXIT_PICKET, "the place of a volume inside must be an absolute path, not \"%s\"", target);
	fd = open_source(source, &writable);
	if (fd < 0 || protect_own(l, "the volume", source, writable)) {
		if (fd >= 0)
			close(fd);
		return EXIT_PICKET;
	}
	launch_record(l, CONFIG_BIND, target, launch_give_host(l, fd, writable), writable ? "rw" : "ro");
	return 0;
}

/* SRC as docker reads it: a path begins with a slash or a dot; anything else would be the name of a volume. */
static bool is_path(const char *source)
{
	return source[0] == '/' || source[0] == '.';
}

/* The options behind the second colon. */
static int volume_options(const char *text, const char *whole, bool *writable)
{
	static const char *const same[] = {"z", "Z", "rprivate", "private", "rslave", "slave"};

	while (*text) {
		size_t len = strcspn(text, ",");
		bool known = false;

		if (len == 2 && (strncmp(text, "ro", 2) == 0 || strncmp(text, "rw", 2) == 0)) {
			*writable = text[1] == 'w';
			known = true;
		}
		for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
			known = known || (strlen(same[i]) == len && strncmp(text, same[i], len) == 0);
		if (!known)
			return complain(EXIT_PICKET, "unknown option \"%.*s\" in -v %s; ro and rw are known", (int)len,
				text, whole);
		text += len;
		text += *text == ',';
	}
	return 0;
}

static int write_volume(struct launch *l, const char *text)
{
	char *source = xstrdup(text), *target = strchr(source, ':'), *options;
	bool writable = true;
	int r = 0;

	if (!target) {
		free(source);
		return complain(EXIT_PICKET,
			"-v %s names no place on the host: write SRC:DST; there are no volumes of Picket's own yet "
			"(--tmpfs gives an empty directory)",
			text);
	}
	*target++ = '\0';
	options = strchr(target, ':');
	if (options) {
		*options++ = '\0';
		r = volume_options(options, text, &writable);
	}
	if (r == 0 && !is_path(source))
		r = complain(EXIT_PICKET,
			"-v %s: \"%s\" would be a named volume, and there are none yet; for a directory here write "
			"./%s",
			text, source, source);
	if (r == 0)
		r = bind(l, source, target, writable);
	free(source);
	return r;
}

/* One option of a tmpfs: numbers are put into the form of the launch configuration, known words are passed on. */
static int tmpfs_option(char *out, size_t size, const char *word)
{
	static const char *const flags[] = {"ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev"};
	size_t at = strlen(out);
	const char *gap = at ? "," : "";
	int64_t n;
	char *end;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(word, flags[i]) == 0) {
			snprintf(out + at, size - at, "%s%s", gap, word);
			return 0;
		}
	}
	if (strncmp(word, "size=", 5) == 0 && parse_size(word + 5, &n) == 0) {
		snprintf(out + at, size - at, "%ssize=%lld", gap, (long long)n);
		return 0;
	}
	if (strncmp(word, "mode=", 5) == 0 && strtoul(word + 5, &end, 8) <= 07777 && end > word + 5 && !*end) {
		snprintf(out + at, size - at, "%s%s", gap, word);
		return 0;
	}
	if ((strncmp(word, "uid=", 4) == 0 || strncmp(word, "gid=", 4) == 0) &&
		parse_number(word + 4, 0, UINT32_MAX - 1, &n) == 0) {
		snprintf(out + at, size - at, "%s%s", gap, word);
		return 0;
	}
	return complain(EXIT_PICKET,
		"unknown option \"%s\" of a tmpfs; size=, mode=, uid=, gid=, ro, noexec, nosuid and nodev are known",
		word);
}

static int write_tmpfs(struct launch *l, const char *text)
{
	char *target = xstrdup(text), *options = strchr(target, ':'), out[256] = "", *save = NULL;
	int r = 0;

	if (options)
		*options++ = '\0';
	if (target[0] != '/')
		r = complain(EXIT_PICKET, "--tmpfs takes an absolute path inside, not \"%s\"", target);
	for (char *w = options ? strtok_r(options, ",", &save) : NULL; r == 0 && w; w = strtok_r(NULL, ",", &save))
		r = tmpfs_option(out, sizeof(out), w);
	if (r == 0)
		launch_record(l, CONFIG_TMPFS, target, out);
	free(target);
	return r;
}

/* The fields of one --mount. */
struct mount_words {
	const char *type, *source, *target;
	char tmpfs[256];
	bool read_only;
};

static int mount_word(struct mount_words *m, char *word, const char *whole)
{
	char *value = strchr(word, '='), buf[64];

	if (value)
		*value++ = '\0';
	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0) {
		if (strcmp(word, "ro") == 0 || strcmp(word, "readonly") == 0) {
			m->read_only = true;
			return 0;
		}
	}
	if (value && strcmp(word, "type") == 0)
		m->type = value;
	else if (value && (strcmp(word, "src") == 0 || strcmp(word, "source") == 0))
		m->source = value;
	else if (value && (strcmp(word, "dst") == 0 || strcmp(word, "destination") == 0 || strcmp(word, "target") == 0))
		m->target = value;
	else if (value && (strcmp(word, "tmpfs-size") == 0 || strcmp(word, "tmpfs-mode") == 0)) {
		snprintf(buf, sizeof(buf), "%s=%s", word + strlen("tmpfs-"), value);
		return tmpfs_option(m->tmpfs, sizeof(m->tmpfs), buf);
	} else if (!((strcmp(word, "ro") == 0 || strcmp(word, "readonly") == 0) && value &&
			   strcmp(value, "false") == 0))
		return complain(EXIT_PICKET, "unknown word \"%s\" in --mount %s", word, whole);
	return 0;
}

static int write_mount(struct launch *l, const char *text)
{
	struct mount_words m = {0};
	char *copy = xstrdup(text), *save = NULL;
	int r = 0;

	for (char *w = strtok_r(copy, ",", &save); r == 0 && w; w = strtok_r(NULL, ",", &save))
		r = mount_word(&m, w, text);
	if (r == 0 && m.type && strcmp(m.type, "bind") != 0 && strcmp(m.type, "tmpfs") != 0)
		r = complain(EXIT_PICKET, "--mount type=%s is not offered: bind and tmpfs are", m.type);
	else if (r == 0 && (!m.type || !m.target))
		r = complain(EXIT_PICKET, "--mount %s needs type=bind or type=tmpfs, and dst=", text);
	else if (r == 0 && strcmp(m.type, "bind") == 0 && !m.source)
		r = complain(EXIT_PICKET, "--mount %s needs src=, what to show of the host", text);
	if (r == 0 && strcmp(m.type, "bind") == 0) {
		r = bind(l, m.source, m.target, !m.read_only);
	} else if (r == 0) {
		char *spec = xasprintf("%s:%s%s", m.target, m.tmpfs, m.read_only ? ",ro" : "");

		r = write_tmpfs(l, spec);
		free(spec);
	}
	free(copy);
	return r;
}

int write_volumes(struct launch *l, const struct run_options *o)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->tmpfs.count; i++)
		r = write_tmpfs(l, o->tmpfs.items[i]);
	for (size_t i = 0; r == 0 && i < o->volumes.count; i++)
		r = write_volume(l, o->volumes.items[i]);
	for (size_t i = 0; r == 0 && i < o->mounts.count; i++)
		r = write_mount(l, o->mounts.items[i]);
	return r;
}

int write_host_root(struct launch *l)
{
	static const char *const names[] = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt"};

	launch_word(l, CONFIG_ROOT_HOST);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[16], target[256];
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "/%s", names[i]);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			launch_record(l, CONFIG_HOST_LINK, names[i], target);
			continue;
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			launch_record(l, CONFIG_HOST_DIR, names[i], launch_give_host(l, fd, false));
		else if (errno != ENOENT)
			return complain(EXIT_PICKET, "cannot open %s of this machine: %s", path, strerror(errno));
	}
	return 0;
}
