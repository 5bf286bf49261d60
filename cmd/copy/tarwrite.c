/* SPDX-License-Identifier: MIT */
/* The writer of tar archives. */
#include "cmd/copy/tarwrite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_SIZE (256u << 10)
#define OCTAL_SIZE_MAX 077777777777ull /* 11 digits */
#define OCTAL_ID_MAX 07777777u	       /* 7 digits */

struct header { /* ustar, POSIX.1-2017 */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2];
	char uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

int tar_out_init(struct tar_out *o, int (*write)(void *arg, const void *data, size_t len), void *arg)
{
	*o = (struct tar_out){.write = write, .arg = arg, .buf = malloc(OUT_SIZE)};
	return o->buf ? 0 : -ENOMEM;
}

void tar_out_free(struct tar_out *o)
{
	free(o->buf);
	o->buf = NULL;
}

static int flush(struct tar_out *o)
{
	int r = o->n ? o->write(o->arg, o->buf, o->n) : 0;

	o->n = 0;
	return r;
}

static int put(struct tar_out *o, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		size_t room = OUT_SIZE - o->n, n = len < room ? len : room;
		int r;

		if (p) {
			memcpy(o->buf + o->n, p, n);
			p += n;
		} else {
			memset(o->buf + o->n, 0, n);
		}
		o->n += n;
		len -= n;
		r = o->n == OUT_SIZE ? flush(o) : 0;
		if (r)
			return r;
	}
	return 0;
}

static int put_padding(struct tar_out *o, uint64_t size)
{
	return put(o, NULL, -size & (TAR_BLOCK - 1));
}

static void octal(char *field, size_t len, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", (int)len - 1, (unsigned long long)v);
	memcpy(field, text, len - 1);
}

static void seal(struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	snprintf(h->sum, sizeof(h->sum), "%06o", sum);
	h->sum[7] = ' ';
}

/* What does not fit is cut: the pax record has it whole. */
static void cut(char *field, size_t len, const char *text)
{
	size_t n = strnlen(text, len);

	memcpy(field, text, n);
}

/* --- pax records
 * --------------------------------------------------------------------------------------------------------- */

struct pax {
	char *text;
	size_t n, cap;
	bool failed;
};

static char *room(struct pax *p, size_t len)
{
	if (p->failed)
		return NULL;
	if (p->cap - p->n < len) {
		size_t cap = (p->n + len) * 2;
		char *more = realloc(p->text, cap);

		if (!more) {
			p->failed = true;
			return NULL;
		}
		p->text = more;
		p->cap = cap;
	}
	p->n += len;
	return p->text + p->n - len;
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static void record(struct pax *p, const char *prefix, const char *key, const void *value, size_t len)
{
	size_t body = 1 + strlen(prefix) + strlen(key) + 1 + len + 1, total = body + 1;
	char number[24], *at;

	while (body + (size_t)snprintf(number, sizeof(number), "%zu", total) != total)
		total = body + strlen(number);
	at = room(p, total);
	if (!at)
		return;
	at += sprintf(at, "%s %s%s=", number, prefix, key);
	memcpy(at, value, len);
	at[len] = '\n';
}

static void record_text(struct pax *p, const char *key, const char *text)
{
	record(p, "", key, text, strlen(text));
}

static void record_number(struct pax *p, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	record_text(p, key, text);
}

static void record_time(struct pax *p, const struct tar_entry *en)
{
	char text[48];

	/* Before 1970 the fraction would count the other way: whole seconds do. */
	if (en->mtime_sec < 0)
		snprintf(text, sizeof(text), "%lld", (long long)en->mtime_sec);
	else
		snprintf(text, sizeof(text), "%lld.%09u", (long long)en->mtime_sec, en->mtime_nsec);
	record_text(p, "mtime", text);
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static int write_pax(struct tar_out *o, const struct tar_entry *en)
{
	struct header h = {.type = 'x', .magic = "ustar", .version = {'0', '0'}};
	struct pax p = {0};
	int r = 0;

	if (strlen(en->path) > sizeof(h.name) || !is_ascii(en->path))
		record_text(&p, "path", en->path);
	if (en->link && (strlen(en->link) > sizeof(h.link) || !is_ascii(en->link)))
		record_text(&p, "linkpath", en->link);
	if (en->size > OCTAL_SIZE_MAX)
		record_number(&p, "size", en->size);
	if (en->uid > OCTAL_ID_MAX)
		record_number(&p, "uid", en->uid);
	if (en->gid > OCTAL_ID_MAX)
		record_number(&p, "gid", en->gid);
	if (en->mtime_nsec || en->mtime_sec < 0 || (uint64_t)en->mtime_sec > OCTAL_SIZE_MAX)
		record_time(&p, en);
	for (size_t i = 0; i < en->xattr_count; i++)
		record(&p, "SCHILY.xattr.", en->xattrs[i].name, en->xattrs[i].value, en->xattrs[i].len);
	if (p.failed)
		r = -ENOMEM;
	if (!r && p.n) {
		cut(h.name, sizeof(h.name), "PaxHeaders.0/entry");
		octal(h.mode, sizeof(h.mode), 0644);
		octal(h.uid, sizeof(h.uid), 0);
		octal(h.gid, sizeof(h.gid), 0);
		octal(h.size, sizeof(h.size), p.n);
		octal(h.mtime, sizeof(h.mtime), 0);
		seal(&h);
		r = put(o, &h, sizeof(h));
		if (!r)
			r = put(o, p.text, p.n);
		if (!r)
			r = put_padding(o, p.n);
	}
	free(p.text);
	return r;
}

int tar_out_entry(struct tar_out *o, const struct tar_entry *en)
{
	struct header h = {.type = en->type, .magic = "ustar", .version = {'0', '0'}};
	uint64_t size = en->type == '0' ? en->size : 0;
	bool old = en->mtime_sec < 0 || (uint64_t)en->mtime_sec > OCTAL_SIZE_MAX;
	int r = write_pax(o, en);

	if (r)
		return r;
	cut(h.name, sizeof(h.name), en->path);
	if (en->link)
		cut(h.link, sizeof(h.link), en->link);
	octal(h.mode, sizeof(h.mode), en->mode & 07777);
	octal(h.uid, sizeof(h.uid), en->uid > OCTAL_ID_MAX ? 0 : en->uid);
	octal(h.gid, sizeof(h.gid), en->gid > OCTAL_ID_MAX ? 0 : en->gid);
	octal(h.size, sizeof(h.size), size > OCTAL_SIZE_MAX ? 0 : size);
	octal(h.mtime, sizeof(h.mtime), old ? 0 : (uint64_t)en->mtime_sec);
	octal(h.major, sizeof(h.major), en->major & OCTAL_ID_MAX);
	octal(h.minor, sizeof(h.minor), en->minor & OCTAL_ID_MAX);
	seal(&h);
	o->left = o->size = size;
	o->total += size;
	return put(o, &h, sizeof(h));
}

int tar_out_data(struct tar_out *o, const void *data, size_t len)
{
	size_t n = len < o->left ? len : (size_t)o->left;

	o->left -= n;
	return put(o, data, n);
}

int tar_out_end_file(struct tar_out *o)
{
	while (o->left) {
		size_t n = o->left < 65536 ? (size_t)o->left : 65536;
		int r = put(o, NULL, n);

		if (r)
			return r;
		o->left -= n;
	}
	return put_padding(o, o->size);
}

int tar_out_finish(struct tar_out *o)
{
	int r = put(o, NULL, 2 * TAR_BLOCK);

	return r ? r : flush(o);
}
