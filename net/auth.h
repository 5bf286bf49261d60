/* SPDX-License-Identifier: MIT */
/* What stands in the Authorization header for one repository, and how it is renewed. */
#ifndef PICKET_NET_AUTH_H
#define PICKET_NET_AUTH_H

#include "broker.h"
#include "http.h"

struct auth;

/*
 * registry: as named by the user, for messages. scope: what to ask for if the challenge does not say. broker: is asked
 * for the credentials; stays the caller's.
 */
struct auth *auth_new(const char *registry, const char *scope, bool tls_verify, struct broker *broker);
void auth_free(struct auth *a);

/* The present header value (malloc'd, NULL if none) and its generation. */
char *auth_header(struct auth *a, unsigned int *generation);

/*
 * Renew after a 401 that the header of `generation` met. If another thread has renewed it meanwhile, that is success.
 * url: of the refused request. Returns 0 (try again), -EACCES (no way to authenticate), or another negative errno.
 */
int auth_renew(struct auth *a, struct http_conn *c, unsigned int generation, const char *challenge, const char *url,
	struct snap_error *e);

#endif
