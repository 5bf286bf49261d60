/* SPDX-License-Identifier: MIT */
/*
 * Fields of a JSON tree, with their types checked and their number bounded. The first failure is kept as a sentence that names the field;
 * after it every call does nothing, so that who reads need not look after each field. null counts as absent, as for runc.
 */
#ifndef PICKET_RUNTIME_READER_H
#define PICKET_RUNTIME_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/lib/str.h"

struct reader {
	char *err; /* NULL: all is well */
	struct str_list *warnings;
};

__attribute__((format(printf, 2, 3))) void reader_fail(struct reader *r, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void reader_warn(struct reader *r, const char *fmt, ...);

/* The text as a tree: numbers beyond 2^63 are taken as 2^63-1. NULL with a sentence that begins with *what*. */
json_t *reader_text(const char *text, size_t len, const char *what, char **err);
/* All of a file, at most *max* bytes; malloc'ed. NULL with a sentence. */
char *reader_slurp(const char *path, size_t max, size_t *len, char **err);

/* Below: *where* is the path of *obj* with a dot behind it ("process."), or "". *obj* may be NULL: then everything is absent. */
json_t *reader_object(struct reader *r, json_t *obj, const char *where, const char *key);
json_t *reader_array(struct reader *r, json_t *obj, const char *where, const char *key, size_t max);
const char *reader_string(struct reader *r, json_t *obj, const char *where, const char *key);
bool reader_bool(struct reader *r, json_t *obj, const char *where, const char *key);
/* Is it there (and in bounds)? *ret is untouched if not. */
bool reader_number(struct reader *r, json_t *obj, const char *where, const char *key, int64_t min, int64_t max, int64_t *ret);
/* Ids are all below 2^32-1. Must be there if *needed*. */
uint32_t reader_id(struct reader *r, json_t *obj, const char *where, const char *key, bool needed);
/* An array of strings; malloc'ed, with a NULL at its end, NULL if absent. */
const char **reader_strings(struct reader *r, json_t *obj, const char *where, const char *key, size_t max, size_t *n);
/* Field *key* must be there. */
void reader_need(struct reader *r, const json_t *obj, const char *where, const char *key);

#endif
