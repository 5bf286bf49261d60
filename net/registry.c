/* SPDX-License-Identifier: MIT */
/* Requests to a registry: scheme, authentication, redirects, retries; and the sentences when they fail. */
#include "registry.h"

#include "registry_priv.h"

#include "auth.h"
#include "hash.h"
#include "json.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REDIRECTS_MAX 10
#define RENEWALS_MAX 2 /* of the authorization, for one request */
#define MANIFEST_SECONDS 120
#define LOOPBACK_CONNECT_MS 3000
#define MESSAGE_MAX 240
#define MANIFEST_OF "manifest of "

static const char manifest_types[] =
	MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST
			", application/vnd.docker.distribution.manifest.v1+prettyjws";

int registry_new(struct http *h, const struct ref_name *ref, const struct registry_options *opt, struct registry **ret,
	struct snap_error *e)
{
	struct registry *r = calloc(1, sizeof(*r));
	char scope[300];

	if (!r)
		return snap_fail(e, ENOMEM, "out of memory");
	r->http = h;
	r->opt = *opt;
	snprintf(r->name, sizeof(r->name), "%s", ref->registry);
	snprintf(r->host, sizeof(r->host), "%s",
		strcmp(ref->registry, "docker.io") ? ref->registry : "registry-1.docker.io");
	snprintf(r->repository, sizeof(r->repository), "%s", ref->repository);
	r->loopback = host_is_loopback(r->host);
	if (!r->loopback && opt->tls_verify)
		strcpy(r->scheme, "https");
	snprintf(scope, sizeof(scope), "repository:%s:pull", r->repository);
	r->auth = auth_new(r->name, scope, opt->tls_verify && !r->loopback, opt->broker);
	pthread_mutex_init(&r->lock, NULL);
	if (!r->auth) {
		free(r);
		return snap_fail(e, ENOMEM, "out of memory");
	}
	*ret = r;
	return 0;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	auth_free(r->auth);
	free(r);
}

bool registry_is_local(const struct registry *r)
{
	return r->loopback;
}

void registry_doc_free(struct registry_doc *d)
{
	free(d->data);
	*d = (struct registry_doc){0};
}

/* ---- One request: the loop over redirects and renewals of the authorization ---- */

/* Where a redirect leads; NULL if it must not be followed. */
static const char *redirect_refused(const struct registry *r, const char *from, const char *to)
{
	char scheme[16], host[300];

	if (!to || http_url_origin(to, scheme, sizeof(scheme), host, sizeof(host)))
		return "it redirects to no usable URL";
	if (r->opt.tls_verify && !strncmp(from, "https:", 6) && strcmp(scheme, "https"))
		return "it redirects from HTTPS to plain HTTP";
	return NULL;
}

/* Send, following redirects. The Authorization header goes to the registry's own origin only. */
static int send_following(struct registry *r, struct http_conn *c, struct request *rq, const char *url,
	const char *authorization, struct http_response *resp, struct snap_error *e)
{
	struct http_request req = rq->http;
	char *at = strdup(url);

	for (int hops = 0; at; hops++) {
		const char *refused;
		char *next;

		req.url = at;
		req.no_verify = !r->opt.tls_verify || (r->loopback && http_same_origin(at, url));
		req.authorization = authorization && http_same_origin(at, url) ? authorization : NULL;
		rq->result = http_exchange(c, &req, resp, rq->why);
		if (rq->result != HTTP_OK || resp->status < 301 || resp->status > 308 || resp->status == 304) {
			free(at);
			return 0;
		}
		refused = redirect_refused(r, at, resp->location);
		if (!refused && hops == REDIRECTS_MAX)
			refused = "it redirects without end";
		if (refused) {
			free(at);
			return snap_fail(e, EPROTO, "cannot fetch the %s from %s: %s", rq->what, r->name, refused);
		}
		next = resp->location;
		resp->location = NULL;
		http_response_clear(resp);
		free(at);
		at = next;
	}
	return snap_fail(e, ENOMEM, "out of memory");
}

