/* SPDX-License-Identifier: MIT */
/* The pool that brings layers in parallel, and the publication of a complete image. */
#include "fetch.h"

#include "fuse-snap/ingest.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pool_state {
	struct layer_pool *pool;
	atomic_size_t next;
	atomic_uint worker;
	atomic_bool failed;

	pthread_mutex_t lock; /* guards what follows */
	int err;
	struct snap_error error;
};

static void pool_fail(struct pool_state *s, int err, const struct snap_error *e)
{
	bool first;

	pthread_mutex_lock(&s->lock);
	first = !s->err;
	if (first) {
		s->err = err;
		s->error = *e;
	}
	pthread_mutex_unlock(&s->lock);
	atomic_store(&s->failed, true);
	if (first && s->pool->cancel)
		s->pool->cancel(s->pool->arg);
}

static void *pool_thread(void *arg)
{
	struct pool_state *s = arg;
	unsigned int worker = atomic_fetch_add(&s->worker, 1);

	while (!atomic_load(&s->failed)) {
		size_t i = atomic_fetch_add(&s->next, 1);
		struct snap_error e = {0};
		int r;

		if (i >= s->pool->count)
			break;
		r = s->pool->run(s->pool->arg, worker, &s->pool->tasks[i], &e);
		bar_set_state(s->pool->tasks[i].bar, r ? BAR_FAILED : BAR_DONE);
		if (r)
			pool_fail(s, r, &e);
	}
	return NULL;
}

int layer_pool_run(struct layer_pool *pool, struct snap_error *e)
{
	struct pool_state s = {.pool = pool, .lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned int n = pool->count < pool->workers ? (unsigned int)pool->count : pool->workers, started = 0;
	pthread_t threads[64];

	/* The calling thread is a worker too, so that one layer costs no thread and none can fail to start. */
	for (; n && started < n - 1 && started < 64; started++)
		if (pthread_create(&threads[started], NULL, pool_thread, &s))
			break;
	pool_thread(&s);
	while (started)
		pthread_join(threads[--started], NULL);
	if (s.err && e)
		*e = s.error;
	return s.err;
}

int layer_tasks(const struct fetch *f, const struct image_config *config, const struct descriptor *blobs,
	const uint64_t *positions, struct progress *progress, struct layer_task **tasks, size_t *count,
	struct snap_error *e)
{
	struct layer_task *list = calloc(config->layer_count + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return snap_fail(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < config->layer_count; i++) {
		struct layer_task *t = &list[n];
		char hex[DIGEST_HEX_LEN + 1];
		bool twice = false;

		for (size_t j = 0; j < i; j++)
			twice = twice || digest_equal(&config->diffids[j], &config->diffids[i]);
		if (twice)
			continue;
		digest_hex(digest_is_zero(&blobs[i].digest) ? &config->diffids[i] : &blobs[i].digest, hex);
		*t = (struct layer_task){
			.diffid = config->diffids[i],
			.digest = blobs[i].digest,
			.size = blobs[i].size,
			.position = positions ? positions[i] : i,
			.bar = progress_add(progress, hex, blobs[i].size),
		};
		if (store_has_layer(f->store, &t->diffid))
			bar_set_state(t->bar, BAR_EXISTS);
		else
			n++;
	}
	*tasks = list;
	*count = n;
	return 0;
}

int image_publish(
	const struct fetch *f, const struct image_docs *docs, const struct image_config *config, struct snap_error *e)
{
	struct image_ref ref = {
		.manifest = docs->manifest,
		.list = docs->list,
		.config = docs->config,
		.pulled = time(NULL),
		.layers = config->layer_count,
	};
	char platform[PLATFORM_TEXT_MAX];
	int r;

	platform_format(&config->platform, platform);
	snprintf(ref.platform, sizeof(ref.platform), "%.63s", platform);
	snprintf(ref.name, sizeof(ref.name), "%s", docs->name);
	r = image_merge(f->txn, config->diffids, config->layer_count, &ref.chain, e);
	if (!r)
		r = store_put_blob(f->txn, &docs->config, docs->config_data, docs->config_len, e);
	if (!r && docs->manifest_data)
		r = store_put_blob(f->txn, &docs->manifest, docs->manifest_data, docs->manifest_len, e);
	if (!r)
		r = store_put_record(f->txn, &docs->config, &config->record, e);
	if (!r)
		r = store_set_ref(f->txn, &ref, e);
	return r;
}
