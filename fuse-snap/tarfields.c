/* SPDX-License-Identifier: MIT */
/* Numbers, header blocks, pax records and sparse maps of tar archives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tarfields.h"

static int damaged(struct snap_error *e, const char *what)
{
	return snap_fail(e, EBADMSG, "the archive is damaged: %s", what);
}

/* ---- Numbers ---- */

/* Base-256: a two's complement number of len bytes whose first bit is set and does not count. */
static int base256(const uint8_t *p, size_t len, int64_t *ret)
{
	uint8_t inv = p[0] & 0x40 ? 0xff : 0;
	uint64_t x = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = p[i] ^ inv;

		if (i == 0)
			c &= 0x7f;
		if (x >> 55)
			return -EBADMSG;
		x = x << 8 | c;
	}
	if (x >> 63)
		return -EBADMSG;
	*ret = inv ? ~(int64_t)x : (int64_t)x;
	return 0;
}

static int octal(const uint8_t *p, size_t len, int64_t *ret)
{
	uint64_t x = 0;
	size_t i = 0;

	while (i < len && (p[i] == ' ' || !p[i]))
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
		if (x >> 59)
			return -EBADMSG;
		x = x << 3 | (uint64_t)(p[i] - '0');
	}
	if (i < len && p[i] && p[i] != ' ')
		return -EBADMSG;
	*ret = (int64_t)x;
	return 0;
}

static int number(const uint8_t *p, size_t len, int64_t *ret)
{
	return p[0] & 0x80 ? base256(p, len, ret) : octal(p, len, ret);
}

static int number_u32(const uint8_t *p, size_t len, const char *what, uint32_t *ret, struct snap_error *e)
{
	int64_t v;

	if (number(p, len, &v) || v < 0 || v > UINT32_MAX)
		return damaged(e, what);
	*ret = (uint32_t)v;
	return 0;
}

int tar_size(const uint8_t *field, uint64_t *ret, struct snap_error *e)
{
	int64_t v;

	if (number(field, 12, &v))
		return damaged(e, "a size is not a number");
	if (v < 0 || v > TAR_SIZE_MAX)
		return snap_fail(e, EBADMSG, "the archive claims a file of %lld bytes", (long long)v);
	*ret = (uint64_t)v;
	return 0;
}

/* Decimal text up to @end exactly. */
static int decimal(const char *p, const char *end, uint64_t max, uint64_t *ret)
{
	uint64_t x = 0;

	if (p == end)
		return -EBADMSG;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || x > max / 10)
			return -EBADMSG;
		x = x * 10 + (uint64_t)(*p - '0');
		if (x > max)
			return -EBADMSG;
	}
	*ret = x;
	return 0;
}

/* ---- Header blocks ---- */

bool tar_is_zero(const uint8_t *block)
{
	return !block[0] && !memcmp(block, block + 1, TAR_BLOCK - 1);
}

static bool checksum_ok(const uint8_t *b)
{
	int64_t want, sum = 0, ssum = 0;

	if (octal(b + 148, 8, &want))
		return false;
	for (unsigned int i = 0; i < TAR_BLOCK; i++) {
		uint8_t c = i >= 148 && i < 156 ? ' ' : b[i];

		sum += c;
		ssum += (int8_t)c; /* some old writers summed signed bytes */
	}
	return want == sum || want == ssum;
}

static void field(char *dst, const uint8_t *p, size_t len)
{
	size_t n = strnlen((const char *)p, len);

	memcpy(dst, p, n);
	dst[n] = 0;
}

/* ustar has a prefix for the name; star's variant a shorter one, marked in the last bytes; GNU's has other things
 * there. */
static void full_name(const uint8_t *b, bool ustar, struct tar_header *h)
{
	size_t prefix_len = !memcmp(b + 508, "tar\0", 4) ? 131 : 155;
	char *at = h->name;

	if (ustar && b[345]) {
		field(at, b + 345, prefix_len);
		at += strlen(at);
		*at++ = '/';
	}
	field(at, b, 100);
}

