/* SPDX-License-Identifier: MIT */
/* The head of an entry of a tar archive: a ustar header, and before it the pax records for what does not fit into that. */
#include "cmd/copy/tarhead.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OCTAL_SIZE_MAX 077777777777ull /* 11 digits */
#define OCTAL_ID_MAX 07777777u	       /* 7 digits */

struct header { /* ustar, POSIX.1-2017 */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2];
	char uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

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

/* Room for len bytes more; NULL from the first failure on. */
static char *room(struct tar_head *p, size_t len)
{
	if (p->failed)
		return NULL;
	if (p->cap - p->len < len) {
		size_t cap = (p->len + len) * 2;
		char *more = realloc(p->data, cap);

		if (!more) {
			p->failed = true;
			return NULL;
		}
		p->data = more;
		p->cap = cap;
	}
	p->len += len;
	return p->data + p->len - len;
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static void record(struct tar_head *p, const char *prefix, const char *key, const void *value, size_t len)
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

static void record_text(struct tar_head *p, const char *key, const char *text)
{
	record(p, "", key, text, strlen(text));
}

static void record_number(struct tar_head *p, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	record_text(p, key, text);
}

static void record_time(struct tar_head *p, const struct tar_entry *en)
{
	char text[48];

	/* Before 1970 the fraction counts the other way. */
	if (en->mtime_sec < 0 && en->mtime_nsec)
		snprintf(text, sizeof(text), "-%lld.%09u", (long long)-(en->mtime_sec + 1), 1000000000u - en->mtime_nsec);
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

static void put(struct tar_head *p, const void *data, size_t len)
{
	char *at = room(p, len);

	if (at)
		memcpy(at, data, len);
}

static void put_records(struct tar_head *p, const struct tar_entry *en, uint64_t size)
{
	if (strlen(en->path) > sizeof(((struct header *)0)->name) || !is_ascii(en->path))
		record_text(p, "path", en->path);
	if (en->link && (strlen(en->link) > sizeof(((struct header *)0)->name) || !is_ascii(en->link)))
		record_text(p, "linkpath", en->link);
	if (size > OCTAL_SIZE_MAX)
		record_number(p, "size", size);
	if (en->uid > OCTAL_ID_MAX)
		record_number(p, "uid", en->uid);
	if (en->gid > OCTAL_ID_MAX)
		record_number(p, "gid", en->gid);
	if (en->mtime_nsec || en->mtime_sec < 0 || (uint64_t)en->mtime_sec > OCTAL_SIZE_MAX)
		record_time(p, en);
	for (size_t i = 0; i < en->xattr_count; i++)
		record(p, "SCHILY.xattr.", en->xattrs[i].name, en->xattrs[i].value, en->xattrs[i].len);
}

static void fill(struct header *h, const struct tar_entry *en, uint64_t size)
{
	bool old = en->mtime_sec < 0 || (uint64_t)en->mtime_sec > OCTAL_SIZE_MAX;

	*h = (struct header){.type = en->type, .magic = "ustar", .version = {'0', '0'}};
	cut(h->name, sizeof(h->name), en->path);
	if (en->link)
		cut(h->link, sizeof(h->link), en->link);
	octal(h->mode, sizeof(h->mode), en->mode & 07777);
	octal(h->uid, sizeof(h->uid), en->uid > OCTAL_ID_MAX ? 0 : en->uid);
	octal(h->gid, sizeof(h->gid), en->gid > OCTAL_ID_MAX ? 0 : en->gid);
	octal(h->size, sizeof(h->size), size > OCTAL_SIZE_MAX ? 0 : size);
	octal(h->mtime, sizeof(h->mtime), old ? 0 : (uint64_t)en->mtime_sec);
	octal(h->major, sizeof(h->major), en->major & OCTAL_ID_MAX);
	octal(h->minor, sizeof(h->minor), en->minor & OCTAL_ID_MAX);
	seal(h);
}

int tar_head_make(struct tar_head *p, const struct tar_entry *en)
{
	static const struct tar_entry records = {.type = 'x', .path = "PaxHeaders.0/entry", .mode = 0644};
	uint64_t size = en->type == '0' ? en->size : 0;
	struct header h;

	p->len = 0;
	p->failed = false;
	if (!room(p, sizeof(h)))
		return -ENOMEM;
	put_records(p, en, size);
	if (p->failed)
		return -ENOMEM;
	if (p->len > sizeof(h)) {
		static const char zeros[TAR_BLOCK];

		fill(&h, &records, p->len - sizeof(h));
		memcpy(p->data, &h, sizeof(h));
		put(p, zeros, -p->len & (TAR_BLOCK - 1));
	} else {
		p->len = 0;
	}
	fill(&h, en, size);
	put(p, &h, sizeof(h));
	return p->failed ? -ENOMEM : 0;
}

void tar_head_free(struct tar_head *p)
{
	free(p->data);
	*p = (struct tar_head){0};
}

char tar_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return '0';
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return 0;
	}
}
