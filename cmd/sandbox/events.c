/* SPDX-License-Identifier: MIT */
/* picket events. */
#include "cmd/keep/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/escape.h"
#include "cmd/keep/runtime.h"
#include "cmd/lib/message.h"
#include "cmd/lib/template.h"
#include "cmd/lib/when.h"

#define LINE_MAX_BYTES 65536

struct events {
	const struct events_options *o;
	struct template *format; /* NULL: text, or JSON */
	bool json;
	int64_t since, until; /* ns since 1970; since 0: now; until 0: for ever */
	bool past, failed;
	int fd;
	ino_t inode;
	char buf[2 * LINE_MAX_BYTES];
	size_t len;
};

/* ---- Which ---- */

static const char *attribute(const json_t *event, const char *name)
{
	return json_string_value(json_object_get(json_object_get(json_object_get(event, "Actor"), "Attributes"), name));
}

static bool is_actor(const json_t *event, const char *value)
{
	const char *id = json_string_value(json_object_get(json_object_get(event, "Actor"), "ID"));
	const char *name = attribute(event, "name");

	return (name && strcmp(name, value) == 0) || (id && *value && strncmp(id, value, strlen(value)) == 0);
}

static bool has_label(const json_t *event, const char *value)
{
	size_t len = env_name_len(value);
	char *name = xstrndup(value, len);
	const char *is = attribute(event, name);

	free(name);
	return is && (!value[len] || strcmp(is, value + len + 1) == 0);
}

/* Actions such as "exec_create: sh" are meant by their first word. */
static bool is_action(const json_t *event, const char *value)
{
	const char *action = json_string_value(json_object_get(event, "Action"));

	return action && strncmp(action, value, strlen(value)) == 0 &&
	       (action[strlen(value)] == '\0' || action[strlen(value)] == ':');
}

static bool is_type(const json_t *event, const char *value)
{
	const char *type = json_string_value(json_object_get(event, "Type"));

	return type && strcmp(type, value) == 0;
}

static bool is_container(const json_t *event, const char *value)
{
	return is_type(event, "container") && is_actor(event, value);
}

static bool is_image(const json_t *event, const char *value)
{
	const char *image = attribute(event, "image");

	return (image && strcmp(image, value) == 0) || (is_type(event, "image") && is_actor(event, value));
}

static bool is_volume(const json_t *event, const char *value)
{
	return is_type(event, "volume") && is_actor(event, value);
}

static const struct {
	const char *name;
	bool (*fits)(const json_t *event, const char *value);
} filters[] = {{"container", is_container}, {"event", is_action}, {"image", is_image}, {"label", has_label},
	{"type", is_type}, {"volume", is_volume}};

#define FILTER_COUNT (sizeof(filters) / sizeof(filters[0]))

static size_t filter_of(const char *word)
{
	size_t len = strcspn(word, "="), i = 0;

	while (i < FILTER_COUNT && !(strlen(filters[i].name) == len && strncmp(filters[i].name, word, len) == 0))
		i++;
	return word[len] == '=' ? i : FILTER_COUNT;
}

/* Of one name any value will do (of labels all must), of all names one. */
static bool passes(const struct events *ev, const json_t *event)
{
	bool asked[FILTER_COUNT] = {false}, found[FILTER_COUNT] = {false}, labels = true;

	for (size_t i = 0; i < ev->o->filters.count; i++) {
		const char *word = ev->o->filters.items[i];
		size_t f = filter_of(word);
		bool fits = filters[f].fits(event, strchr(word, '=') + 1);

		asked[f] = true;
		found[f] = found[f] || fits;
		labels = labels && (fits || filters[f].fits != has_label);
	}
	for (size_t f = 0; f < FILTER_COUNT; f++)
		if (asked[f] && !found[f])
			return false;
	return labels;
}

/* ---- Showing ---- */

static void put_clean(const char *text)
{
	char *shown = xstrdup(text);

	make_printable(shown, "");
	fputs(shown, stdout);
	free(shown);
}

/* docker's: TIME TYPE ACTION ID (NAME=VALUE, …), in local time. */
static void put_text(json_t *event, int64_t when)
{
	time_t seconds = (time_t)(when / 1000000000);
	const char *key;
	char stamp[32], zone[8];
	json_t *value, *attributes = json_object_get(json_object_get(event, "Actor"), "Attributes");
	struct tm tm;
	bool some = false;

	localtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	printf("%s.%09lld%.3s:%s ", stamp, (long long)(when % 1000000000), zone, zone + 3);
	put_clean(json_string_value(json_object_get(event, "Type")));
	putchar(' ');
	put_clean(json_string_value(json_object_get(event, "Action")));
	putchar(' ');
	put_clean(json_string_value(json_object_get(json_object_get(event, "Actor"), "ID")));
	json_object_foreach(attributes, key, value)
	{
		fputs(some ? ", " : " (", stdout);
		put_clean(key);
		putchar('=');
		put_clean(json_is_string(value) ? json_string_value(value) : "");
		some = true;
	}
	puts(some ? ")" : "");
}

static bool is_event(const json_t *event)
{
	return json_is_string(json_object_get(event, "Type")) && json_is_string(json_object_get(event, "Action")) &&
	       json_is_string(json_object_get(json_object_get(event, "Actor"), "ID")) &&
	       json_is_integer(json_object_get(event, "timeNano"));
}

