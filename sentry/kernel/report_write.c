/* SPDX-License-Identifier: MIT */
/* A report as lines of JSON. */
#include "kernel/report_internal.h"

#include "syscalls/syscalls.h"
#include "vfs/touched.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct out {
	char *buf;
	size_t len, cap;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->len, o->cap - o->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= o->cap - o->len)
		o->full = true;
	else
		o->len += (size_t)n;
}

/* Bytes of the UTF-8 sequence at *s*; 0: it is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;

	if (!n || left < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void put_string(struct out *o, const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;

	put(o, "\"");
	for (size_t i = 0; i < len;) {
		size_t n = u[i] < 0x80 ? 1 : utf8_len(u + i, len - i);

		if (!n)
			put(o, "\\ufffd");
		else if (n == 1 && (u[i] == '"' || u[i] == '\\'))
			put(o, "\\%c", u[i]);
		else if (n == 1 && (u[i] < ' ' || u[i] == 127))
			put(o, "\\u%04x", u[i]);
		else
			put(o, "%.*s", (int)n, s + i);
		i += n ? n : 1;
	}
	put(o, "\"");
}

static const char *errno_name(int err, char *buf, size_t size)
{
	const char *name = strerrorname_np(err);

	if (name)
		return name;
	snprintf(buf, size, "%d", err);
	return buf;
}

static void put_change(struct out *o, const struct report_entry *e, const char *kind)
{
	put(o, "{\"kind\":\"%s\",\"path\":", kind);
	put_string(o, e->key, e->len);
	put(o, ",\"change\":\"%s\",\"count\":%" PRIu64 "}\n",
	    !e->there ? (e->there_before ? "removed" : "temporary") : e->there_before ? "changed" : "made", e->count);
}

static void put_file(struct out *o, const struct report_entry *e)
{
	put_change(o, e, "file");
}

static void put_inside(struct out *o, const struct report_entry *e)
{
	if (e->there || e->there_before)
		put_change(o, e, "inside");
}

static void put_host(struct out *o, const struct report_entry *e)
{
	char protocol[8] = "", number[16];
	unsigned port = 0;
	int at = 0;

	if (sscanf(e->key, "%7s %u %n", protocol, &port, &at) < 2)
		return;
	put(o, "{\"kind\":\"host\",\"protocol\":\"%s\",\"port\":%u,\"address\":", protocol, port);
	put_string(o, e->key + at, e->len - (size_t)at);
	if (e->extra) {
		put(o, ",\"name\":");
		put_string(o, e->extra, strlen(e->extra));
	}
	if (!e->there && e->err)
		put(o, ",\"error\":\"%s\"", errno_name(e->err, number, sizeof(number)));
	put(o, ",\"count\":%" PRIu64 "}\n", e->count);
}

static void put_call(struct out *o, const struct report_entry *e)
{
	char number[16];

	put(o, "{\"kind\":\"call\",\"name\":");
	if (e->desc) {
		put_string(o, e->desc->name, strlen(e->desc->name));
	} else {
		snprintf(number, sizeof(number), "%u", (unsigned)e->number);
		put_string(o, number, strlen(number));
	}
	put(o, ",\"error\":\"%s\",\"count\":%" PRIu64, errno_name(e->err, number, sizeof(number)), e->count);
	if (e->desc && !e->desc->fn && e->desc->reason) {
		put(o, ",\"reason\":");
		put_string(o, e->desc->reason, strlen(e->desc->reason));
	}
	if (e->extra) {
		put(o, ",\"path\":");
		put_string(o, e->extra, strlen(e->extra));
	}
	put(o, "}\n");
}

static void put_program(struct out *o, const struct report_entry *e)
{
	put(o, "{\"kind\":\"program\",\"path\":");
	put_string(o, e->key, e->len);
	put(o, ",\"count\":%" PRIu64 "}\n", e->count);
}

/* One line each; a line that does not fit any more is taken back, and it and the rest are counted as lost. */
static void put_table(struct out *o, struct report_table *tb, void (*one)(struct out *o, const struct report_entry *e))
{
	lock_acquire(&tb->lock);
	for (struct report_entry *e = tb->first; e; e = e->next) {
		size_t before = o->len;

		one(o, e);
		if (o->full) {
			o->len = before;
			tb->lost++;
		}
		o->full = false;
	}
	lock_release(&tb->lock);
}

static void put_lost(struct out *o, const struct report *r)
{
	put(o, "{\"kind\":\"lost\",\"files\":%" PRIu64 ",\"hosts\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"programs\":%" PRIu64
	       ",\"inside\":%" PRIu64 "}\n",
	    r->tables[REPORT_FILES].lost, r->tables[REPORT_HOSTS].lost, r->tables[REPORT_CALLS].lost, r->tables[REPORT_PROGRAMS].lost,
	    r->tables[REPORT_INSIDE].lost);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int report_write(struct kernel *k, int fd)
{
	struct out o = {.cap = REPORT_SIZE_MAX - 4096};
	int r;

	o.buf = malloc(REPORT_SIZE_MAX);
	if (!o.buf)
		return -ENOMEM;
	put_table(&o, &k->report->tables[REPORT_PROGRAMS], put_program);
	put_table(&o, &k->report->tables[REPORT_HOSTS], put_host);
	put_table(&o, &k->report->tables[REPORT_CALLS], put_call);
	put_table(&o, &k->report->tables[REPORT_FILES], put_file);
	put_table(&o, &k->report->tables[REPORT_INSIDE], put_inside);
	o.cap = REPORT_SIZE_MAX;
	put_lost(&o, k->report);
	r = write_all(fd, o.buf, o.len);
	free(o.buf);
	return r;
}
