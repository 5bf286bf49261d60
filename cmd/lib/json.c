/* SPDX-License-Identifier: MIT */
/* A JSON writer. */
#include "cmd/lib/json.h"

#include <inttypes.h>
#include <string.h>

size_t utf8_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : (s[0] & 0xf0) == 0xe0	   ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;

	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (len == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)))
		return 0;
	if (len == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
		return 0;
	return len;
}

static void put_string(FILE *out, const char *s)
{
	fputc('"', out);
	while (*s) {
		const unsigned char *u = (const unsigned char *)s;
		size_t len = utf8_len(u);

		if (len == 0)
			fputs("\\ufffd", out);
		else if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", out);
		else if (*u < 0x20 || *u == 0x7f)
			fprintf(out, "\\u%04x", *u);
		else
			fwrite(s, 1, len, out);
		s += len ? len : 1;
	}
	fputc('"', out);
}

static void begin(struct json *j, const char *key)
{
	if (j->some)
		fputc(',', j->out);
	if (j->depth)
		fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
	if (key) {
		put_string(j->out, key);
		fputs(": ", j->out);
	}
	j->some = true;
}

void jw_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	fputc(bracket, j->out);
	j->depth++;
	j->some = false;
}

void jw_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->some)
		fprintf(j->out, "\n%*s", (int)(2 * j->depth), "");
	fputc(bracket, j->out);
	j->some = true;
	if (!j->depth)
		fputc('\n', j->out);
}

void jw_string(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	put_string(j->out, value ? value : "");
}

void jw_number(struct json *j, const char *key, int64_t value)
{
	begin(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void jw_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->out);
}

void jw_strings(struct json *j, const char *key, char *const *values)
{
	jw_open(j, key, '[');
	for (; values && *values; values++)
		jw_string(j, NULL, *values);
	jw_close(j, ']');
}

void jw_raw(struct json *j, const char *key, const char *text, size_t len)
{
	begin(j, key);
	fwrite(text, 1, len, j->out);
}
