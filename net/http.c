/* SPDX-License-Identifier: MIT */
/* HTTP exchanges by libcurl's easy interface. */
#include "http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX (256u << 10)
#define CHALLENGE_MAX 8192u
#define LOCATION_MAX 16384u
#define BODY_KEEP_MAX (64u << 10) /* of an error's body where a sink is given */

struct http {
	struct http_options opt;
	CURLSH *share;
	pthread_mutex_t share_lock[CURL_LOCK_DATA_LAST];
	atomic_bool cancelled;
};

struct http_conn {
	struct http *http;
	CURL *curl;
	char curl_error[CURL_ERROR_SIZE];
	/* of the exchange under way */
	const struct http_request *req;
	struct http_response *resp;
	size_t header_bytes;
	enum http_result verdict; /* why a callback ended the exchange */
	atomic_bool cancelled;
};

static void share_lock(CURL *curl, curl_lock_data data, curl_lock_access access, void *arg)
{
	struct http *h = arg;

	pthread_mutex_lock(&h->share_lock[data]);
}

static void share_unlock(CURL *curl, curl_lock_data data, void *arg)
{
	struct http *h = arg;

	pthread_mutex_unlock(&h->share_lock[data]);
}

struct http *http_new(const struct http_options *opt)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->opt = *opt;
	h->share = curl_share_init();
	if (!h->share) {
		free(h);
		return NULL;
	}
	for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_init(&h->share_lock[i], NULL);
	curl_share_setopt(h->share, CURLSHOPT_LOCKFUNC, share_lock);
	curl_share_setopt(h->share, CURLSHOPT_UNLOCKFUNC, share_unlock);
	curl_share_setopt(h->share, CURLSHOPT_USERDATA, h);
	curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_share_cleanup(h->share);
	free(h);
}

const struct http_options *http_get_options(const struct http *h)
{
	return &h->opt;
}

void http_cancel(struct http *h)
{
	atomic_store(&h->cancelled, true);
}

bool http_cancelled(const struct http *h)
{
	return atomic_load(&h->cancelled);
}

struct http_conn *http_conn_new(struct http *h)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->http = h;
	c->curl = curl_easy_init();
	if (!c->curl) {
		free(c);
		return NULL;
	}
	return c;
}

void http_conn_cancel(struct http_conn *c)
{
	atomic_store(&c->cancelled, true);
}

void http_conn_free(struct http_conn *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c);
}

static void response_reset(struct http_response *r)
{
	*r = (struct http_response){.length = -1, .range_from = -1, .retry_after = -1};
}

void http_response_clear(struct http_response *r)
{
	free(r->challenge);
	free(r->location);
	free(r->body);
	response_reset(r);
}

/* The value of header NAME if LINE is that header: trimmed, in buf. NULL if it is another one or too long. */
static const char *header_value(const char *line, size_t len, const char *name, char *buf, size_t size)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) || line[n] != ':')
		return NULL;
	line += n + 1;
	len -= n + 1;
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len && strchr("\r\n \t", line[len - 1]))
		len--;
	if (len >= size || memchr(line, '\0', len))
		return NULL;
	memcpy(buf, line, len);
	buf[len] = '\0';
	return buf;
}

static void add_challenge(struct http_response *r, const char *value)
{
	size_t old = r->challenge ? strlen(r->challenge) : 0;
	char *joined;

	if (old + strlen(value) > CHALLENGE_MAX ||
		asprintf(&joined, "%s%s%s", old ? r->challenge : "", old ? ", " : "", value) < 0)
		return;
	free(r->challenge);
	r->challenge = joined;
}

