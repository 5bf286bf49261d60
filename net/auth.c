/* SPDX-License-Identifier: MIT */
/*
 * Basic and token authentication. Credentials are read when a registry first asks for them. They go to the registry, or
 * to the token server it names, and to that over TLS only, unless the registry itself is spoken to without.
 */
#include "auth.h"

#include "challenge.h"
#include "json.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_ANSWER_MAX (1u << 20)
#define TOKEN_MAX (64u << 10)
#define TOKEN_SECONDS 60

struct auth {
	char registry[256];
	char scope[600];
	bool tls_verify;
	struct broker *broker;

	pthread_mutex_t lock; /* guards what follows; held over a renewal, so that threads renew once */
	char *header;
	unsigned int generation;
	bool have_credentials;
	struct credentials credentials;
};

struct auth *auth_new(const char *registry, const char *scope, bool tls_verify, struct broker *broker)
{
	struct auth *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	snprintf(a->registry, sizeof(a->registry), "%s", registry);
	snprintf(a->scope, sizeof(a->scope), "%s", scope);
	a->tls_verify = tls_verify;
	a->broker = broker;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	credentials_free(&a->credentials);
	if (a->header)
		explicit_bzero(a->header, strlen(a->header));
	free(a->header);
	free(a);
}

char *auth_header(struct auth *a, unsigned int *generation)
{
	char *copy;

	pthread_mutex_lock(&a->lock);
	copy = a->header ? strdup(a->header) : NULL;
	*generation = a->generation;
	pthread_mutex_unlock(&a->lock);
	return copy;
}

/* "Basic " and the base64 of USER:PASSWORD; malloc'd. */
static char *basic_header(const struct credentials *c)
{
	char *plain = NULL, *header = NULL;
	int n = asprintf(&plain, "%s:%s", c->user, c->password ? c->password : "");

	if (n < 0)
		return NULL;
	header = malloc(6 + (size_t)(n + 2) / 3 * 4 + 1);
	if (header) {
		memcpy(header, "Basic ", 6);
		EVP_EncodeBlock((unsigned char *)header + 6, (const unsigned char *)plain, n);
	}
	explicit_bzero(plain, (size_t)n);
	free(plain);
	return header;
}

/* Append "SEP NAME=escaped VALUE" to *url; an empty value is left out. */
static int add_query(char **url, char sep, const char *name, const char *value)
{
	char *escaped, *longer;
	int n;

	if (!value || !*value)
		return 0;
	escaped = http_escape(value);
	if (!escaped)
		return -1;
	n = asprintf(&longer, "%s%c%s=%s", *url, sep, name, escaped);
	free(escaped);
	if (n < 0)
		return -1;
	free(*url);
	*url = longer;
	return 0;
}

/* Scopes are words separated by spaces; a query has one `scope` for each. */
static int add_scopes(char **url, const char *scopes)
{
	char copy[1024], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", scopes);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
		if (add_query(url, '&', "scope", s))
			return -1;
	return 0;
}

/* A token may be anything printable without spaces; anything else would break out of the header. */
static bool token_valid(const char *token)
{
	size_t n = token ? strlen(token) : 0;

	if (!n || n > TOKEN_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)token[i] <= 0x20 || (unsigned char)token[i] >= 0x7f)
			return false;
	return true;
}

static int take_token(struct auth *a, const struct http_response *r, const char *realm, struct snap_error *e)
{
	json_t *json =
		json_parse_object(r->body ? r->body : "", r->body_len, "the answer of the registry's token server", e);
	const char *token;
	char *header;
	int err = 0;

	if (!json)
		return -EPROTO;
	token = json_get_string(json, "token");
	if (!token || !*token)
		token = json_get_string(json, "access_token");
	if (!token_valid(token))
		err = snap_fail(e, EPROTO, "the token server of %s gave no usable token (%s)", a->registry, realm);
	else if (asprintf(&header, "Bearer %s", token) < 0)
		err = snap_fail(e, ENOMEM, "out of memory");
	else {
		free(a->header);
		a->header = header;
	}
	json_decref(json);
	return err;
}

/* May the user's secrets be sent to this token server? */
static int check_realm(const struct auth *a, const char *realm, const char *url, struct snap_error *e)
{
	char scheme[16], host[300];

	if (http_url_origin(realm, scheme, sizeof(scheme), host, sizeof(host)))
		return snap_fail(
			e, EPROTO, "%s names a token server that is no http or https URL: %.200s", a->registry, realm);
	if (!strcmp(scheme, "http") && !strncmp(url, "https:", 6) && a->tls_verify)
		return snap_fail(
			e, EACCES, "%s wants its token fetched without TLS from %s: refused", a->registry, host);
	return 0;
}

