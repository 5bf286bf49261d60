/* SPDX-License-Identifier: MIT */
/* Strings, sizes, and what people write and read. */
#include "cmd/lib/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/message.h"

static void *check_memory(void *p)
{
	if (!p)
		exit(complain(EXIT_PICKET, "out of memory"));
	return p;
}

void *xrealloc(void *p, size_t size)
{
	return check_memory(realloc(p, size));
}

void *xcalloc(size_t count, size_t size)
{
	return check_memory(calloc(count ? count : 1, size));
}

char *xstrdup(const char *s)
{
	return check_memory(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
	return check_memory(strndup(s, len));
}

char *xasprintf(const char *fmt, ...)
{
	char *s;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&s, fmt, ap);
	va_end(ap);
	return check_memory(r < 0 ? NULL : s);
}

void str_list_add(struct str_list *list, char *s)
{
	list->items = xrealloc(list->items, (list->count + 2) * sizeof(*list->items));
	list->items[list->count++] = s;
	list->items[list->count] = NULL;
}

void str_list_free(struct str_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct str_list){0};
}

size_t env_name_len(const char *s)
{
	return strcspn(s, "=");
}

char **env_find(const struct str_list *list, const char *s)
{
	size_t len = env_name_len(s);

	for (size_t i = 0; i < list->count; i++)
		if (env_name_len(list->items[i]) == len && strncmp(list->items[i], s, len) == 0)
			return &list->items[i];
	return NULL;
}

void env_set(struct str_list *list, char *s)
{
	char **old = env_find(list, s);

	if (!old) {
		str_list_add(list, s);
		return;
	}
	free(*old);
	*old = s;
}

int parse_size(const char *text, int64_t *ret)
{
	static const char letters[] = "bkmgt";
	char *end;
	const char *letter;
	double value, factor = 1;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	value = strtod(text, &end);
	if (*end) {
		letter = strchr(letters, tolower((unsigned char)*end));
		if (!letter)
			return -EINVAL;
		for (const char *p = letters; p < letter; p++)
			factor *= 1024;
		end++;
		if (factor > 1 && (*end == 'i' || *end == 'I'))
			end++;
		if (factor > 1 && (*end == 'b' || *end == 'B'))
			end++;
	}
	if (*end || strpbrk(text, "xXeEpP"))
		return -EINVAL;
	value *= factor;
	if (!(value < 9e18))
		return -ERANGE;
	*ret = (int64_t)value;
	return 0;
}

int parse_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char *end;
	long long value;

	if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

const char *human_size(uint64_t bytes, char *buf, size_t len)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t u = 0;

	while (value >= 999.5 && u + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		u++;
	}
	snprintf(buf, len, u && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[u]);
	return buf;
}

const char *human_age(int64_t when, int64_t now, char *buf, size_t len)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{31536000, "year"}, {2592000, "month"}, {604800, "week"}, {86400, "day"}, {3600, "hour"},
		{60, "minute"}, {1, "second"}};
	int64_t age = now - when;

	if (when <= 0) {
		snprintf(buf, len, "N/A");
		return buf;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int64_t n = age / units[i].seconds;

		if (n >= 1) {
			snprintf(buf, len, "%lld %s%s ago", (long long)n, units[i].name, n == 1 ? "" : "s");
			return buf;
		}
	}
	snprintf(buf, len, "just now");
	return buf;
}
