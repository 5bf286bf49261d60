/* SPDX-License-Identifier: MIT */
/*
 * The store: blobs, layers, merged images, references. Layout, locks and guarantees are in docs/store.md.
 *
 * Everything is published by rename(2) after fsync; what is not published lies under tmp/ and is removed by the next
 * command that finds nobody using it. Functions return 0 or a negative errno and fill a struct snap_error.
 *
 * Locks, in the order they are taken:
 *   lock         flock: shared by a transaction from begin to commit, exclusive by clean-up and collection
 *   refs.lock    flock: exclusive for one change of refs
 *   images/X/index  flock: shared by whoever holds a descriptor of the image (client.h), exclusive to remove it
 * A thread may use the store while another does; one struct store_txn may be used by many threads.
 */
#ifndef PICKET_SNAP_STORE_H
#define PICKET_SNAP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "error.h"
#include "refname.h"

struct store;
struct store_txn;

#define STORE_BLOB_MAX (UINT64_C(64) << 20) /* largest blob read whole into memory */

/**
 * store_open - open, and if need be make, a store
 * @path: its directory; NULL: $PICKET_STORE, else $XDG_DATA_HOME/picket, else ~/.local/share/picket
 */
int store_open(const char *path, struct store **ret, struct snap_error *e);

/** store_default_path - the directory that store_open(NULL) would open; *ret is malloc'd. It need not exist. */
int store_default_path(char **ret, struct snap_error *e);
void store_close(struct store *s);

/** store_path - the directory of the store, as opened (absolute). */
const char *store_path(const struct store *s);

/** store_dirfd - descriptor of the directory; stays the store's. */
int store_dirfd(const struct store *s);

/* ---- Transactions: whatever adds to the store ---- */

/**
 * store_begin - begin an ingestion
 *
 * Cleans what a crash left if nobody else is at work, then holds the store's shared lock: nothing that is found in the
 * store or added to it is collected until the end of the transaction.
 */
int store_begin(struct store *s, struct store_txn **ret, struct snap_error *e);

/** store_end - end it and free it. What was published stays; temporaries of this transaction go. NULL is allowed. */
void store_end(struct store_txn *t);

struct store *store_txn_store(const struct store_txn *t);

/**
 * store_txn_tmp - make a temporary file of this transaction (for partial downloads, spooled archives)
 *
 * Opened read-write, close-on-exec, already without a name: it vanishes with its descriptor.
 */
int store_txn_tmp(struct store_txn *t, int *ret_fd, struct snap_error *e);

/* ---- Blobs: manifests, configs, and layers if somebody wants them kept ---- */

bool store_has_blob(const struct store *s, const struct digest *d);

/** store_put_blob - check that @data has digest @d, and publish it. Having it already is success. */
int store_put_blob(struct store_txn *t, const struct digest *d, const void *data, size_t len, struct snap_error *e);

/** store_get_blob - read a whole blob (at most STORE_BLOB_MAX), check its digest. *ret is malloc'd, with a NUL behind.
 */
int store_get_blob(const struct store *s, const struct digest *d, void **ret, size_t *len, struct snap_error *e);

/* ---- Layers and images ---- */

/** store_has_layer - whether the layer with this diffID is published. Stable only inside a transaction. */
bool store_has_layer(const struct store *s, const struct digest *diffid);

/** store_has_image - whether the merged index with this chainID is published. */
bool store_has_image(const struct store *s, const struct digest *chainid);

/** store_chain_id - the OCI chainID of the layers @diffids, lowest first. With @n 0: the digest of nothing. */
void store_chain_id(const struct digest *diffids, size_t n, struct digest *ret);

/**
 * store_open_image_index - open images/<chainid>/index and hold its shared lock
 *
 * The lock lives in the open file description: it lasts until the last descriptor made from this one is closed, also in
 * other processes. Returns 0, -ENOENT.
 */
int store_open_image_index(const struct store *s, const struct digest *chainid, int *ret_fd, struct snap_error *e);

/** store_open_pack - open the pack of a layer, read-only. */
int store_open_pack(const struct store *s, const struct digest *diffid, int *ret_fd, struct snap_error *e);

/** store_image_size - bytes of the regular files of an image. */
int store_image_size(const struct store *s, const struct digest *chainid, uint64_t *ret, struct snap_error *e);

/** store_layer_size - bytes of the regular files of a layer. */
int store_layer_size(const struct store *s, const struct digest *diffid, uint64_t *ret, struct snap_error *e);

