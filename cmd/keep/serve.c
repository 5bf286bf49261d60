/* SPDX-License-Identifier: MIT */
/* The control socket: who connects, what they ask, and when they are answered. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/keep/ask.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/keep/requests.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

/* More connections at once are refused: each costs a descriptor. */
#define CLIENTS_MAX 256

#define LISTEN_BACKLOG 128

/* Without a free descriptor nobody is accepted for so long, in ms: who waits would be seen at once, again and again. */
#define LISTEN_PAUSE 100

static void client_ready(void *arg, short revents);

struct client *client_add(struct keeper *k, int fd)
{
	struct client *c = xcalloc(1, sizeof(*c));

	*c = (struct client){.k = k, .next = k->clients, .serial = ++k->last_client};
	c->watch = (struct watch){.fd = fd, .events = POLLIN, .fn = client_ready, .arg = c};
	c->timer.arg = c;
	k->clients = c;
	loop_watch(&k->loop, &c->watch);
	return c;
}

struct client *client_find(struct keeper *k, uint64_t serial)
{
	struct client *c = k->clients;

	while (c && c->serial != serial)
		c = c->next;
	return c;
}

void client_drop(struct client *c)
{
	struct keeper *k = c->k;

	for (struct client **p = &k->clients; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			break;
		}
	}
	loop_unwatch(&k->loop, &c->watch);
	loop_untimer(&k->loop, &c->timer);
	close(c->watch.fd);
	stream_forget(c);
	free(c);
	stdio_flow(k);
}

void client_answer(struct client *c, json_t *answer)
{
	json_object_set_new(answer, "ok", json_true());
	keeper_send(c->watch.fd, answer, NULL, 0);
	json_decref(answer);
	client_drop(c);
}

void client_refuse(struct client *c, int status, const char *sentence)
{
	json_t *answer = json_pack("{s:b, s:s, s:i}", "ok", 0, "error", sentence, "status", status);

	if (!answer) /* the sentence is not UTF-8 */
		answer = json_pack("{s:b, s:s, s:i}", "ok", 0, "error", "it failed", "status", status);
	keeper_send(c->watch.fd, answer, NULL, 0);
	json_decref(answer);
	client_drop(c);
}

void client_wait(struct client *c, enum until until)
{
	c->kind = CLIENT_WAITS;
	c->until = until;
	c->watch.events = POLLIN | POLLRDHUP; /* nothing more is to come: it has gone */
}

void serve_tell(struct keeper *k, enum until until)
{
	struct client *c = k->clients;

	while (c) {
		struct client *next = c->next;

		if (c->kind == CLIENT_WAITS && c->until == until)
			client_answer(c, json_pack("{s:i}", "exit_code", k->status));
		c = next;
	}
}

/* The request of a new connection. */
static void read_request(struct client *c)
{
	char *text = xrealloc(NULL, ASK_SIZE_MAX + 1);
	int fds[ASK_FDS_MAX];
	size_t count = 0;
	ssize_t n = packet_receive(c->watch.fd, text, ASK_SIZE_MAX, fds, &count, MSG_DONTWAIT);
	json_t *request = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;

	free(text);
	if (n == -EAGAIN)
		return;
	if (json_is_object(request))
		request_dispatch(c, request, fds, count);
	else if (n > 0 || n == -EMSGSIZE)
		client_refuse(c, EXIT_PICKET, "the request is no JSON object, or too long");
	else
		client_drop(c);
	for (size_t i = 0; n >= 0 && i < count; i++)
		close(fds[i]);
	json_decref(request);
}

static void client_ready(void *arg, short revents)
{
	struct client *c = arg;

	if (c->kind == CLIENT_STREAM)
		stream_ready(c, revents);
	else if (c->kind == CLIENT_NEW)
		read_request(c);
	else
		client_drop(c);
}

static bool same_user(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == geteuid();
}

static size_t count_clients(const struct keeper *k)
{
	size_t n = 0;

	for (const struct client *c = k->clients; c; c = c->next)
		n++;
	return n;
}

static void listen_again(void *arg)
{
	struct keeper *k = arg;

	if (k->listener.fd >= 0)
		loop_watch(&k->loop, &k->listener);
}

static void connected(void *arg, short revents)
{
	struct keeper *k = arg;
	int fd = accept4(k->listener.fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		loop_unwatch(&k->loop, &k->listener);
		k->listen_timer = (struct timer){.fn = listen_again, .arg = k};
		loop_timer(&k->loop, &k->listen_timer, LISTEN_PAUSE);
	}
	if (fd < 0)
		return;
	if (same_user(fd) && count_clients(k) < CLIENTS_MAX)
		client_add(k, fd);
	else
		close(fd);
}

static int bind_at(int sock, const char *path)
{
	struct sockaddr_un at;
	int dir, r;

	unlink(path); /* of a keeper that was killed */
	r = socket_address(path, &at, &dir);
	if (r < 0) {
		errno = -r;
		return -1;
	}
	r = bind(sock, (struct sockaddr *)&at, sizeof(at));
	if (dir >= 0)
		close(dir);
	return r;
}

int serve_open(struct keeper *k)
{
	char *err = NULL, *dir = k->entry->temporary ? NULL : entry_runtime(k->entry, true, &err);
	char *path = dir ? xasprintf("%s/control.sock", dir) : entry_socket(k->entry);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r = 0;

	if (err)
		r = complain(-1, "%s", err);
	else if (sock < 0 || bind_at(sock, path) < 0 || listen(sock, LISTEN_BACKLOG) < 0)
		r = complain(-1, "cannot make the sandbox's control socket %s: %s", path, strerror(errno));
	free(path);
	free(dir);
	free(err);
	if (r < 0) {
		if (sock >= 0)
			close(sock);
		return r;
	}
	k->listener = (struct watch){.fd = sock, .events = POLLIN, .fn = connected, .arg = k};
	loop_watch(&k->loop, &k->listener);
	return 0;
}

/* Nobody new; who has asked already is still answered. */
void serve_close(struct keeper *k)
{
	loop_unwatch(&k->loop, &k->listener);
	loop_untimer(&k->loop, &k->listen_timer);
	if (k->listener.fd >= 0)
		close(k->listener.fd);
	k->listener.fd = -1;
}
