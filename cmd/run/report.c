/* SPDX-License-Identifier: MIT */
/*
 * Reading a report. It comes from the sentry, which its guest may have taken over: lines of JSON, bounded, of which only what is known
 * is taken, each value of the type it must have.
 */
#include "cmd/run/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

/* The file behind FORMAT:, or NULL; *json: the format. False: neither format. */
static bool parse(const char *option, bool *json, const char **file)
{
	size_t len = strcspn(option, ":");

	*json = len == 4 && strncmp(option, "json", 4) == 0;
	*file = option[len] ? option + len + 1 : NULL;
	if (len == 0)
		return !*file;
	return (*json || (len == 4 && strncmp(option, "text", 4) == 0)) && (!*file || **file);
}

int report_check(const char *option, bool detach)
{
	const char *file = NULL;
	bool json;

	if (option && !parse(option, &json, &file))
		return complain(EXIT_PICKET, "--report takes =text, =json, =text:FILE or =json:FILE, not \"%s\"", option);
	if (option && detach && !file)
		return complain(EXIT_PICKET, "--report with -d needs a file: --report=text:FILE or --report=json:FILE");
	return 0;
}

int report_open(const char *option, int *fd)
{
	if (option && *fd <= 0)
		*fd = memfd_create("picket-report", MFD_CLOEXEC);
	return *fd < 0 ? complain(EXIT_PICKET, "cannot make room for the report: %s", strerror(errno)) : 0;
}

int report_prepare(struct launch *l, const char *option, int *fd)
{
	if (report_open(option, fd))
		return EXIT_PICKET;
	if (ftruncate(*fd, 0) < 0 || lseek(*fd, 0, SEEK_SET) < 0)
		return complain(EXIT_PICKET, "cannot make room for the report: %s", strerror(errno));
	launch_record(l, CONFIG_REPORT, launch_lend(l, *fd));
	return 0;
}

/* What a line may hold, by its kind: names of strings and of numbers, parted by blanks. */
static const struct line_kind {
	const char *kind, *list, *strings, *numbers;
} kinds[] = {
	{"program", "programs", "path", "count"},
	{"host", "hosts", "protocol address name error", "port count"},
	{"call", "calls", "name error reason path", "count"},
	{"file", "files", "path change", "count"},
	{"inside", "inside", "path change", "count"},
	{"resources", NULL, "",
		"wall_ns user_ns system_ns memory_peak read written received sent processes"},
	{"lost", NULL, "", "files hosts calls programs inside"},
};

static void copy_fields(json_t *to, const json_t *from, const char *names, bool strings)
{
	while (*names) {
		size_t len = strcspn(names, " ");
		char name[32];
		json_t *v;

		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		v = json_object_get(from, name);
		if (strings ? json_is_string(v) : (json_is_integer(v) && json_integer_value(v) >= 0))
			json_object_set(to, name, v);
		names += len + (names[len] == ' ');
	}
}

static void take_line(json_t *report, const char *line, size_t len)
{
	json_t *v = json_loadb(line, len, 0, NULL);
	const char *kind = json_string_value(json_object_get(v, "kind"));

	for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_t *o;

		if (strcmp(kind, kinds[i].kind) != 0)
			continue;
		o = json_object();
		copy_fields(o, v, kinds[i].strings, true);
		copy_fields(o, v, kinds[i].numbers, false);
		if (kinds[i].list)
			json_array_append_new(json_object_get(report, kinds[i].list), o);
		else
			json_object_set_new(report, kinds[i].kind, o);
	}
	json_decref(v);
}

static json_t *new_report(void)
{
	json_t *r = json_object();

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		json_object_set_new(r, kinds[i].list ? kinds[i].list : kinds[i].kind,
			kinds[i].list ? json_array() : json_object());
	return r;
}

/* NULL: the sentry wrote none, or not to its end. */
static json_t *read_report(int fd)
{
	char *text = xcalloc(1, REPORT_READ_MAX + 1), *at = text, *end;
	ssize_t n = pread(fd, text, REPORT_READ_MAX, 0);
	json_t *r = new_report();

	for (; n > 0 && (end = memchr(at, '\n', (size_t)(text + n - at))); at = end + 1)
		take_line(r, at, (size_t)(end - at));
	free(text);
	if (json_object_size(json_object_get(r, "resources")) == 0) {
		json_decref(r);
		return NULL;
	}
	return r;
}

static FILE *open_out(const char *file)
{
	int fd;

	if (!file)
		return stderr;
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

int report_show(int fd, const char *option, enum report_teller teller, int status)
{
	const char *file = NULL;
	bool json = false, fine;
	json_t *r;
	FILE *out;

	if (fd <= 0 || !option || !parse(option, &json, &file) || (file != NULL) != (teller == REPORT_OF_KEEPER))
		return 0;
	r = read_report(fd);
	if (!r)
		return complain(-1, "there is no report: the sandbox did not start, or was ended by force");
	json_object_set_new(r, "exit_status", json_integer(status));
	out = open_out(file);
	if (!out) {
		json_decref(r);
		return complain(-1, "cannot write the report to %s: %s", file, strerror(errno));
	}
	if (json) {
		json_dumpf(r, out, JSON_INDENT(2));
		fputc('\n', out);
	} else {
		report_text(out, r);
	}
	fine = fflush(out) == 0 && !ferror(out);
	if (out != stderr)
		fine = fclose(out) == 0 && fine;
	json_decref(r);
	return fine ? 0 : complain(-1, "cannot write the report: %s", strerror(errno));
}
