/* SPDX-License-Identifier: MIT */
/* Manifests, indexes and configs of images: OCI and Docker schema 2. All of them are a stranger's JSON. */
#ifndef PICKET_NET_MANIFEST_H
#define PICKET_NET_MANIFEST_H

#include "fuse-snap/digest.h"
#include "fuse-snap/error.h"
#include "fuse-snap/store.h"

#define MANIFEST_MAX (4u << 20)
#define CONFIG_MAX (8u << 20)
#define LAYERS_MAX 1000u
#define LAYER_SIZE_MAX (UINT64_C(1) << 40)

/* What a manifest may be asked for as. */
#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

struct platform {
	char os[32];
	char arch[32];
	char variant[16]; /* "" if there is none */
};

#define PLATFORM_TEXT_MAX 96

/* Parse OS/ARCH[/VARIANT]; x86_64 and aarch64 are understood. 0 or -EINVAL. */
int platform_parse(struct platform *out, const char *text, struct snap_error *e);

/* This machine's. */
void platform_default(struct platform *out);

char *platform_format(const struct platform *p, char buf[static PLATFORM_TEXT_MAX]);

/* May an image for `have` be used where `want` is asked for? */
bool platform_matches(const struct platform *want, const struct platform *have);

struct descriptor {
	struct digest digest;
	uint64_t size;
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct manifest {
	enum manifest_kind kind;
	struct descriptor config;
	struct descriptor *layers; /* of an image, lowest first; or the one chosen manifest of an index */
	size_t layer_count;
};

/*
 * Parse a manifest or an index.
 * media_type: what the transport said, or NULL; it must agree with what the document says of itself.
 * want: the platform to choose from an index; the chosen entry is layers[0].
 * what: names the image in messages.
 * Returns 0; -EPROTO: not a manifest, or a hostile one; -ENOTSUP: of a kind that cannot be run; -ENOENT: no such
 * platform.
 */
int manifest_parse(struct manifest *out, const void *data, size_t len, const char *media_type,
	const struct platform *want, const char *what, struct snap_error *e);
void manifest_free(struct manifest *m);

struct image_config {
	struct platform platform;
	struct digest *diffids; /* lowest first */
	size_t layer_count;
	struct run_record record; /* arch and os are set too */
};

int image_config_parse(struct image_config *out, const void *data, size_t len, const char *what, struct snap_error *e);
void image_config_free(struct image_config *c);

#endif
