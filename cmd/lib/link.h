/* SPDX-License-Identifier: MIT */
/*
 * The host's end of a sentry's control socket (docs/launch.md, docs/sandboxes.md): messages, and questions with their answers. The sentry is
 * the guest's prisoner as much as its guard: what it says is checked.
 */
#ifndef PICKET_CMD_LINK_H
#define PICKET_CMD_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link_question;

struct sentry_link {
	int fd;	     /* -1: none */
	void *owner; /* for the functions */
	/* What is said that is no answer; `text` is cut at will. */
	void (*said)(void *owner, char *text);
	struct link_question *questions;
	unsigned int last_question, question_count;
};

/* Called with the answer of the sentry, or with an error in place of one, exactly once. */
typedef void link_answer_fn(void *owner, void *arg, bool ok, int error, const char *text);

/* Say something; who does not listen is not waited for: false, it was not said. */
bool link_tell(struct sentry_link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Ask; the question's number is l->last_question + 1 before, l->last_question afterwards. */
void link_ask(struct sentry_link *l, const char *text, const int *fds, size_t count, link_answer_fn *fn, void *arg);

/* Nobody answers any more. */
void link_forget(struct sentry_link *l);

/* Hear all that has been said; what is too much for one round is left for the next. False at end of file. */
bool link_read(struct sentry_link *l);

/* The shell's status of a wait status. */
int shell_status(int wait_status);

#endif
