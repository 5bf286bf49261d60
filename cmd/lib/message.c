/* SPDX-License-Identifier: MIT */
/* Sentences for people, and their colours. */
#include "cmd/lib/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/escape.h"

bool use_colour(FILE *stream)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM"), *asked = getenv("PICKET_COLOR");

	if (asked && strcmp(asked, "always") == 0)
		return true;
	if (asked && strcmp(asked, "never") == 0)
		return false;
	if (no && *no)
		return false;
	return term && strcmp(term, "dumb") != 0 && isatty(fileno(stream));
}

const char *tint(FILE *stream, enum tint t)
{
	static const char *const codes[] = {
		[TINT_BOLD] = "\033[1m",
		[TINT_DIM] = "\033[2m",
		[TINT_RED] = "\033[31m",
		[TINT_GREEN] = "\033[32m",
		[TINT_YELLOW] = "\033[33m",
		[TINT_END] = "\033[0m",
	};

	return use_colour(stream) ? codes[t] : "";
}

/* Who hears the sentences of a process without a standard error. */
static struct {
	void (*fn)(void *arg, bool warning, int status, const char *text);
	void *arg;
} listener;

void message_to(void (*fn)(void *arg, bool warning, int status, const char *text), void *arg)
{
	listener.fn = fn;
	listener.arg = arg;
}

/* One write(2), so that lines of several processes do not mix, with nothing in it that drives a terminal. */
static void __attribute__((format(printf, 3, 0)))
say(bool warning, int status, const char *fmt, va_list ap)
{
	char text[4096], line[4224];
	enum tint colour = warning ? TINT_YELLOW : TINT_RED;
	int len;

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	make_printable(text, "");
	if (listener.fn) {
		listener.fn(listener.arg, warning, status, text);
		return;
	}
	len = snprintf(line, sizeof(line), "%spicket:%s %s%s\n", tint(stderr, colour), tint(stderr, TINT_END),
		warning ? "warning: " : "", text);
	fflush(stdout);
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

int complain(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(false, status, fmt, ap);
	va_end(ap);
	return status;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(true, 0, fmt, ap);
	va_end(ap);
}

int finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_OK;
	if (errno == EPIPE)
		return EXIT_FAILED;
	return complain(EXIT_FAILED, "cannot write the output: %s", strerror(errno));
}
