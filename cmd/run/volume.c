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
#include "cmd/keep/volumes.h"
#include "cmd/run/share.h"
#include "cmd/run/upper.h"

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

struct volume_flags {
	bool read_only, no_copy;
};

/* The options behind the second colon. */
static int volume_options(const char *text, const char *whole, struct volume_flags *flags)
{
	static const char *const same[] = {"z", "Z", "rprivate", "private", "rslave", "slave", "rw", "volume-nocopy=false"};

	while (*text) {
		size_t len = strcspn(text, ",");
		bool known = false;

		if (len == 2 && strncmp(text, "ro", 2) == 0)
			known = flags->read_only = true;
		if (len == 6 && strncmp(text, "nocopy", 6) == 0)
			known = flags->no_copy = true;
		for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
			known = known || (strlen(same[i]) == len && strncmp(text, same[i], len) == 0);
		if (!known)
			return complain(EXIT_PICKET, "unknown option \"%.*s\" in -v %s; ro, rw and nocopy are known", (int)len,
				text, whole);
		text += len;
		text += *text == ',';
	}
	return 0;
}

/* A volume of Picket's own; made if it is not there. `owner` is set for one without a name. */
static int mount_named(struct launch *l, const char *name, const char *target, const struct volume_flags *f, const char *owner)
{
	char *err = NULL, *path, *what;
	struct volume v;
	int fd;

	if (target[0] != '/')
		return complain(EXIT_PICKET, "the place of a volume inside must be an absolute path, not \"%s\"", target);
	if (volume_make(name, NULL, owner, &err) < 0 || volume_find(name, &v, &err) < 0) {
		complain(EXIT_PICKET, "%s", err);
		free(err);
		return EXIT_PICKET;
	}
	path = xasprintf("%s/upper", v.dir);
	what = xasprintf("the volume %s", name);
	fd = upper_layer_open(l, path, what);
	if (fd >= 0)
		launch_record(l, CONFIG_VOLUME, target, launch_give_host(l, fd, true),
			f->read_only ? "ro" : f->no_copy ? "rw" : "copy");
	free(path);
	free(what);
	volume_free(&v);
	return fd < 0 ? EXIT_PICKET : 0;
}

static int mount_anonymous(struct launch *l, const char *target, const struct volume_flags *f, const struct volume_owner *owner)
{
	char *name;
	int r;

	if (target[0] != '/')
		return complain(EXIT_PICKET, "-v %s: the place of a volume inside must be an absolute path", target);
	if (!owner || !owner->kept) {
		launch_record(l, CONFIG_VOLUME, target, "-1", "rw");
		return 0;
	}
	name = volume_anonymous_name(owner->id, target);
	r = mount_named(l, name, target, f, owner->id);
	free(name);
	return r;
}

static int write_volume(struct launch *l, const char *text, const struct volume_owner *owner)
{
	char *source = xstrdup(text), *target = strchr(source, ':'), *options = NULL;
	struct volume_flags flags = {0};
	int r = 0;

	if (target)
		*target++ = '\0';
	options = target ? strchr(target, ':') : NULL;
	if (options) {
		*options++ = '\0';
		r = volume_options(options, text, &flags);
	}
	if (r == 0 && !target)
		r = mount_anonymous(l, source, &flags, owner);
	else if (r == 0 && !is_path(source) && valid_volume_name(source))
		r = mount_named(l, source, target, &flags, NULL);
	else if (r == 0 && !is_path(source))
		r = complain(EXIT_PICKET,
			"-v %s: \"%s\" is no name of a volume (letters, digits, and _ . - behind the first, two at least); for a directory here "
			"write ./%s",
			text, source, source);
	else if (r == 0)
		r = bind(l, source, target, !flags.read_only);
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
	bool read_only, no_copy;
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
		if (strcmp(word, "volume-nocopy") == 0) {
			m->no_copy = true;
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
	} else if (value && (strcmp(word, "bind-propagation") == 0 || strcmp(word, "consistency") == 0)) {
		return 0; /* mounts do not come in or go out */
	} else if (!((strcmp(word, "ro") == 0 || strcmp(word, "readonly") == 0) && value &&
			   strcmp(value, "false") == 0))
		return complain(EXIT_PICKET, "unknown word \"%s\" in --mount %s", word, whole);
	return 0;
}

static int write_mount(struct launch *l, const char *text, const struct volume_owner *owner)
{
	struct mount_words m = {0};
	char *copy = xstrdup(text), *save = NULL;
	bool volume;
	int r = 0;

	for (char *w = strtok_r(copy, ",", &save); r == 0 && w; w = strtok_r(NULL, ",", &save))
		r = mount_word(&m, w, text);
	if (!m.type)
		m.type = "volume";
	volume = strcmp(m.type, "volume") == 0;
	if (r == 0 && !volume && strcmp(m.type, "bind") != 0 && strcmp(m.type, "tmpfs") != 0)
		r = complain(EXIT_PICKET, "--mount type=%s is not offered: volume, bind and tmpfs are", m.type);
	else if (r == 0 && !m.target)
		r = complain(EXIT_PICKET, "--mount %s needs dst=, the place inside", text);
	else if (r == 0 && volume && m.source && !valid_volume_name(m.source))
		r = complain(EXIT_PICKET, "--mount %s: \"%s\" is no name of a volume; type=bind shows a directory", text, m.source);
	else if (r == 0 && strcmp(m.type, "bind") == 0 && !m.source)
		r = complain(EXIT_PICKET, "--mount %s needs src=, what to show of the host", text);
	if (r == 0 && volume) {
		const struct volume_flags f = {.read_only = m.read_only, .no_copy = m.no_copy};

		r = m.source ? mount_named(l, m.source, m.target, &f, NULL) : mount_anonymous(l, m.target, &f, owner);
	} else if (r == 0 && strcmp(m.type, "bind") == 0) {
		r = bind(l, m.source, m.target, !m.read_only);
	} else if (r == 0) {
		char *spec = xasprintf("%s:%s%s", m.target, m.tmpfs, m.read_only ? ",ro" : "");

		r = write_tmpfs(l, spec);
		free(spec);
	}
	free(copy);
	return r;
}

/* Has one of the options something at this place already? */
bool volume_is_taken(const struct run_options *o, const char *target)
{
	size_t len = strlen(target);
	const struct str_list *const lists[] = {&o->volumes, &o->mounts, &o->tmpfs};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->count; k++) {
			const char *text = lists[i]->items[k], *at = text;

			for (; (at = strstr(at, target)); at++)
				if ((at == text || strchr(":=", at[-1])) && (!at[len] || strchr(":,", at[len])))
					return true;
		}
	return false;
}

int write_volumes(struct launch *l, const struct run_options *o, const struct volume_owner *owner)
{
	const struct volume_flags none = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->tmpfs.count; i++)
		r = write_tmpfs(l, o->tmpfs.items[i]);
	for (size_t i = 0; r == 0 && i < o->volumes.count; i++)
		r = write_volume(l, o->volumes.items[i], owner);
	for (size_t i = 0; r == 0 && i < o->mounts.count; i++)
		r = write_mount(l, o->mounts.items[i], owner);
	for (char *const *place = owner ? owner->places : NULL; r == 0 && place && *place; place++)
		if ((*place)[0] == '/' && (*place)[1] && !volume_is_taken(o, *place))
			r = mount_anonymous(l, *place, &none, owner);
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