static int token_request(
	struct auth *a, const struct challenge *ch, struct http_request *req, char **url, char **form, char **header)
{
	const struct credentials *c = &a->credentials;
	const char *scope = *ch->scope ? ch->scope : a->scope;

	*form = NULL;
	*header = NULL;
	*url = strdup(ch->realm);
	if (!*url)
		return -1;
	if (c->identity_token) {
		*form = strdup("grant_type=refresh_token&client_id=picket");
		if (!*form || add_query(form, '&', "service", ch->service) || add_query(form, '&', "scope", scope) ||
			add_query(form, '&', "refresh_token", c->identity_token))
			return -1;
		req->form = *form;
	} else {
		char first = strchr(*url, '?') ? '&' : '?';

		if (add_query(url, first, "client_id", "picket") || add_query(url, '&', "service", ch->service) ||
			add_scopes(url, scope) || (c->user && add_query(url, '&', "account", c->user)))
			return -1;
		if (c->user && !(*header = basic_header(c)))
			return -1;
		req->authorization = *header;
	}
	req->url = *url;
	return 0;
}

static int token_result(struct auth *a, enum http_result result, const struct http_response *r, const char *why,
	const char *realm, struct snap_error *e)
{
	if (result == HTTP_CANCELLED)
		return snap_fail(e, ECANCELED, "cancelled");
	if (result != HTTP_OK)
		return snap_fail(
			e, EHOSTUNREACH, "cannot reach the token server of %s (%.200s): %s", a->registry, realm, why);
	if (r->status == 401 || r->status == 403)
		return snap_fail(e, EACCES, "%s refused %s", a->registry,
			a->credentials.user || a->credentials.identity_token
				? "your credentials; log in again"
				: "to give an anonymous token; log in first");
	if (r->status != 200)
		return snap_fail(e, EAGAIN, "the token server of %s (%.200s) failed with status %ld", a->registry,
			realm, r->status);
	return take_token(a, r, realm, e);
}

static int fetch_token(
	struct auth *a, struct http_conn *c, const struct challenge *ch, const char *url, struct snap_error *e)
{
	struct http_request req = {
		.accept = "application/json", .body_limit = TOKEN_ANSWER_MAX, .deadline_seconds = TOKEN_SECONDS};
	char *full, *form, *header, why[HTTP_WHY_MAX];
	struct http_response resp = {0};
	int r;

	r = check_realm(a, ch->realm, url, e);
	if (r)
		return r;
	if (token_request(a, ch, &req, &full, &form, &header)) {
		r = snap_fail(e, ENOMEM, "out of memory");
	} else {
		enum http_result result = http_exchange(c, &req, &resp, why);

		/* A kept connection that the server has closed meanwhile is worth one more attempt. */
		if (result == HTTP_BROKEN) {
			http_response_clear(&resp);
			result = http_exchange(c, &req, &resp, why);
		}
		r = token_result(a, result, &resp, why, ch->realm, e);
		http_response_clear(&resp);
	}
	free(full);
	free(form);
	free(header);
	return r;
}

static int renew_locked(
	struct auth *a, struct http_conn *c, const char *challenge, const char *url, struct snap_error *e)
{
	struct challenge ch;
	int r;

	challenge_parse(&ch, challenge ? challenge : "");
	if (!ch.bearer && !ch.basic)
		return snap_fail(
			e, EACCES, "%s refuses access and names no way to log in that is known here", a->registry);
	if (!a->have_credentials) {
		r = broker_find(a->broker, &a->credentials, e);
		if (r)
			return r;
		a->have_credentials = true;
	}
	if (ch.bearer && *ch.realm)
		return fetch_token(a, c, &ch, url, e);
	if (!ch.basic || !a->credentials.user)
		return snap_fail(e, EACCES,
			"%s asks for a user name and password, and ~/.docker/config.json has none for it; "
			"log in first (docker login %s)",
			a->registry, a->registry);
	free(a->header);
	a->header = basic_header(&a->credentials);
	return a->header ? 0 : snap_fail(e, ENOMEM, "out of memory");
}

int auth_renew(struct auth *a, struct http_conn *c, unsigned int generation, const char *challenge, const char *url,
	struct snap_error *e)
{
	int r = 0;

	pthread_mutex_lock(&a->lock);
	if (a->generation == generation) {
		r = renew_locked(a, c, challenge, url, e);
		if (!r)
			a->generation++;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}
