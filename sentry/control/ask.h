/* SPDX-License-Identifier: MIT */
/*
 * Questions of the keeper on the control socket (docs/sandboxes.md): `ask N VERB ARGS…` with descriptors, answered by
 * `answer N ok TEXT` or `answer N error ERRNO SENTENCE`.
 *
 * A verb is a row in ask.c's table and a function of its own file. To add one: write `int ask_NAME(struct ask *a)`, declare it
 * below, add the row.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct kernel;

#define ASK_FDS_MAX 16
#define ASK_TEXT_MAX 2048

struct ask {
	struct kernel *kernel;
	unsigned long number;
	char *args;		/* what follows the verb, without blanks in front; may be empty */
	int fds[ASK_FDS_MAX];	/* closed after the verb, but for those that it has taken with ask_take_fd() */
	unsigned n_fds;
	char text[ASK_TEXT_MAX]; /* the answer, by ask_say() */
};

/*
 * A verb: 0 with a text (may stay empty), or a negative errno with a sentence. On the host loop's thread, so it must not block; those
 * that the table marks as slow have a thread of their own.
 */
int ask_exec(struct ask *a);
int ask_top(struct ask *a);

/* The answer's text; cut at ASK_TEXT_MAX. */
void ask_say(struct ask *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, and *err* (negative) as the verb's result. */
int ask_fail(struct ask *a, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The descriptor *i* becomes the verb's; -1: there was none. */
int ask_take_fd(struct ask *a, unsigned i);
/* Write all of *len* bytes to descriptor *i* of the question. 0 or a negative errno. Slow verbs only. */
int ask_write(struct ask *a, unsigned i, const char *data, size_t len);

/* A question as it came: *text* behind "ask ", *fds* taken over. */
void ask_received(struct kernel *k, const char *text, const int *fds, unsigned n_fds);
