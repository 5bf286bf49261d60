/* SPDX-License-Identifier: MIT */
/* Image names as people write them, and their canonical form. */
#ifndef PICKET_SNAP_REFNAME_H
#define PICKET_SNAP_REFNAME_H

#include <stdbool.h>

#include "digest.h"
#include "error.h"

#define REF_NAME_MAX 512

/* busybox -> docker.io, library/busybox, latest */
struct ref_name {
	char registry[256];   /* host[:port] */
	char repository[256]; /* library/busybox */
	char tag[129];	      /* "" if only a digest was given */
	bool has_digest;
	struct digest digest; /* of the manifest */
	bool explicit_tag;    /* the tag was written, not supplied */
};

/**
 * ref_parse - parse [REGISTRY/]REPOSITORY[:TAG][@sha256:HEX] with docker's rules for short names
 *
 * Returns 0 or -EINVAL and a sentence in @e.
 */
int ref_parse(const char *text, struct ref_name *ret, struct snap_error *e);

/** ref_canonical - REGISTRY/REPOSITORY[:TAG], the key of the store's references (the digest is not part of it). */
char *ref_canonical(const struct ref_name *r, char out[static REF_NAME_MAX + 1]);

/** ref_familiar - the shortest text that ref_parse reads as @canonical: docker.io/library/busybox:latest ->
 * busybox:latest. */
const char *ref_familiar(const char *canonical);

#endif
