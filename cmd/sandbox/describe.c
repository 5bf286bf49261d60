/* SPDX-License-Identifier: MIT */
/* Entries in words. */
#include "cmd/sandbox/describe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/json.h"
#include "cmd/lib/jtext.h"
#include "cmd/sandbox/port.h"

#define NS INT64_C(1000000000)

int64_t time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS + ts.tv_nsec;
}

/* docker's words: each unit is used until there are two of the next. */
char *duration_text(int64_t seconds)
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} units[] = {{60, 1, "seconds"}, {3600, 60, "minutes"}, {48 * 3600, 3600, "hours"}, {14 * 86400, 86400, "days"},
		{60 * 86400, 7 * 86400, "weeks"}, {730 * 86400, 30 * 86400, "months"}};

	if (seconds < 1)
		return xstrdup("Less than a second");
	if (seconds == 1)
		return xstrdup("1 second");
	if (seconds >= 60 && seconds < 120)
		return xstrdup("About a minute");
	if (seconds >= 3600 && seconds < 7200)
		return xstrdup("About an hour");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (seconds < units[i].below)
			return xasprintf("%lld %s", (long long)(seconds / units[i].unit), units[i].name);
	return xasprintf("%lld years", (long long)(seconds / (365 * 86400)));
}

char *time_rfc3339(int64_t ns)
{
	time_t t = (time_t)(ns / NS);
	char text[40];
	struct tm tm;

	if (ns <= 0 || !gmtime_r(&t, &tm))
		return xstrdup("0001-01-01T00:00:00Z");
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%09lldZ", text, (long long)(ns % NS));
}

char *time_list(int64_t ns)
{
	time_t t = (time_t)(ns / NS);
	char text[80] = "";
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &tm);
	return xstrdup(text);
}

static char *up_text(const struct entry *e, int64_t now)
{
	char *since = duration_text((now - e->state.started) / NS), *text;
	const char *health = e->state.health;

	if (e->state.status == ENTRY_PAUSED)
		text = xasprintf("Up %s (Paused)", since);
	else if (*health)
		text = xasprintf("Up %s (%s%s)", since, strcmp(health, "starting") == 0 ? "health: " : "", health);
	else
		text = xasprintf("Up %s", since);
	free(since);
	return text;
}

char *status_text(const struct entry *e, int64_t now)
{
	char *ago, *text;

	switch (e->state.status) {
	case ENTRY_RUNNING:
	case ENTRY_PAUSED:
		return up_text(e, now);
	case ENTRY_RESTARTING:
	case ENTRY_EXITED:
		ago = duration_text((now - e->state.finished) / NS);
		text = xasprintf("%s (%d) %s ago", e->state.status == ENTRY_EXITED ? "Exited" : "Restarting",
			e->state.exit_code, ago);
		free(ago);
		return text;
	default:
		return xstrdup("Created");
	}
}

char *command_text(const struct entry *e, size_t max)
{
	char *text = xstrdup(""), *quoted, *longer;
	size_t at = 0, letters = 0;

	for (size_t i = 0; i < e->config.command.count; i++) {
		longer = xasprintf("%s%s%s", text, i ? " " : "", e->config.command.items[i]);
		free(text);
		text = longer;
		if (max && strlen(text) > 8 * max)
			break;
	}
	while (text[at] && (!max || letters < max)) {
		size_t len = utf8_len((const unsigned char *)text + at);

		at += len ? len : 1;
		letters++;
	}
	if (text[at]) {
		/* The last letter makes room for the "…". */
		while (at > 0 && (text[--at] & 0xc0) == 0x80)
			;
		quoted = xasprintf("\"%.*s…\"", (int)at, text);
	} else {
		quoted = xasprintf("\"%s\"", text);
	}
	free(text);
	return quoted;
}

char *labels_text(const struct entry *e)
{
	const struct str_list *l = &e->config.labels;
	char *text = xstrdup("");

	for (size_t i = 0; i < l->count; i++) {
		char *longer = xasprintf("%s%s%s", text, i ? "," : "", l->items[i]);

		free(text);
		text = longer;
	}
	return text;
}