static int send_authorized(struct registry *r, struct http_conn *c, struct request *rq, const char *scheme,
	struct http_response *resp, struct snap_error *e)
{
	char url[1024];

	if ((size_t)snprintf(url, sizeof(url), "%s://%s/v2/%s/%s", scheme, r->host, r->repository, rq->path) >=
		sizeof(url))
		return snap_fail(e, EINVAL, "the name %s is too long", r->repository);
	for (int renewals = 0;; renewals++) {
		unsigned int generation;
		char *authorization = auth_header(r->auth, &generation);
		int err = send_following(r, c, rq, url, authorization, resp, e);

		if (authorization)
			explicit_bzero(authorization, strlen(authorization));
		free(authorization);
		if (err || rq->result != HTTP_OK || resp->status != 401 || renewals == RENEWALS_MAX)
			return err;
		atomic_store(&r->contacted, true);
		err = auth_renew(r->auth, c, generation, resp->challenge, url, e);
		if (err)
			return err;
		http_response_clear(resp);
	}
}

/* As docker for "insecure" registries: HTTPS first, with any certificate, then plain HTTP if there is no TLS. */
int registry_send(
	struct registry *r, struct http_conn *c, struct request *rq, struct http_response *resp, struct snap_error *e)
{
	char scheme[8];
	int err;

	pthread_mutex_lock(&r->lock);
	memcpy(scheme, r->scheme, sizeof(scheme));
	pthread_mutex_unlock(&r->lock);
	if (*scheme)
		return send_authorized(r, c, rq, scheme, resp, e);
	if (r->loopback)
		rq->http.connect_ms = LOOPBACK_CONNECT_MS;
	strcpy(scheme, "https");
	err = send_authorized(r, c, rq, scheme, resp, e);
	if (!err && (rq->result == HTTP_TLS || rq->result == HTTP_UNREACHABLE ||
			    (rq->result == HTTP_BROKEN && !resp->status))) {
		http_response_clear(resp);
		rq->http.connect_ms = 0;
		strcpy(scheme, "http");
		err = send_authorized(r, c, rq, scheme, resp, e);
	}
	rq->http.connect_ms = 0;
	if (!err && rq->result == HTTP_OK) {
		pthread_mutex_lock(&r->lock);
		memcpy(r->scheme, scheme, sizeof(scheme));
		pthread_mutex_unlock(&r->lock);
	}
	return err;
}

/* ---- Failures ---- */

/* What the registry says in its error document, at most MESSAGE_MAX bytes, as " (text)"; "" if nothing. */
static const char *registry_message(const struct http_response *resp, char *buf, size_t size)
{
	json_t *json = resp->body_len ? json_parse_object(resp->body, resp->body_len, "", NULL) : NULL;
	const char *message = json_get_string(json_array_get(json_get_array(json, "errors"), 0), "message");

	*buf = '\0';
	if (message && *message)
		snprintf(buf, size, " (it says: %.*s)", MESSAGE_MAX, message);
	json_decref(json);
	return buf;
}

int registry_fail_transport(const struct registry *r, const struct request *rq, struct snap_error *e)
{
	switch (rq->result) {
	case HTTP_CANCELLED:
		return snap_fail(e, ECANCELED, "cancelled");
	case HTTP_UNREACHABLE:
		return snap_fail(e, EHOSTUNREACH, "cannot reach the registry %s: %s; check its name and your network",
			r->name, rq->why);
	case HTTP_TLS:
		return snap_fail(e, EPROTO,
			"the registry %s does not speak TLS properly: %s; if it is one without TLS, use "
			"--tls-verify=false",
			r->name, rq->why);
	case HTTP_UNTRUSTED:
		return snap_fail(e, EPERM,
			"the certificate of the registry %s is not trusted: %s; if you trust it, use "
			"--tls-verify=false",
			r->name, rq->why);
	case HTTP_STALLED:
		return snap_fail(e, ETIMEDOUT,
			"the registry %s is too slow: the %s did not come in time (%s); try again later", r->name,
			rq->what, rq->why);
	case HTTP_TOO_LARGE:
		return snap_fail(
			e, EFBIG, "the registry %s sent more for the %s than is allowed: refused", r->name, rq->what);
	default:
		return snap_fail(e, EIO, "the connection to the registry %s broke while fetching the %s: %s; try again",
			r->name, rq->what, rq->why);
	}
}

