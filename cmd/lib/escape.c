/* SPDX-License-Identifier: MIT */
/* Bytes that may be anything: in JSON strings, and before people. */
#include "cmd/lib/escape.h"

#include <stdio.h>
#include <string.h>

size_t utf8_char(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	if (!len || (s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4)
		return 0;
	n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static size_t escape_byte(unsigned char c, char *out)
{
	switch (c) {
	case '"':
	case '\\':
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	case '\n':
		memcpy(out, "\\n", 2);
		return 2;
	case '\r':
		memcpy(out, "\\r", 2);
		return 2;
	case '\t':
		memcpy(out, "\\t", 2);
		return 2;
	default:
		return (size_t)snprintf(out, 8, "\\u%04x", c);
	}
}

size_t json_escape(const char *data, size_t len, size_t *at, char *buf, size_t size)
{
	size_t used = 0;

	while (*at < len && size - used >= 8) {
		unsigned char c = (unsigned char)data[*at];
		size_t n = utf8_char(data + *at, len - *at);

		if (n == 0) {
			memcpy(buf + used, "\\ufffd", 6);
			used += 6;
			n = 1;
		} else if (n == 1 && (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)) {
			used += escape_byte(c, buf + used);
		} else {
			memcpy(buf + used, data + *at, n);
			used += n;
		}
		*at += n;
	}
	return used;
}

size_t unprintable(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	if (*u < 0x20 || *u == 0x7f || !utf8_char(s, strnlen(s, 4)))
		return 1;
	if (u[0] == 0xc2 && u[1] < 0xa0)
		return 2;
	if (u[0] == 0xe2 && u[1] == 0x80 && ((u[2] >= 0x8e && u[2] <= 0x8f) || (u[2] >= 0xa8 && u[2] <= 0xae)))
		return 3;
	if (u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9)
		return 3;
	return 0;
}

void make_printable(char *text, const char *keep)
{
	char *out = text;

	while (*text) {
		size_t bad = strchr(keep, *text) ? 0 : unprintable(text), n = bad ? bad : utf8_char(text, strnlen(text, 4));

		if (bad)
			*out++ = '?';
		else
			out = (char *)memmove(out, text, n) + n;
		text += n;
	}
	*out = '\0';
}
