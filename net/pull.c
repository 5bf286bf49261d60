/* SPDX-License-Identifier: MIT */
/* picket-fetch pull: from a registry into the store. */
#include "fetch.h"

#include "chunks.h"
#include "confine.h"
#include "partial.h"
#include "pipeline.h"
#include "registry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Blobs smaller than this are not kept when a pull breaks. */
#define PARTIAL_MIN (1u << 20)

/* Partial downloads nobody came back for: after a week. */
#define PARTIAL_AGE (7 * 24 * 3600)

/* Layers of this size and more are fetched over several connections, so many in all for one layer. */
#define CHUNKED_MIN (32u << 20)
#define CHUNKED_CONNECTIONS 4u

#define INDEX_DEPTH_MAX 3
#define POLL_NS 50000000

struct pull {
	struct fetch *f;
	struct ref_name ref;
	char name[REF_NAME_MAX + 1];  /* the store's name for it: canonical, with @DIGEST if there is no tag */
	char what[REF_NAME_MAX + 80]; /* as people write it; for messages */
	struct broker broker;
	struct http *http;
	struct registry *registry;
	struct http_conn **conns; /* one for each worker; [0] fetches the documents */
	unsigned int workers;
	unsigned int connections; /* for one large layer */
	atomic_bool disk_full;	  /* a layer met it: what the others have of partial files only takes space */

	struct registry_doc top;   /* what the reference names: an index or a manifest */
	struct registry_doc image; /* the manifest; its data is top's if that was no index */
	struct manifest manifest;
	void *config_data;
	struct image_config config;
};

static void pull_clear(struct pull *p)
{
	if (p->image.data != p->top.data)
		registry_doc_free(&p->image);
	registry_doc_free(&p->top);
	manifest_free(&p->manifest);
	free(p->config_data);
	image_config_free(&p->config);
	for (unsigned int i = 0; p->conns && i < p->workers; i++)
		http_conn_free(p->conns[i]);
	free(p->conns);
	registry_free(p->registry);
	http_free(p->http);
	broker_stop(&p->broker);
}

static int pull_open(struct pull *p, struct snap_error *e)
{
	const struct fetch_options *opt = p->f->opt;
	struct http_options http = {
		.tls_verify = opt->tls_verify, .connect_ms = 15000, .stall_seconds = opt->stall_seconds};
	struct registry_options registry = {
		.tls_verify = opt->tls_verify,
		.retries = opt->retries,
		.retry_ms = opt->retry_ms,
		.retry_max_ms = 60000,
		.broker = &p->broker,
	};

	p->http = http_new(&http);
	p->workers = opt->jobs;
	p->conns = calloc(p->workers, sizeof(*p->conns));
	if (!p->http || !p->conns)
		return snap_fail(e, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < p->workers; i++)
		if (!(p->conns[i] = http_conn_new(p->http)))
			return snap_fail(e, ENOMEM, "out of memory");
	return registry_new(p->http, &p->ref, &registry, &p->registry, e);
}

/* ---- Manifests ---- */

/* A document that the store has under its digest. */
static int doc_from_store(const struct pull *p, const struct digest *d, struct registry_doc *out)
{
	*out = (struct registry_doc){.digest = *d};
	if (!store_has_blob(p->f->store, d) || store_get_blob(p->f->store, d, &out->data, &out->len, NULL))
		return -ENOENT;
	return 0;
}

/* The document with this digest, from the store or else from the registry. */
static int doc_by_digest(struct pull *p, const struct digest *d, struct registry_doc *out, struct snap_error *e)
{
	char text[DIGEST_TEXT_LEN + 1];

	if (!doc_from_store(p, d, out))
		return 0;
	return registry_manifest(p->registry, p->conns[0], digest_text(d, text), d, out, e);
}

/* What the reference names. Where the tag is known here, asking for its digest may be all that is needed. */
static int pull_top(struct pull *p, struct snap_error *e)
{
	struct image_ref known;

	if (p->ref.has_digest)
		return doc_by_digest(p, &p->ref.digest, &p->top, e);
	if (!store_resolve(p->f->store, p->name, &known, NULL)) {
		struct registry_doc head;

		if (!registry_manifest_head(p->registry, p->conns[0], p->ref.tag, &head, NULL) &&
			!doc_from_store(p, &head.digest, &p->top))
			return 0;
	}
	return registry_manifest(p->registry, p->conns[0], p->ref.tag, NULL, &p->top, e);
}

