/* SPDX-License-Identifier: MIT */
/* What picket says to people: one sentence on standard error, `picket: …`. Exit statuses are docker's. */
#ifndef PICKET_CMD_MESSAGE_H
#define PICKET_CMD_MESSAGE_H

#include <stdbool.h>
#include <stdio.h>

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,   /* a command other than run failed */
	EXIT_TIMEOUT = 124,
	EXIT_PICKET = 125, /* run: Picket's own failure */
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

/* Print `picket: …` and return `status`. Control characters of what is quoted are shown as '?'. */
int complain(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print `picket: warning: …`. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From now on give sentences to fn instead of standard error (a keeper has none); NULL: as before. */
void message_to(void (*fn)(void *arg, bool warning, int status, const char *text), void *arg);

/* Whether to colour what goes to `stream`: a terminal, NO_COLOR unset, TERM not dumb; or as PICKET_COLOR says. */
bool use_colour(FILE *stream);

enum tint { TINT_BOLD, TINT_DIM, TINT_RED, TINT_GREEN, TINT_YELLOW, TINT_END };

/* The escape sequence, or "" where use_colour(stream) is false. */
const char *tint(FILE *stream, enum tint t);

/* End of a command that wrote to stdout: EXIT_OK, or a complaint if the writing failed (a full disk, a closed pipe). */
int finish_output(void);

#endif