static void take_header(struct http_response *r, const char *line, size_t len)
{
	char value[CHALLENGE_MAX];
	long long first, last;
	char *end;

	if (header_value(line, len, "Content-Type", value, sizeof(r->content_type))) {
		value[strcspn(value, "; ")] = '\0';
		strcpy(r->content_type, value);
	} else if (header_value(line, len, "Docker-Content-Digest", value, sizeof(r->digest))) {
		strcpy(r->digest, value);
	} else if (header_value(line, len, "WWW-Authenticate", value, sizeof(value))) {
		add_challenge(r, value);
	} else if (header_value(line, len, "Content-Length", value, 24)) {
		first = strtoll(value, &end, 10);
		if (!*end && end != value && first >= 0)
			r->length = first;
	} else if (header_value(line, len, "Content-Range", value, 128)) {
		if (sscanf(value, "bytes %lld-%lld", &first, &last) == 2 && first >= 0 && last >= first)
			r->range_from = first;
	} else if (header_value(line, len, "Retry-After", value, 64)) {
		r->retry_after = strtol(value, &end, 10);
		if (*end || end == value || r->retry_after < 0) {
			time_t at = curl_getdate(value, NULL);
			time_t now = time(NULL);

			r->retry_after = at == (time_t)-1 ? -1 : at > now ? (long)(at - now) : 0;
		}
	}
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct http_conn *c = arg;
	size_t len = size * count;
	long status;

	c->header_bytes += len;
	if (c->header_bytes > HEADERS_MAX) {
		c->verdict = HTTP_TOO_LARGE;
		return 0;
	}
	/* A status line starts a response; those before it (100, a proxy's) are of no interest. */
	if (len > 9 && !strncmp(line, "HTTP/", 5)) {
		http_response_clear(c->resp);
		if (curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
			c->resp->status = status;
		return len;
	}
	take_header(c->resp, line, len);
	/* A document that is announced as too long is not begun, and not waited for. HEAD brings none. */
	if (c->resp->status >= 200 && c->resp->status < 300 && !c->req->sink && c->resp->length >= 0 &&
		(uint64_t)c->resp->length > c->req->body_limit && !(c->req->method && !strcmp(c->req->method, "HEAD"))) {
		c->verdict = HTTP_TOO_LARGE;
		return 0;
	}
	return len;
}

static int keep_body(struct http_response *r, const void *data, size_t len)
{
	char *grown;

	/* Doubling, so that small pieces do not cost quadratic time. */
	if (r->body_len + len + 1 > r->body_size) {
		size_t size = r->body_size ? r->body_size : 4096;

		while (size < r->body_len + len + 1)
			size *= 2;
		grown = realloc(r->body, size);
		if (!grown)
			return -1;
		r->body = grown;
		r->body_size = size;
	}
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
	r->body[r->body_len] = '\0';
	return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_conn *c = arg;
	struct http_response *r = c->resp;
	const struct http_request *req = c->req;
	bool sink = req->sink && r->status >= 200 && r->status < 300;
	size_t len = size * count, limit = req->sink ? BODY_KEEP_MAX : req->body_limit;

	if (sink) {
		if (!req->sink(req->sink_arg, r, data, len))
			return len;
		c->verdict = HTTP_SINK;
		return 0;
	}
	if (len > limit - r->body_len) {
		/* An error's text may be cut, a document may not. */
		if (r->status >= 200 && r->status < 300) {
			c->verdict = HTTP_TOO_LARGE;
			return 0;
		}
		if (limit > r->body_len)
			keep_body(r, data, limit - r->body_len);
		c->verdict = HTTP_OK;
		return 0;
	}
	if (keep_body(r, data, len)) {
		c->verdict = HTTP_TOO_LARGE;
		return 0;
	}
	return len;
}

static int on_progress(void *arg, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total, curl_off_t ul_now)
{
	struct http_conn *c = arg;

	if (!atomic_load_explicit(&c->http->cancelled, memory_order_relaxed) &&
		!atomic_load_explicit(&c->cancelled, memory_order_relaxed))
		return 0;
	c->verdict = HTTP_CANCELLED;
	return 1;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	struct curl_slist *longer;
	char *line;

	if (!value || asprintf(&line, "%s: %s", name, value) < 0)
		return list;
	longer = curl_slist_append(list, line);
	free(line);
	return longer ? longer : list;
}

/* As docker does: what is on this machine is not asked of a proxy. */
static bool bypass_proxy(const char *url)
{
	char scheme[16], host[300];

	return !http_url_origin(url, scheme, sizeof(scheme), host, sizeof(host)) && host_is_loopback(host);
}

static void set_options(struct http_conn *c, const struct http_request *req, struct curl_slist *headers)
{
	const struct http_options *opt = &c->http->opt;
	bool verify = opt->tls_verify && !req->no_verify;
	const char *authorities = getenv("SSL_CERT_FILE"); /* as OpenSSL's and Go's programs */
	CURL *curl = c->curl;
	char range[48];

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_SHARE, c->http->share);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->curl_error);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_URL, req->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	if (bypass_proxy(req->url))
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "picket/0.1");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	if (authorities && *authorities)
		curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, req->connect_ms ? req->connect_ms : opt->connect_ms);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_LOW_SPEED);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, opt->stall_seconds);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, req->deadline_seconds);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, c);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	if (req->method && !strcmp(req->method, "HEAD"))
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	if (req->form)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, req->form);
	if (req->range_to)
		snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)req->range_from,
			(unsigned long long)req->range_to - 1);
	else if (req->range_from)
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)req->range_from);
	if (req->range_to || req->range_from)
		curl_easy_setopt(curl, CURLOPT_RANGE, range);
}