static void show(struct events *ev, json_t *event, int64_t when)
{
	char *err = NULL;

	if (ev->json) {
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (ev->format) {
		if (template_run(ev->format, event, stdout, &err) < 0) {
			complain(EXIT_FAILED, "%s", err);
			ev->failed = true;
		}
		free(err);
		putchar('\n');
	} else {
		put_text(event, when);
	}
}

static void line(struct events *ev, const char *text, size_t len)
{
	json_t *event = json_loadb(text, len, 0, NULL);
	int64_t when = event && is_event(event) ? json_integer_value(json_object_get(event, "timeNano")) : 0;

	if (when && ev->until && when > ev->until)
		ev->past = true;
	else if (when && when >= ev->since && passes(ev, event))
		show(ev, event, when);
	json_decref(event);
}

/* ---- Reading ---- */

static void read_file(struct events *ev)
{
	ssize_t n;

	while (!ev->past && !ev->failed && (n = read(ev->fd, ev->buf + ev->len, sizeof(ev->buf) - ev->len)) > 0) {
		char *start = ev->buf, *end;

		ev->len += (size_t)n;
		while (!ev->past && !ev->failed && (end = memchr(start, '\n', ev->len - (size_t)(start - ev->buf)))) {
			line(ev, start, (size_t)(end - start));
			start = end + 1;
		}
		ev->len -= (size_t)(start - ev->buf);
		memmove(ev->buf, start, ev->len);
		if (ev->len == sizeof(ev->buf))
			ev->len = 0; /* no event is so long */
	}
}

static bool open_file(struct events *ev, const char *suffix)
{
	char *path = xasprintf("%s/" EVENTS_NAME "%s", runtime_dir(), suffix);
	struct stat st = {0};

	ev->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (ev->fd >= 0 && fstat(ev->fd, &st) == 0)
		ev->inode = st.st_ino;
	ev->len = 0;
	return ev->fd >= 0;
}

static bool renamed(const struct events *ev)
{
	char *path = xasprintf("%s/" EVENTS_NAME, runtime_dir());
	struct stat st;
	bool other = stat(path, &st) == 0 && st.st_ino != ev->inode;

	free(path);
	return other;
}

/* All that is there now. */
static void catch_up(struct events *ev)
{
	if (ev->fd < 0 && !open_file(ev, ""))
		return;
	for (;;) {
		bool newer = renamed(ev); /* asked first: nothing more is written to ours then */

		read_file(ev);
		if (!newer || ev->past || ev->failed)
			break;
		close(ev->fd);
		if (!open_file(ev, ""))
			break;
	}
	if (fflush(stdout) != 0)
		ev->failed = true;
}

static void follow(struct events *ev)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd pfd = {.fd = watch, .events = POLLIN};
	char buf[4096];

	if (watch >= 0)
		inotify_add_watch(watch, runtime_dir(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	if (ev->since < now_real() && open_file(ev, ".1")) {
		read_file(ev);
		close(ev->fd);
		ev->fd = -1;
	}
	for (;;) {
		int64_t left = ev->until ? (ev->until - now_real()) / 1000000 + 1 : 3600000;

		catch_up(ev);
		if (ev->past || ev->failed || left <= 0)
			break;
		poll(&pfd, 1, watch < 0 ? 250 : left > 3600000 ? 3600000 : (int)left);
		while (watch >= 0 && read(watch, buf, sizeof(buf)) > 0)
			;
	}
	if (watch >= 0)
		close(watch);
}

static int choose(struct events *ev)
{
	int64_t now = now_real();
	const char *format = ev->o->format;
	char *err = NULL;

	ev->since = now;
	if (ev->o->since && parse_when(ev->o->since, now, &ev->since) < 0)
		return complain(EXIT_FAILED,
			"--since \"%s\" is no time: 10m, 2024-01-31T10:00:00Z, or seconds since 1970", ev->o->since);
	if (ev->o->until && parse_when(ev->o->until, now, &ev->until) < 0)
		return complain(EXIT_FAILED,
			"--until \"%s\" is no time: 10m, 2024-01-31T10:00:00Z, or seconds since 1970", ev->o->until);
	for (size_t i = 0; i < ev->o->filters.count; i++)
		if (filter_of(ev->o->filters.items[i]) == FILTER_COUNT)
			return complain(EXIT_FAILED,
				"--filter \"%s\" is none that there is: container, event, image, label, type, volume=VALUE",
				ev->o->filters.items[i]);
	ev->json = format && strcmp(format, "json") == 0;
	if (!format || !*format || ev->json)
		return 0;
	ev->format = template_parse(format, &err);
	if (!ev->format)
		complain(EXIT_FAILED, "%s", err);
	free(err);
	return ev->format ? 0 : EXIT_FAILED;
}

int cmd_events(const void *opts, int argc, char **argv)
{
	struct events *ev = xcalloc(1, sizeof(*ev));
	int status;

	ev->o = opts;
	ev->fd = -1;
	status = runtime_dir() ? choose(ev) : EXIT_FAILED;
	if (status == 0) {
		follow(ev);
		status = ev->failed ? EXIT_FAILED : finish_output();
	}
	if (ev->fd >= 0)
		close(ev->fd);
	if (ev->format)
		template_free(ev->format);
	free(ev);
	return status;
}
