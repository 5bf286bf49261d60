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

#define LISTEN_BACKLOG 128

struct client *client_add(struct keeper *k, int fd)
{
	return (struct client *)peer_add(&k->server, fd);
}

struct client *client_find(struct keeper *k, uint64_t serial)
{
	return (struct client *)peer_find(&k->server, serial);
}

struct client *client_first(const struct keeper *k)
{
	return (struct client *)k->server.peers;
}

struct client *client_next(struct client *c)
{
	return (struct client *)c->peer.next;
}

struct keeper *client_keeper(const struct client *c)
{
	return c->peer.server->owner;
}

void client_drop(struct client *c)
{
	peer_drop(&c->peer);
}

void client_dropped(struct peer *p)
{
	struct client *c = (struct client *)p;
	struct keeper *k = client_keeper(c);

	loop_untimer(&k->loop, &c->timer);
	stream_forget(c);
	stdio_flow(k);
}

void client_answer(struct client *c, json_t *answer)
{
	peer_answer(&c->peer, answer);
}

void client_refuse(struct client *c, int status, const char *sentence)
{
	peer_refuse(&c->peer, status, sentence);
}

void client_wait(struct client *c, enum until until)
{
	peer_wait(&c->peer);
	c->until = until;
}

void serve_tell(struct keeper *k, enum until until)
{
	struct client *c = client_first(k);

	while (c) {
		struct client *next = client_next(c);

		if (c->peer.waits && c->until == until)
			client_answer(c, json_pack("{s:i}", "exit_code", k->status));
		c = next;
	}
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
	server_open(&k->server, &k->loop, sock);
	return 0;
}

/* Nobody new; who has asked already is still answered. */
void serve_close(struct keeper *k)
{
	server_close(&k->server);
}
