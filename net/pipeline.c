/* SPDX-License-Identifier: MIT */
/* The threads of a layer and the rings between them. */
#include "pipeline.h"

#include "fuse-snap/ingest.h"
#include "hash.h"
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COMPRESSED_RING (4u << 20)
#define PLAIN_RING (8u << 20)

/* After a fault further down, so many more bytes are fetched for the sake of a better message: a wrong digest. */
#define DIAGNOSE_MAX (32u << 20)

enum { READER_HASH, READER_WRITER };

struct pipeline {
	struct pipeline_options opt;
	struct ring *compressed, *plain;
	struct hasher *hasher; /* of the bytes as they come */
	uint64_t fed;
	bool draining; /* the stages behind have failed; bytes are only hashed */
	struct hasher *diff_hasher;
	struct digest diffid;
	struct layer_writer *writer;
	pthread_t threads[3];
	unsigned int thread_count;

	pthread_mutex_t lock; /* guards the first failure */
	int err;
	struct snap_error error;
};

/* Keep the first failure of any stage and stop the others. */
static void pipeline_fail(struct pipeline *p, int err, const struct snap_error *e)
{
	pthread_mutex_lock(&p->lock);
	if (!p->err) {
		p->err = err;
		p->error = *e;
	}
	pthread_mutex_unlock(&p->lock);
	ring_abort(p->compressed);
	ring_abort(p->plain);
}

static const void *peek_compressed(void *arg, size_t *len)
{
	struct pipeline *p = arg;

	return ring_peek(p->compressed, 0, len);
}

static void consume_compressed(void *arg, size_t len)
{
	struct pipeline *p = arg;

	ring_consume(p->compressed, 0, len);
}

static void *reserve_plain(void *arg, size_t *len)
{
	struct pipeline *p = arg;

	return ring_reserve(p->plain, len);
}

static void commit_plain(void *arg, size_t len)
{
	struct pipeline *p = arg;

	ring_commit(p->plain, len);
}

static void *inflate_thread(void *arg)
{
	struct pipeline *p = arg;
	struct inflate_io io = {peek_compressed, consume_compressed, reserve_plain, commit_plain, p};
	struct snap_error e = {0};
	int r = inflate_stream(&io, &p->opt.limits, p->opt.what, &e);

	if (r)
		pipeline_fail(p, r, &e);
	else
		ring_close(p->plain);
	return NULL;
}

static void *diffid_thread(void *arg)
{
	struct pipeline *p = arg;
	const void *data;
	size_t len;

	while ((data = ring_peek(p->plain, READER_HASH, &len)) && len) {
		hasher_update(p->diff_hasher, data, len);
		ring_consume(p->plain, READER_HASH, len);
	}
	hasher_finish(p->diff_hasher, &p->diffid);
	return NULL;
}

static void *writer_thread(void *arg)
{
	struct pipeline *p = arg;
	struct snap_error e = {0};
	const void *data;
	size_t len;

	while ((data = ring_peek(p->plain, READER_WRITER, &len)) && len) {
		int r = layer_writer_feed(p->writer, data, len, &e);

		if (r) {
			pipeline_fail(p, r, &e);
			break;
		}
		ring_consume(p->plain, READER_WRITER, len);
	}
	return NULL;
}

static void pipeline_join(struct pipeline *p)
{
	while (p->thread_count)
		pthread_join(p->threads[--p->thread_count], NULL);
}

static void pipeline_free(struct pipeline *p)
{
	layer_writer_abort(p->writer);
	hasher_free(p->hasher);
	hasher_free(p->diff_hasher);
	ring_free(p->compressed);
	ring_free(p->plain);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void pipeline_abort(struct pipeline *p)
{
	if (!p)
		return;
	ring_abort(p->compressed);
	ring_abort(p->plain);
	pipeline_join(p);
	pipeline_free(p);
}

int pipeline_start(const struct pipeline_options *opt, struct pipeline **ret, struct snap_error *e)
{
	static void *(*const stages[])(void *) = {inflate_thread, diffid_thread, writer_thread};
	struct pipeline *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return snap_fail(e, ENOMEM, "out of memory");
	p->opt = *opt;
	pthread_mutex_init(&p->lock, NULL);
	p->compressed = ring_new(COMPRESSED_RING, 1);
	p->plain = ring_new(PLAIN_RING, 2);
	p->hasher = hasher_new();
	p->diff_hasher = hasher_new();
	if (!p->compressed || !p->plain || !p->hasher || !p->diff_hasher) {
		pipeline_free(p);
		return snap_fail(e, ENOMEM, "out of memory");
	}
	r = layer_writer_new(opt->txn, opt->diffid, 0, &p->writer, e);
	if (r) {
		p->writer = NULL;
		pipeline_free(p);
		return r;
	}
	for (; p->thread_count < 3; p->thread_count++) {
		r = pthread_create(&p->threads[p->thread_count], NULL, stages[p->thread_count], p);
		if (r) {
			pipeline_abort(p);
			return snap_fail(e, r, "cannot start a thread: %s", strerror(r));
		}
	}
	*ret = p;
	return 0;
}

/* The stages behind have failed. Go on reading where that is cheap and may show that the bytes themselves are wrong. */
static int pipeline_drain(struct pipeline *p, struct snap_error *e)
{
	bool damaged;

	pthread_mutex_lock(&p->lock);
	damaged = p->err == -EBADMSG || p->err == -EINVAL || p->err == -EPROTO;
	if (e)
		*e = p->error;
	pthread_mutex_unlock(&p->lock);
	if (!damaged || !p->opt.digest || p->opt.size - p->fed > DIAGNOSE_MAX)
		return p->err;
	p->draining = true;
	return 0;
}

int pipeline_feed(void *arg, const void *data, size_t len, struct snap_error *e)
{
	struct pipeline *p = arg;

	if (p->opt.digest)
		hasher_update(p->hasher, data, len);
	p->fed += len;
	if (p->draining || !ring_write(p->compressed, data, len))
		return 0;
	return pipeline_drain(p, e);
}

static int check_digest(struct pipeline *p, struct snap_error *e)
{
	char want[DIGEST_TEXT_LEN + 1], got[DIGEST_TEXT_LEN + 1];
	struct digest d;

	if (!p->opt.digest)
		return 0;
	hasher_finish(p->hasher, &d);
	if (digest_equal(&d, p->opt.digest))
		return 0;
	return snap_fail(e, EBADMSG,
		"the %s has the wrong digest: %s came instead of %s; the registry's copy is damaged or "
		"was tampered with",
		p->opt.what, digest_text(&d, got), digest_text(p->opt.digest, want));
}

int pipeline_finish(struct pipeline *p, struct snap_error *e)
{
	char want[DIGEST_TEXT_LEN + 1], got[DIGEST_TEXT_LEN + 1];
	int r = check_digest(p, e);

	if (r) {
		pipeline_abort(p);
		return r;
	}
	ring_close(p->compressed);
	pipeline_join(p);
	r = p->err;
	if (r) {
		if (e)
			*e = p->error;
	} else if (!digest_equal(&p->diffid, p->opt.diffid)) {
		r = snap_fail(e, EBADMSG,
			"the %s unpacks to something with the diffID %s, but the image's config says %s", p->opt.what,
			digest_text(&p->diffid, got), digest_text(p->opt.diffid, want));
	} else {
		r = layer_writer_finish(p->writer, &p->diffid, NULL, e);
		p->writer = NULL;
	}
	pipeline_free(p);
	return r;
}
