/* SPDX-License-Identifier: MIT */
/* Parsing of manifests and indexes, and the choice of a platform. */
#include "manifest.h"

#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Other names of architectures, as people and kernels write them. */
static const struct {
	const char *alias, *arch, *variant;
} arch_aliases[] = {
	{"x86_64", "amd64", ""},
	{"x86-64", "amd64", ""},
	{"aarch64", "arm64", ""},
	{"armhf", "arm", "v7"},
	{"armel", "arm", "v6"},
	{"i386", "386", ""},
};

static void platform_normalise(struct platform *p)
{
	for (size_t i = 0; i < sizeof(arch_aliases) / sizeof(*arch_aliases); i++) {
		if (strcmp(p->arch, arch_aliases[i].alias))
			continue;
		snprintf(p->arch, sizeof(p->arch), "%s", arch_aliases[i].arch);
		if (!*p->variant)
			snprintf(p->variant, sizeof(p->variant), "%s", arch_aliases[i].variant);
	}
	if (!strcmp(p->arch, "arm64") && (!strcmp(p->variant, "v8") || !strcmp(p->variant, "8")))
		*p->variant = '\0';
	if (!strcmp(p->arch, "amd64") && !strcmp(p->variant, "v1"))
		*p->variant = '\0';
}

int platform_parse(struct platform *out, const char *text, struct snap_error *e)
{
	struct platform p = {0};
	char tail = 0;
	int n = sscanf(text, "%31[a-z0-9]/%31[a-z0-9_-]/%15[a-z0-9.]%c", p.os, p.arch, p.variant, &tail);

	if (n < 2 || n > 3 || (n == 2 && strcmp(strrchr(text, '/') + 1, p.arch)))
		return snap_fail(e, EINVAL,
			"invalid platform '%s': it is written OS/ARCH or OS/ARCH/VARIANT, "
			"for example linux/amd64",
			text);
	platform_normalise(&p);
	*out = p;
	return 0;
}

void platform_default(struct platform *out)
{
#if defined(__x86_64__)
	*out = (struct platform){"linux", "amd64", ""};
#elif defined(__aarch64__)
	*out = (struct platform){"linux", "arm64", ""};
#else
#error "name this architecture as images do"
#endif
}

