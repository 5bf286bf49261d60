/* SPDX-License-Identifier: MIT */
/* The writer of tar archives (POSIX.1-2017, pax). */
#include "cmd/image/tarout.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/str.h"

#define BLOCK 512u
#define OCTAL7 07777777u
#define SIZE_MAX_OCTAL 077777777777ull

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2], user[32],
		group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

struct pax {
	char *data;
	size_t len, room;
};

void tarout_begin(struct tarout *t, int fd, struct sha256 *hash)
{
	t->fd = fd;
	t->hash = hash;
	t->len = t->used = 0;
	t->err = 0;
}

int tarout_flush(struct tarout *t)
{
	size_t done = 0;

	if (t->hash)
		sha256_update(t->hash, t->buf, t->used);
	while (!t->err && t->fd >= 0 && done < t->used) {
		ssize_t n = write(t->fd, t->buf + done, t->used - done);

		if (n < 0 && errno != EINTR)
			t->err = errno;
		done += n > 0 ? (size_t)n : 0;
	}
	t->used = 0;
	return -t->err;
}

void tarout_data(struct tarout *t, const void *data, size_t len)
{
	const char *p = data;

	t->len += len;
	while (len) {
		size_t n = sizeof(t->buf) - t->used < len ? sizeof(t->buf) - t->used : len;

		memcpy(t->buf + t->used, p, n);
		t->used += n;
		p += n;
		len -= n;
		if (t->used == sizeof(t->buf) && tarout_flush(t))
			return;
	}
}

void tarout_zeros(struct tarout *t, uint64_t len)
{
	static const char zeros[4096];

	while (len && !t->err) {
		size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		tarout_data(t, zeros, n);
		len -= n;
	}
}

void tarout_pad(struct tarout *t)
{
	tarout_zeros(t, (BLOCK - t->len % BLOCK) % BLOCK);
}

static void octal(char *field, size_t size, uint64_t value)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static void put_header(struct tarout *t, const struct tarout_entry *e, const char *path)
{
	struct header h = {.type = e->type, .magic = "ustar", .version = {'0', '0'}};
	unsigned int sum = 0;
	int64_t mtime = e->mtime_sec;

	memcpy(h.name, path, strnlen(path, sizeof(h.name)));
	if (e->link)
		memcpy(h.link, e->link, strnlen(e->link, sizeof(h.link)));
	octal(h.mode, sizeof(h.mode), e->mode & 07777);
	octal(h.uid, sizeof(h.uid), e->uid <= OCTAL7 ? e->uid : 0);
	octal(h.gid, sizeof(h.gid), e->gid <= OCTAL7 ? e->gid : 0);
	octal(h.size, sizeof(h.size), e->size <= SIZE_MAX_OCTAL ? e->size : 0);
	octal(h.mtime, sizeof(h.mtime), mtime > 0 && (uint64_t)mtime <= SIZE_MAX_OCTAL ? (uint64_t)mtime : 0);
	octal(h.major, sizeof(h.major), e->major & OCTAL7);
	octal(h.minor, sizeof(h.minor), e->minor & OCTAL7);
	memset(h.sum, ' ', sizeof(h.sum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	octal(h.sum, 7, sum);
	tarout_data(t, &h, sizeof(h));
}

/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void pax_add(struct pax *p, const char *key, size_t key_len, const void *value, size_t len)
{
	size_t body = 1 + key_len + 1 + len + 1, total = body + 1;
	char digits[24];

	while (total != body + (size_t)snprintf(digits, sizeof(digits), "%zu", total))
		total = body + strlen(digits);
	if (p->room - p->len < total) {
		p->room = (p->len + total) * 2;
		p->data = xrealloc(p->data, p->room);
	}
	p->len += (size_t)sprintf(p->data + p->len, "%zu ", total);
	memcpy(p->data + p->len, key, key_len);
	p->len += key_len;
	p->data[p->len++] = '=';
	memcpy(p->data + p->len, value, len);
	p->len += len;
	p->data[p->len++] = '\n';
}

static void pax_text(struct pax *p, const char *key, const char *value)
{
	pax_add(p, key, strlen(key), value, strlen(value));
}

static void pax_number(struct pax *p, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	pax_text(p, key, text);
}

static void pax_time(struct pax *p, const struct tarout_entry *e)
{
	char text[48];

	/* Before 1970 the fraction counts the other way. */
	if (e->mtime_sec < 0 && e->mtime_nsec)
		snprintf(text, sizeof(text), "-%lld.%09u", (long long)-(e->mtime_sec + 1), 1000000000u - e->mtime_nsec);
	else
		snprintf(text, sizeof(text), "%lld.%09u", (long long)e->mtime_sec, e->mtime_nsec);
	pax_text(p, "mtime", text);
}

static void put_pax(struct tarout *t, const struct tarout_entry *e)
{
	struct tarout_entry x = {.type = 'x', .mode = 0644};
	struct pax p = {0};

	if (strlen(e->path) > 100)
		pax_text(&p, "path", e->path);
	if (e->link && strlen(e->link) > 100)
		pax_text(&p, "linkpath", e->link);
	if (e->uid > OCTAL7)
		pax_number(&p, "uid", e->uid);
	if (e->gid > OCTAL7)
		pax_number(&p, "gid", e->gid);
	if (e->size > SIZE_MAX_OCTAL)
		pax_number(&p, "size", e->size);
	if (e->mtime_nsec || e->mtime_sec < 0)
		pax_time(&p, e);
	for (size_t i = 0; i < e->xattr_count; i++) {
		char *key = xasprintf("SCHILY.xattr.%.*s", (int)e->xattrs[i].name_len, e->xattrs[i].name);

		pax_add(&p, key, strlen(key), e->xattrs[i].value, e->xattrs[i].len);
		free(key);
	}
	if (p.len) {
		x.size = p.len;
		put_header(t, &x, "PaxHeaders/x");
		tarout_data(t, p.data, p.len);
		tarout_pad(t);
	}
	free(p.data);
}

void tarout_entry(struct tarout *t, const struct tarout_entry *e)
{
	put_pax(t, e);
	put_header(t, e, e->path);
}

void tarout_file(struct tarout *t, const char *path, const void *data, size_t len)
{
	const struct tarout_entry e = {.type = '0', .path = path, .mode = 0644, .size = len};

	tarout_entry(t, &e);
	tarout_data(t, data, len);
	tarout_pad(t);
}

int tarout_end(struct tarout *t)
{
	tarout_zeros(t, 2 * BLOCK);
	return tarout_flush(t);
}
