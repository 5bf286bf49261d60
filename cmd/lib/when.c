/* SPDX-License-Identifier: MIT */
/* Times. */
#include "cmd/lib/when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS 1000000000LL

int64_t now_real(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS + ts.tv_nsec;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits, and behind a dot up to nine more: the value in units of `unit` ns. Moves *text on. 0 or -EINVAL. */
static int number(const char **text, int64_t unit, int64_t *ret)
{
	const char *p = *text;
	int64_t whole = 0, part = 0, scale = 1, value;

	if (!digit(*p) && !(*p == '.' && digit(p[1])))
		return -EINVAL;
	for (; digit(*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *p - '0', &whole))
			return -EINVAL;
	if (*p == '.') {
		for (p++; digit(*p); p++) {
			if (scale >= NS)
				continue;
			part = part * 10 + (*p - '0');
			scale *= 10;
		}
	}
	if (__builtin_mul_overflow(whole, unit, &value) ||
		__builtin_add_overflow(value, (int64_t)((double)part / (double)scale * (double)unit + 0.5), &value))
		return -EINVAL;
	*text = p;
	*ret = value;
	return 0;
}

static int64_t unit_of(const char *text, size_t len)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", NS}, {"m", 60 * NS}, {"h", 3600 * NS}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, text, len) == 0)
			return units[i].ns;
	return 0;
}

int parse_duration(const char *text, int seconds, int64_t *ret)
{
	int64_t sum = 0;
	const char *p = text;

	if (seconds && number(&p, NS, &sum) == 0 && !*p) {
		*ret = sum;
		return 0;
	}
	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	p = text;
	sum = 0;
	do {
		const char *letters = p + strspn(p, "0123456789.");
		size_t len = strcspn(letters, "0123456789.");
		int64_t unit = unit_of(letters, len), value;

		if (!unit || number(&p, unit, &value) < 0 || p != letters || __builtin_add_overflow(sum, value, &sum))
			return -EINVAL;
		p += len;
	} while (*p);
	*ret = sum;
	return 0;
}

/* Z, +02:00 or nothing (local time) behind a date. */
static int zone(const char *text, struct tm *tm, int64_t *seconds)
{
	int hours, minutes, end = 0;

	if (*text == '\0') {
		tm->tm_isdst = -1;
		*seconds = (int64_t)mktime(tm);
		return 0;
	}
	*seconds = (int64_t)timegm(tm);
	if (strcmp(text, "Z") == 0)
		return 0;
	if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 || text[1 + end])
		return -EINVAL;
	*seconds -= (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 0;
}

static int date(const char *text, int64_t *ret)
{
	struct tm tm = {.tm_mday = 1};
	int64_t seconds, ns = 0;
	int end = 0;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &end) != 3 || !end)
		return -EINVAL;
	text += end;
	if (*text == 'T' || *text == ' ') {
		end = 0;
		if (sscanf(text + 1, "%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &end) != 2 || !end)
			return -EINVAL;
		text += 1 + end;
		end = 0;
		if (*text == ':' && sscanf(text, ":%2d%n", &tm.tm_sec, &end) == 1)
			text += end;
		if (*text == '.' && number(&text, NS, &ns) < 0)
			return -EINVAL;
	}
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (zone(text, &tm, &seconds) < 0)
		return -EINVAL;
	*ret = seconds * NS + ns;
	return 0;
}

int parse_when(const char *text, int64_t now, int64_t *ret)
{
	const char *p = text;
	int64_t value;

	if (number(&p, NS, &value) == 0 && !*p) {
		*ret = value;
		return 0;
	}
	if (parse_duration(text, 0, &value) == 0) {
		*ret = now - value;
		return 0;
	}
	return date(text, ret);
}

const char *format_when(int64_t ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(ns / NS);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%09lldZ", (long long)(ns % NS));
	return buf;
}
