/* SPDX-License-Identifier: MIT */
/* OCI layouts: index.json and blobs/sha256. */
#include "load_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_DEPTH_MAX 3

static char *blob_path(const struct digest *d)
{
	char hex[DIGEST_HEX_LEN + 1], *path;

	return asprintf(&path, "blobs/sha256/%s", digest_hex(d, hex)) < 0 ? NULL : path;
}

/* A document under its digest: size (if size_known) and digest are checked. */
static int read_blob(
	const struct load *l, const struct descriptor *d, size_t limit, void **data, size_t *len, struct snap_error *e)
{
	char got[DIGEST_TEXT_LEN + 1], *path = blob_path(&d->digest);
	struct digest digest;
	int r;

	if (!path)
		return snap_fail(e, ENOMEM, "out of memory");
	r = archive_read(l->archive, path, limit, data, len, e);
	if (!r) {
		sha256_of(*data, *len, &digest);
		if (!digest_equal(&digest, &d->digest))
			r = snap_fail(e, EBADMSG, "'%s' in %s has the wrong digest: %s", path, l->source,
				digest_text(&digest, got));
		else if (*len != d->size)
			r = snap_fail(e, EBADMSG, "'%s' in %s has the wrong size: %zu bytes instead of %llu", path,
				l->source, *len, (unsigned long long)d->size);
		if (r) {
			free(*data);
			*data = NULL;
		}
	}
	free(path);
	return r;
}

/* The documents of an image from an entry of index.json: through indexes to the manifest and the config. */
static int read_image_docs(struct load_image *i, const struct descriptor *top, struct snap_error *e)
{
	struct descriptor at = *top;
	struct manifest m;
	size_t len;
	int r;

	for (int depth = 0;; depth++) {
		void *data;

		r = read_blob(i->l, &at, MANIFEST_MAX, &data, &len, e);
		if (r)
			return r;
		r = manifest_parse(&m, data, len, NULL, &i->l->f->opt->platform, i->what, e);
		if (r) {
			free(data);
			return r;
		}
		if (m.kind == MANIFEST_IMAGE) {
			i->manifest_data = data;
			break;
		}
		if (depth) {
			free(data);
		} else {
			i->docs.list = at.digest;
			i->list_data = data;
			i->list_len = len;
		}
		at = m.layers[0];
		manifest_free(&m);
		if (depth == INDEX_DEPTH_MAX)
			return snap_fail(e, EPROTO, "%s is refused: its indexes are nested too deep", i->what);
	}
	i->docs.manifest = at.digest;
	i->docs.manifest_data = i->manifest_data;
	i->docs.manifest_len = len;
	i->docs.config = m.config.digest;
	i->blobs = m.layers;
	i->layer_count = m.layer_count;
	r = read_blob(i->l, &m.config, CONFIG_MAX, &i->config_data, &len, e);
	i->docs.config_data = i->config_data;
	i->docs.config_len = len;
	return r ? r : image_config_parse(&i->config, i->config_data, len, i->what, e);
}

static int load_entry(struct load_image *i, const json_t *entry, struct snap_error *e)
{
	struct descriptor top;
	int r;

	if (json_get_digest(entry, "digest", &top.digest) || json_get_size(entry, "size", &top.size))
		return snap_fail(e, EPROTO, "index.json in %s has the wrong shape: an entry has no digest and size",
			i->l->source);
	r = read_image_docs(i, &top, e);
	if (!r)
		r = load_image_check(i, e);
	if (r)
		return r;
	i->paths = calloc(i->layer_count + 1, sizeof(*i->paths));
	for (size_t n = 0; i->paths && n < i->layer_count; n++)
		i->paths[n] = blob_path(&i->blobs[n].digest);
	if (!i->paths)
		return snap_fail(e, ENOMEM, "out of memory");
	r = load_oci_names(i, entry, e);
	return r ? r : load_image_finish(i, e);
}

int load_oci(struct load *l, struct snap_error *e)
{
	struct snap_error other = {0};
	const json_t *entries;
	json_t *index;
	void *data;
	size_t len;
	int r = archive_read(l->archive, "index.json", MANIFEST_MAX, &data, &len, e);

	if (r)
		return r;
	index = json_parse_object(data, len, "index.json", e);
	free(data);
	entries = json_get_array(index, "manifests");
	if (!index)
		return -EPROTO;
	if (!entries || json_array_size(entries) > IMAGES_MAX)
		r = snap_fail(e, EPROTO,
			"index.json in %s has the wrong shape: 'manifests' is missing, no array or too long",
			l->source);
	for (size_t n = 0; !r && n < json_array_size(entries); n++) {
		struct load_image i = {.l = l};

		snprintf(i.what, sizeof(i.what), "image %zu of %.120s", n + 1, l->source);
		r = load_entry(&i, json_array_get(entries, n), e);
		load_image_clear(&i);
		/* An index may list one image for several platforms: those of others are passed over. */
		if (r == -ENOENT && json_array_size(entries) > 1 && strstr(e->text, "has no image for")) {
			other = *e;
			r = 0;
		}
	}
	json_decref(index);
	if (!r && !l->loaded) {
		if (other.err && e)
			*e = other;
		r = other.err ? -other.err : snap_fail(e, ENOENT, "%s has no image in it", l->source);
	}
	return r;
}
