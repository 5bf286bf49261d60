/* SPDX-License-Identifier: MIT */
/*
 * One HTTP exchange at a time, by libcurl: no redirects, no retries, no authentication of its own. What is bounded
 * here: header and body sizes, time to connect, time without progress.
 */
#ifndef PICKET_NET_HTTP_H
#define PICKET_NET_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_options {
	bool tls_verify;
	long connect_ms;    /* time to connect, with the TLS handshake */
	long stall_seconds; /* less than HTTP_LOW_SPEED bytes a second for so long is a broken connection */
};

#define HTTP_LOW_SPEED 1024

/* Shared by all connections: options, name and TLS session caches. */
struct http;
struct http *http_new(const struct http_options *opt);
void http_free(struct http *h);
const struct http_options *http_get_options(const struct http *h);

/* End all exchanges under way with HTTP_CANCELLED; later ones fail likewise. Safe from any thread. */
void http_cancel(struct http *h);
bool http_cancelled(const struct http *h);

/* A connection (kept open between exchanges to one host); belongs to one thread at a time. */
struct http_conn;
struct http_conn *http_conn_new(struct http *h);
void http_conn_free(struct http_conn *c);

/* End its exchange within a second or so, and all later ones. Safe from any thread. */
void http_conn_cancel(struct http_conn *c);

struct http_response {
	long status;	    /* 0: no response */
	int64_t length;	    /* Content-Length, -1 if absent */
	int64_t range_from; /* first byte of Content-Range, -1 if absent */
	long retry_after;   /* seconds, -1 if absent */
	char content_type[160];
	char digest[80]; /* Docker-Content-Digest */
	char *challenge; /* all WWW-Authenticate headers, joined by commas; NULL if absent */
	char *location;	 /* absolute URL of a redirect; NULL if absent */
	char *body;	 /* what no sink took; a NUL is behind it */
	size_t body_len;
	size_t body_size; /* private: bytes allocated */
};

void http_response_clear(struct http_response *r);

/* Takes the body of a 2xx response. Anything but 0 ends the exchange with HTTP_SINK. */
typedef int http_sink(void *arg, const struct http_response *r, const void *data, size_t len);

struct http_request {
	const char *method; /* NULL: GET */
	const char *url;
	const char *accept;
	const char *authorization;
	const char *form;    /* body of a POST, urlencoded */
	uint64_t range_from; /* > 0: ask for the bytes from here on */
	uint64_t range_to;   /* > 0: … up to here, exclusive */
	size_t body_limit;   /* of a body without a sink; more is HTTP_TOO_LARGE */
	http_sink *sink;     /* NULL: keep the body in the response */
	void *sink_arg;
	long deadline_seconds; /* for the whole exchange; 0: none */
	long connect_ms;       /* 0: as the options say */
	bool no_verify;
};

enum http_result {
	HTTP_OK,	  /* a complete response, of whatever status */
	HTTP_UNREACHABLE, /* no such host, refused, no route */
	HTTP_TLS,	  /* the server speaks no TLS, or not well enough */
	HTTP_UNTRUSTED,	  /* its certificate is not to be trusted */
	HTTP_BROKEN,	  /* the connection broke, or sent what is not HTTP */
	HTTP_STALLED,	  /* too slow, or past the deadline */
	HTTP_TOO_LARGE,	  /* more than body_limit, or endless headers */
	HTTP_SINK,	  /* the sink refused */
	HTTP_CANCELLED,
};

/*
 * One exchange. *r is valid after any result (cleared at the start); it is the caller's to clear. why (256 bytes) gets
 * a few words on a failure, ready to stand behind a colon.
 */
enum http_result http_exchange(struct http_conn *c, const struct http_request *req, struct http_response *r, char *why);

#define HTTP_WHY_MAX 256

/* SCHEME, HOST[:PORT] of an absolute http or https URL without user information. 0 or -1. */
int http_url_origin(const char *url, char *scheme, size_t scheme_size, char *host, size_t host_size);

/* Do two URLs have the same scheme, host and port? */
bool http_same_origin(const char *a, const char *b);

/* Is HOST[:PORT] in 127.0.0.0/8, ::1 or localhost? */
bool host_is_loopback(const char *host);

/* Percent-encode; malloc'd, NULL without memory. */
char *http_escape(const char *text);

#endif
