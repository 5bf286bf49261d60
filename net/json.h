/* SPDX-License-Identifier: MIT */
/* Hostile JSON: parsing with a limit on depth, and access that never trusts the shape. */
#ifndef PICKET_NET_JSON_H
#define PICKET_NET_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse-snap/digest.h"
#include "fuse-snap/error.h"

#define JSON_DEPTH_LIMIT 32

/*
 * Parse a text that must be one object nested at most JSON_DEPTH_LIMIT deep (or one array with json_parse_array).
 * `what` names it in messages. NULL with *e filled on failure; the caller drops the reference.
 */
json_t *json_parse_object(const void *data, size_t len, const char *what, struct snap_error *e);
json_t *json_parse_array(const void *data, size_t len, const char *what, struct snap_error *e);

/* Members by name; NULL if absent or of another type (also if obj is NULL). Borrowed references. */
const char *json_get_string(const json_t *obj, const char *key);
json_t *json_get_object(const json_t *obj, const char *key);
json_t *json_get_array(const json_t *obj, const char *key);

/* A member that must be a non-negative integer. 0 or -1. */
int json_get_size(const json_t *obj, const char *key, uint64_t *out);

/* A member that must be "sha256:" and 64 hex digits. 0 or -1. */
int json_get_digest(const json_t *obj, const char *key, struct digest *out);

/* "sha256:HEX" exactly, unlike digest_parse, which takes bare digits too. 0 or -1. */
int digest_parse_full(const char *text, struct digest *out);

#endif