char *platform_format(const struct platform *p, char buf[static PLATFORM_TEXT_MAX])
{
	snprintf(buf, PLATFORM_TEXT_MAX, "%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "", p->variant);
	return buf;
}

bool platform_matches(const struct platform *want, const struct platform *have)
{
	if (strcmp(want->os, have->os) || strcmp(want->arch, have->arch))
		return false;
	/* An image that names no variant runs on all. */
	return !*have->variant || !strcmp(want->variant, have->variant);
}

/* A field of a platform: what is too long or has odd characters is nothing that could match. */
static void platform_field(char *buf, size_t size, const char *text)
{
	*buf = '\0';
	if (text && strlen(text) < size && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(text))
		strcpy(buf, text);
}

static void platform_from_json(struct platform *p, const json_t *obj)
{
	platform_field(p->os, sizeof(p->os), json_get_string(obj, "os"));
	platform_field(p->arch, sizeof(p->arch), json_get_string(obj, "architecture"));
	platform_field(p->variant, sizeof(p->variant), json_get_string(obj, "variant"));
	platform_normalise(p);
}

static int descriptor_from_json(
	struct descriptor *d, const json_t *obj, const char *member, const char *what, struct snap_error *e)
{
	if (!json_is_object(obj))
		return snap_fail(
			e, EPROTO, "%s has a manifest of the wrong shape: '%s' is missing or no object", what, member);
	if (json_get_digest(obj, "digest", &d->digest))
		return snap_fail(e, EPROTO,
			"%s has a manifest of the wrong shape: a digest of '%s' is not sha256: "
			"and 64 hexadecimal digits",
			what, member);
	if (json_get_size(obj, "size", &d->size) || d->size > LAYER_SIZE_MAX)
		return snap_fail(e, EPROTO, "%s has a manifest of the wrong shape: a size of '%s' is missing or absurd",
			what, member);
	return 0;
}

static bool media_is_layer(const char *type)
{
	static const char *const types[] = {
		"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.v1.tar+gzip",
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
		"application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(type, types[i]))
			return true;
	return false;
}

static int parse_image(struct manifest *out, const json_t *root, const char *what, struct snap_error *e)
{
	const json_t *config = json_object_get(root, "config");
	const json_t *layers = json_get_array(root, "layers");
	const char *type = json_get_string(config, "mediaType");
	int r;

	if (type && strcmp(type, "application/vnd.oci.image.config.v1+json") &&
		strcmp(type, "application/vnd.docker.container.image.v1+json") &&
		strcmp(type, "application/octet-stream"))
		return snap_fail(e, ENOTSUP, "%s is not a container image: its config is of type '%s'", what, type);
	r = descriptor_from_json(&out->config, config, "config", what, e);
	if (r)
		return r;
	if (out->config.size > CONFIG_MAX)
		return snap_fail(e, EPROTO, "%s is refused: its config has %llu bytes, more than the limit of %u", what,
			(unsigned long long)out->config.size, CONFIG_MAX);
	if (!layers)
		return snap_fail(
			e, EPROTO, "%s has a manifest of the wrong shape: 'layers' is missing or no array", what);
	if (json_array_size(layers) > LAYERS_MAX)
		return snap_fail(e, EPROTO, "%s is refused: it has %zu layers, more than the limit of %u", what,
			json_array_size(layers), LAYERS_MAX);
	out->layers = calloc(json_array_size(layers) + 1, sizeof(*out->layers));
	if (!out->layers)
		return snap_fail(e, ENOMEM, "out of memory");
	for (out->layer_count = 0; out->layer_count < json_array_size(layers); out->layer_count++) {
		const json_t *layer = json_array_get(layers, out->layer_count);

		type = json_get_string(layer, "mediaType");
		if (type && !media_is_layer(type))
			return snap_fail(
				e, ENOTSUP, "%s has a layer of the type '%s', which is not a file system", what, type);
		r = descriptor_from_json(&out->layers[out->layer_count], layer, "layers", what, e);
		if (r)
			return r;
	}
	return 0;
}

/* List the platforms of an index for the message that none matches. */
static int no_platform(const json_t *manifests, const struct platform *want, const char *what, struct snap_error *e)
{
	char list[600] = "", text[PLATFORM_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(manifests); i++) {
		struct platform p;
		char item[PLATFORM_TEXT_MAX + 2];
		size_t n;

		platform_from_json(&p, json_get_object(json_array_get(manifests, i), "platform"));
		if (!*p.os || !strcmp(p.os, "unknown"))
			continue;
		n = (size_t)snprintf(item, sizeof(item), "%s%s", used ? ", " : "", platform_format(&p, text));
		if (used + n >= sizeof(list) - 5) {
			strcpy(list + used, " ...");
			break;
		}
		memcpy(list + used, item, n + 1);
		used += n;
	}
	return snap_fail(e, ENOENT, "%s has no image for %s; it has: %s", what, platform_format(want, text),
		*list ? list : "no platform at all");
}

static int parse_index(
	struct manifest *out, const json_t *root, const struct platform *want, const char *what, struct snap_error *e)
{
	const json_t *manifests = json_get_array(root, "manifests"), *best = NULL, *only = NULL;
	bool best_exact = false;
	size_t candidates = 0;

	if (!manifests)
		return snap_fail(
			e, EPROTO, "%s has an index of the wrong shape: 'manifests' is missing or no array", what);
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *entry = json_array_get(manifests, i), *obj = json_get_object(entry, "platform");
		struct platform p;
		bool exact;

		if (!obj) {
			only = entry;
			candidates++;
			continue;
		}
		platform_from_json(&p, obj);
		exact = !strcmp(p.variant, want->variant);
		if (platform_matches(want, &p) && (!best || (exact && !best_exact))) {
			best = entry;
			best_exact = exact;
		}
	}
	/* Layouts made by hand often have one entry and no platform; the config says then. */
	if (!best && candidates == 1 && json_array_size(manifests) == 1)
		best = only;
	if (!best)
		return no_platform(manifests, want, what, e);
	out->layers = calloc(1, sizeof(*out->layers));
	if (!out->layers)
		return snap_fail(e, ENOMEM, "out of memory");
	out->layer_count = 1;
	return descriptor_from_json(&out->layers[0], best, "manifests", what, e);
}

static bool media_is_json(const char *type)
{
	return !strcmp(type, "application/json") || !strcmp(type, "text/plain") ||
	       !strcmp(type, "application/octet-stream");
}

/* Kind by media type: -1 if the type says nothing, -2 if it is of another world. */
static int kind_of_media(const char *type)
{
	if (!strcmp(type, MEDIA_OCI_MANIFEST) || !strcmp(type, MEDIA_DOCKER_MANIFEST))
		return MANIFEST_IMAGE;
	if (!strcmp(type, MEDIA_OCI_INDEX) || !strcmp(type, MEDIA_DOCKER_LIST))
		return MANIFEST_INDEX;
	return !*type || media_is_json(type) ? -1 : -2;
}

static int parse_root(struct manifest *out, const json_t *root, const char *media_type, const struct platform *want,
	const char *what, struct snap_error *e)
{
	const char *own = json_get_string(root, "mediaType");
	const char *type = own ? own : media_type ? media_type : "";
	bool image = json_object_get(root, "layers") || json_object_get(root, "config");
	bool index = json_object_get(root, "manifests");
	uint64_t schema;
	int kind;

	if (json_get_size(root, "schemaVersion", &schema))
		schema = 2;
	if (schema == 1 || strstr(type, "docker.distribution.manifest.v1+"))
		return snap_fail(e, ENOTSUP,
			"%s has a manifest of Docker's schema 1, which has been obsolete since 2017; "
			"push the image again with a current tool",
			what);
	if (own && media_type && kind_of_media(media_type) >= 0 && kind_of_media(own) != kind_of_media(media_type))
		return snap_fail(e, EPROTO, "%s has a manifest that calls itself '%s' but was sent as '%s'", what, own,
			media_type);
	kind = kind_of_media(type);
	if (kind == -2)
		return snap_fail(e, ENOTSUP, "%s is of the type '%s', which is not a container image", what, type);
	if (image && index)
		return snap_fail(
			e, EPROTO, "%s is refused: its manifest claims to be an image and an index at once", what);
	if (kind == -1)
		kind = index ? MANIFEST_INDEX : MANIFEST_IMAGE;
	out->kind = (enum manifest_kind)kind;
	return kind == MANIFEST_INDEX ? parse_index(out, root, want, what, e) : parse_image(out, root, what, e);
}

int manifest_parse(struct manifest *out, const void *data, size_t len, const char *media_type,
	const struct platform *want, const char *what, struct snap_error *e)
{
	struct manifest m = {0};
	char name[512];
	json_t *root;
	int r;

	snprintf(name, sizeof(name), "the manifest of %s", what);
	root = json_parse_object(data, len, name, e);
	if (!root)
		return -EPROTO;
	r = parse_root(&m, root, media_type, want, what, e);
	json_decref(root);
	if (r)
		manifest_free(&m);
	else
		*out = m;
	return r;
}

void manifest_free(struct manifest *m)
{
	free(m->layers);
	*m = (struct manifest){0};
}
