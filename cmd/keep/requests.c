/* SPDX-License-Identifier: MIT */
/* The requests of docs/sandboxes.md. */
#include "cmd/keep/requests.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/keep/ask.h"
#include "cmd/keep/execs.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

#define STOP_TIMEOUT_MAX (366 * 86400)

/* A wish that only a running sandbox can grant. True: it was refused. */
static bool not_running(struct client *c)
{
	if (client_keeper(c)->life == LIFE_RUNNING && !client_keeper(c)->done)
		return false;
	client_refuse(c, EXIT_FAILED, "it is not running");
	return true;
}

static int signal_of(const json_t *request)
{
	json_int_t sig = json_integer_value(json_object_get(request, "signal"));

	return sig > 0 && sig <= SIGRTMAX ? (int)sig : 0;
}

static void do_state(struct client *c, const json_t *request, const int *fds, size_t count)
{
	const struct entry_state *s = &client_keeper(c)->entry->state;

	client_answer(c, json_pack("{s:s, s:i, s:i, s:i, s:I, s:s, s:b, s:o}", "status", entry_status_name(s->status), "pid",
				 (int)s->pid, "sentry", (int)s->sentry, "exit_code", s->exit_code, "started",
				 (json_int_t)s->started, "health", s->health, "detached", (int)client_keeper(c)->detached, "execs", execs_ids(client_keeper(c))));
}

/* ---- Ending it ---- */

static void stop_late(void *arg)
{
	struct client *c = arg;
	bool again = client_keeper(c)->again; /* a restart is one all the same */

	keeper_kill(client_keeper(c));
	client_keeper(c)->again = again;
}

/* The answer comes when it has ended; when the time is over it is ended by force. */
static void stop(struct client *c, const json_t *request)
{
	struct keeper *k = client_keeper(c);
	const json_t *timeout = json_object_get(request, "timeout");
	json_int_t seconds = json_is_integer(timeout) ? json_integer_value(timeout) : k->set.stop_timeout;

	keeper_stop(k, signal_of(request));
	c->timer.fn = stop_late;
	c->timer.arg = c;
	if (seconds >= 0)
		loop_timer(&k->loop, &c->timer, (seconds < STOP_TIMEOUT_MAX ? seconds : STOP_TIMEOUT_MAX) * 1000);
}

static void do_stop(struct client *c, const json_t *request, const int *fds, size_t count)
{
	client_wait(c, UNTIL_OVER);
	stop(c, request);
}

static void do_restart(struct client *c, const json_t *request, const int *fds, size_t count)
{
	struct keeper *k = client_keeper(c);

	if (k->life == LIFE_OVER) {
		client_refuse(c, EXIT_FAILED, "it is ending");
		return;
	}
	client_wait(c, UNTIL_RUNNING);
	stop(c, request);
	k->again = true;
}

static void do_kill(struct client *c, const json_t *request, const int *fds, size_t count)
{
	struct keeper *k = client_keeper(c);
	int sig = signal_of(request);

	if (not_running(c))
		return;
	sig = sig ? sig : SIGKILL;
	if (sig == SIGKILL || sig == SIGTERM || sig == k->set.stop_signal)
		k->stopping = true;
	if (k->paused)
		link_ask(&k->link, "unpause", NULL, 0, keeper_unpaused, NULL);
	link_tell(&k->link, "signal %d", sig);
	if (sig == SIGKILL)
		keeper_kill_soon(k);
	keeper_event(k, "kill", "signal", sig);
	client_answer(c, json_object());
}

static void do_wait(struct client *c, const json_t *request, const int *fds, size_t count)
{
	const char *condition = json_string_value(json_object_get(request, "condition"));

	client_wait(c, condition && strcmp(condition, "next-exit") == 0 ? UNTIL_END : UNTIL_OVER);
}

/* ---- Streams ---- */

static void do_attach(struct client *c, const json_t *request, const int *fds, size_t count)
{
	struct keeper *k = client_keeper(c);
	bool input = !json_is_true(json_object_get(request, "no_stdin"));
	json_t *answer;

	if (k->stdio == KEEPER_STDIO_OWN) {
		client_refuse(c, EXIT_FAILED,
			"its output goes to where picket run was started, which cannot be shared; only runs that are kept, "
			"or have -d or -t, can be attached to");
		return;
	}
	if (k->life == LIFE_OVER) {
		client_refuse(c, EXIT_FAILED, "it is not running");
		return;
	}
	answer = json_pack("{s:b, s:b, s:b}", "ok", 1, "tty", (int)k->run->o->tty, "stdin", (int)(k->in.fd >= 0));

	keeper_send(c->peer.watch.fd, answer, NULL, 0);
	json_decref(answer);
	keeper_event(k, "attach", NULL, 0);
	stream_begin(c, false, input, false);
}

/* ---- What the sentry does ---- */

/* What a question to the sentry carries: the asker may be gone when the answer comes. */
static void *as_asker(const struct client *c)
{
	return (void *)(uintptr_t)c->peer.serial;
}

