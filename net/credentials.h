/* SPDX-License-Identifier: MIT */
/* Credentials for registries from docker's configuration file and its helper programs. */
#ifndef PICKET_NET_CREDENTIALS_H
#define PICKET_NET_CREDENTIALS_H

#include "fuse-snap/error.h"

struct credentials {
	char *user; /* NULL: none found */
	char *password;
	char *identity_token; /* an OAuth 2 refresh token instead of a password, or NULL */
};

/*
 * Look a registry (HOST[:PORT], docker.io) up in $DOCKER_CONFIG/config.json or ~/.docker/config.json: its credHelpers
 * entry, credsStore, then auths. No file and no entry are success without credentials. Returns 0 or a negative errno.
 */
int credentials_find(struct credentials *out, const char *registry, struct snap_error *e);

/* Overwrites the secrets. */
void credentials_free(struct credentials *c);

#endif
