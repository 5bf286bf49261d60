/* SPDX-License-Identifier: MIT */
/* The ring between the stages of a pipeline. */
#include "ring.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ring {
	size_t size;
	size_t portion; /* what a waiter waits for */
	unsigned int readers;
	unsigned char *buf;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t readable;
	pthread_cond_t writable;
	uint64_t head;		     /* bytes ever written */
	uint64_t tail[RING_READERS]; /* bytes ever consumed */
	unsigned int waiting_readers;
	bool waiting_writer;
	bool closed;
	bool aborted;
};

struct ring *ring_new(size_t size, unsigned int readers)
{
	struct ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->buf = malloc(size);
	if (!r->buf) {
		free(r);
		return NULL;
	}
	r->size = size;
	r->portion = size / 8;
	r->readers = readers;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->readable, NULL);
	pthread_cond_init(&r->writable, NULL);
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	pthread_cond_destroy(&r->readable);
	pthread_cond_destroy(&r->writable);
	pthread_mutex_destroy(&r->lock);
	free(r->buf);
	free(r);
}

/* Bytes that no reader needs any more. */
static size_t ring_space(const struct ring *r)
{
	uint64_t slowest = r->tail[0];

	for (unsigned int i = 1; i < r->readers; i++)
		if (r->tail[i] < slowest)
			slowest = r->tail[i];
	return r->size - (size_t)(r->head - slowest);
}

void *ring_reserve(struct ring *r, size_t *len)
{
	size_t at, space;

	pthread_mutex_lock(&r->lock);
	while (!r->aborted && ring_space(r) < r->portion) {
		r->waiting_writer = true;
		pthread_cond_wait(&r->writable, &r->lock);
	}
	r->waiting_writer = false;
	if (r->aborted) {
		pthread_mutex_unlock(&r->lock);
		return NULL;
	}
	space = ring_space(r);
	at = (size_t)(r->head % r->size);
	pthread_mutex_unlock(&r->lock);
	*len = space < r->size - at ? space : r->size - at;
	return r->buf + at;
}

void ring_commit(struct ring *r, size_t len)
{
	pthread_mutex_lock(&r->lock);
	r->head += len;
	if (r->waiting_readers)
		pthread_cond_broadcast(&r->readable);
	pthread_mutex_unlock(&r->lock);
}

int ring_write(struct ring *r, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len) {
		size_t n;
		void *to = ring_reserve(r, &n);

		if (!to)
			return -1;
		if (n > len)
			n = len;
		memcpy(to, p, n);
		ring_commit(r, n);
		p += n;
		len -= n;
	}
	return 0;
}

void ring_close(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->closed = true;
	pthread_cond_broadcast(&r->readable);
	pthread_mutex_unlock(&r->lock);
}

void ring_abort(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->aborted = true;
	pthread_cond_broadcast(&r->readable);
	pthread_cond_broadcast(&r->writable);
	pthread_mutex_unlock(&r->lock);
}

const void *ring_peek(struct ring *r, unsigned int reader, size_t *len)
{
	size_t at, have;

	pthread_mutex_lock(&r->lock);
	while (!r->aborted && !r->closed && r->head - r->tail[reader] < r->portion) {
		r->waiting_readers++;
		pthread_cond_wait(&r->readable, &r->lock);
		r->waiting_readers--;
	}
	have = (size_t)(r->head - r->tail[reader]);
	at = (size_t)(r->tail[reader] % r->size);
	if (r->aborted) {
		pthread_mutex_unlock(&r->lock);
		return NULL;
	}
	pthread_mutex_unlock(&r->lock);
	*len = have < r->size - at ? have : r->size - at;
	return r->buf + at;
}

void ring_consume(struct ring *r, unsigned int reader, size_t len)
{
	pthread_mutex_lock(&r->lock);
	r->tail[reader] += len;
	if (r->waiting_writer && ring_space(r) >= r->portion)
		pthread_cond_signal(&r->writable);
	pthread_mutex_unlock(&r->lock);
}