static void pass_answer(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct keeper *k = owner;
	struct client *c = client_find(k, (uintptr_t)arg);
	json_t *answer;

	if (!c)
		return;
	if (!ok) {
		client_refuse(c, EXIT_FAILED, text);
		return;
	}
	answer = json_pack("{s:s}", "text", text);
	client_answer(c, answer ? answer : json_object());
}

static void do_ask(struct client *c, const json_t *request, const int *fds, size_t count)
{
	const char *text = json_string_value(json_object_get(request, "text"));

	if (!text || not_running(c)) {
		if (!text)
			client_refuse(c, EXIT_PICKET, "the request says nothing to ask");
		return;
	}
	client_wait(c, UNTIL_NOTHING);
	link_ask(&client_keeper(c)->link, text, fds, count, pass_answer, as_asker(c));
}

/* The client and the question of an exec, until its answer. */
struct exec_wish {
	uint64_t client;
	unsigned int number;
};

static void exec_answered(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct keeper *k = owner;
	struct exec_wish *w = arg;
	struct client *c = error == EAGAIN ? client_find(k, w->client) : NULL;

	execs_answered(k, w->number, ok);
	if (!ok && c)
		client_refuse(c, ASK_AGAIN, text);
	else
		pass_answer(k, (void *)(uintptr_t)w->client, ok, error, text);
	free(w);
}

static void do_exec(struct client *c, const json_t *request, const int *fds, size_t count)
{
	struct exec_wish *w;

	if (not_running(c))
		return;
	if (client_keeper(c)->paused) {
		client_refuse(c, EXIT_FAILED, "it is paused; picket unpause lets it go on");
		return;
	}
	client_wait(c, UNTIL_NOTHING);
	w = xcalloc(1, sizeof(*w));
	*w = (struct exec_wish){.client = c->peer.serial, .number = client_keeper(c)->link.last_question + 1};
	execs_add(client_keeper(c), w->number, jtext_bytes(json_object_get(request, "command"), ASK_SIZE_MAX));
	link_ask(&client_keeper(c)->link, "exec", fds, count, exec_answered, w);
}

static void paused(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct keeper *k = owner;
	if (ok)
		keeper_paused(k, true);
	/* A stop came first: its signal is to be taken. */
	if (ok && k->stopping)
		link_ask(&k->link, "unpause", NULL, 0, keeper_unpaused, NULL);
	pass_answer(k, arg, ok, error, text);
}

static void unpaused(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct keeper *k = owner;
	if (ok)
		keeper_paused(k, false);
	pass_answer(k, arg, ok, error, text);
}

static void do_pause(struct client *c, const json_t *request, const int *fds, size_t count)
{
	if (not_running(c))
		return;
	if (client_keeper(c)->paused) {
		client_refuse(c, EXIT_FAILED, "it is paused already");
		return;
	}
	client_wait(c, UNTIL_NOTHING);
	link_ask(&client_keeper(c)->link, "pause", NULL, 0, paused, as_asker(c));
}

static void do_unpause(struct client *c, const json_t *request, const int *fds, size_t count)
{
	if (not_running(c))
		return;
	if (!client_keeper(c)->paused) {
		client_refuse(c, EXIT_FAILED, "it is not paused");
		return;
	}
	client_wait(c, UNTIL_NOTHING);
	link_ask(&client_keeper(c)->link, "unpause", NULL, 0, unpaused, as_asker(c));
}

static void do_reload(struct client *c, const json_t *request, const int *fds, size_t count)
{
	char *err = NULL;
	int r = keeper_reload(client_keeper(c), &err);

	if (r < 0)
		client_refuse(c, EXIT_FAILED, err ? err : "its entry cannot be read");
	else
		client_answer(c, json_object());
	free(err);
}

/* Limits are the sentry's; the restart policy is read again with the entry. */
static void do_update(struct client *c, const json_t *request, const int *fds, size_t count)
{
	const char *limits = json_string_value(json_object_get(request, "limits"));
	char *text = NULL;

	keeper_reload(client_keeper(c), &text);
	free(text);
	if (!limits || !*limits) {
		client_answer(c, json_object());
		return;
	}
	if (not_running(c))
		return;
	text = xasprintf("limits %s", limits);
	client_wait(c, UNTIL_NOTHING);
	link_ask(&client_keeper(c)->link, text, NULL, 0, pass_answer, as_asker(c));
	free(text);
}

static const struct {
	const char *name;
	void (*fn)(struct client *c, const json_t *request, const int *fds, size_t count);
} requests[] = {
	{"state", do_state},
	{"stop", do_stop},
	{"kill", do_kill},
	{"restart", do_restart},
	{"pause", do_pause},
	{"unpause", do_unpause},
	{"wait", do_wait},
	{"attach", do_attach},
	{"exec", do_exec},
	{"ask", do_ask},
	{"update", do_update},
	{"reload", do_reload},
};

void request_received(struct peer *p, const json_t *request, const int *fds, size_t count)
{
	struct client *c = (struct client *)p;
	const char *name = json_string_value(json_object_get(request, "do"));

	for (size_t i = 0; name && i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].name, name) == 0) {
			requests[i].fn(c, request, fds, count);
			return;
		}
	}
	client_refuse(c, EXIT_PICKET, "this keeper does not know the request; it may be of another version of Picket");
}