static int pull_manifest(struct pull *p, struct snap_error *e)
{
	int r = pull_top(p, e);

	if (r)
		return r;
	p->image = p->top;
	for (int depth = 0;; depth++) {
		const char *type = *p->image.media_type ? p->image.media_type : NULL;
		struct registry_doc next;

		r = manifest_parse(&p->manifest, p->image.data ? p->image.data : "", p->image.len, type,
			&p->f->opt->platform, p->what, e);
		if (r || p->manifest.kind == MANIFEST_IMAGE)
			return r;
		if (depth == INDEX_DEPTH_MAX)
			return snap_fail(e, EPROTO, "%s is refused: its indexes are nested too deep", p->what);
		r = doc_by_digest(p, &p->manifest.layers[0].digest, &next, e);
		if (r)
			return r;
		if (p->image.data != p->top.data)
			registry_doc_free(&p->image);
		p->image = next;
		manifest_free(&p->manifest);
	}
}

static int pull_config(struct pull *p, struct snap_error *e)
{
	const struct descriptor *d = &p->manifest.config;
	char have[PLATFORM_TEXT_MAX], want[PLATFORM_TEXT_MAX];
	struct registry_doc doc;
	int r;

	if (!doc_from_store(p, &d->digest, &doc)) {
		p->config_data = doc.data;
		if (doc.len != d->size)
			return snap_fail(e, EBADMSG, "%s has a config of the wrong size: %zu bytes instead of %llu",
				p->what, doc.len, (unsigned long long)d->size);
	} else {
		r = registry_small_blob(p->registry, p->conns[0], d, &p->config_data, e);
		if (r)
			return r;
	}
	r = image_config_parse(&p->config, p->config_data, d->size, p->what, e);
	if (r)
		return r;
	if (p->config.layer_count != p->manifest.layer_count)
		return snap_fail(e, EPROTO, "%s contradicts itself: its manifest has %zu layers, its config %zu",
			p->what, p->manifest.layer_count, p->config.layer_count);
	if (!platform_matches(&p->f->opt->platform, &p->config.platform))
		return snap_fail(e, ENOENT, "%s has no image for %s; it has: %s", p->what,
			platform_format(&p->f->opt->platform, want), platform_format(&p->config.platform, have));
	return 0;
}

/* ---- Layers ---- */

struct layer_transfer {
	struct pipeline *pipeline;
	struct partial partial;
	struct bar *bar;
	bool keep; /* into the partial file */
};

static int transfer_sink(void *arg, const void *data, size_t len, struct snap_error *e)
{
	struct layer_transfer *t = arg;

	if (t->keep)
		partial_append(&t->partial, data, len);
	bar_add(t->bar, len);
	return pipeline_feed(t->pipeline, data, len, e);
}

/* What an earlier pull left, into the pipeline. */
static int transfer_resume(struct layer_transfer *t, uint64_t *from, struct snap_error *e)
{
	size_t size = 1u << 20;
	char *buf = malloc(size);
	int r = 0;

	*from = 0;
	if (!buf)
		return snap_fail(e, ENOMEM, "out of memory");
	while (!r && *from < t->partial.have) {
		size_t want = t->partial.have - *from < size ? (size_t)(t->partial.have - *from) : size;
		ssize_t n = pread(t->partial.fd, buf, want, (off_t)*from);

		if (n <= 0)
			break;
		r = pipeline_feed(t->pipeline, buf, (size_t)n, e);
		*from += (uint64_t)n;
		bar_add(t->bar, (uint64_t)n);
	}
	free(buf);
	t->partial.have = *from;
	return r;
}

/* The bytes from `from` on: a large layer over several connections where the registry knows ranges. */
static int transfer_fetch(struct pull *p, unsigned int worker, const struct descriptor *d, struct layer_transfer *t,
	uint64_t from, struct snap_error *e)
{
	int r = -EOPNOTSUPP;

	if (p->connections > 1 && from < d->size && d->size - from >= CHUNKED_MIN)
		r = chunks_fetch(p->registry, p->http, d, p->connections, &from, transfer_sink, t, e);
	return r == -EOPNOTSUPP ? registry_blob(p->registry, p->conns[worker], d, from, transfer_sink, t, e) : r;
}

