/* SPDX-License-Identifier: MIT */
/* What the two readers of image archives (OCI layout, docker-archive) share: one image on its way into the store. */
#ifndef PICKET_NET_LOAD_PRIV_H
#define PICKET_NET_LOAD_PRIV_H

#include "archive.h"
#include "fetch.h"
#include "fuse-snap/refname.h"
#include "json.h"

#define IMAGES_MAX 1000u
#define NAMES_MAX 64u

struct load {
	struct fetch *f;
	const char *source;
	struct archive *archive;
	json_t *docker;		    /* manifest.json, an array, or NULL */
	const struct ref_name *ref; /* of --ref, or NULL */
	bool ref_used;
	size_t loaded;
	_Atomic bool cancelled;
};

/* One image on its way. */
struct load_image {
	struct load *l;
	char what[160]; /* for messages */
	char *names[NAMES_MAX];
	size_t name_count;
	struct image_docs docs;
	void *list_data, *manifest_data, *config_data;
	size_t list_len;
	struct image_config config;
	struct descriptor *blobs; /* of the layers; digests are zero in a docker-archive */
	char **paths;
	size_t layer_count;
};

/* Free what it holds. */
void load_image_clear(struct load_image *i);

/* The names of an entry of index.json or of manifest.json. -EINVAL if --ref would have to name two images. */
int load_oci_names(struct load_image *i, const json_t *entry, struct snap_error *e);
int load_docker_names(struct load_image *i, const json_t *entry, struct snap_error *e);

/* Once the documents are read, before names are given: do they agree, and is it for the platform that is asked for? */
int load_image_check(const struct load_image *i, struct snap_error *e);

/* Bring the layers that the store lacks, and publish the image under its names. */
int load_image_finish(struct load_image *i, struct snap_error *e);

/* All images of a layout, of a docker-archive. */
int load_oci(struct load *l, struct snap_error *e);
int load_docker(struct load *l, struct snap_error *e);

#endif
