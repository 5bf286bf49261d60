/* SPDX-License-Identifier: MIT */
/* What the files of the store share among themselves and with ingestion. */
#ifndef PICKET_SNAP_STORE_PRIV_H
#define PICKET_SNAP_STORE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "index.h"
#include "store.h"

#define STORE_BLOBS "blobs/sha256"
#define STORE_LAYERS "layers"
#define STORE_IMAGES "images"
#define STORE_RECORDS "records"
#define STORE_TMP "tmp"
#define STORE_TWINS "twins" /* made at need */
#define STORE_LOCKS "locks"
#define STORE_RESERVE "reserve"
#define STORE_PARTIAL "partial" /* net/'s; may be missing */

struct store {
	char *path;
	int dirfd;
};

struct dedup;

struct store_txn {
	struct store *store;
	int lock_fd;
	char tmp[64]; /* tmp/PID-RANDOM, of this transaction alone */
	int tmp_fd;
	atomic_uint next;     /* names in it */
	pthread_mutex_t lock; /* guards dedup */
	struct dedup *dedup;  /* made by the first layer writer */
};

/* A path in the store that belongs to a digest: DIR/HEX[/FILE]. */
struct store_name {
	char s[160];
};

struct store_name store_name(const char *dir, const struct digest *d, const char *file);

/* A fresh name tmp/PID-RANDOM/N. */
struct store_name txn_name(struct store_txn *t);

bool store_exists(const struct store *s, const char *path);

/* Write and fsync a whole new file, relative to the store. */
int store_write_file(const struct store *s, const char *path, const void *data, size_t len);

/* Read a whole file of at most @max bytes; malloc'd, with a NUL behind. -EFBIG. */
int store_read_file(const struct store *s, const char *path, size_t max, void **ret, size_t *len);

int write_full(int fd, const void *data, size_t len, int64_t at); /* @at -1: at the file's position */
int read_full(int fd, void *data, size_t len, int64_t at);	  /* -EIO at the end of the file */

int store_fsync_dir(const struct store *s, const char *path);

/* Remove a file or a tree below the store; bytes freed are added to *freed if it is not NULL. */
int store_remove_tree(const struct store *s, const char *path, uint64_t *freed);

/* Remove everything under tmp/; needs the exclusive lock. */
void store_clean_tmp(const struct store *s);

/*
 * Room that is kept for removing when the disk is full: the list of references is written anew, and directories get names. Made
 * when something is added, given up by whoever removes and meets ENOSPC or EDQUOT (@r): true if there was some to give up.
 */
void store_reserve_keep(const struct store *s);
bool store_reserve_release(const struct store *s, int r);

/* flock, with EINTR retried. */
int store_flock(int fd, int op);

/* Names of a directory of the store, malloc'd, NULL-terminated. Free with store_free_names. */
int store_list(const struct store *s, const char *path, char ***ret);
void store_free_names(char **names);

/* An index mapped from the store. */
struct mapped_index {
	struct snap_index ix;
	void *map;
	size_t len;
};

int store_map_index(const struct store *s, const char *path, struct mapped_index *ret);
int store_map_fd(int fd, struct mapped_index *ret);
void store_unmap_index(struct mapped_index *m);

/* The diffIDs of an image, malloc'd. */
int store_image_layers(const struct store *s, const struct digest *chain, struct digest **ret, size_t *n);

/* De-duplication table of a transaction; see dedup.h. */
void dedup_free(struct dedup *d);

#endif
