/* SPDX-License-Identifier: MIT */
/* The conversation with a sentry. */
#include "cmd/lib/link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cmd/lib/packet.h"
#include "cmd/lib/str.h"
#include "sentry/control/config.h"

/* More than a socket holds, so that all that was said before a death is heard then. */
#define MESSAGES_A_ROUND 1024

/* More are not asked of one that does not answer: health checks ask for ever. */
#define QUESTIONS_MAX 1024

struct link_question {
	struct link_question *next;
	unsigned int number;
	link_answer_fn *fn;
	void *arg;
};

bool link_tell(struct sentry_link *l, const char *fmt, ...)
{
	char text[64];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* A sentry that does not read is not waited for; one that is gone is noticed by the loop. */
	return l->fd >= 0 && send(l->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

void link_ask(struct sentry_link *l, const char *text, const int *fds, size_t count, link_answer_fn *fn, void *arg)
{
	char *message = xasprintf("ask %u %s", ++l->last_question, text);
	struct link_question *q;
	int r = l->fd < 0			       ? -ESRCH
		: l->question_count >= QUESTIONS_MAX   ? -EBUSY
		: strlen(message) > CONFIG_MESSAGE_MAX ? -E2BIG
						       : packet_send(l->fd, message, strlen(message), fds, count, MSG_DONTWAIT);

	free(message);
	if (r < 0) {
		fn(l->owner, arg, false, -r,
			r == -ESRCH || r == -EPIPE ? "the sandbox is not running"
			: r == -EBUSY		   ? "the sandbox does not answer"
						   : strerror(-r));
		return;
	}
	q = xcalloc(1, sizeof(*q));
	*q = (struct link_question){.next = l->questions, .number = l->last_question, .fn = fn, .arg = arg};
	l->questions = q;
	l->question_count++;
}

void link_forget(struct sentry_link *l)
{
	while (l->questions) {
		struct link_question *q = l->questions;

		l->questions = q->next;
		l->question_count--;
		q->fn(l->owner, q->arg, false, ESRCH, "the sandbox ended");
		free(q);
	}
}

/* answer N ok TEXT, answer N error ERRNO SENTENCE */
static void answered(struct sentry_link *l, const char *text)
{
	unsigned int number;
	int at = 0, error = 0;
	bool ok;

	if (sscanf(text, "%9u %n", &number, &at) != 1 || !at)
		return;
	text += at;
	ok = strncmp(text, "ok", 2) == 0 && (text[2] == ' ' || text[2] == '\0');
	if (ok) {
		text += text[2] ? 3 : 2;
	} else {
		at = 0;
		if (sscanf(text, "error %9d %n", &error, &at) != 1 || !at)
			return;
		text += at;
	}
	for (struct link_question **p = &l->questions; *p; p = &(*p)->next) {
		struct link_question *q = *p;

		if (q->number != number)
			continue;
		*p = q->next;
		l->question_count--;
		q->fn(l->owner, q->arg, ok, error, text);
		free(q);
		return;
	}
}

bool link_read(struct sentry_link *l)
{
	char text[CONFIG_MESSAGE_MAX + 1];
	ssize_t n = 0;

	/* Others wait too: a sentry that does not stop is heard again in the next round. */
	for (int i = 0; i < MESSAGES_A_ROUND; i++) {
		n = packet_receive(l->fd, text, CONFIG_MESSAGE_MAX, NULL, NULL, MSG_DONTWAIT);
		if (n == -EMSGSIZE)
			continue;
		if (n <= 0)
			return n == -EAGAIN;
		text[n] = '\0';
		if (strncmp(text, "answer ", 7) == 0)
			answered(l, text + 7);
		else
			l->said(l->owner, text);
	}
	return true;
}

int shell_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
