/* SPDX-License-Identifier: MIT */
/* What the files of the registry client share: one request, and what becomes of it. */
#ifndef PICKET_NET_REGISTRY_PRIV_H
#define PICKET_NET_REGISTRY_PRIV_H

#include "registry.h"

#include <pthread.h>
#include <stdatomic.h>

struct registry {
	struct http *http;
	struct registry_options opt;
	char name[256]; /* as the user wrote it */
	char host[256]; /* that serves the API */
	char repository[256];
	bool loopback;
	struct auth *auth;
	atomic_bool contacted; /* it has answered once */

	pthread_mutex_t lock; /* guards scheme */
	char scheme[8];	      /* "" until decided */
};

struct request {
	const char *path; /* behind /v2/REPOSITORY/ */
	const char *what; /* for messages: "manifest of debian:12", "layer sha256:..." */
	struct http_request http;
	enum http_result result;
	char why[HTTP_WHY_MAX];
};

/*
 * Send, with the scheme, the authorization and the redirects that it takes. 0: rq->result and *resp say what came; else
 * a failure that *e describes; -EAGAIN is one that may pass.
 */
int registry_send(
	struct registry *r, struct http_conn *c, struct request *rq, struct http_response *resp, struct snap_error *e);

/* The sentence for a transport that failed, or for a status that is no success. A negative errno. */
int registry_fail_transport(const struct registry *r, const struct request *rq, struct snap_error *e);
int registry_fail_status(
	const struct registry *r, const struct request *rq, const struct http_response *resp, struct snap_error *e);

/* May the same request succeed later? */
bool registry_worth_retrying(const struct registry *r, const struct request *rq, const struct http_response *resp);

/* Wait before attempt number `attempt` (1 is the first repetition). False if it is to be given up. */
bool registry_retry_pause(const struct registry *r, unsigned int attempt, const struct http_response *resp);

#endif
