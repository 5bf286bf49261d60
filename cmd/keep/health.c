/* SPDX-License-Identifier: MIT */
/*
 * The keeper's health checks. A probe is a session of the sandbox's (docs/sandboxes.md) whose output the keeper reads: status
 * 0 is healthy, so many failures in a row are unhealthy. Failures within the start period do not count until there has
 * been a success.
 */
#include "cmd/keep/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/lib/when.h"
#include "cmd/sandbox/session.h"

#define SECOND INT64_C(1000000000)
#define OUTPUT_MAX 4096 /* bytes of a probe that are kept, as docker does */
#define LOG_MAX 5	/* probes */

struct health {
	struct keeper *k;
	struct timer timer;   /* the next probe, or the end of this one's time */
	struct watch session; /* of the probe, fd -1: none */
	struct watch output;
	int64_t began, probe; /* ns since 1970 */
	unsigned int number;  /* of the probe: an answer may be for an older one */
	bool asked, timed_out, succeeded;
	int64_t failures;
	char text[OUTPUT_MAX];
	size_t len;
	json_t *log;
};

/* ---- Settings ---- */

static int duration(const char *name, const char *option, const char *image, int64_t otherwise, int64_t *ret)
{
	int64_t number;

	*ret = otherwise;
	if (option && (parse_duration(option, 0, ret) < 0 || (*ret && *ret < SECOND / 1000)))
		return complain(-1, "--%s \"%s\" is no length of time of a millisecond or more: 30s, 1m30s", name, option);
	if (!option && image && parse_number(image, 0, INT64_MAX, &number) == 0 && number)
		*ret = number < SECOND / 1000 ? SECOND / 1000 : number; /* the image is not to keep us busy */
	if (!*ret)
		*ret = otherwise;
	return 0;
}

static void copy_command(struct str_list *to, char *const *test)
{
	if (!test || !test[0])
		return;
	if (strcmp(test[0], "CMD-SHELL") == 0 && test[1]) {
		str_list_add(to, xstrdup("/bin/sh"));
		str_list_add(to, xstrdup("-c"));
		str_list_add(to, xstrdup(test[1]));
	} else if (strcmp(test[0], "CMD") == 0) {
		for (test++; *test; test++)
			str_list_add(to, xstrdup(*test));
	}
}

int health_settings_read(const struct run_options *o, const struct run_record *image, struct health_settings *ret)
{
	static char shell[] = "CMD-SHELL";
	char *own[] = {shell, (char *)(uintptr_t)o->health_cmd, NULL};
	int64_t number;

	*ret = (struct health_settings){.retries = 3};
	if (o->no_healthcheck && (o->health_cmd || o->health_interval || o->health_timeout || o->health_retries))
		return complain(-1, "--no-healthcheck goes with no other --health option");
	if (!o->no_healthcheck && !(o->health_cmd && strcmp(o->health_cmd, "none") == 0))
		copy_command(&ret->command, o->health_cmd ? own : image ? image->health_test : NULL);
	if (duration("health-interval", o->health_interval, image ? image->health_interval : NULL, 30 * SECOND,
		    &ret->interval) < 0 ||
		duration("health-timeout", o->health_timeout, image ? image->health_timeout : NULL, 30 * SECOND,
			&ret->timeout) < 0 ||
		duration("health-start-period", o->health_start_period, image ? image->health_start_period : NULL, 0,
			&ret->start_period) < 0 ||
		duration("health-start-interval", o->health_start_interval, image ? image->health_start_interval : NULL,
			5 * SECOND, &ret->start_interval) < 0)
		return -1;
	if (o->health_retries && (parse_number(o->health_retries, 0, INT32_MAX, &ret->retries) < 0))
		return complain(-1, "--health-retries \"%s\" is no number", o->health_retries);
	if (!o->health_retries && image && image->health_retries &&
		parse_number(image->health_retries, 1, INT32_MAX, &number) == 0)
		ret->retries = number;
	if (!ret->retries)
		ret->retries = 3;
	return 0;
}

/* ---- What is known ---- */

static void write_log(const struct health *h)
{
	json_t *v = json_pack("{s:s, s:I, s:O}", "Status", h->k->entry->state.health, "FailingStreak",
		(json_int_t)h->failures, "Log", h->log);
	int dir = open(h->k->entry->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0 && v)
		jfile_write(dir, HEALTH_NAME, v, false);
	if (dir >= 0)
		close(dir);
	json_decref(v);
}

static void become(struct health *h, const char *status)
{
	struct entry_state *s = &h->k->entry->state;
	char *action;

	if (strcmp(s->health, status) == 0)
		return;
	snprintf(s->health, sizeof(s->health), "%s", status);
	keeper_note(h->k);
	if (strcmp(status, "starting") == 0)
		return;
	action = xasprintf("health_status: %s", status);
	keeper_event(h->k, action, NULL, 0);
	free(action);
}

static void add_result(struct health *h, int status, const char *text)
{
	char from[48], to[48], *output = xstrndup(text, strlen(text));

	json_array_append_new(h->log, json_pack("{s:s, s:s, s:i, s:o}", "Start", format_when(h->probe, from, sizeof(from)),
					      "End", format_when(now_real(), to, sizeof(to)), "ExitCode", status, "Output",
					      jtext(output)));
	if (json_array_size(h->log) > LOG_MAX)
		json_array_remove(h->log, 0);
	free(output);
}

/* ---- Probes ---- */

static void probe(void *arg);
static void take_output(struct health *h);

static bool in_start_period(const struct health *h)
{
	return !h->succeeded && now_real() - h->began < h->k->set.health.start_period;
}