static int transfer_run(struct pull *p, unsigned int worker, const struct layer_task *task, struct layer_transfer *t,
	struct snap_error *e)
{
	char hex[DIGEST_TEXT_LEN + 1], what[DIGEST_TEXT_LEN + 40];
	struct descriptor d = {.digest = task->digest, .size = task->size};
	struct pipeline_options opt = {
		.txn = p->f->txn,
		.what = what,
		.digest = &task->digest,
		.diffid = &task->diffid,
		.size = task->size,
		.limits = p->f->opt->limits,
	};
	uint64_t from = 0;
	int r;

	snprintf(what, sizeof(what), "layer %s", digest_text(&task->digest, hex));
	r = pipeline_start(&opt, &t->pipeline, e);
	if (r)
		return r;
	bar_set(t->bar, 0);
	bar_set_state(t->bar, BAR_LOADING);
	r = transfer_resume(t, &from, e);
	if (!r)
		r = transfer_fetch(p, worker, &d, t, from, e);
	if (r) {
		pipeline_abort(t->pipeline);
		return r;
	}
	bar_set_state(t->bar, BAR_UNPACKING);
	return pipeline_finish(t->pipeline, e);
}

/* Get the layer's lock, or find that somebody else has brought the layer. */
static int transfer_lock(
	struct pull *p, const struct layer_task *task, struct layer_transfer *t, bool *there, struct snap_error *e)
{
	struct timespec pause = {.tv_nsec = POLL_NS};
	int r;

	while ((r = partial_open(&t->partial, p->f->store, &task->digest, task->size, e)) == -EAGAIN) {
		if (http_cancelled(p->http))
			return snap_fail(e, ECANCELED, "cancelled");
		bar_set_state(t->bar, BAR_SHARED);
		nanosleep(&pause, NULL);
	}
	if (!r)
		*there = store_has_layer(p->f->store, &task->diffid);
	return r;
}

/* May a later pull go on where this one failed with `err`? If it was the connection, or another layer's failure. */
static bool worth_keeping(int err)
{
	return err == -EIO || err == -ETIMEDOUT || err == -EHOSTUNREACH || err == -ECANCELED || err == -EBUSY;
}

static int pull_layer(void *arg, unsigned int worker, const struct layer_task *task, struct snap_error *e)
{
	struct pull *p = arg;
	struct layer_transfer t = {.bar = task->bar, .keep = task->size >= PARTIAL_MIN};
	bool there = false, resumed;
	int r = transfer_lock(p, task, &t, &there, e);

	if (r)
		return r;
	if (there) {
		partial_close(&t.partial, false);
		return 0;
	}
	resumed = t.partial.have > 0;
	r = transfer_run(p, worker, task, &t, e);
	if (r == -EBADMSG && resumed) {
		/* It may be the partial file that is wrong (a crash can lose its pages): once more, from the start. */
		partial_empty(&t.partial);
		r = transfer_run(p, worker, task, &t, e);
	}
	if (r == -ENOSPC || r == -EDQUOT)
		atomic_store(&p->disk_full, true);
	partial_close(&t.partial, worth_keeping(r) && !atomic_load(&p->disk_full));
	return r;
}

static void pull_cancel(void *arg)
{
	struct pull *p = arg;

	http_cancel(p->http);
}

/*
 * How many connections a large layer gets: as many as the pool has left over. On this machine one is faster, for the
 * loopback is no bottleneck and a chunk more to copy.
 */
static unsigned int pull_connections(const struct pull *p, const struct layer_pool *pool)
{
	unsigned int large = 0, share;

	if (p->f->opt->connections)
		return p->f->opt->connections;
	if (registry_is_local(p->registry))
		return 1;
	for (size_t i = 0; i < pool->count; i++)
		large += pool->tasks[i].size >= CHUNKED_MIN;
	share = large ? p->workers / large : 1;
	return share > CHUNKED_CONNECTIONS ? CHUNKED_CONNECTIONS : share ? share : 1;
}

