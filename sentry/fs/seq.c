/* SPDX-License-Identifier: MIT */
/* Text under construction, for files whose contents are made up when they are read. */
#include "fs/kernfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for *more* bytes and a NUL. */
static bool reserve(struct seq *s, size_t more)
{
	size_t cap = s->cap ? s->cap : 512;
	char *buf;

	if (s->failed)
		return false;
	if (more > SEQ_MAX || s->len + more + 1 > SEQ_MAX) {
		s->failed = true;
		return false;
	}
	while (cap < s->len + more + 1)
		cap *= 2;
	if (cap == s->cap)
		return true;
	buf = realloc(s->buf, cap);
	if (!buf) {
		s->failed = true;
		return false;
	}
	s->buf = buf;
	s->cap = cap;
	return true;
}

void seq_write(struct seq *s, const void *data, size_t len)
{
	if (!reserve(s, len))
		return;
	memcpy(s->buf + s->len, data, len);
	s->len += len;
	s->buf[s->len] = 0;
}

void seq_puts(struct seq *s, const char *str)
{
	seq_write(s, str, strlen(str));
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	if (!reserve(s, 128))
		return;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(s->buf + s->len, s->cap - s->len, fmt, ap);
	va_end(ap);
	if (n < 0) {
		s->failed = true;
	} else if ((size_t)n < s->cap - s->len) {
		s->len += (size_t)n;
	} else if (reserve(s, (size_t)n)) {
		vsnprintf(s->buf + s->len, s->cap - s->len, fmt, again);
		s->len += (size_t)n;
	}
	va_end(again);
}

void seq_escape(struct seq *s, const char *str, const char *esc)
{
	for (; *str; str++) {
		unsigned char c = (unsigned char)*str;

		if (c == '\\' || strchr(esc, c))
			seq_printf(s, "\\%03o", c);
		else
			seq_write(s, str, 1);
	}
}

void seq_free(struct seq *s)
{
	free(s->buf);
	*s = (struct seq){0};
}
