/* SPDX-License-Identifier: MIT */
/* What the images of an archive are called. */
#include "load_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Add a name in its canonical form, once. What is no name is passed over: archives hold odd ones. */
static void add_name(struct load_image *i, const char *text)
{
	char canonical[REF_NAME_MAX + 1];
	struct ref_name ref;

	if (!text || i->name_count == NAMES_MAX || ref_parse(text, &ref, NULL) || !*ref.tag)
		return;
	ref_canonical(&ref, canonical);
	for (size_t n = 0; n < i->name_count; n++)
		if (!strcmp(i->names[n], canonical))
			return;
	i->names[i->name_count] = strdup(canonical);
	if (i->names[i->name_count])
		i->name_count++;
}

/* NAME:TAG, or nothing if that is none. */
static void add_tagged(struct load_image *i, const char *name, size_t len, const char *tag)
{
	char text[600];

	if (len && len < 300 && (size_t)snprintf(text, sizeof(text), "%.*s:%s", (int)len, name, tag) < sizeof(text))
		add_name(i, text);
}

/*
 * A bare tag, as umoci and skopeo write it, belongs to a name: that of --ref, or that of the file or directory it came
 * from.
 */
static void add_tag(struct load_image *i, const char *tag)
{
	char path[PATH_MAX], *base;

	if (!realpath(i->l->source, path))
		return;
	base = strrchr(path, '/') + 1;
	if (i->l->ref && !i->l->ref->explicit_tag)
		add_tagged(i, i->l->f->opt->ref, strlen(i->l->f->opt->ref), tag);
	else if (!i->l->ref)
		add_tagged(i, base, strcspn(base, "."), tag);
}

/* The name of last resort. It can be given once: a second image would take it from the first. */
static int add_ref(struct load_image *i, struct snap_error *e)
{
	if (i->name_count || !i->l->ref)
		return 0;
	if (i->l->ref_used)
		return snap_fail(
			e, EINVAL, "%s has several images without a name, and --ref can name one only", i->l->source);
	i->l->ref_used = true;
	add_name(i, i->l->f->opt->ref);
	return 0;
}

static void add_repo_tags(struct load_image *i, const json_t *entry)
{
	const json_t *tags = json_get_array(entry, "RepoTags");

	for (size_t n = 0; n < json_array_size(tags); n++)
		add_name(i, json_string_value(json_array_get(tags, n)));
}

/* The names of an entry of index.json: its annotations, then manifest.json's entry with the same config, then --ref. */
int load_oci_names(struct load_image *i, const json_t *entry, struct snap_error *e)
{
	const json_t *notes = json_get_object(entry, "annotations");
	const char *full = json_get_string(notes, "io.containerd.image.name");
	const char *name = json_get_string(notes, "org.opencontainers.image.ref.name");
	char hex[DIGEST_HEX_LEN + 1];

	add_name(i, full);
	digest_hex(&i->docs.config, hex);
	for (size_t n = 0; n < json_array_size(i->l->docker); n++) {
		const json_t *other = json_array_get(i->l->docker, n);
		const char *config = json_get_string(other, "Config");

		if (config && strstr(config, hex))
			add_repo_tags(i, other);
	}
	if (!i->name_count && name && strpbrk(name, ":/"))
		add_name(i, name);
	if (!i->name_count && name && *name)
		add_tag(i, name);
	return add_ref(i, e);
}

int load_docker_names(struct load_image *i, const json_t *entry, struct snap_error *e)
{
	add_repo_tags(i, entry);
	return add_ref(i, e);
}
