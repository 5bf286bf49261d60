/* SPDX-License-Identifier: MIT */
/* Bytes as the inside of a JSON string, piece by piece. */
#ifndef PICKET_CMD_ESCAPE_H
#define PICKET_CMD_ESCAPE_H

#include <stddef.h>

/* Length of the whole, valid UTF-8 character at s (len bytes are there); 0 if it is none. */
size_t utf8_char(const char *s, size_t len);

/*
 * Write the text behind data[*at] into buf (at least 8 bytes), as far as it fits, and move *at on. What is not UTF-8
 * becomes U+FFFD, a byte each. Returns the bytes written.
 */
size_t json_escape(const char *data, size_t len, size_t *at, char *buf, size_t size);

#endif
