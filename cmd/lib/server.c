/* SPDX-License-Identifier: MIT */
/* The server of a control socket. */
#include "cmd/lib/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/lib/packet.h"
#include "cmd/lib/str.h"

/* More connections at once are refused: each costs a descriptor. */
#define PEERS_MAX 256

/* Without a free descriptor nobody is accepted for so long, in ms: who waits would be seen at once, again and again. */
#define LISTEN_PAUSE 100

/* The request of a new connection. */
static void read_request(struct peer *p)
{
	char *text = xrealloc(NULL, ASK_SIZE_MAX + 1);
	int fds[ASK_FDS_MAX];
	size_t count = 0;
	ssize_t n = packet_receive(p->watch.fd, text, ASK_SIZE_MAX, fds, &count, MSG_DONTWAIT);
	json_t *request = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;

	free(text);
	if (n == -EAGAIN)
		return;
	if (json_is_object(request))
		p->server->request(p, request, fds, count);
	else if (n > 0 || n == -EMSGSIZE)
		peer_refuse(p, EXIT_PICKET, "the request is no JSON object, or too long");
	else
		peer_drop(p);
	for (size_t i = 0; n >= 0 && i < count; i++)
		close(fds[i]);
	json_decref(request);
}

static void peer_ready(void *arg, short revents)
{
	struct peer *p = arg;

	if (p->waits)
		peer_drop(p);
	else
		read_request(p);
}

struct peer *peer_add(struct server *s, int fd)
{
	struct peer *p = xcalloc(1, s->peer_size ? s->peer_size : sizeof(*p));

	*p = (struct peer){.server = s, .next = s->peers, .serial = ++s->last};
	p->watch = (struct watch){.fd = fd, .events = POLLIN, .fn = peer_ready, .arg = p};
	s->peers = p;
	loop_watch(s->loop, &p->watch);
	return p;
}

struct peer *peer_find(struct server *s, uint64_t serial)
{
	struct peer *p = s->peers;

	while (p && p->serial != serial)
		p = p->next;
	return p;
}

void peer_drop(struct peer *p)
{
	struct server *s = p->server;

	for (struct peer **at = &s->peers; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	loop_unwatch(s->loop, &p->watch);
	close(p->watch.fd);
	if (s->dropped)
		s->dropped(p);
	free(p);
}

void peer_answer(struct peer *p, json_t *answer)
{
	json_object_set_new(answer, "ok", json_true());
	keeper_send(p->watch.fd, answer, NULL, 0);
	json_decref(answer);
	peer_drop(p);
}

void peer_refuse(struct peer *p, int status, const char *sentence)
{
	json_t *answer = json_pack("{s:b, s:s, s:i}", "ok", 0, "error", sentence, "status", status);

	if (!answer) /* the sentence is not UTF-8 */
		answer = json_pack("{s:b, s:s, s:i}", "ok", 0, "error", "it failed", "status", status);
	keeper_send(p->watch.fd, answer, NULL, 0);
	json_decref(answer);
	peer_drop(p);
}

void peer_wait(struct peer *p)
{
	p->waits = true;
	p->watch.events = POLLIN | POLLRDHUP; /* nothing more is to come: it has gone */
}

/* ---- The listening socket ---- */

static bool same_user(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == geteuid();
}

static size_t count_peers(const struct server *s)
{
	size_t n = 0;

	for (const struct peer *p = s->peers; p; p = p->next)
		n++;
	return n;
}

static void listen_again(void *arg)
{
	struct server *s = arg;

	if (s->listener.fd >= 0)
		loop_watch(s->loop, &s->listener);
}

static void connected(void *arg, short revents)
{
	struct server *s = arg;
	int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		loop_unwatch(s->loop, &s->listener);
		s->again = (struct timer){.fn = listen_again, .arg = s};
		loop_timer(s->loop, &s->again, LISTEN_PAUSE);
	}
	if (fd < 0)
		return;
	if (same_user(fd) && count_peers(s) < PEERS_MAX)
		peer_add(s, fd);
	else
		close(fd);
}

void server_open(struct server *s, struct loop *loop, int sock)
{
	s->loop = loop;
	s->listener = (struct watch){.fd = sock, .events = POLLIN, .fn = connected, .arg = s};
	loop_watch(loop, &s->listener);
}

void server_close(struct server *s)
{
	loop_unwatch(s->loop, &s->listener);
	loop_untimer(s->loop, &s->again);
	if (s->listener.fd >= 0)
		close(s->listener.fd);
	s->listener.fd = -1;
}
