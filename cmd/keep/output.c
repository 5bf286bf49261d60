/* SPDX-License-Identifier: MIT */
/*
 * The program's standard input, output and error, where the keeper holds the other ends: output goes to the log and to
 * all streams, input comes from those that may send it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

/* What clients may have queued for the program together, in bytes: beyond it is a client that does not keep to its window. */
#define INPUT_MAX (16 * STREAM_WINDOW)

/* How long clients in the background may take to get the last output, in ms. */
#define LAST_OUTPUT_TIMEOUT 5000

static void close_watch(struct keeper *k, struct watch *w)
{
	loop_unwatch(&k->loop, w);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* Read one piece and pass it on. False: there is nothing more now, or for ever. */
static bool pass_on(struct output *o)
{
	struct keeper *k = o->k;
	char buf[STREAM_SIZE_MAX - 1];
	ssize_t n = read(o->watch.fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close_watch(k, &o->watch);
		return false;
	}
	if (k->log)
		log_write(k->log, o->kind == STREAM_ERROR, buf, (size_t)n);
	stream_all(k, false, o->kind, buf, (size_t)n);
	return true;
}

/* A foreground client that lags stops the program: nothing is read until it has caught up. */
void stdio_flow(struct keeper *k)
{
	short events = stream_lags(k, false) ? 0 : POLLIN;

	for (int i = 0; i < 2; i++)
		k->out[i].watch.events = events;
}

static void output_ready(void *arg, short revents)
{
	struct output *o = arg;

	if (!stream_lags(o->k, false))
		pass_on(o);
}

/* ---- Input ---- */

/* The client whose input it is may be gone: it learns nothing then. */
static void acknowledge(struct keeper *k, uint64_t from, size_t len)
{
	struct client *c = client_find(k, from);

	if (c && c->stream)
		stream_print(c, STREAM_TAKEN, "%zu", len);
}

static void input_drop(struct keeper *k)
{
	while (k->input) {
		struct packet *p = k->input;

		k->input = p->next;
		free(p);
	}
	k->input_tail = &k->input;
	k->input_queued = 0;
}

static void input_write(struct keeper *k)
{
	while (k->input && k->in.fd >= 0) {
		struct packet *p = k->input;
		ssize_t n = write(k->in.fd, p->data + p->off, p->len - p->off);
		uint64_t from;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) { /* nobody reads any more */
			close_watch(k, &k->in);
			n = (ssize_t)(p->len - p->off);
		}
		memcpy(&from, p->data, sizeof(from));
		p->off += (size_t)n;
		k->input_queued -= (size_t)n;
		acknowledge(k, from, (size_t)n);
		if (p->off < p->len)
			continue;
		k->input = p->next;
		if (!k->input)
			k->input_tail = &k->input;
		free(p);
	}
	if (!k->input && k->input_ended)
		close_watch(k, &k->in);
	k->in.events = k->input ? POLLOUT : 0;
}

static void input_ready(void *arg, short revents)
{
	struct keeper *k = arg;

	if (revents & POLLERR) { /* the program has closed its end */
		close_watch(k, &k->in);
		input_drop(k);
	} else {
		input_write(k);
	}
}

void input_add(struct keeper *k, const struct client *c, const char *data, size_t len)
{
	const uint64_t from = c->peer.serial;
	struct packet *p;

	if (k->in.fd < 0 || k->input_ended || k->input_queued + len > INPUT_MAX) {
		acknowledge(k, from, len);
		return;
	}
	p = xrealloc(NULL, sizeof(*p) + sizeof(from) + len);
	*p = (struct packet){.len = sizeof(from) + len, .off = sizeof(from)};
	memcpy(p->data, &from, sizeof(from));
	memcpy(p->data + sizeof(from), data, len);
	*k->input_tail = p;
	k->input_tail = &p->next;
	k->input_queued += len;
	input_write(k);
}

void input_end(struct keeper *k)
{
	k->input_ended = true;
	input_write(k);
}

/* ---- The pipes of one start ---- */

/* A pipe of which the keeper's end does not block; neither does the other where the sentry's terminal relays it. */
static int make_pipe(bool relayed, bool input, int *ours, int *theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | (relayed ? O_NONBLOCK : 0)) < 0)
		return complain(-1, "cannot make a pipe for the program: %s", strerror(errno));
	*ours = fds[input ? 1 : 0];
	*theirs = fds[input ? 0 : 1];
	if (!relayed)
		fcntl(*ours, F_SETFL, O_NONBLOCK);
	return 0;
}

int stdio_open(struct keeper *k)
{
	bool tty = k->run->o->tty;
	int *theirs = k->run->stdio;

	for (int i = 0; i < 2; i++) {
		struct output *o = &k->out[i];

		if (tty && i == 1)
			break;
		if (make_pipe(tty, false, &o->watch.fd, &theirs[1 + i]) < 0)
			return -1;
		o->k = k;
		o->kind = i ? STREAM_ERROR : STREAM_OUTPUT;
		o->watch.events = POLLIN;
		o->watch.fn = output_ready;
		o->watch.arg = o;
		loop_watch(&k->loop, &o->watch);
	}
	if (!k->run->o->interactive)
		return 0;
	if (make_pipe(tty, true, &k->in.fd, &theirs[0]) < 0)
		return -1;
	k->in.fn = input_ready;
	k->in.arg = k;
	loop_watch(&k->loop, &k->in);
	input_write(k);
	return 0;
}

void stdio_drain(struct keeper *k)
{
	int64_t until = loop_now() + (int64_t)LAST_OUTPUT_TIMEOUT * 1000000;

	for (int i = 0; i < 2; i++) {
		struct output *o = &k->out[i];

		loop_unwatch(&k->loop, &o->watch);
		while (o->watch.fd >= 0) {
			while (stream_lags(k, false))
				loop_once(&k->loop, -1);
			if (o->watch.fd >= 0 && !pass_on(o))
				close_watch(k, &o->watch);
		}
	}
	while (stream_lags(k, false) || (stream_lags(k, true) && loop_now() < until))
		loop_once(&k->loop, 100);
	if (k->log)
		log_flush(k->log);
}

void stdio_close(struct keeper *k)
{
	for (int i = 0; i < 2; i++)
		close_watch(k, &k->out[i].watch);
	close_watch(k, &k->in);
	input_drop(k);
	for (int i = 0; i < 3; i++) {
		if (k->run->stdio[i] >= 0)
			close(k->run->stdio[i]);
		k->run->stdio[i] = -1;
	}
}
