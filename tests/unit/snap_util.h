/* SPDX-License-Identifier: MIT */
/* What the tests of the store share: a small tar writer and a scratch directory. Include after cmocka.h. */
#ifndef PICKET_TEST_SNAP_UTIL_H
#define PICKET_TEST_SNAP_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuse-snap/ingest.h"

struct tarball {
	uint8_t *p;
	size_t len;
};

static inline void tar_file(struct tarball *t, const char *name, const void *data, size_t size)
{
	size_t padded = (size + 511) & ~(size_t)511;
	unsigned int sum = 0;
	uint8_t *h;

	t->p = realloc(t->p, t->len + 512 + padded);
	assert_non_null(t->p);
	h = t->p + t->len;
	memset(h, 0, 512 + padded);
	snprintf((char *)h, 100, "%s", name);
	memcpy(h + 100, "0000644", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	snprintf((char *)h + 124, 12, "%011o", (unsigned int)size);
	memcpy(h + 136, "00000000000", 11);
	h[156] = '0';
	memcpy(h + 257, "ustar\00000", 8);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum & 0777777);
	if (size)
		memcpy(h + 512, data, size);
	t->len += 512 + padded;
}

static inline int tar_ingest(struct store_txn *txn, const struct tarball *t, struct digest *id, struct snap_error *e)
{
	struct layer_writer *w;
	int r = layer_writer_new(txn, NULL, LAYER_HASH, &w, e);

	if (r)
		return r;
	r = layer_writer_feed(w, t->p, t->len, e);
	if (!r)
		return layer_writer_finish(w, NULL, id, e);
	layer_writer_abort(w);
	return r;
}

/* An image of @n layers with everything a pull would publish. @config is its config's text. */
static inline int publish_image(struct store_txn *txn, const char *name, const char *config,
	const struct tarball *layers, size_t n, struct image_ref *ref, struct snap_error *e)
{
	char *env[] = {(char *)(uintptr_t) "PATH=/bin", NULL};
	struct run_record rec = {.env = env};
	struct digest ids[16];
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = tar_ingest(txn, &layers[i], &ids[i], e);
	memset(ref, 0, sizeof(*ref));
	snprintf(ref->name, sizeof(ref->name), "%s", name);
	snprintf(ref->platform, sizeof(ref->platform), "linux/amd64");
	ref->layers = n;
	sha256_of(config, strlen(config), &ref->config);
	ref->manifest = ref->config;
	if (!r)
		r = image_merge(txn, ids, n, &ref->chain, e);
	if (!r)
		r = store_put_blob(txn, &ref->config, config, strlen(config), e);
	if (!r)
		r = store_put_record(txn, &ref->config, &rec, e);
	return r ? r : store_set_ref(txn, ref, e);
}

static inline void make_scratch(char dir[64])
{
	strcpy(dir, "/tmp/picket-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static inline void remove_scratch(const char *dir)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
}

#endif