static void next_probe(struct health *h)
{
	const struct health_settings *set = &h->k->set.health;
	int64_t pause = in_start_period(h) ? set->start_interval : set->interval;

	h->timer.fn = probe;
	loop_timer(&h->k->loop, &h->timer, pause / 1000000);
}

static void drop(struct health *h, struct watch *w)
{
	loop_unwatch(&h->k->loop, w);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* A probe is over. Status -1: it could not be made, which is a failure too. */
static void result(struct health *h, int status, const char *text)
{
	take_output(h);
	drop(h, &h->session);
	drop(h, &h->output);
	h->asked = false;
	h->number++;
	h->text[h->len < sizeof(h->text) ? h->len : sizeof(h->text) - 1] = '\0';
	add_result(h, status, text ? text : h->text);
	if (status == 0) {
		h->failures = 0;
		h->succeeded = true;
		become(h, "healthy");
	} else if (!in_start_period(h) && ++h->failures >= h->k->set.health.retries) {
		become(h, "unhealthy");
	}
	write_log(h);
	next_probe(h);
}

static void take_output(struct health *h)
{
	char buf[4096];
	ssize_t n;

	while (h->output.fd >= 0 && (n = read(h->output.fd, buf, sizeof(buf))) > 0) {
		size_t room = sizeof(h->text) - 1 - h->len;
		size_t take = (size_t)n < room ? (size_t)n : room;

		memcpy(h->text + h->len, buf, take);
		h->len += take;
		if (!take)
			break; /* an endless writer: once a round is enough */
	}
}

static void output_ready(void *arg, short revents)
{
	struct health *h = arg;

	take_output(h);
	if (!(revents & POLLIN))
		drop(h, &h->output);
}

static void session_ready(void *arg, short revents)
{
	struct health *h = arg;
	struct session_end end;

	switch (session_read(h->session.fd, true, &end)) {
	case SESSION_ENDED:
		result(h, end.status, NULL);
		break;
	case SESSION_FAILED:
		result(h, end.status, end.text);
		break;
	case SESSION_LOST:
		result(h, -1, "the probe was lost");
		break;
	default:
		break;
	}
}

static void too_late(void *arg)
{
	struct health *h = arg;
	char text[96];

	if (h->session.fd >= 0)
		session_signal(h->session.fd, SIGKILL);
	snprintf(text, sizeof(text), "Health check exceeded timeout (%.3gs)", (double)h->k->set.health.timeout / 1e9);
	result(h, -1, text);
}

static void asked(void *owner, void *arg, bool ok, int error, const char *text)
{
	struct health *h = ((struct keeper *)owner)->health;

	if (h && !ok && h->asked && h->number == (unsigned int)(uintptr_t)arg) {
		h->asked = false;
		result(h, -1, text);
	}
}

/* The session's socket, its configuration, its output: 0, or -1 if there is no more to be had of the host. */
static int ask_for_probe(struct health *h)
{
	const struct str_list *command = &h->k->set.health.command;
	int socks[2] = {-1, -1}, out[2] = {-1, -1}, fds[3], config, r = -1;
	struct launch l;
	const char *to;

	session_begin(&l);
	for (size_t i = 0; i < command->count; i++)
		launch_record(&l, CONFIG_ARG, command->items[i]);
	if (pipe2(out, O_CLOEXEC) == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) == 0) {
		to = launch_lend(&l, out[1]);
		launch_record(&l, CONFIG_STDIO, "-1", to, to);
		config = launch_finish(&l);
		fcntl(out[0], F_SETFL, O_NONBLOCK);
		fds[0] = socks[1];
		fds[1] = config;
		fds[2] = out[1];
		h->session = (struct watch){.fd = socks[0], .events = POLLIN, .fn = session_ready, .arg = h};
		h->output = (struct watch){.fd = out[0], .events = POLLIN, .fn = output_ready, .arg = h};
		loop_watch(&h->k->loop, &h->session);
		loop_watch(&h->k->loop, &h->output);
		h->asked = true;
		h->timer.fn = too_late;
		loop_timer(&h->k->loop, &h->timer, h->k->set.health.timeout / 1000000);
		link_ask(&h->k->link, "exec", fds, 3, asked, (void *)(uintptr_t)h->number);
		if (config >= 0)
			close(config);
		socks[0] = out[0] = -1;
		r = 0;
	}
	for (int i = 0; i < 2; i++) {
		if (socks[i] >= 0)
			close(socks[i]);
		if (out[i] >= 0)
			close(out[i]);
	}
	launch_free(&l);
	return r;
}

static void probe(void *arg)
{
	struct health *h = arg;

	if (h->k->paused) {
		next_probe(h);
		return;
	}
	h->probe = now_real();
	h->len = 0;
	if (ask_for_probe(h) < 0)
		result(h, -1, strerror(errno));
}

/* ---- Its life ---- */

void health_begin(struct keeper *k)
{
	struct health *h;

	if (!k->set.health.command.count || k->health)
		return;
	h = xcalloc(1, sizeof(*h));
	*h = (struct health){.k = k, .session = {.fd = -1}, .output = {.fd = -1}, .began = now_real(), .log = json_array()};
	h->timer.arg = h;
	k->health = h;
	become(h, "starting");
	write_log(h);
	next_probe(h);
}

void health_end(struct keeper *k)
{
	struct health *h = k->health;

	if (!h)
		return;
	k->health = NULL;
	loop_untimer(&k->loop, &h->timer);
	drop(h, &h->session);
	drop(h, &h->output);
	json_decref(h->log);
	free(h);
	k->entry->state.health[0] = '\0';
}