static int pull_layers(struct pull *p, size_t *fetched, struct snap_error *e)
{
	struct progress *progress = p->f->opt->quiet ? NULL : progress_new(p->f->opt->progress);
	struct layer_pool pool = {.workers = p->workers, .run = pull_layer, .cancel = pull_cancel, .arg = p};
	int r;

	r = layer_tasks(p->f, &p->config, p->manifest.layers, NULL, progress, &pool.tasks, &pool.count, e);
	for (size_t i = 0; !r && i < p->config.layer_count; i++)
		if (store_has_layer(p->f->store, &p->config.diffids[i]))
			partial_drop(p->f->store, &p->manifest.layers[i].digest);
	if (!r && pool.count) {
		p->connections = pull_connections(p, &pool);
		progress_start(progress);
		r = layer_pool_run(&pool, e);
	}
	progress_free(progress);
	free(pool.tasks);
	*fetched = pool.count;
	return r;
}

/* ---- The whole ---- */

/* Is everything as it would be after this pull? */
static bool pull_is_current(const struct pull *p)
{
	struct image_ref known;

	return !store_resolve(p->f->store, p->what, &known, NULL) && !strcmp(known.name, p->name) &&
	       digest_equal(&known.manifest, &p->image.digest) &&
	       digest_equal(&known.config, &p->manifest.config.digest) && store_has_image(p->f->store, &known.chain);
}

static int pull_publish(struct pull *p, struct snap_error *e)
{
	struct image_docs docs = {
		.name = p->name,
		.manifest = p->image.digest,
		.manifest_data = p->image.data,
		.manifest_len = p->image.len,
		.config = p->manifest.config.digest,
		.config_data = p->config_data,
		.config_len = p->manifest.config.size,
	};
	int r = 0;

	if (p->image.data != p->top.data) {
		docs.list = p->top.digest;
		r = store_put_blob(p->f->txn, &p->top.digest, p->top.data, p->top.len, e);
	}
	return r ? r : image_publish(p->f, &docs, &p->config, e);
}

static void pull_report(const struct pull *p, bool news)
{
	char digest[DIGEST_TEXT_LEN + 1];
	if (!p->f->opt->quiet) {
		printf("Digest: %s\n", digest_text(&p->top.digest, digest));
		printf("Status: %s for %s\n", news ? "Downloaded newer image" : "Image is up to date", p->what);
	}
	printf("%s\n", p->name);
}

static int pull_run(struct pull *p, struct snap_error *e)
{
	size_t fetched = 0;
	bool current;
	int r;

	r = broker_start(&p->broker, p->ref.registry, e);
	if (r)
		return r;
	confine(p->f->store, NULL, true);
	r = pull_open(p, e);
	if (!r)
		r = pull_manifest(p, e);
	if (r)
		return r;
	current = pull_is_current(p);
	if (!current) {
		r = pull_config(p, e);
		if (!r)
			r = pull_layers(p, &fetched, e);
		if (!r)
			r = pull_publish(p, e);
	}
	if (!r)
		pull_report(p, !current);
	return r;
}

/* Has it been written with a tag? A colon before the last slash is a port's. */
static bool names_tag(const char *ref)
{
	const char *slash = strrchr(ref, '/');

	return strchr(slash ? slash : ref, ':');
}

int fetch_pull(struct fetch *f, const char *ref, struct snap_error *e)
{
	struct pull p = {.f = f};
	char digest[DIGEST_TEXT_LEN + 1];
	int r = ref_parse(ref, &p.ref, e);

	if (r)
		return r;
	ref_canonical(&p.ref, p.name);
	snprintf(p.what, sizeof(p.what), "%s%s%s", ref_familiar(p.name), p.ref.has_digest ? "@" : "",
		p.ref.has_digest ? digest_text(&p.ref.digest, digest) : "");
	if (!*p.ref.tag)
		snprintf(p.name + strlen(p.name), sizeof(p.name) - strlen(p.name), "@%s", digest);
	if (!f->opt->quiet && !p.ref.has_digest && !names_tag(ref)) {
		printf("Using default tag: %s\n", p.ref.tag);
		fflush(stdout);
	}
	partial_clean(f->store, PARTIAL_AGE);
	r = pull_run(&p, e);
	pull_clear(&p);
	return r;
}
