/* SPDX-License-Identifier: MIT */
/* Images as docker describes them. */
#include "cmd/image/describe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/lib/jtext.h"

/* The whole configuration blob, which was checked when it was stored. */
static json_t *config_blob(const struct store *s, const struct digest *config)
{
	void *blob = NULL;
	size_t len = 0;
	json_t *v = NULL;

	if (store_get_blob(s, config, &blob, &len, NULL) == 0)
		v = json_loadb(blob, len, 0, NULL);
	free(blob);
	if (json_is_object(v))
		return v;
	json_decref(v);
	return json_object();
}

json_t *image_config(const struct store *s, const struct digest *config)
{
	json_t *blob = config_blob(s, config), *v = json_incref(json_object_get(blob, "config"));

	json_decref(blob);
	if (json_is_object(v))
		return v;
	json_decref(v);
	return json_object();
}

static json_t *digest_json(const struct digest *d)
{
	char text[DIGEST_TEXT_LEN + 1];

	return json_string(digest_text(d, text));
}

static json_t *time_json(int64_t when)
{
	time_t t = (time_t)when;
	char text[40] = "0001-01-01T00:00:00Z";
	struct tm tm;

	if (when > 0 && gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* All names of the image, and its repositories with the digest it was pulled by. */
static void add_names(const struct store *s, const struct image_ref *ref, json_t *tags, json_t *digests)
{
	struct image_ref *refs = NULL;
	size_t n = 0;

	if (store_list_refs(s, &refs, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *name = ref_familiar(refs[i].name), *colon = strrchr(name, ':');
		char text[DIGEST_TEXT_LEN + 1], *repository;
		const struct digest *d = digest_is_zero(&refs[i].list) ? &refs[i].manifest : &refs[i].list;

		if (!digest_equal(&refs[i].config, &ref->config) || !*refs[i].name)
			continue;
		json_array_append_new(tags, jtext(name));
		repository = colon && !strchr(colon, '/') ? xstrndup(name, (size_t)(colon - name)) : xstrdup(name);
		json_array_append_new(digests, json_sprintf("%s@%s", repository, digest_text(d, text)));
		free(repository);
	}
	free(refs);
}

/* A member of the blob, or `otherwise`. */
static json_t *member(const json_t *blob, const char *key, json_t *otherwise)
{
	json_t *v = json_object_get(blob, key);

	if (!v)
		return otherwise;
	json_decref(otherwise);
	return json_incref(v);
}

/* docker shows these of every image: who asks for one by a template gets an answer. */
static json_t *whole_config(const json_t *blob)
{
	static const char *const texts[] = {"User", "WorkingDir"};
	static const char *const others[] = {"ExposedPorts", "Env", "Cmd", "Entrypoint", "Volumes", "OnBuild", "Labels"};
	json_t *v = member(blob, "config", json_object()), *whole;

	if (!json_is_object(v)) {
		json_decref(v);
		v = json_object();
	}
	whole = json_copy(v);
	json_decref(v);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!json_object_get(whole, texts[i]))
			json_object_set_new(whole, texts[i], json_string(""));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!json_object_get(whole, others[i]))
			json_object_set_new(whole, others[i], json_null());
	return whole;
}

json_t *inspect_image(const struct store *s, const struct image_ref *ref)
{
	json_t *blob = config_blob(s, &ref->config), *v = json_object(), *tags = json_array(), *digests = json_array();
	json_t *rootfs = json_object();
	uint64_t size = 0;

	store_image_size(s, &ref->chain, &size, NULL);
	add_names(s, ref, tags, digests);
	json_object_set_new(v, "Id", digest_json(&ref->config));
	json_object_set_new(v, "RepoTags", tags);
	json_object_set_new(v, "RepoDigests", digests);
	json_object_set_new(v, "Parent", json_string(""));
	json_object_set_new(v, "Comment", json_string(""));
	json_object_set_new(v, "Created", member(blob, "created", json_string("0001-01-01T00:00:00Z")));
	json_object_set_new(v, "Author", member(blob, "author", json_string("")));
	json_object_set_new(v, "Config", whole_config(blob));
	json_object_set_new(v, "Architecture", member(blob, "architecture", json_string("")));
	json_object_set_new(v, "Variant", member(blob, "variant", json_string("")));
	json_object_set_new(v, "Os", member(blob, "os", json_string("")));
	json_object_set_new(v, "Size", json_integer((json_int_t)size));
	json_object_set_new(v, "VirtualSize", json_integer((json_int_t)size));
	json_object_set_new(rootfs, "Type", json_string("layers"));
	json_object_set_new(rootfs, "Layers",
		member(json_object_get(blob, "rootfs"), "diff_ids", json_array()));
	json_object_set_new(v, "RootFS", rootfs);
	json_object_set_new(v, "Metadata", json_pack("{s:o}", "LastTagTime", time_json(ref->pulled)));
	/* Picket's own. */
	json_object_set_new(v, "Digest", digest_json(&ref->manifest));
	json_object_set_new(v, "Chain", digest_json(&ref->chain));
	json_object_set_new(v, "Platform", json_string(ref->platform));
	json_decref(blob);
	return v;
}
