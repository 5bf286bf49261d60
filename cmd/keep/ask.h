/* SPDX-License-Identifier: MIT */
/*
 * Asking a keeper (docs/sandboxes.md): one SOCK_SEQPACKET connection to RUNTIME/ID12/control.sock, one JSON object each way,
 * descriptors beside the request.
 */
#ifndef PICKET_CMD_ASK_H
#define PICKET_CMD_ASK_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#include "cmd/keep/record.h"
#include "cmd/lib/packet.h"

/* A connection to the keeper. Returns a close-on-exec descriptor; -ENOENT or -ECONNREFUSED if none lives, another errno. */
int keeper_connect(const struct entry *e);

/*
 * Connect, send, receive. `request` is released in every case, so that it may be made in the call:
 *
 *	keeper_ask(e, json_pack("{s:s, s:i}", "do", "stop", "timeout", 10), NULL, 0, &answer)
 */
int keeper_ask(const struct entry *e, json_t *request, const int *fds, size_t count, json_t **answer);

/* What went wrong, for a sentence: the keeper's own words, or those of the errno. Valid while `answer` is. */
const char *keeper_error(int result, const json_t *answer);


#endif
