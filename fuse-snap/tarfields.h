/* SPDX-License-Identifier: MIT */
/* Parts of the tar parser: header fields, pax records, sparse maps. Private to tar.c and tarfields.c. */
#ifndef PICKET_SNAP_TARFIELDS_H
#define PICKET_SNAP_TARFIELDS_H

#include "tar.h"

struct tar_header {
	char type;
	char name[258]; /* prefix, slash, name */
	char link[101];
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	int64_t mtime;
	uint64_t size;
};

/* A sparse map while it is read. */
struct tar_map {
	struct tar_segment *seg;
	size_t count;
	size_t cap;
	/* pax 1.0, read digit by digit: */
	uint64_t number; /* being read */
	unsigned int digits;
	uint64_t numbers;  /* read so far; the first is how many segments follow */
	uint64_t expected; /* segments */
};

/* What the pax records said about the next entry. Strings point into body. */
struct tar_pax {
	char *body;
	const char *path;
	const char *link;
	bool has_size, has_uid, has_gid, has_mtime;
	bool sparse;
	int sparse_major;
	uint64_t real_size;
	uint64_t size;
	uint32_t uid;
	uint32_t gid;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	struct tar_xattr xattrs[TAR_XATTR_COUNT];
	size_t xattr_count;
};

bool tar_is_zero(const uint8_t *block);

/* Check the checksum and read the fields. -EBADMSG with a sentence. */
int tar_header_parse(const uint8_t *block, struct tar_header *h, struct snap_error *e);

/* A size field of 12 bytes. */
int tar_size(const uint8_t *field, uint64_t *ret, struct snap_error *e);

/* Read @n segments of 24 bytes; an empty one ends them. */
int tar_gnu_sparse(const uint8_t *p, int n, struct tar_map *map, struct snap_error *e);

/* One block of a pax 1.0 map. */
int tar_map_feed(struct tar_map *map, const uint8_t *block, struct snap_error *e);
bool tar_map_complete(const struct tar_map *map);

/* That segments ascend, stay inside @size, and amount to @stored. */
int tar_map_check(struct tar_map *map, uint64_t size, uint64_t stored, const char *path, struct snap_error *e);

/* Parse the records of a pax header; takes @body (malloc'd, len + 1 bytes). Replaces what was there. */
int tar_pax_parse(struct tar_pax *pax, char *body, size_t len, struct tar_map *map, struct snap_error *e);
void tar_pax_clear(struct tar_pax *pax);

#endif
