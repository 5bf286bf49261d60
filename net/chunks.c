/* SPDX-License-Identifier: MIT */
/*
 * Fetching threads take the next chunk that nobody has, as long as it fits into the window; the calling thread waits
 * for the chunks in order and feeds the sink. The window is a ring of buffers, so memory is bounded however fast a line
 * is.
 */
#include "chunks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum chunk_state { CHUNK_FREE, CHUNK_FETCHING, CHUNK_READY };

struct chunk {
	enum chunk_state state;
	unsigned char *data;
	size_t len;
};

struct chunks {
	struct registry *registry;
	const struct descriptor *d;
	uint64_t base;	/* offset of chunk 0 */
	uint64_t count; /* of all chunks */
	unsigned int window;

	pthread_mutex_t lock; /* guards what follows; the data of a chunk in CHUNK_FETCHING is its fetcher's */
	pthread_cond_t changed;
	struct chunk *ring; /* chunk i is ring[i % window] */
	uint64_t next;	    /* the first that nobody has taken */
	uint64_t consumed;  /* chunks handed on */
	bool stop;
	int err; /* the first failure of a fetcher */
	struct snap_error error;
};

struct fetcher {
	struct chunks *all;
	struct http_conn *conn;
	pthread_t thread;
	bool started;
};

static int chunk_sink(void *arg, const void *data, size_t len, struct snap_error *e)
{
	struct chunk *c = arg;

	/* registry_blob_chunk never gives more than was asked for, which is at most CHUNK_SIZE. */
	memcpy(c->data + c->len, data, len);
	c->len += len;
	return 0;
}

/* Take the next chunk; false if there is none, or the transfer is over. */
static bool take_chunk(struct chunks *all, uint64_t *index)
{
	bool got = false;

	pthread_mutex_lock(&all->lock);
	while (!all->stop && all->next < all->count && all->next >= all->consumed + all->window)
		pthread_cond_wait(&all->changed, &all->lock);
	if (!all->stop && all->next < all->count) {
		*index = all->next++;
		all->ring[*index % all->window].state = CHUNK_FETCHING;
		got = true;
	}
	pthread_mutex_unlock(&all->lock);
	return got;
}

static void give_chunk(struct chunks *all, struct chunk *c, int err, const struct snap_error *e)
{
	pthread_mutex_lock(&all->lock);
	c->state = CHUNK_READY;
	if (err && !all->err) {
		all->err = err;
		all->error = *e;
		all->stop = true;
	}
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

static void *fetch_thread(void *arg)
{
	struct fetcher *f = arg;
	struct chunks *all = f->all;
	uint64_t index;

	while (take_chunk(all, &index)) {
		uint64_t from = all->base + index * CHUNK_SIZE;
		uint64_t to = all->d->size - from < CHUNK_SIZE ? all->d->size : from + CHUNK_SIZE;
		struct chunk *c = &all->ring[index % all->window];
		struct snap_error e = {0};
		int r = 0;

		c->len = 0;
		if (!c->data && !(c->data = malloc(CHUNK_SIZE)))
			r = snap_fail(&e, ENOMEM, "out of memory");
		if (!r)
			r = registry_blob_chunk(all->registry, f->conn, all->d, from, to, chunk_sink, c, &e);
		give_chunk(all, c, r, &e);
	}
	return NULL;
}

/* Wait for chunk number `index`. NULL after a failure of a fetcher. */
static struct chunk *wait_chunk(struct chunks *all, uint64_t index)
{
	struct chunk *c = &all->ring[index % all->window];

	pthread_mutex_lock(&all->lock);
	while (!all->err && (all->next <= index || c->state != CHUNK_READY))
		pthread_cond_wait(&all->changed, &all->lock);
	if (all->err)
		c = NULL;
	pthread_mutex_unlock(&all->lock);
	return c;
}

static void free_chunk(struct chunks *all, struct chunk *c)
{
	pthread_mutex_lock(&all->lock);
	c->state = CHUNK_FREE;
	all->consumed++;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

static int consume(struct chunks *all, uint64_t *from, registry_sink *sink, void *arg, struct snap_error *e)
{
	for (uint64_t i = 0; i < all->count; i++) {
		struct chunk *c = wait_chunk(all, i);
		int r;

		if (!c) {
			if (e)
				*e = all->error;
			return all->err;
		}
		r = sink(arg, c->data, c->len, e);
		if (r)
			return r;
		*from += c->len;
		free_chunk(all, c);
	}
	return 0;
}

static void end_fetchers(struct chunks *all, struct fetcher *fetchers, unsigned int n)
{
	pthread_mutex_lock(&all->lock);
	all->stop = true;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
	for (unsigned int i = 0; i < n; i++)
		if (fetchers[i].started)
			http_conn_cancel(fetchers[i].conn);
	for (unsigned int i = 0; i < n; i++) {
		if (fetchers[i].started)
			pthread_join(fetchers[i].thread, NULL);
		http_conn_free(fetchers[i].conn);
	}
}

int chunks_fetch(struct registry *r, struct http *h, const struct descriptor *d, unsigned int connections,
	uint64_t *from, registry_sink *sink, void *arg, struct snap_error *e)
{
	struct chunks all = {
		.registry = r,
		.d = d,
		.base = *from,
		.count = (d->size - *from + CHUNK_SIZE - 1) / CHUNK_SIZE,
		.window = connections + 2,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	struct fetcher fetchers[CHUNK_CONNECTIONS_MAX] = {0};
	unsigned int started = 0;
	int err;

	if (connections > CHUNK_CONNECTIONS_MAX)
		connections = CHUNK_CONNECTIONS_MAX;
	all.ring = calloc(all.window, sizeof(*all.ring));
	if (!all.ring)
		return snap_fail(e, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < connections; i++) {
		fetchers[i].all = &all;
		fetchers[i].conn = http_conn_new(h);
		if (fetchers[i].conn && !pthread_create(&fetchers[i].thread, NULL, fetch_thread, &fetchers[i]))
			fetchers[i].started = true;
		started += fetchers[i].started;
	}
	/* Fewer threads than wanted are slower, none are a failure. */
	err = started ? consume(&all, from, sink, arg, e) : snap_fail(e, ENOMEM, "cannot start a thread");
	end_fetchers(&all, fetchers, connections);
	for (unsigned int i = 0; i < all.window; i++)
		free(all.ring[i].data);
	free(all.ring);
	return err;
}
