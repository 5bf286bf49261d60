/* SPDX-License-Identifier: MIT */
/* Bytes that may be anything: as the inside of a JSON string, and shown to people. */
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

/*
 * Bytes of the character at s that a terminal would do more with than show it, or that is no UTF-8: control characters (C1
 * too, which are two bytes), and the marks that turn the direction of writing. 0: it is fine.
 */
size_t unprintable(const char *s);

/* Put '?' in place of such characters, except those in `keep`. The text may become shorter. */
void make_printable(char *text, const char *keep);

#endif
