/* SPDX-License-Identifier: MIT */
/* `picket verify`: every blob against its digest, every index against its checksum and rules, every extent's data. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_priv.h"
#include "twin.h"

#define CHUNK (1u << 20)

struct verify {
	struct store *store;
	void (*report)(void *arg, const char *text);
	void *arg;
	bool bad;
	uint8_t *buf; /* CHUNK bytes */
};

static void fault(struct verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct verify *v, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->bad = true;
	if (v->report)
		v->report(v->arg, text);
}

static int verify_blob(struct verify *v, const struct digest *d)
{
	struct snap_error e;
	size_t len;
	void *p;

	if (store_get_blob(v->store, d, &p, &len, &e))
		fault(v, "%s", e.text);
	else
		free(p);
	return 0;
}

static bool extent_matches(struct verify *v, int fd, const struct snap_extent *x)
{
	uint32_t crc = 0;

	for (uint64_t at = 0; at < x->len;) {
		size_t n = x->len - at < CHUNK ? (size_t)(x->len - at) : CHUNK;

		if (read_full(fd, v->buf, n, (int64_t)(x->pack_off + at)))
			return false;
		crc = snap_crc32c(crc, v->buf, n);
		at += n;
	}
	return crc == x->crc;
}

/* The data of every extent of pack number @pack; the own pack is read through the index that wrote it. */
static void verify_pack(struct verify *v, const struct snap_index *ix, const struct digest *layer, uint32_t pack)
{
	char text[DIGEST_TEXT_LEN + 1];
	uint64_t bad = 0;
	struct stat st;
	int fd;

	if (store_open_pack(v->store, layer, &fd, NULL)) {
		fault(v, "the pack of layer %s is missing", digest_text(layer, text));
		return;
	}
	if (fstat(fd, &st) || (uint64_t)st.st_size < ix->packs[pack].size)
		fault(v, "the pack of layer %s is too short", digest_text(layer, text));
	for (uint32_t i = 0; i < ix->extent_count; i++)
		if (ix->extents[i].pack == pack && !extent_matches(v, fd, &ix->extents[i]))
			bad++;
	if (bad)
		fault(v, "the pack of layer %s is damaged in %llu places", digest_text(layer, text),
			(unsigned long long)bad);
	close(fd);
}

static int check_index(struct verify *v, const char *path, const struct digest *d, struct mapped_index *m)
{
	const char *why = "it cannot be read";
	int r = store_map_index(v->store, path, m);

	if (r) {
		fault(v, "%s: %s", path, why);
		return r;
	}
	if (memcmp(m->ix.super->id, d->b, sizeof(d->b)))
		fault(v, "%s: it is another's index", path);
	r = snap_index_check(&m->ix, &why);
	if (r) {
		fault(v, "%s: %s", path, why);
		store_unmap_index(m);
	}
	return r;
}

/* A damaged one would be mapped into programs. */
static void verify_twins(struct verify *v, const char *path)
{
	int fd = openat(v->store->dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r;

	if (fd < 0)
		return;
	r = twin_verify(fd);
	if (r && r != -EPROTONOSUPPORT) /* of another version: nobody uses it */
		fault(v, "%s is damaged", path);
	close(fd);
}

/* The copies of text of the host's files. */
static void verify_cache(struct verify *v)
{
	char path[300], **names;

	if (store_list(v->store, STORE_TWINS, &names))
		return;
	for (char **n = names; *n; n++) {
		snprintf(path, sizeof(path), STORE_TWINS "/%.255s", *n);
		verify_twins(v, path);
	}
	store_free_names(names);
}

static int verify_layer(struct verify *v, const struct digest *d)
{
	struct mapped_index m;

	if (check_index(v, store_name(STORE_LAYERS, d, "index").s, d, &m))
		return 0;
	for (uint32_t i = 0; i < m.ix.pack_count; i++) {
		struct digest layer;

		memcpy(layer.b, m.ix.packs[i].layer, sizeof(layer.b));
		verify_pack(v, &m.ix, digest_is_zero(&layer) ? d : &layer, i);
	}
	store_unmap_index(&m);
	verify_twins(v, store_name(STORE_LAYERS, d, "twins").s);
	return 0;
}

static int verify_image(struct verify *v, const struct digest *d)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct mapped_index m;

	if (check_index(v, store_name(STORE_IMAGES, d, "index").s, d, &m))
		return 0;
	for (uint32_t i = 0; i < m.ix.pack_count; i++) {
		struct digest layer;

		memcpy(layer.b, m.ix.packs[i].layer, sizeof(layer.b));
		if (!store_has_layer(v->store, &layer))
			fault(v, "image %s needs a layer that is missing", digest_text(d, text));
	}
	store_unmap_index(&m);
	return 0;
}

static int verify_dir(struct verify *v, const char *dir, int (*one)(struct verify *, const struct digest *))
{
	char **names;
	int r = store_list(v->store, dir, &names);

	if (r)
		return r;
	for (char **n = names; *n && !r; n++) {
		struct digest d;

		if (digest_parse(*n, &d))
			fault(v, "%s/%s does not belong into a store", dir, *n);
		else
			r = one(v, &d);
	}
	store_free_names(names);
	return r;
}

static int verify_refs(struct verify *v, struct snap_error *e)
{
	struct run_record rec;
	struct image_ref *refs;
	size_t n;
	int r = store_list_refs(v->store, &refs, &n, e);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (!store_has_image(v->store, &refs[i].chain))
			fault(v, "image %s has no index", refs[i].name);
		if (!store_has_blob(v->store, &refs[i].manifest) || !store_has_blob(v->store, &refs[i].config))
			fault(v, "image %s has no manifest or no configuration", refs[i].name);
		if (store_get_record(v->store, &refs[i].config, &rec, NULL))
			fault(v, "image %s has no run record", refs[i].name);
		else
			run_record_free(&rec);
	}
	free(refs);
	return 0;
}

int store_verify(struct store *s, void (*report)(void *arg, const char *text), void *arg, struct snap_error *e)
{
	struct verify v = {.store = s, .report = report, .arg = arg, .buf = malloc(CHUNK)};
	int r = v.buf ? 0 : -ENOMEM;

	if (!r)
		r = verify_dir(&v, STORE_BLOBS, verify_blob);
	if (!r)
		r = verify_dir(&v, STORE_LAYERS, verify_layer);
	if (!r)
		r = verify_dir(&v, STORE_IMAGES, verify_image);
	if (!r)
		verify_cache(&v);
	if (r)
		snap_fail_errno(e, -r, "cannot check the store in %s", s->path);
	else
		r = verify_refs(&v, e);
	free(v.buf);
	if (!r && v.bad)
		r = snap_fail(e, EUCLEAN, "the store in %s is damaged: remove the images and pull them again", s->path);
	return r;
}