/* ---- Run records: what `picket run` needs of a config, without JSON ---- */

/* Lists end with NULL and may be NULL. Strings are the config's own bytes; none holds a NUL. */
struct run_record {
	char **env;	   /* NAME=VALUE */
	char **entrypoint; /* NULL: not set */
	char **cmd;
	char **labels;	/* NAME=VALUE */
	char **volumes; /* paths */
	char **ports;	/* 80/tcp */
	char *user;	/* NULL or "": root */
	char *workdir;
	char *stop_signal;
	char **health_test; /* docker's Healthcheck.Test: NONE, CMD ARG…, CMD-SHELL TEXT */
	char *health_interval, *health_timeout, *health_start_period, *health_start_interval; /* ns, decimal */
	char *health_retries;
	char *arch;	 /* amd64 */
	char *os;	 /* linux */
	int64_t created; /* seconds since 1970, 0: unknown */
};

/** store_put_record - publish the record that belongs to config @config. */
int store_put_record(
	struct store_txn *t, const struct digest *config, const struct run_record *r, struct snap_error *e);

/** store_get_record - read it; free with run_record_free. Returns 0, -ENOENT, -EUCLEAN. */
int store_get_record(const struct store *s, const struct digest *config, struct run_record *ret, struct snap_error *e);
void run_record_free(struct run_record *r);

/* ---- References ---- */

struct image_ref {
	char name[REF_NAME_MAX + 1]; /* canonical; "" for an image kept by its manifest digest alone */
	struct digest manifest;	     /* of the platform's manifest */
	struct digest list;	     /* of the list it was chosen from (docker's repository digest); zero: none */
	struct digest config;	     /* docker's image ID */
	struct digest chain;
	char platform[64]; /* linux/amd64[/v8] */
	int64_t pulled;	   /* seconds since 1970 */
	uint64_t layers;   /* number of layers */
};

/** store_set_ref - add a reference, or point it somewhere else. Its blobs, record and image must have been published.
 */
int store_set_ref(struct store_txn *t, const struct image_ref *ref, struct snap_error *e);

/** store_list_refs - all references, sorted by name. *ret is malloc'd. */
int store_list_refs(const struct store *s, struct image_ref **ret, size_t *n, struct snap_error *e);

/**
 * store_resolve - find the image a person means
 * @text: a name with docker's defaults, name@digest, or a prefix (4 hex digits and up) of an image ID or manifest
 * digest
 *
 * Returns 0, -ENOENT, -EINVAL (not a name), -ENOTUNIQ (ambiguous prefix).
 */
int store_resolve(const struct store *s, const char *text, struct image_ref *ret, struct snap_error *e);

/** store_remove_ref - forget a reference (as store_resolve finds it); an image ID removes all its names. No collection.
 */
int store_remove_ref(struct store *s, const char *text, size_t *removed, struct snap_error *e);

/**
 * store_hold - let nothing be collected until *ret_fd is closed
 *
 * For what finds something in the store and then makes it used (an entry of a sandbox). Waits for a collection that runs.
 */
int store_hold(const struct store *s, int *ret_fd, struct snap_error *e);

struct store_gc_stats {
	uint64_t images;
	uint64_t layers;
	uint64_t blobs;
	uint64_t bytes;	      /* freed on disk */
	uint64_t kept_in_use; /* images without a reference that somebody still reads */
};

/**
 * store_collect - remove what no reference and no lock holds
 *
 * Returns 0, or -EBUSY at once if a transaction is running: the next collection does it.
 */
int store_collect(struct store *s, struct store_gc_stats *stats, struct snap_error *e);

/* Who uses images beside the references: each() calls add() for every one, or fails with a sentence in @e. */
struct store_users {
	int (*each)(void *arg, void (*add)(void *to, const struct digest *chain, const struct digest *config), void *to,
		struct snap_error *e);
	void *arg;
};

/** store_collect_but - as store_collect, but keep what @users use. They are asked while nothing can change (store_hold). */
int store_collect_but(
	struct store *s, const struct store_users *users, struct store_gc_stats *stats, struct snap_error *e);

/** store_verify - check every blob, index and pack. @report is called with a sentence for each fault. Returns 0,
 * -EUCLEAN. */
int store_verify(struct store *s, void (*report)(void *arg, const char *text), void *arg, struct snap_error *e);

/** store_pull_lock - wait until no other process pulls the same thing; *ret_fd holds the lock until closed. */
int store_pull_lock(struct store *s, const char *key, int *ret_fd, struct snap_error *e);

#endif
