/* SPDX-License-Identifier: MIT */
/* docker-archives: manifest.json, configs by their digest, layers by path. */
#include "load_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The config's file is called by its digest, in both the old and the new form. */
static int check_config_name(const struct load_image *i, const char *path, struct snap_error *e)
{
	const char *base = strrchr(path, '/');
	char got[DIGEST_HEX_LEN + 1];

	base = base ? base + 1 : path;
	if (strspn(base, "0123456789abcdef") == 64 && strncmp(base, digest_hex(&i->docs.config, got), 64))
		return snap_fail(e, EBADMSG, "'%s' in %s has the wrong digest: sha256:%s", path, i->l->source, got);
	return 0;
}

static int docker_layers(struct load_image *i, const json_t *layers, struct snap_error *e)
{
	i->layer_count = json_array_size(layers);
	i->paths = calloc(i->layer_count + 1, sizeof(*i->paths));
	i->blobs = calloc(i->layer_count + 1, sizeof(*i->blobs));
	if (!i->paths || !i->blobs)
		return snap_fail(e, ENOMEM, "out of memory");
	for (size_t n = 0; n < i->layer_count; n++) {
		const char *path = json_string_value(json_array_get(layers, n));
		struct member m;

		if (!path)
			return snap_fail(e, EPROTO, "manifest.json in %s has the wrong shape: a layer is no string",
				i->l->source);
		i->paths[n] = strdup(path);
		if (!i->paths[n])
			return snap_fail(e, ENOMEM, "out of memory");
		/* Layers the store has may be missing from the archive; whether one is needed shows later. */
		if (archive_find(i->l->archive, path, &m))
			continue;
		i->blobs[n].size = m.size;
		member_close(&m);
	}
	return 0;
}

static int load_docker_entry(struct load_image *i, const json_t *entry, struct snap_error *e)
{
	const char *config = json_get_string(entry, "Config");
	const json_t *layers = json_get_array(entry, "Layers");
	size_t len;
	int r;

	if (!config || !layers || json_array_size(layers) > LAYERS_MAX)
		return snap_fail(e, EPROTO,
			"manifest.json in %s has the wrong shape: an entry has no Config and Layers", i->l->source);
	r = archive_read(i->l->archive, config, CONFIG_MAX, &i->config_data, &len, e);
	if (r)
		return r;
	sha256_of(i->config_data, len, &i->docs.config);
	i->docs.manifest = i->docs.config;
	i->docs.config_data = i->config_data;
	i->docs.config_len = len;
	r = check_config_name(i, config, e);
	if (!r)
		r = image_config_parse(&i->config, i->config_data, len, i->what, e);
	if (!r)
		r = docker_layers(i, layers, e);
	if (!r)
		r = load_image_check(i, e);
	if (!r)
		r = load_docker_names(i, entry, e);
	return r ? r : load_image_finish(i, e);
}

int load_docker(struct load *l, struct snap_error *e)
{
	int r = 0;

	if (!json_array_size(l->docker) || json_array_size(l->docker) > IMAGES_MAX)
		return snap_fail(e, EPROTO, "manifest.json in %s lists no image, or too many", l->source);
	for (size_t n = 0; !r && n < json_array_size(l->docker); n++) {
		struct load_image i = {.l = l};

		snprintf(i.what, sizeof(i.what), "image %zu of %.120s", n + 1, l->source);
		r = load_docker_entry(&i, json_array_get(l->docker, n), e);
		load_image_clear(&i);
	}
	return r;
}