json_t *labels_object(const struct entry *e)
{
	const struct str_list *l = &e->config.labels;
	json_t *object = json_object();

	for (size_t i = 0; i < l->count; i++) {
		size_t len = env_name_len(l->items[i]);
		char *name = xstrndup(l->items[i], len);

		json_object_set_new(object, name, jtext(l->items[i][len] ? l->items[i] + len + 1 : ""));
		free(name);
	}
	return object;
}

int entry_options(const struct entry *e, struct parsed *ret, struct str_list *words)
{
	const struct cmd_spec *cmd = find_command("run");

	*words = (struct str_list){0};
	for (size_t i = 0; i < e->config.options.count; i++)
		str_list_add(words, xstrdup(e->config.options.items[i]));
	if (parse_options(cmd, (int)words->count, words->items, ret) == 0)
		return 0;
	entry_options_free(ret, words);
	return -EINVAL;
}

void entry_options_free(struct parsed *p, struct str_list *words)
{
	parsed_free(find_command("run"), p);
	str_list_free(words);
}

/* ---- Sizes ---- */

static uint64_t tree_size(int dirfd, const char *name, unsigned int depth)
{
	struct stat st;
	struct dirent *d;
	uint64_t size = 0;
	DIR *dir;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return (uint64_t)st.st_size;
	fd = depth < 200 ? openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			size += tree_size(fd, d->d_name, depth + 1);
	if (dir)
		closedir(dir);
	return size;
}

uint64_t entry_size(const struct entry *e)
{
	int fd = open(e->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t size = fd < 0 ? 0 : tree_size(fd, "upper", 0);

	if (fd >= 0)
		close(fd);
	return size;
}

/* ---- A row of ps ---- */

static void set_text(json_t *row, const char *key, char *text)
{
	json_object_set_new(row, key, jtext(text));
	free(text);
}

static void set_mounts(json_t *row, const struct run_options *o, bool whole)
{
	char *text = xstrdup("");
	size_t local = 0;

	for (size_t i = 0; o && i < o->volumes.count; i++) {
		const char *v = o->volumes.items[i];
		int len = (int)strcspn(v, ":");
		bool cut = !whole && len > 15;
		char *longer = xasprintf("%s%s%.*s%s", text, *text ? "," : "", cut ? 14 : len, v, cut ? "…" : "");

		local += *v != '/';
		free(text);
		text = longer;
	}
	set_text(row, "Mounts", text);
	set_text(row, "LocalVolumes", xasprintf("%zu", local));
}

json_t *ps_row(const struct entry *e, int64_t now, bool whole, bool sizes)
{
	json_t *row = json_object();
	char *age = duration_text((now - e->config.created) / NS), size[32] = "0B";
	struct str_list words;
	struct parsed p;
	bool options = entry_options(e, &p, &words) == 0;
	const struct run_options *o = options ? p.opts : NULL;

	set_text(row, "Command", command_text(e, whole ? 0 : 20));
	set_text(row, "CreatedAt", time_list(e->config.created));
	set_text(row, "ID", xstrdup(whole ? e->id : e->short_id));
	set_text(row, "Image", xstrdup(e->config.image));
	set_text(row, "Labels", labels_text(e));
	set_mounts(row, o, whole);
	set_text(row, "Names", xstrdup(e->config.name));
	set_text(row, "Networks", xstrdup(o && o->network ? o->network : "slirp"));
	set_text(row, "Ports", entry_ports_text(e));
	set_text(row, "RunningFor", xasprintf("%s ago", age));
	if (sizes)
		human_size(entry_size(e), size, sizeof(size));
	set_text(row, "Size", xstrdup(size));
	set_text(row, "State", xstrdup(entry_status_name(e->state.status)));
	set_text(row, "Status", status_text(e, now));
	json_object_set_new(row, "_Label", labels_object(e));
	if (options)
		entry_options_free(&p, &words);
	free(age);
	return row;
}
