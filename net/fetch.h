/* SPDX-License-Identifier: MIT */
/* picket-fetch: what its commands share. */
#ifndef PICKET_NET_FETCH_H
#define PICKET_NET_FETCH_H

#include "fuse-snap/store.h"
#include "inflate.h"
#include "manifest.h"
#include "progress.h"

struct fetch_options {
	struct platform platform;
	bool platform_given;
	bool tls_verify;
	bool quiet;
	enum progress_mode progress;
	unsigned int jobs;	  /* layers at a time */
	unsigned int connections; /* for one large layer; 0: chosen by the case */
	struct inflate_limits limits;
	long retry_ms;
	unsigned int retries;
	long stall_seconds;
	const char *ref; /* load: name for an image that brings none */
};

struct fetch {
	const struct fetch_options *opt;
	struct store *store;
	struct store_txn *txn;
};

/* ---- Layers: a pool of threads ---- */

struct layer_task {
	struct digest diffid;
	struct digest digest; /* of the bytes as they come; zero if nobody promised one */
	uint64_t size;
	uint64_t position; /* the source's own: where the bytes are */
	struct bar *bar;
};

/* Brings one layer into the store. worker: 0 … workers-1, of the thread that runs it. */
typedef int layer_run(void *arg, unsigned int worker, const struct layer_task *t, struct snap_error *e);

struct layer_pool {
	struct layer_task *tasks;
	size_t count;
	unsigned int workers;
	layer_run *run;
	void (*cancel)(void *arg); /* make those that run return soon; may be NULL */
	void *arg;
};

/* Run all tasks; the first failure cancels the rest and is returned. */
int layer_pool_run(struct layer_pool *pool, struct snap_error *e);

/*
 * The layers of an image that the store lacks, each once, with bars in `progress` for all. blobs: as many as the config
 * has diffIDs; positions may be NULL. tasks is malloc'd.
 */
int layer_tasks(const struct fetch *f, const struct image_config *config, const struct descriptor *blobs,
	const uint64_t *positions, struct progress *progress, struct layer_task **tasks, size_t *count,
	struct snap_error *e);

/* ---- Publication ---- */

struct image_docs {
	const char *name; /* canonical, or "" */
	struct digest manifest;
	struct digest list;	   /* the index it was chosen from; zero: none */
	const void *manifest_data; /* NULL: the archive had none, and manifest is the config's digest */
	size_t manifest_len;
	struct digest config;
	const void *config_data;
	size_t config_len;
};

/* Merge the layers, put the documents into the store, set the reference. All layers must be there. */
int image_publish(
	const struct fetch *f, const struct image_docs *docs, const struct image_config *config, struct snap_error *e);

/* ---- Commands: 0 or a negative errno with the sentence in *e ---- */

int fetch_pull(struct fetch *f, const char *ref, struct snap_error *e);
int fetch_load(struct fetch *f, const char *source, struct snap_error *e);

#endif
