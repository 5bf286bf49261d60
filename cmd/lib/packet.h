/* SPDX-License-Identifier: MIT */
/*
 * Control sockets (docs/sandboxes.md): datagrams with descriptors beside them, and requests and answers, which are one JSON object
 * each. Keepers of sandboxes and monitors of containers speak the same.
 */
#ifndef PICKET_CMD_PACKET_H
#define PICKET_CMD_PACKET_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#define ASK_SIZE_MAX 65536 /* of a request or an answer, in bytes */
#define ASK_FDS_MAX 32

/* The status of an answer that will be another one in a moment: the sandbox is still starting. */
#define ASK_AGAIN 75

/* Send a request ("do" and its arguments) with descriptors, which stay the caller's. 0 or a negative errno. */
int keeper_send(int sock, const json_t *request, const int *fds, size_t count);

/*
 * Wait for the answer. 0 and the object if it says "ok"; -EREMOTEIO and the object (its "error" is a sentence) if the
 * keeper refused or failed; -EPIPE and no object if the keeper went away; another negative errno. *answer may be NULL
 * for who does not want to know; it is to be released with json_decref().
 */
int keeper_receive(int sock, json_t **answer);

/* Both, over `sock`, which is closed, or a negative errno that is passed on. Takes over the request. As keeper_receive(). */
int keeper_exchange(int sock, json_t *request, const int *fds, size_t count, json_t **answer);

/* A socket's path as an address; one that is too long goes by way of its open directory, *dir, to be closed (-1: none). */
struct sockaddr_un;
int socket_address(const char *path, struct sockaddr_un *at, int *dir);

/* One datagram with descriptors (at most ASK_FDS_MAX); `flags` as send(2). 0 or a negative errno. */
int packet_send(int sock, const void *data, size_t len, const int *fds, size_t count, int flags);

/*
 * Receive one datagram and its descriptors (close-on-exec; fds has room for ASK_FDS_MAX; count NULL: none are wanted). Its
 * length, 0 at end of file, -EMSGSIZE if it was longer than `size` or brought more descriptors, or another negative errno.
 */
ssize_t packet_receive(int sock, void *buf, size_t size, int *fds, size_t *count, int flags);

#endif