int registry_fail_status(
	const struct registry *r, const struct request *rq, const struct http_response *resp, struct snap_error *e)
{
	char said[MESSAGE_MAX + 32];

	registry_message(resp, said, sizeof(said));
	switch (resp->status) {
	case 401:
		return snap_fail(e, EACCES,
			"%s denies access to the %s%s: there is no such image, or it needs other "
			"credentials (docker login %s)",
			r->name, rq->what, said, r->name);
	case 403:
		return snap_fail(e, EACCES, "%s forbids access to the %s%s: your account may not read it", r->name,
			rq->what, said);
	case 404:
		/* "manifest of x:1" is image x:1 to people. */
		return snap_fail(e, ENOENT, "the %s%s was not found in the registry %s%s: check the name and the tag",
			strncmp(rq->what, MANIFEST_OF, strlen(MANIFEST_OF)) ? "" : "image ",
			strncmp(rq->what, MANIFEST_OF, strlen(MANIFEST_OF)) ? rq->what : rq->what + strlen(MANIFEST_OF),
			r->name, said);
	case 429:
		return snap_fail(e, EBUSY,
			"%s answers that there were too many requests (429)%s: wait a while, or log in for a "
			"higher limit",
			r->name, said);
	default:
		if (resp->status >= 500)
			return snap_fail(e, EIO, "the registry %s failed with status %ld on the %s%s; try again later",
				r->name, resp->status, rq->what, said);
		return snap_fail(e, EPROTO, "the registry %s answered the request for the %s with status %ld%s",
			r->name, rq->what, resp->status, said);
	}
}

bool registry_worth_retrying(const struct registry *r, const struct request *rq, const struct http_response *resp)
{
	switch (rq->result) {
	case HTTP_OK:
		return resp->status == 429 || resp->status == 408 || (resp->status >= 500 && resp->status != 501);
	case HTTP_BROKEN:
	case HTTP_STALLED:
		return true;
	case HTTP_UNREACHABLE:
	case HTTP_TLS:
		/* A registry that never answered is most likely named wrongly; one that did may be restarting. */
		return atomic_load(&r->contacted);
	default:
		return false;
	}
}

/* Wait before attempt number `attempt` (1 is the first repetition). False if it is to be given up. */
bool registry_retry_pause(const struct registry *r, unsigned int attempt, const struct http_response *resp)
{
	long ms = r->opt.retry_ms << (attempt > 6 ? 6 : attempt - 1);
	struct timespec slice = {.tv_nsec = 20 * 1000000};

	if (attempt > r->opt.retries)
		return false;
	if (resp->retry_after >= 0) {
		if (resp->retry_after > r->opt.retry_max_ms / 1000)
			return false;
		if (resp->retry_after * 1000 > ms)
			ms = resp->retry_after * 1000;
	}
	if (ms > r->opt.retry_max_ms)
		ms = r->opt.retry_max_ms;
	/* Some jitter, so that threads that failed together do not come back together. */
	ms += (long)((unsigned long)time(NULL) * 2654435761u % 64) * ms / 256;
	for (; ms > 0 && !http_cancelled(r->http); ms -= 20)
		nanosleep(&slice, NULL);
	return !http_cancelled(r->http);
}

/* A request without a sink, with retries; on success resp holds a 200. */
static int request_document(
	struct registry *r, struct http_conn *c, struct request *rq, struct http_response *resp, struct snap_error *e)
{
	for (unsigned int attempt = 1;; attempt++) {
		int err = registry_send(r, c, rq, resp, e);

		if (!err && rq->result == HTTP_OK) {
			atomic_store(&r->contacted, true);
			if (resp->status == 200)
				return 0;
		}
		/* EAGAIN is the token server's temporary failure. */
		if ((err && err != -EAGAIN) || (!err && !registry_worth_retrying(r, rq, resp)) ||
			!registry_retry_pause(r, attempt, resp)) {
			if (!err)
				err = rq->result != HTTP_OK ? registry_fail_transport(r, rq, e)
							    : registry_fail_status(r, rq, resp, e);
			http_response_clear(resp);
			return err;
		}
		http_response_clear(resp);
	}
}