static enum http_result result_of(const struct http_conn *c, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_OK;
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
		return c->verdict;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return HTTP_UNREACHABLE;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return HTTP_UNTRUSTED;
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		/* Without a response it may be a server that does not understand the handshake. */
		return c->resp->status ? HTTP_STALLED : HTTP_UNREACHABLE;
	default:
		return HTTP_BROKEN;
	}
}

enum http_result http_exchange(struct http_conn *c, const struct http_request *req, struct http_response *r, char *why)
{
	struct curl_slist *headers = NULL;
	enum http_result result;
	CURLcode code;
	double appconnect = 0;

	response_reset(r);
	*why = '\0';
	if (http_cancelled(c->http) || atomic_load(&c->cancelled))
		return HTTP_CANCELLED;
	c->req = req;
	c->resp = r;
	c->header_bytes = 0;
	c->curl_error[0] = '\0';
	c->verdict = HTTP_BROKEN;
	headers = add_header(headers, "Accept", req->accept);
	headers = add_header(headers, "Authorization", req->authorization);
	set_options(c, req, headers);
	code = curl_easy_perform(c->curl);
	result = result_of(c, code);
	/* A time-out after the connection stands is the server's slowness, whether or not it had begun to answer. */
	if (code == CURLE_OPERATION_TIMEDOUT &&
		curl_easy_getinfo(c->curl, CURLINFO_PRETRANSFER_TIME, &appconnect) == CURLE_OK && appconnect > 0)
		result = HTTP_STALLED;
	if (result != HTTP_OK)
		snprintf(why, HTTP_WHY_MAX, "%s", *c->curl_error ? c->curl_error : curl_easy_strerror(code));
	else if (r->status >= 300 && r->status < 400) {
		char *url = NULL;

		curl_easy_getinfo(c->curl, CURLINFO_REDIRECT_URL, &url);
		if (url && strlen(url) < LOCATION_MAX)
			r->location = strdup(url);
	}
	curl_slist_free_all(headers);
	c->req = NULL;
	c->resp = NULL;
	return result;
}

/* One part of a URL into buf; false if absent or too long. */
static bool url_part(CURLU *u, CURLUPart part, unsigned int flags, char *buf, size_t size)
{
	char *text = NULL;
	bool fits;

	if (curl_url_get(u, part, &text, flags) != CURLUE_OK)
		return false;
	fits = strlen(text) < size;
	if (fits)
		strcpy(buf, text);
	curl_free(text);
	return fits;
}

int http_url_origin(const char *url, char *scheme, size_t scheme_size, char *host, size_t host_size)
{
	char name[256], port[16], *user = NULL;
	CURLU *u = curl_url();
	int r = -1;

	if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
		url_part(u, CURLUPART_SCHEME, 0, scheme, scheme_size) &&
		url_part(u, CURLUPART_HOST, 0, name, sizeof(name)) &&
		url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof(port)) &&
		curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
		(!strcmp(scheme, "http") || !strcmp(scheme, "https")) &&
		(size_t)snprintf(host, host_size, "%s:%s", name, port) < host_size)
		r = 0;
	curl_free(user);
	curl_url_cleanup(u);
	return r;
}

bool host_is_loopback(const char *host)
{
	struct in6_addr addr6;
	struct in_addr addr;
	char name[256];
	char *end;

	snprintf(name, sizeof(name), "%s", *host == '[' ? host + 1 : host);
	end = *host == '[' ? strchr(name, ']') : strrchr(name, ':');
	if (end)
		*end = '\0';
	if (*host == '[')
		return inet_pton(AF_INET6, name, &addr6) == 1 && IN6_IS_ADDR_LOOPBACK(&addr6);
	return !strcmp(name, "localhost") || (inet_pton(AF_INET, name, &addr) == 1 && ntohl(addr.s_addr) >> 24 == 127);
}

bool http_same_origin(const char *a, const char *b)
{
	char scheme[2][16], host[2][300];

	return !http_url_origin(a, scheme[0], sizeof(scheme[0]), host[0], sizeof(host[0])) &&
	       !http_url_origin(b, scheme[1], sizeof(scheme[1]), host[1], sizeof(host[1])) &&
	       !strcmp(scheme[0], scheme[1]) && !strcasecmp(host[0], host[1]);
}

char *http_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0), *copy = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return copy;
}
