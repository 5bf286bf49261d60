/* SPDX-License-Identifier: MIT */
/* The log: logrus' two forms, as the callers know them from runc. */
#include "cmd/runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/lib/escape.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "cmd/runtime/runtime.h"

static struct {
	int fd; /* of --log; -1: none */
	bool json, debug;
	char *error;
	struct str_list warnings;
	void (*fn)(void *arg, bool warning, const char *text);
	void *arg;
} the_log = {.fd = -1};

/* The text as the inside of a JSON or logrus string (both escape the same way); allocated. */
static char *quoted(const char *text)
{
	size_t len = strlen(text), at = 0, done = 0;
	char *out = xrealloc(NULL, 6 * len + 9);

	while (at < len)
		done += json_escape(text, len, &at, out + done, 6 * len + 9 - done);
	out[done] = '\0';
	return out;
}

static void write_line(const char *level, const char *text)
{
	time_t now = time(NULL);
	char when[32], *msg = quoted(text), *line;
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (the_log.json)
		line = xasprintf("{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n", level, msg, when);
	else
		line = xasprintf("time=\"%s\" level=%s msg=\"%s\"\n", when, level, msg);
	if (write(the_log.fd, line, strlen(line)) < 0 && the_log.fd != STDERR_FILENO)
		dprintf(STDERR_FILENO, "cannot write the log: %s\n", strerror(errno));
	free(line);
	free(msg);
}

/* Standard error is for people and for conmon, which shows it as it is. An image has a say in the words: nothing in them drives a terminal. */
static void show(const char *level, const char *text)
{
	char *plain;

	if (the_log.fd >= 0)
		write_line(level, text);
	if (the_log.fd >= 0 && strcmp(level, "error") != 0)
		return;
	plain = xstrdup(text);
	make_printable(plain, "");
	dprintf(STDERR_FILENO, "%s%s\n", strcmp(level, "warning") == 0 ? "warning: " : "", plain);
	free(plain);
}

static void hear(void *arg, bool warning, int status, const char *text)
{
	if (the_log.fn)
		the_log.fn(the_log.arg, warning, text);
	else if (warning)
		str_list_add(&the_log.warnings, xstrdup(text));
	else if (!the_log.error)
		the_log.error = xstrdup(text);
}

int log_open(const struct runtime *rt)
{
	message_to(hear, NULL);
	the_log.json = strcmp(rt->log_format, "json") == 0;
	the_log.debug = rt->debug;
	if (!rt->log || !*rt->log)
		return 0;
	the_log.fd = open(rt->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	return the_log.fd < 0 ? fail("cannot open the log %s: %s", rt->log, strerror(errno)) : 0;
}

int fail(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	hear(NULL, false, 1, text ? text : "out of memory");
	free(text);
	return -1;
}

int fail_about(const char *fmt, ...)
{
	char *reason = the_log.error, *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	the_log.error = text && reason ? xasprintf("%s: %s", text, reason) : text ? xstrdup(text) : reason;
	if (text)
		free(reason);
	free(text);
	return -1;
}

const char *log_error(void)
{
	return the_log.error;
}

void log_forget(void)
{
	free(the_log.error);
	the_log.error = NULL;
}

void log_debug(void)
{
	the_log.debug = true;
}

void debug(const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (!the_log.debug || the_log.fn)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		show("debug", text);
	free(text);
}

int log_end(int status)
{
	if (the_log.error)
		show("error", the_log.error);
	for (size_t i = 0; !the_log.error && i < the_log.warnings.count; i++)
		show("warning", the_log.warnings.items[i]);
	status = the_log.error && status == 0 ? 1 : status;
	log_forget();
	str_list_free(&the_log.warnings);
	return status;
}

void log_to(void (*fn)(void *arg, bool warning, const char *text), void *arg)
{
	if (the_log.fd >= 0)
		close(the_log.fd);
	the_log.fd = -1;
	the_log.fn = fn;
	the_log.arg = arg;
	log_forget();
	str_list_free(&the_log.warnings);
}
