/* SPDX-License-Identifier: MIT */
/*
 * A control socket's server (docs/sandboxes.md): who connects, and asks one thing; answered at once, or later. Keepers of sandboxes and
 * monitors of containers serve theirs with it.
 */
#ifndef PICKET_CMD_SERVER_H
#define PICKET_CMD_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/lib/loop.h"

struct server;

/* A connection. Owners may have more in it: the first member of a structure of server->peer_size bytes, which begin as zeros. */
struct peer {
	struct server *server;
	struct peer *next;
	uint64_t serial; /* nobody else ever has it: a later one may lie at the same address */
	struct watch watch;
	bool waits; /* it has asked, and is not answered yet */
};

struct server {
	struct loop *loop;
	void *owner;
	struct watch listener;
	struct timer again;
	struct peer *peers;
	uint64_t last;
	size_t peer_size; /* 0: struct peer alone */
	/* What one asks; the descriptors stay the server's. It is answered, refused, or waits then (peer_wait). */
	void (*request)(struct peer *p, const json_t *request, const int *fds, size_t count);
	/* One that is no longer asking (its `watch.fn` is another's) or never did is dropped; may be NULL. */
	void (*dropped)(struct peer *p);
};

/* Serve a listening socket, which becomes the server's. */
void server_open(struct server *s, struct loop *loop, int sock);

/* Nobody new; who has asked already is still answered. */
void server_close(struct server *s);

/* A connection that was not made through the socket. */
struct peer *peer_add(struct server *s, int fd);
void peer_drop(struct peer *p);

/* The one that is or was this one; NULL: it has gone. */
struct peer *peer_find(struct server *s, uint64_t serial);

/* Answer, or refuse, and close. `answer` is taken over. */
void peer_answer(struct peer *p, json_t *answer);
void peer_refuse(struct peer *p, int status, const char *sentence);

/* It is answered later. */
void peer_wait(struct peer *p);

#endif
