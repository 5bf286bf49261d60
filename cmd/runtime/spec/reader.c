/* SPDX-License-Identifier: MIT */
/* Checked access to a JSON tree. */
#include "cmd/runtime/spec/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = xstrdup("out of memory");
	return s;
}

void reader_fail(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->err)
		return;
	va_start(ap, fmt);
	r->err = format(fmt, ap);
	va_end(ap);
}

void reader_warn(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->err)
		return;
	va_start(ap, fmt);
	str_list_add(r->warnings, format(fmt, ap));
	va_end(ap);
}

/* --- text ------------------------------------------------------------------------------------------------------------------------- */

/*
 * Limits without end are written as 18446744073709551615, which the parser's signed numbers do not hold: such numbers become the largest signed
 * one, in place. *text* is our own copy.
 */
static void clamp_numbers(char *text, size_t len)
{
	static const char largest[] = "9223372036854775807";
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		size_t n = 0;

		if (string) {
			if (text[i] == '\\')
				i++;
			else
				string = text[i] != '"';
			continue;
		}
		string = text[i] == '"';
		while (i + n < len && text[i + n] >= '0' && text[i + n] <= '9')
			n++;
		if (n == 0)
			continue;
		if (n == sizeof(largest) || (n == sizeof(largest) - 1 && memcmp(text + i, largest, n) > 0)) {
			bool minus = i > 0 && text[i - 1] == '-';
			char after = i + n < len ? text[i + n] : 0;

			if (!minus && text[i] != '0' && after != '.' && (after | 0x20) != 'e' && (n < 20 || memcmp(text + i, "18446744073709551615", n) <= 0)) {
				memcpy(text + i, largest, sizeof(largest) - 1);
				if (n == sizeof(largest))
					text[i + n - 1] = ' ';
			}
		}
		i += n - 1;
	}
}

json_t *reader_text(const char *text, size_t len, const char *what, char **err)
{
	char *copy = xrealloc(NULL, len + 1);
	json_error_t e;
	json_t *tree;

	memcpy(copy, text, len);
	clamp_numbers(copy, len);
	tree = json_loadb(copy, len, 0, &e);
	free(copy);
	if (!tree) {
		*err = xasprintf("%s is not valid JSON: %s at line %d, column %d", what, e.text, e.line, e.column);
		return NULL;
	}
	if (!json_is_object(tree)) {
		*err = xasprintf("%s is not a JSON object", what);
		json_decref(tree);
		return NULL;
	}
	return tree;
}

char *reader_slurp(const char *path, size_t max, size_t *ret, char **err)
{
	/* Not a FIFO, which would make us wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0, room = 1u << 16;
	struct stat st;
	ssize_t n = 1;
	char *buf;

	if (fd < 0) {
		*err = xasprintf("cannot open %s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		*err = xasprintf("cannot read %s: %s", path, strerror(EISDIR));
		close(fd);
		return NULL;
	}
	if (fcntl(fd, F_SETFL, 0) < 0)
		room = 1u << 16;
	buf = xrealloc(NULL, room);
	while (len <= max) {
		if (len == room)
			buf = xrealloc(buf, room *= 2);
		n = read(fd, buf + len, room - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (n < 0)
		*err = xasprintf("cannot read %s: %s", path, strerror(errno));
	else if (len > max)
		*err = xasprintf("%s is larger than %zu MiB", path, max >> 20);
	close(fd);
	if (n < 0 || len > max) {
		free(buf);
		return NULL;
	}
	*ret = len;
	return buf;
}

/* --- fields ------------------------------------------------------------------------------------------------------------------------ */

static json_t *field(struct reader *r, json_t *obj, const char *key)
{
	json_t *v = r->err || !obj ? NULL : json_object_get(obj, key);

	return json_is_null(v) ? NULL : v;
}

static json_t *typed(struct reader *r, json_t *obj, const char *where, const char *key, json_type type, const char *kind)
{
	json_t *v = field(r, obj, key);

	if (v && json_typeof(v) != type) {
		reader_fail(r, "%s%s is not %s", where, key, kind);
		return NULL;
	}
	return v;
}

json_t *reader_object(struct reader *r, json_t *obj, const char *where, const char *key)
{
	return typed(r, obj, where, key, JSON_OBJECT, "an object");
}

json_t *reader_array(struct reader *r, json_t *obj, const char *where, const char *key, size_t max)
{
	json_t *v = typed(r, obj, where, key, JSON_ARRAY, "an array");

	if (v && json_array_size(v) > max) {
		reader_fail(r, "%s%s has %zu entries: more than %zu", where, key, json_array_size(v), max);
		return NULL;
	}
	return v;
}

const char *reader_string(struct reader *r, json_t *obj, const char *where, const char *key)
{
	return json_string_value(typed(r, obj, where, key, JSON_STRING, "a string"));
}

bool reader_bool(struct reader *r, json_t *obj, const char *where, const char *key)
{
	json_t *v = field(r, obj, key);

	if (v && !json_is_boolean(v))
		reader_fail(r, "%s%s is neither true nor false", where, key);
	return json_is_true(v);
}

bool reader_number(struct reader *r, json_t *obj, const char *where, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	json_t *v = field(r, obj, key);
	json_int_t n = json_integer_value(v);

	if (!v)
		return false;
	if (!json_is_integer(v)) {
		reader_fail(r, "%s%s is not a whole number", where, key);
		return false;
	}
	if (n < min || n > max) {
		reader_fail(r, "%s%s is %" JSON_INTEGER_FORMAT ": not between %" PRId64 " and %" PRId64, where, key, n, min, max);
		return false;
	}
	*ret = n;
	return true;
}

uint32_t reader_id(struct reader *r, json_t *obj, const char *where, const char *key, bool needed)
{
	int64_t v = 0;

	if (needed)
		reader_need(r, obj, where, key);
	reader_number(r, obj, where, key, 0, UINT32_MAX - 1, &v);
	return (uint32_t)v;
}

const char **reader_strings(struct reader *r, json_t *obj, const char *where, const char *key, size_t max, size_t *ret)
{
	json_t *v = reader_array(r, obj, where, key, max);
	size_t n = json_array_size(v);
	const char **list;

	if (ret)
		*ret = 0;
	if (!v)
		return NULL;
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		list[i] = json_string_value(json_array_get(v, i));
		if (!list[i]) {
			reader_fail(r, "%s%s[%zu] is not a string", where, key, i);
			free(list);
			return NULL;
		}
	}
	if (ret)
		*ret = n;
	return list;
}

void reader_need(struct reader *r, const json_t *obj, const char *where, const char *key)
{
	json_t *v = r->err || !obj ? NULL : json_object_get(obj, key);

	if (!v || json_is_null(v))
		reader_fail(r, "%s%s is missing", where, key);
}