int tar_header_parse(const uint8_t *b, struct tar_header *h, struct snap_error *e)
{
	bool ustar = !memcmp(b + 257, "ustar\0", 6);
	bool gnu = !memcmp(b + 257, "ustar  \0", 8);
	uint32_t mode = 0;
	int r;

	*h = (struct tar_header){.type = (char)b[156]};
	if (!checksum_ok(b))
		return damaged(e, "a header's checksum is wrong");
	full_name(b, ustar, h);
	field(h->link, b + 157, 100);
	r = number_u32(b + 100, 8, "a mode is not a number", &mode, e);
	if (!r)
		r = number_u32(b + 108, 8, "a user is not a number", &h->uid, e);
	if (!r)
		r = number_u32(b + 116, 8, "a group is not a number", &h->gid, e);
	if (!r)
		r = tar_size(b + 124, &h->size, e);
	if (!r && number(b + 136, 12, &h->mtime))
		r = damaged(e, "a time is not a number");
	if (!r && (ustar || gnu) && (h->type == '3' || h->type == '4')) {
		r = number_u32(b + 329, 8, "a device is not a number", &h->major, e);
		if (!r)
			r = number_u32(b + 337, 8, "a device is not a number", &h->minor, e);
	}
	h->mode = mode & 07777;
	return r;
}

/* ---- Sparse maps ---- */

static int map_add(struct tar_map *map, uint64_t off, uint64_t len, struct snap_error *e)
{
	if (map->count == TAR_SEGMENTS_MAX)
		return snap_fail(e, EBADMSG, "the archive has a sparse file of more than %u pieces", TAR_SEGMENTS_MAX);
	if (map->count == map->cap) {
		size_t cap = map->cap ? map->cap * 2 : 16;
		struct tar_segment *seg = realloc(map->seg, cap * sizeof(*seg));

		if (!seg)
			return snap_fail_errno(e, ENOMEM, "cannot read the archive");
		map->seg = seg;
		map->cap = cap;
	}
	map->seg[map->count++] = (struct tar_segment){off, len};
	return 0;
}

int tar_gnu_sparse(const uint8_t *p, int n, struct tar_map *map, struct snap_error *e)
{
	for (; n && p[0]; n--, p += 24) {
		uint64_t off, len;
		int r = tar_size(p, &off, e);

		if (!r)
			r = tar_size(p + 12, &len, e);
		if (!r)
			r = map_add(map, off, len, e);
		if (r)
			return r;
	}
	return 0;
}

bool tar_map_complete(const struct tar_map *map)
{
	return map->numbers && map->numbers == 1 + 2 * map->expected;
}

static int map_number(struct tar_map *map, struct snap_error *e)
{
	uint64_t i = map->numbers++;

	if (i == 0) {
		if (map->number > TAR_SEGMENTS_MAX)
			return snap_fail(
				e, EBADMSG, "the archive has a sparse file of more than %u pieces", TAR_SEGMENTS_MAX);
		map->expected = map->number;
		return 0;
	}
	if (i % 2)
		return map_add(map, map->number, 0, e);
	map->seg[map->count - 1].len = map->number;
	return 0;
}

int tar_map_feed(struct tar_map *map, const uint8_t *block, struct snap_error *e)
{
	for (unsigned int i = 0; i < TAR_BLOCK && !tar_map_complete(map); i++) {
		int r;

		if (block[i] >= '0' && block[i] <= '9' && map->digits < 18) {
			map->number = map->number * 10 + (uint64_t)(block[i] - '0');
			map->digits++;
			continue;
		}
		if (block[i] != '\n' || !map->digits)
			return damaged(e, "the map of a sparse file is not made of numbers");
		r = map_number(map, e);
		if (r)
			return r;
		map->number = 0;
		map->digits = 0;
	}
	return 0;
}

