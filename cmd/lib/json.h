/* SPDX-License-Identifier: MIT */
/* Writing JSON: indented, with commas kept by depth. Strings that are not UTF-8 have their bad bytes replaced. */
#ifndef PICKET_CMD_JSON_H
#define PICKET_CMD_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Length of the valid UTF-8 sequence at s (which ends with a NUL), 0 if it is none. */
size_t utf8_len(const unsigned char *s);

struct json {
	FILE *out;
	unsigned int depth;
	bool some; /* something stands before at this depth */
};

/* `key` is NULL inside arrays and for the outermost value. */
void jw_open(struct json *j, const char *key, char bracket);
void jw_close(struct json *j, char bracket);
void jw_string(struct json *j, const char *key, const char *value);
void jw_number(struct json *j, const char *key, int64_t value);
void jw_bool(struct json *j, const char *key, bool value);
void jw_strings(struct json *j, const char *key, char *const *values);      /* NULL-terminated; NULL is [] */
void jw_raw(struct json *j, const char *key, const char *text, size_t len); /* text is JSON already */

#endif
