/* SPDX-License-Identifier: MIT */
/*
 * The keeper's conversation with the sentry on the control socket (docs/launch.md, docs/sandboxes.md). The sentry is the
 * guest's prisoner as much as its guard: what it says is checked.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cmd/keep/ask.h"
#include "cmd/keep/execs.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "cmd/lib/terminal.h"
#include "sentry/control/config.h"

/* More than a socket holds, so that all that was said before a death is heard then. */
#define MESSAGES_A_ROUND 1024

/* More are not asked of one that does not answer: health checks ask for ever. */
#define QUESTIONS_MAX 1024

void sentry_tell(struct keeper *k, const char *fmt, ...)
{
	char text[64];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* A sentry that does not read is not waited for; one that is gone is noticed by the loop. */
	if (k->control.fd >= 0)
		send(k->control.fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void sentry_ask(struct keeper *k, const char *text, const int *fds, size_t count,
	void (*fn)(struct keeper *k, void *arg, bool ok, int error, const char *text), void *arg)
{
	char *message = xasprintf("ask %u %s", ++k->last_question, text);
	struct question *q;
	int r = k->control.fd < 0			  ? -ESRCH
		: k->question_count >= QUESTIONS_MAX	  ? -EBUSY
		: strlen(message) > CONFIG_MESSAGE_MAX ? -E2BIG
						       : packet_send(k->control.fd, message, strlen(message), fds, count,
								 MSG_DONTWAIT);

	free(message);
	if (r < 0) {
		fn(k, arg, false, -r, r == -ESRCH || r == -EPIPE ? "the sandbox is not running"
			: r == -EBUSY		       ? "the sandbox does not answer"
						       : strerror(-r));
		return;
	}
	q = xcalloc(1, sizeof(*q));
	*q = (struct question){.next = k->questions, .number = k->last_question, .fn = fn, .arg = arg};
	k->questions = q;
	k->question_count++;
}

void sentry_forget_questions(struct keeper *k)
{
	while (k->questions) {
		struct question *q = k->questions;

		k->questions = q->next;
		k->question_count--;
		q->fn(k, q->arg, false, ESRCH, "the sandbox ended");
		free(q);
	}
}

/* answer N ok TEXT, answer N error ERRNO SENTENCE */
static void answered(struct keeper *k, const char *text)
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
	for (struct question **p = &k->questions; *p; p = &(*p)->next) {
		struct question *q = *p;

		if (q->number != number)
			continue;
		*p = q->next;
		k->question_count--;
		q->fn(k, q->arg, ok, error, text);
		free(q);
		return;
	}
}

static int shell_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Nobody sees a reason in 137 alone. */
bool keeper_ran_out(struct keeper *k)
{
	const struct run_options *o = k->run->o;
	char limit[32];

	if (!k->entry->state.oom_killed && cgroup_oom_kills(&k->run->group))
		keeper_out_of_memory(k, "");
	if (!k->entry->state.oom_killed || !o->memory)
		return false;
	if (o->memory % (1 << 20) == 0)
		snprintf(limit, sizeof(limit), "%lldm", (long long)(o->memory >> 20));
	else
		snprintf(limit, sizeof(limit), "%lld bytes", (long long)o->memory);
	complain(0, "%s ran out of memory: limit %s; --memory sets it", k->entry->config.name, limit);
	return true;
}

/* Behind "./install.sh: not found": who runs `host` may expect the directory he is in. */
static const char *what_is_there(const struct keeper *k)
{
	const struct entry_config *c = &k->entry->config;
	const char *name = c->command.count ? c->command.items[0] : "";

	if (strcmp(c->image, "host") == 0 && (strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0 ||
							strncmp(name, "/home/", 6) == 0))
		return "; of your directories only those are there that --share or -v names";
	return "";
}

static void said(struct keeper *k, char *text)
{
	int status, at = 0;

	/* What is told once is heard once: a sentry that was taken over may say it for ever. */
	if (k->done && strncmp(text, "answer ", 7) != 0)
		return;
	if (strcmp(text, "started") == 0) {
		if (!k->told_started)
			keeper_started(k);
		k->told_started = true;
	} else if (strncmp(text, "answer ", 7) == 0) {
		answered(k, text + 7);
	} else if (strncmp(text, "session ", 8) == 0) {
		execs_said(k, text + 8);
	} else if (strncmp(text, "oom ", 4) == 0) {
		keeper_out_of_memory(k, text + 4);
	} else if (sscanf(text, "exit %d%n", &status, &at) == 1 && text[at] == '\0') {
		if (shell_status(status) == 128 + SIGKILL)
			keeper_ran_out(k);
		keeper_finish(k, shell_status(status));
	} else if (sscanf(text, "error %d %n", &status, &at) == 1 && at && status >= EXIT_PICKET &&
		   status <= EXIT_NOT_FOUND) {
		keeper_finish(k, complain(status, "%s%s", text + at, status == EXIT_NOT_FOUND ? what_is_there(k) : ""));
	}
}

/* Others wait for us too: a sentry that does not stop is heard again in the next round. */
bool sentry_read(struct keeper *k)
{
	char text[CONFIG_MESSAGE_MAX + 1];
	ssize_t n = 0;

	for (int i = 0; i < MESSAGES_A_ROUND; i++) {
		n = packet_receive(k->control.fd, text, CONFIG_MESSAGE_MAX, NULL, NULL, MSG_DONTWAIT);
		if (n == -EMSGSIZE)
			continue;
		if (n <= 0)
			return n == -EAGAIN;
		text[n] = '\0';
		said(k, text);
	}
	return true;
}