int tar_map_check(struct tar_map *map, uint64_t size, uint64_t stored, const char *path, struct snap_error *e)
{
	uint64_t at = 0, sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < map->count; i++) {
		struct tar_segment s = map->seg[i];

		if (s.off < at || s.off > size || s.len > size - s.off)
			return snap_fail(
				e, EBADMSG, "the map of sparse file %.200s is out of order or out of bounds", path);
		at = s.off + s.len;
		sum += s.len; /* at most size: no overflow */
		if (s.len)
			map->seg[n++] = s;
	}
	map->count = n;
	if (sum != stored)
		return snap_fail(e, EBADMSG, "the map of sparse file %.200s does not match its data", path);
	return 0;
}

/* ---- pax records ---- */

void tar_pax_clear(struct tar_pax *pax)
{
	free(pax->body);
	memset(pax, 0, offsetof(struct tar_pax, xattrs));
	pax->xattr_count = 0;
}

struct record {
	char *key;   /* terminated */
	char *value; /* terminated by the parser; may hold NULs where they are allowed */
	size_t len;
};

static int pax_u32(const struct record *rec, bool *has, uint32_t *ret, struct snap_error *e)
{
	uint64_t v;

	if (decimal(rec->value, rec->value + rec->len, UINT32_MAX, &v))
		return snap_fail(e, EBADMSG, "the archive is damaged: pax record %.40s is not a number", rec->key);
	*has = true;
	*ret = (uint32_t)v;
	return 0;
}

static int pax_u64(const struct record *rec, uint64_t *ret, struct snap_error *e)
{
	if (decimal(rec->value, rec->value + rec->len, (uint64_t)TAR_SIZE_MAX, ret))
		return snap_fail(e, EBADMSG, "the archive is damaged: pax record %.40s is not a size", rec->key);
	return 0;
}

/* [-]SECONDS[.FRACTION]; of the fraction nine digits count. */
static int pax_mtime(struct tar_pax *pax, const struct record *rec, struct snap_error *e)
{
	const char *p = rec->value, *end = p + rec->len, *dot = memchr(p, '.', rec->len);
	bool negative = p < end && *p == '-';
	uint32_t nsec = 0, unit = 100000000;
	uint64_t sec;

	if (decimal(p + negative, dot ? dot : end, INT64_MAX / 2, &sec))
		return damaged(e, "a time is not a number");
	for (p = dot ? dot + 1 : end; p < end; p++, unit /= 10) {
		if (*p < '0' || *p > '9')
			return damaged(e, "a time is not a number");
		nsec += (uint32_t)(*p - '0') * unit;
	}
	pax->mtime_sec = negative ? -(int64_t)sec : (int64_t)sec;
	if (negative && nsec) {
		pax->mtime_sec--;
		nsec = 1000000000 - nsec;
	}
	pax->mtime_nsec = nsec;
	pax->has_mtime = true;
	return 0;
}

static int pax_xattr(struct tar_pax *pax, const struct record *rec, struct snap_error *e)
{
	const char *name = rec->key + strlen("SCHILY.xattr.");

	if (!*name || strlen(name) > 255 || rec->len > TAR_XATTR_MAX)
		return damaged(e, "an extended attribute is too long or has no name");
	for (size_t i = 0; i < pax->xattr_count; i++)
		if (!strcmp(pax->xattrs[i].name, name)) {
			pax->xattrs[i] = (struct tar_xattr){name, rec->value, rec->len};
			return 0;
		}
	if (pax->xattr_count == TAR_XATTR_COUNT)
		return snap_fail(
			e, EBADMSG, "the archive has a file with more than %u extended attributes", TAR_XATTR_COUNT);
	pax->xattrs[pax->xattr_count++] = (struct tar_xattr){name, rec->value, rec->len};
	return 0;
}

/* GNU.sparse.map of version 0.1: OFFSET,LENGTH,... */
static int pax_map(const struct record *rec, struct tar_map *map, struct snap_error *e)
{
	const char *p = rec->value, *end = p + rec->len;

	map->count = 0;
	while (p < end) {
		uint64_t v[2];

		for (int i = 0; i < 2; i++) {
			const char *comma = memchr(p, ',', (size_t)(end - p));
			const char *stop = comma ? comma : end;

			if (decimal(p, stop, (uint64_t)TAR_SIZE_MAX, &v[i]))
				return damaged(e, "the map of a sparse file is not made of numbers");
			p = comma ? comma + 1 : end;
		}
		if (map_add(map, v[0], v[1], e))
			return -EBADMSG;
	}
	return 0;
}

