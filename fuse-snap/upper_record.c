/* SPDX-License-Identifier: MIT */
/* The record of an object of a layer of writes, and its host name: docs/kept-format.md. */
#include "upper.h"

#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_MAGIC 0x31554b50u /* "PKU1" */
#define HEADER_MAGIC 0x31484b50u /* "PKH1" */
#define FIXED 32u
#define ITEM_HEAD 4u

enum item { ITEM_ORIGIN = 1, ITEM_RDEV, ITEM_XATTR, ITEM_LINKS, ITEM_ACL, ITEM_DEFAULT_ACL, ITEM_MTIME, ITEM_COUNT };

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* --- reading --------------------------------------------------------------------------------------------------------------- */

/* A relative path without empty, "." and ".." components; "" is the root. */
static bool origin_ok(const char *p, size_t len)
{
	size_t start = 0;

	if (len >= 4096 || memchr(p, 0, len))
		return false;
	if (len == 0)
		return true;
	for (size_t i = 0; i <= len; i++) {
		size_t n = i - start;

		if (i < len && p[i] != '/')
			continue;
		if (n == 0 || n > 255 || (n == 1 && p[start] == '.') || (n == 2 && p[start] == '.' && p[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

static bool xattr_ok(const uint8_t *p, size_t len)
{
	const uint8_t *nul = memchr(p, 0, len);

	return nul && nul > p && nul - p <= 255;
}

static int take_item(struct upper_record *r, unsigned kind, const uint8_t *p, size_t len)
{
	switch (kind) {
	case ITEM_ORIGIN:
		if (!origin_ok((const char *)p, len))
			return -EUCLEAN;
		r->origin = (struct upper_bytes){.p = p, .len = len};
		return 0;
	case ITEM_RDEV:
		if (len != 8)
			return -EUCLEAN;
		r->rdev_major = get32(p);
		r->rdev_minor = get32(p + 4);
		return 0;
	case ITEM_XATTR:
		return xattr_ok(p, len) ? 0 : -EUCLEAN;
	case ITEM_LINKS:
		if (len != 4)
			return -EUCLEAN;
		r->links = (int32_t)get32(p);
		return 0;
	case ITEM_ACL:
		r->acl = (struct upper_bytes){.p = p, .len = len};
		return 0;
	case ITEM_DEFAULT_ACL:
		r->default_acl = (struct upper_bytes){.p = p, .len = len};
		return 0;
	case ITEM_MTIME:
		if (len != 12 || get32(p + 8) >= 1000000000u)
			return -EUCLEAN;
		r->has_mtime = true;
		r->mtime = (struct timespec){.tv_sec = (time_t)get64(p), .tv_nsec = get32(p + 8)};
		return 0;
	default:
		return -EPROTONOSUPPORT;
	}
}

static int take_items(struct upper_record *r, const uint8_t *p, size_t len)
{
	unsigned seen = 0;

	for (size_t at = 0; at < len;) {
		unsigned kind, size;
		int err;

		if (len - at < ITEM_HEAD)
			return -EUCLEAN;
		kind = p[at];
		size = get16(p + at + 2);
		if (p[at + 1] || len - at - ITEM_HEAD < size)
			return -EUCLEAN;
		if (kind < ITEM_COUNT && kind != ITEM_XATTR && (seen & 1u << kind))
			return -EUCLEAN;
		err = take_item(r, kind, p + at + ITEM_HEAD, size);
		if (err < 0)
			return err;
		seen |= 1u << kind;
		at += ITEM_HEAD + size;
	}
	r->xattrs = (struct upper_bytes){.p = seen & 1u << ITEM_XATTR ? p : NULL, .len = len};
	return 0;
}

static bool type_ok(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
	case S_IFREG:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return !(mode & ~(uint32_t)(S_IFMT | 07777));
	default:
		return false;
	}
}

int upper_record_decode(const void *bytes, size_t len, struct upper_record *ret)
{
	const uint8_t *p = bytes;
	struct upper_record r = {0};
	int err;

	if (len < FIXED || len > UPPER_RECORD_MAX)
		return -EUCLEAN;
	if (get32(p) != RECORD_MAGIC)
		return p[0] == 'P' && p[1] == 'K' && p[2] == 'U' ? -EPROTONOSUPPORT : -EUCLEAN;
	if (get32(p + 4) != snap_crc32c(0, p + 8, len - 8))
		return -EUCLEAN;
	r.flags = get16(p + 8);
	r.mode = get32(p + 12);
	r.uid = get32(p + 16);
	r.gid = get32(p + 20);
	r.ino = get64(p + 24);
	if (r.flags & ~(UPPER_DATA_BELOW | UPPER_INDEXED))
		return -EPROTONOSUPPORT;
	if (get16(p + 10) || !type_ok(r.mode) || r.uid == UINT32_MAX || r.gid == UINT32_MAX)
		return -EUCLEAN;
	err = take_items(&r, p + FIXED, len - FIXED);
	if (err < 0)
		return err;
	if ((r.flags & UPPER_DATA_BELOW) && (!S_ISREG(r.mode) || !r.origin.p))
		return -EUCLEAN;
	if ((r.flags & UPPER_INDEXED) && (S_ISDIR(r.mode) || !r.ino))
		return -EUCLEAN;
	*ret = r;
	return 0;
}

bool upper_xattr_next(struct upper_bytes *xattrs, struct upper_xattr *ret)
{
	const uint8_t *p = xattrs->p;
	size_t at = 0;

	while (p && xattrs->len - at >= ITEM_HEAD) {
		const uint8_t *item = p + at;
		size_t size = get16(item + 2), name;

		if (xattrs->len - at - ITEM_HEAD < size)
			break;
		at += ITEM_HEAD + size;
		if (item[0] != ITEM_XATTR)
			continue;
		name = strnlen((const char *)item + ITEM_HEAD, size);
		if (name == size)
			break;
		*ret = (struct upper_xattr){.name = (const char *)item + ITEM_HEAD, .value = item + ITEM_HEAD + name + 1,
			.size = size - name - 1};
		xattrs->p = p + at;
		xattrs->len -= at;
		return true;
	}
	xattrs->p = NULL;
	xattrs->len = 0;
	return false;
}

/* --- writing --------------------------------------------------------------------------------------------------------------- */

static uint8_t *room_for(struct upper_buf *b, size_t more)
{
	size_t need = b->len + more, room = b->room ? b->room : 128;
	uint8_t *p;

	if (b->err)
		return NULL;
	if (need > UPPER_RECORD_MAX) {
		b->err = -ENOSPC;
		return NULL;
	}
	while (room < need)
		room *= 2;
	if (room != b->room) {
		p = realloc(b->p, room);
		if (!p) {
			b->err = -ENOMEM;
			return NULL;
		}
		b->p = p;
		b->room = room;
	}
	p = b->p + b->len;
	b->len = need;
	return p;
}

static uint8_t *put_item(struct upper_buf *b, enum item kind, size_t len)
{
	uint8_t *p = len > UINT16_MAX ? NULL : room_for(b, ITEM_HEAD + len);

	if (!p) {
		if (!b->err)
			b->err = -ENOSPC;
		return NULL;
	}
	p[0] = (uint8_t)kind;
	p[1] = 0;
	put16(p + 2, (uint16_t)len);
	return p + ITEM_HEAD;
}

static void put_bytes(struct upper_buf *b, enum item kind, const struct upper_bytes *v)
{
	uint8_t *p = v->p ? put_item(b, kind, v->len) : NULL;

	if (p && v->len)
		memcpy(p, v->p, v->len);
}

void upper_record_begin(struct upper_buf *b, const struct upper_record *r)
{
	uint8_t *p = room_for(b, FIXED);

	if (!p)
		return;
	memset(p, 0, FIXED);
	put32(p, RECORD_MAGIC);
	put16(p + 8, r->flags);
	put32(p + 12, r->mode);
	put32(p + 16, r->uid);
	put32(p + 20, r->gid);
	put64(p + 24, r->ino);
	put_bytes(b, ITEM_ORIGIN, &r->origin);
	if (r->rdev_major || r->rdev_minor) {
		p = put_item(b, ITEM_RDEV, 8);
		if (p) {
			put32(p, r->rdev_major);
			put32(p + 4, r->rdev_minor);
		}
	}
	if (r->links) {
		p = put_item(b, ITEM_LINKS, 4);
		if (p)
			put32(p, (uint32_t)r->links);
	}
	if (r->has_mtime) {
		p = put_item(b, ITEM_MTIME, 12);
		if (p) {
			put64(p, (uint64_t)r->mtime.tv_sec);
			put32(p + 8, (uint32_t)r->mtime.tv_nsec);
		}
	}
	put_bytes(b, ITEM_ACL, &r->acl);
	put_bytes(b, ITEM_DEFAULT_ACL, &r->default_acl);
}

void upper_put_xattr(struct upper_buf *b, const char *name, const void *value, size_t size)
{
	size_t len = strlen(name) + 1;
	uint8_t *p = put_item(b, ITEM_XATTR, len + size);

	if (!p)
		return;
	memcpy(p, name, len);
	if (size)
		memcpy(p + len, value, size);
}

int upper_record_end(struct upper_buf *b)
{
	if (!b->err)
		put32(b->p + 4, snap_crc32c(0, b->p + 8, b->len - 8));
	return b->err;
}

void upper_buf_free(struct upper_buf *b)
{
	free(b->p);
	*b = (struct upper_buf){0};
}

/* --- header ------------------------------------------------------------------------------------------------------------------ */

int upper_header_decode(const void *bytes, size_t len, struct upper_header *ret)
{
	const uint8_t *p = bytes;

	if (len != UPPER_HEADER_BYTES || get32(p) != HEADER_MAGIC)
		return len >= 4 && p[0] == 'P' && p[1] == 'K' && p[2] == 'H' ? -EPROTONOSUPPORT : -EUCLEAN;
	if (get32(p + 4) != snap_crc32c(0, p + 8, len - 8) || (get32(p + 8) & ~1u) || get32(p + 12))
		return -EUCLEAN;
	*ret = (struct upper_header){.right = get32(p + 8), .bytes = get64(p + 16), .objects = get64(p + 24)};
	return 0;
}

void upper_header_encode(const struct upper_header *h, uint8_t p[UPPER_HEADER_BYTES])
{
	memset(p, 0, UPPER_HEADER_BYTES);
	put32(p, HEADER_MAGIC);
	put32(p + 8, h->right);
	put64(p + 16, h->bytes);
	put64(p + 24, h->objects);
	put32(p + 4, snap_crc32c(0, p + 8, UPPER_HEADER_BYTES - 8));
}

/* --- names ------------------------------------------------------------------------------------------------------------------- */

#define RESERVED_LEN (sizeof(UPPER_RESERVED) - 1)

static bool reserved(const char *name, size_t len)
{
	return len >= RESERVED_LEN && memcmp(name, UPPER_RESERVED, RESERVED_LEN) == 0;
}

int upper_name_encode(const char *name, size_t len, bool hex, char host[256])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	if (len > 255 || (hex && RESERVED_LEN + 1 + 2 * len > 255) || (reserved(name, len) && RESERVED_LEN + 1 + len > 255))
		return -ENAMETOOLONG;
	if (hex || reserved(name, len)) {
		memcpy(host, UPPER_RESERVED, RESERVED_LEN);
		at = RESERVED_LEN;
		host[at++] = hex ? '%' : '=';
	}
	if (!hex) {
		memcpy(host + at, name, len);
		at += len;
	}
	for (size_t i = 0; hex && i < len; i++) {
		host[at++] = digits[(uint8_t)name[i] >> 4];
		host[at++] = digits[(uint8_t)name[i] & 15];
	}
	host[at] = '\0';
	return 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool name_ok(const char *name, size_t len)
{
	return len > 0 && len <= 255 && !memchr(name, '/', len) && !memchr(name, 0, len) && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

int upper_name_decode(const char *host, char name[256])
{
	size_t len = strnlen(host, 256), at = 0;
	const char *s = host;

	if (len == 0 || len > 255)
		return -EUCLEAN;
	if (!reserved(host, len)) {
		memcpy(name, host, len + 1);
		return name_ok(name, len) ? 0 : -EUCLEAN;
	}
	s += RESERVED_LEN;
	if (*s == '=') {
		len -= RESERVED_LEN + 1;
		memcpy(name, s + 1, len + 1);
		return reserved(name, len) && name_ok(name, len) ? 0 : -EUCLEAN;
	}
	if (*s++ != '%')
		return -EUCLEAN;
	for (; s[0]; s += 2) {
		int high = digit(s[0]), low = high < 0 ? -1 : digit(s[1]);

		if (low < 0)
			return -EUCLEAN;
		name[at++] = (char)(high << 4 | low);
	}
	name[at] = '\0';
	return name_ok(name, at) ? 0 : -EUCLEAN;
}
