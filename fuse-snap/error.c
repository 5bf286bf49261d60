/* SPDX-License-Identifier: MIT */
/* Sentences for people. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

__attribute__((format(printf, 3, 0))) static void fill(struct snap_error *e, int err, const char *fmt, va_list ap)
{
	e->err = err;
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
}

int snap_fail(struct snap_error *e, int err, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		fill(e, err, fmt, ap);
		va_end(ap);
	}
	return -err;
}

static const char *reason(int err)
{
	switch (err) {
	case ENOSPC:
		return "the disk is full (free some space, or run 'picket prune')";
	case EDQUOT:
		return "your disk quota is used up (free some space, or run 'picket prune')";
	default:
		return strerror(err);
	}
}

int snap_fail_errno(struct snap_error *e, int err, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (!e)
		return -err;
	va_start(ap, fmt);
	fill(e, err, fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n, ": %s", reason(err));
	return -err;
}
