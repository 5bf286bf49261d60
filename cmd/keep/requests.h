/* SPDX-License-Identifier: MIT */
/* What a keeper can be asked to do. Private to the keeper. */
#ifndef PICKET_CMD_REQUESTS_H
#define PICKET_CMD_REQUESTS_H

#include <jansson.h>
#include <stddef.h>

#include "cmd/keep/keeper_priv.h"

/* Do what the request of a new connection says: it is answered, waits, or becomes a stream. The descriptors stay the caller's. */
void request_received(struct peer *p, const json_t *request, const int *fds, size_t count);

/* Answer, or refuse, and close. `answer` is taken over. */
void client_answer(struct client *c, json_t *answer);
void client_refuse(struct client *c, int status, const char *sentence);

/* Answer later, when what it waits for happens (UNTIL_…). */
void client_wait(struct client *c, enum until until);

#endif
