/* SPDX-License-Identifier: MIT */
/*
 * The processes that `exec` started: which there are, and the events that tell of them. The sentry says when one begins and
 * ends, so that it is noted also when nobody waits for it.
 */
#include "cmd/keep/execs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "cmd/keep/events.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/jtext.h"

/* Of a command that is longer an event has the beginning. */
#define COMMAND_MAX 1024

/* More are not remembered: the sentry has fewer at a time, but one that was taken over need not tell their ends. */
#define EXECS_MAX 4096

struct exec_process {
	struct exec_process *next;
	unsigned int number; /* of the question that started it */
	char id[65];
	char *command;
	bool told; /* exec_create was */
};

static struct exec_process **find(struct keeper *k, unsigned int number)
{
	struct exec_process **p = &k->execs;

	while (*p && (*p)->number != number)
		p = &(*p)->next;
	return p;
}

static void drop(struct exec_process **p)
{
	struct exec_process *x = *p;

	*p = x->next;
	free(x->command);
	free(x);
}

static void note(struct keeper *k, const struct exec_process *x, const char *action)
{
	char *text = *x->command ? xasprintf("%s: %s", action, x->command) : xstrdup(action);

	event_of(k->entry, text, json_pack("{s:s}", "execID", x->id));
	free(text);
}

void execs_add(struct keeper *k, unsigned int number, char *command)
{
	struct exec_process *x = xcalloc(1, sizeof(*x));
	unsigned char random[32];
	unsigned int count = 0;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		memset(random, 0, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(x->id + 2 * i, 3, "%02x", random[i]);
	x->number = number;
	x->command = command ? command : xstrdup("");
	if (strlen(x->command) > COMMAND_MAX)
		x->command[COMMAND_MAX] = '\0';
	x->next = k->execs;
	k->execs = x;
	for (struct exec_process **p = &k->execs; *p; p = &(*p)->next) {
		if (++count > EXECS_MAX) { /* the oldest is the last */
			drop(p);
			break;
		}
	}
}

/* Its start may be told before the answer is. */
void execs_answered(struct keeper *k, unsigned int number, bool ok)
{
	struct exec_process **p = find(k, number);

	if (!*p)
		return;
	if (!ok) {
		drop(p);
		return;
	}
	if (!(*p)->told)
		note(k, *p, "exec_create");
	(*p)->told = true;
}

static void ended(struct keeper *k, struct exec_process **p, int status)
{
	char text[16];

	execs_answered(k, (*p)->number, true);
	snprintf(text, sizeof(text), "%d", status);
	event_of(k->entry, "exec_die", json_pack("{s:s, s:s}", "execID", (*p)->id, "exitCode", text));
	drop(p);
}

void execs_said(struct keeper *k, const char *text)
{
	struct exec_process **p;
	unsigned int number;
	int value, at = 0;
	char what[8];

	if (sscanf(text, "%9u %7s %9d%n", &number, what, &value, &at) != 3 || text[at])
		return;
	p = find(k, number);
	if (!*p)
		return;
	if (strcmp(what, "started") == 0) {
		execs_answered(k, number, true);
		note(k, *p, "exec_start");
	} else if (strcmp(what, "exit") == 0) {
		ended(k, p, WIFSIGNALED(value) ? 128 + WTERMSIG(value) : WEXITSTATUS(value));
	}
}

void execs_end(struct keeper *k)
{
	while (k->execs)
		ended(k, &k->execs, 128 + SIGKILL);
}

json_t *execs_ids(const struct keeper *k)
{
	json_t *list = json_array();

	for (const struct exec_process *x = k->execs; x; x = x->next)
		json_array_append_new(list, json_string(x->id));
	return list;
}