/* ---- Manifests and configs ---- */

static int manifest_request(struct registry *r, struct http_conn *c, const char *method, const char *reference,
	struct http_response *resp, struct snap_error *e)
{
	char path[400], what[700];
	struct request rq = {
		.path = path,
		.what = what,
		.http = {.method = method,
			.accept = manifest_types,
			.body_limit = MANIFEST_MAX,
			.deadline_seconds = MANIFEST_SECONDS},
	};

	snprintf(path, sizeof(path), "manifests/%s", reference);
	snprintf(
		what, sizeof(what), MANIFEST_OF "%s%s%s", r->repository, strchr(reference, ':') ? "@" : ":", reference);
	return request_document(r, c, &rq, resp, e);
}

int registry_manifest_head(
	struct registry *r, struct http_conn *c, const char *reference, struct registry_doc *out, struct snap_error *e)
{
	struct http_response resp;
	int err = manifest_request(r, c, "HEAD", reference, &resp, e);

	if (err)
		return err;
	*out = (struct registry_doc){0};
	snprintf(out->media_type, sizeof(out->media_type), "%s", resp.content_type);
	if (digest_parse_full(resp.digest, &out->digest))
		err = snap_fail(e, EPROTO, "%s does not say the digest of a manifest", r->name);
	http_response_clear(&resp);
	return err;
}

int registry_manifest(struct registry *r, struct http_conn *c, const char *reference, const struct digest *expected,
	struct registry_doc *out, struct snap_error *e)
{
	char want[DIGEST_TEXT_LEN + 1], got[DIGEST_TEXT_LEN + 1];
	struct http_response resp;
	struct digest said;
	int err = manifest_request(r, c, "GET", reference, &resp, e);

	if (err)
		return err;
	*out = (struct registry_doc){.data = resp.body, .len = resp.body_len};
	resp.body = NULL;
	snprintf(out->media_type, sizeof(out->media_type), "%s", resp.content_type);
	sha256_of(out->data ? out->data : "", out->len, &out->digest);
	/* A tag promises no digest, but the registry's header does. */
	if (!expected && !digest_parse_full(resp.digest, &said))
		expected = &said;
	if (expected && !digest_equal(expected, &out->digest))
		err = snap_fail(e, EBADMSG, "%s sent a manifest of %s with the wrong digest: %s instead of %s", r->name,
			r->repository, digest_text(&out->digest, got), digest_text(expected, want));
	http_response_clear(&resp);
	if (err)
		registry_doc_free(out);
	return err;
}

struct small_blob {
	char *data;
	size_t len;
};

static int small_sink(void *arg, const void *data, size_t len, struct snap_error *e)
{
	struct small_blob *b = arg;

	memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

int registry_small_blob(
	struct registry *r, struct http_conn *c, const struct descriptor *d, void **data, struct snap_error *e)
{
	char want[DIGEST_TEXT_LEN + 1], got[DIGEST_TEXT_LEN + 1];
	struct small_blob b = {.data = d->size <= CONFIG_MAX ? calloc(1, d->size + 1) : NULL};
	struct digest digest;
	int err;

	if (!b.data)
		return snap_fail(e, ENOMEM, "out of memory");
	err = registry_blob(r, c, d, 0, small_sink, &b, e);
	if (!err) {
		sha256_of(b.data, b.len, &digest);
		if (!digest_equal(&digest, &d->digest))
			err = snap_fail(e, EBADMSG, "%s sent a config of %s with the wrong digest: %s instead of %s",
				r->name, r->repository, digest_text(&digest, got), digest_text(&d->digest, want));
	}
	if (err)
		free(b.data);
	else
		*data = b.data;
	return err;
}
