/* SPDX-License-Identifier: MIT */
/*
 * A repository of a registry, by the OCI distribution protocol: authentication, redirects, retries, resumption. One
 * struct registry serves many threads, each with a struct http_conn of its own. See docs/registry.md.
 */
#ifndef PICKET_NET_REGISTRY_H
#define PICKET_NET_REGISTRY_H

#include "broker.h"
#include "fuse-snap/refname.h"
#include "http.h"
#include "manifest.h"

struct registry_options {
	bool tls_verify;       /* false: take any certificate, and plain HTTP if there is no TLS */
	unsigned int retries;  /* attempts after the first that bring nothing */
	long retry_ms;	       /* the first pause; doubled each time */
	struct broker *broker; /* knows the credentials; stays the caller's */
	long retry_max_ms;     /* the longest pause, also when the server asks for more */
};

struct registry;
int registry_new(struct http *h, const struct ref_name *ref, const struct registry_options *opt, struct registry **ret,
	struct snap_error *e);
void registry_free(struct registry *r);

/* A manifest or index as it came. */
struct registry_doc {
	void *data; /* NULL after a HEAD */
	size_t len;
	char media_type[160];
	struct digest digest; /* of the data; after a HEAD what the registry says */
};

void registry_doc_free(struct registry_doc *d);

/*
 * Fetch a manifest by tag or digest.
 * expected: its digest, if known; another one is an error
 * Returns 0, -ENOENT (no such image), -EACCES, -EHOSTUNREACH, -EBADMSG (wrong digest), -EPROTO ...
 */
int registry_manifest(struct registry *r, struct http_conn *c, const char *reference, const struct digest *expected,
	struct registry_doc *out, struct snap_error *e);

/* Ask for the digest of a tag only. 0 with out->digest; anything else means "fetch it". */
int registry_manifest_head(
	struct registry *r, struct http_conn *c, const char *reference, struct registry_doc *out, struct snap_error *e);

/* Takes the next bytes of a blob, in order, each once. Anything but 0 ends the transfer with that value. */
typedef int registry_sink(void *arg, const void *data, size_t len, struct snap_error *e);

/*
 * Fetch the bytes of a blob from offset `from` to its end, resuming where a connection breaks.
 * Never gives the sink more than size - from bytes; fewer is an error. The digest is the caller's to check.
 */
int registry_blob(struct registry *r, struct http_conn *c, const struct descriptor *d, uint64_t from,
	registry_sink *sink, void *arg, struct snap_error *e);

/*
 * Fetch the bytes [from, to) alone, likewise. -EOPNOTSUPP if the registry sends no parts (nothing has reached the sink
 * then).
 */
int registry_blob_chunk(struct registry *r, struct http_conn *c, const struct descriptor *d, uint64_t from, uint64_t to,
	registry_sink *sink, void *arg, struct snap_error *e);

/* Is it on this machine? */
bool registry_is_local(const struct registry *r);

/* Fetch a small blob whole and check its digest. *data is malloc'd, a NUL is behind it. */
int registry_small_blob(
	struct registry *r, struct http_conn *c, const struct descriptor *d, void **data, struct snap_error *e);

#endif