static int pax_sparse(struct tar_pax *pax, const struct record *rec, struct tar_map *map, struct snap_error *e)
{
	const char *key = rec->key + strlen("GNU.sparse.");
	uint64_t v = 0;
	int r;

	pax->sparse = true;
	if (!strcmp(key, "name")) {
		if (rec->len)
			pax->path = rec->value;
		return 0;
	}
	if (!strcmp(key, "map"))
		return pax_map(rec, map, e);
	r = pax_u64(rec, &v, e);
	if (r)
		return r;
	if (!strcmp(key, "major"))
		pax->sparse_major = v == 1;
	else if (!strcmp(key, "realsize") || !strcmp(key, "size"))
		pax->real_size = v;
	else if (!strcmp(key, "offset"))
		return map_add(map, v, 0, e);
	else if (!strcmp(key, "numbytes")) {
		if (!map->count)
			return damaged(e, "the map of a sparse file has a length without an offset");
		map->seg[map->count - 1].len = v;
	}
	return 0;
}

static int pax_text(const char **dst, const struct record *rec, struct snap_error *e)
{
	if (memchr(rec->value, 0, rec->len))
		return damaged(e, "a name holds a NUL");
	if (rec->len)
		*dst = rec->value;
	return 0;
}

static int pax_record(struct tar_pax *pax, const struct record *rec, struct tar_map *map, struct snap_error *e)
{
	if (!strcmp(rec->key, "path"))
		return pax->sparse && pax->path ? 0 : pax_text(&pax->path, rec, e);
	if (!strcmp(rec->key, "linkpath"))
		return pax_text(&pax->link, rec, e);
	if (!strncmp(rec->key, "SCHILY.xattr.", 13))
		return pax_xattr(pax, rec, e);
	if (!rec->len)
		return 0; /* an empty value takes a record back */
	if (!strcmp(rec->key, "size")) {
		pax->has_size = true;
		return pax_u64(rec, &pax->size, e);
	}
	if (!strcmp(rec->key, "uid"))
		return pax_u32(rec, &pax->has_uid, &pax->uid, e);
	if (!strcmp(rec->key, "gid"))
		return pax_u32(rec, &pax->has_gid, &pax->gid, e);
	if (!strcmp(rec->key, "mtime"))
		return pax_mtime(pax, rec, e);
	if (!strncmp(rec->key, "GNU.sparse.", 11))
		return pax_sparse(pax, rec, map, e);
	return 0;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts the whole record. */
static int next_record(char **at, char *end, struct record *rec)
{
	char *p = *at, *space = memchr(p, ' ', (size_t)(end - p)), *stop, *eq;
	uint64_t n;

	if (!space || decimal(p, space, TAR_META_MAX, &n) || n > (uint64_t)(end - p))
		return -EBADMSG;
	stop = p + n;
	if (stop <= space + 1 || stop[-1] != '\n')
		return -EBADMSG;
	eq = memchr(space + 1, '=', (size_t)(stop - 1 - (space + 1)));
	if (!eq || eq == space + 1 || memchr(space + 1, 0, (size_t)(eq - space - 1)))
		return -EBADMSG;
	*eq = 0;
	stop[-1] = 0;
	*rec = (struct record){space + 1, eq + 1, (size_t)(stop - 1 - (eq + 1))};
	*at = stop;
	return 0;
}

int tar_pax_parse(struct tar_pax *pax, char *body, size_t len, struct tar_map *map, struct snap_error *e)
{
	char *p = body, *end = body + len;

	tar_pax_clear(pax);
	pax->body = body;
	while (p < end) {
		struct record rec;
		int r;

		if (next_record(&p, end, &rec))
			return damaged(e, "a pax header is not made of records");
		r = pax_record(pax, &rec, map, e);
		if (r)
			return r;
	}
	return 0;
}
