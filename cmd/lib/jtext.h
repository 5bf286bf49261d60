/* SPDX-License-Identifier: MIT */
/*
 * What the entries and lists need of jansson beside itself: strings of any bytes, checked reading, files that are replaced
 * as a whole. A byte that is no UTF-8 becomes U+10FF00 plus its value, and comes back as it was.
 */
#ifndef PICKET_CMD_JTEXT_H
#define PICKET_CMD_JTEXT_H

#include <jansson.h>

#include "cmd/lib/str.h"

/* A JSON string of any bytes; NULL is "". */
json_t *jtext(const char *s);

/* The bytes of a string that jtext made; allocated. NULL if `v` is no string or longer than `max` bytes. */
char *jtext_bytes(const json_t *v, size_t max);

/* An array of such strings, and back: appended to `ret`. 0, or -EUCLEAN (no array, more than `max_count`, no strings). */
json_t *jtext_list(const struct str_list *list);
int jtext_list_bytes(const json_t *v, size_t max_count, size_t max_len, struct str_list *ret);

/* Members of an object. Absent is `otherwise`; another type or out of [min, max] is -EUCLEAN. */
int jget_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t otherwise, int64_t *ret);
int jget_bool(const json_t *object, const char *key, bool *ret);

/* A string member of at most `max` bytes, allocated; absent is "". */
int jget_text(const json_t *object, const char *key, size_t max, char **ret);

/* Read a file of at most `max` bytes relative to dirfd; -ENOENT and so on, -EUCLEAN if it is not an object. */
int jfile_read(int dirfd, const char *path, size_t max, json_t **ret);

/* Write it beside and rename it over `path`; with `sync` it is on disk before it has the name. 0 or a negative errno. */
int jfile_write(int dirfd, const char *path, const json_t *v, bool sync);

#endif
