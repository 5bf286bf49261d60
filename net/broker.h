/* SPDX-License-Identifier: MIT */
/*
 * The credential broker: a child, forked before picket-fetch confines itself, that looks up the credentials of one
 * registry when it is asked. The process that reads what a registry sends can then neither read the user's files nor
 * run programs outside of its confinement, and cannot ask for another registry's secrets.
 */
#ifndef PICKET_NET_BROKER_H
#define PICKET_NET_BROKER_H

#include "credentials.h"

#include <sys/types.h>

struct broker {
	pid_t pid;
	int fd;
};

/* Fork it. Before any thread is started. 0 or a negative errno. */
int broker_start(struct broker *b, const char *registry, struct snap_error *e);

/* Ask; as credentials_find. One thread at a time. */
int broker_find(struct broker *b, struct credentials *out, struct snap_error *e);

/* End and reap it. Safe on zeros. */
void broker_stop(struct broker *b);

#endif
