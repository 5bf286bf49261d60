/* SPDX-License-Identifier: MIT */
/*
 * Streams between a keeper and its clients (docs/sandboxes.md): datagrams whose first byte says what they are. Both sides
 * use these names.
 */
#ifndef PICKET_CMD_STREAM_H
#define PICKET_CMD_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#define STREAM_SIZE_MAX 32768 /* of a datagram, its first byte included */

/* Input that a client may have sent beyond what the keeper has acknowledged. */
#define STREAM_WINDOW 65536

enum {
	/* client to keeper */
	STREAM_INPUT = 'i',
	STREAM_INPUT_END = 'I',
	STREAM_WINSIZE = 'w', /* ROWS COLS */
	STREAM_SIGNAL = 's',  /* NUMBER */
	STREAM_DETACH = 'd',
	/* keeper to client */
	STREAM_OUTPUT = 'o',
	STREAM_ERROR = 'e',
	STREAM_TAKEN = 'a',   /* BYTES of input have been taken */
	STREAM_STARTED = 'r', /* the program runs */
	STREAM_EXIT = 'x',    /* STATUS */
	STREAM_FAILURE = 'E', /* STATUS SENTENCE */
	STREAM_WARNING = 'm', /* SENTENCE */
};

struct client;
struct keeper;

/* A piece of a queue. */
struct packet {
	struct packet *next;
	size_t len, off;
	char data[];
};

struct packet *packet_new(const void *data, size_t len);

/* ---- the keeper's side ---- */

/* Make the connection a stream. */
void stream_begin(struct client *c, bool foreground, bool input, bool input_ends);
/* Send to one; what it does not take is queued. */
void stream_send(struct client *c, char kind, const char *data, size_t len);
void stream_print(struct client *c, char kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Send to all; with `foreground` only to those. */
void stream_all(struct keeper *k, bool foreground, char kind, const char *data, size_t len);
/* Whether a foreground client lags, or anybody has something queued. */
bool stream_lags(const struct keeper *k, bool anybody);
/* Free what is queued. */
void stream_forget(struct client *c);

#endif
