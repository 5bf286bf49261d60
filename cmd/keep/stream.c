/* SPDX-License-Identifier: MIT */
/* The keeper's side of streams. */
#include "cmd/keep/stream.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cmd/keep/ask.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/str.h"

/* What may be queued for a client in the background before it loses the connection, in bytes. */
#define BACKGROUND_MAX (4 << 20)

struct packet *packet_new(const void *data, size_t len)
{
	struct packet *p = xrealloc(NULL, sizeof(*p) + len);

	*p = (struct packet){.len = len};
	memcpy(p->data, data, len);
	return p;
}

void stream_forget(struct client *c)
{
	while (c->queue) {
		struct packet *p = c->queue;

		c->queue = p->next;
		free(p);
	}
	c->tail = &c->queue;
	c->queued = 0;
}

static void stream_ready(void *client, short revents);

void stream_begin(struct client *c, bool foreground, bool input, bool input_ends)
{
	c->stream = true;
	c->peer.watch.fn = stream_ready;
	c->foreground = foreground;
	c->input = input;
	c->input_ends = input_ends;
	c->tail = &c->queue;
	c->peer.watch.events = POLLIN | POLLRDHUP;
}

/* Send what is queued. False: the client is gone. */
static bool flush(struct client *c)
{
	while (c->queue) {
		struct packet *p = c->queue;
		int r = packet_send(c->peer.watch.fd, p->data, p->len, NULL, 0, MSG_DONTWAIT);

		if (r == -EAGAIN)
			break;
		if (r < 0)
			return false;
		c->queue = p->next;
		c->queued -= p->len;
		if (!c->queue)
			c->tail = &c->queue;
		free(p);
	}
	c->peer.watch.events = (short)(POLLIN | POLLRDHUP | (c->queue ? POLLOUT : 0));
	stdio_flow(client_keeper(c));
	return true;
}

void stream_send(struct client *c, char kind, const char *data, size_t len)
{
	char buf[STREAM_SIZE_MAX];
	struct packet *p;

	buf[0] = kind;
	len = len < sizeof(buf) ? len : sizeof(buf) - 1;
	memcpy(buf + 1, data, len);
	/* Whether it is gone is seen by its watch: who sends to all must not lose one on the way. */
	if (!c->queue && packet_send(c->peer.watch.fd, buf, len + 1, NULL, 0, MSG_DONTWAIT) != -EAGAIN)
		return;
	p = packet_new(buf, len + 1);
	*c->tail = p;
	c->tail = &p->next;
	c->queued += p->len;
	c->peer.watch.events |= POLLOUT;
	if (c->foreground)
		stdio_flow(client_keeper(c));
	if (!c->foreground && c->queued > BACKGROUND_MAX)
		shutdown(c->peer.watch.fd, SHUT_RDWR);
}

void stream_print(struct client *c, char kind, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	stream_send(c, kind, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

void stream_all(struct keeper *k, bool foreground, char kind, const char *data, size_t len)
{
	for (struct client *c = client_first(k); c; c = client_next(c))
		if (c->stream && (c->foreground || !foreground))
			stream_send(c, kind, data, len);
}

bool stream_lags(const struct keeper *k, bool anybody)
{
	for (struct client *c = client_first(k); c; c = client_next(c))
		if (c->stream && c->queue && (c->foreground || anybody))
			return true;
	return false;
}

/*
 * The foreground client is gone, without a word: killed, or its terminal was. What ran in a terminal is told by SIGHUP, as
 * natively, and has a moment for what it wants to save.
 */
static void hung_up(struct client *c)
{
	struct keeper *k = client_keeper(c);
	bool foreground = c->foreground, ends = c->input_ends;

	client_drop(c);
	if (foreground && k->run->o->tty) {
		keeper_stop(k, SIGHUP);
		keeper_kill_soon(k);
	} else if (foreground) {
		keeper_kill(k);
	} else if (ends) {
		input_end(k);
	}
}

static void detach(struct client *c)
{
	struct keeper *k = client_keeper(c);

	if (c->foreground)
		keeper_detached(k);
	keeper_event(k, "detach", NULL, 0);
	client_drop(c);
}

static void signalled(struct client *c, int sig)
{
	struct keeper *k = client_keeper(c);

	if (sig == SIGTSTP || sig == SIGCONT) {
		if (c->foreground)
			keeper_pause_job(k, sig == SIGTSTP);
	} else if (c->foreground) {
		keeper_interrupted(k, sig);
	} else if (sig > 0 && sig <= 64) {
		link_tell(&k->link, "signal %d", sig);
	}
}

/* One datagram; what makes no sense is left out. */
static void received(struct client *c, char *text, size_t len)
{
	unsigned int rows, cols;
	int number;

	switch (text[0]) {
	case STREAM_INPUT:
		if (c->input)
			input_add(client_keeper(c), c, text + 1, len - 1);
		break;
	case STREAM_INPUT_END:
		if (c->input && c->input_ends)
			input_end(client_keeper(c));
		break;
	case STREAM_WINSIZE:
		if (sscanf(text + 1, "%5u %5u", &rows, &cols) == 2)
			keeper_winsize(client_keeper(c), rows, cols);
		break;
	case STREAM_SIGNAL:
		if (sscanf(text + 1, "%2d", &number) == 1)
			signalled(c, number);
		break;
	default:
		break;
	}
}

static void stream_ready(void *client, short revents)
{
	struct client *c = client;
	char text[STREAM_SIZE_MAX + 1];
	ssize_t n;

	if ((revents & POLLOUT) && !flush(c)) {
		hung_up(c);
		return;
	}
	if (!(revents & (POLLIN | POLLHUP | POLLRDHUP | POLLERR)))
		return;
	n = packet_receive(c->peer.watch.fd, text, STREAM_SIZE_MAX, NULL, NULL, MSG_DONTWAIT);
	if (n == -EAGAIN || n == -EMSGSIZE)
		return;
	if (n <= 0) {
		hung_up(c);
		return;
	}
	text[n] = '\0';
	if (text[0] == STREAM_DETACH)
		detach(c);
	else
		received(c, text, (size_t)n);
}
