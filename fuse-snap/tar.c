/* SPDX-License-Identifier: MIT */
/*
 * The state machine of the tar parser: blocks, padding, meta entries. Numbers and pax records are in tarfields.c.
 * Where the formats leave a choice it follows Go's archive/tar, with which nearly all layers are written and read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tarfields.h"

enum tar_state {
	TAR_HEADER,	/* collecting a header block */
	TAR_META,	/* collecting the body of a pax header or a GNU long name */
	TAR_SPARSE_EXT, /* collecting an extension block of an old GNU sparse map */
	TAR_SPARSE_MAP, /* collecting a pax 1.0 sparse map, in the file's data */
	TAR_DATA,	/* passing file data on */
	TAR_SKIP,	/* dropping data nobody wants, and padding */
	TAR_END,	/* two zero blocks were seen: the rest does not matter */
};

struct tar {
	const struct tar_ops *ops;
	void *arg;
	enum tar_state state;
	bool failed;
	bool zero_block; /* the last header was all zeros */
	char meta_type;
	uint8_t block[TAR_BLOCK];
	size_t have;   /* bytes collected in block, or in meta */
	size_t want;   /* bytes of the meta body */
	uint64_t left; /* of data or of what is skipped */
	uint64_t pad;  /* padding behind the data */
	char *meta;    /* body being collected; want + 1 bytes */
	char *long_name;
	char *long_link;
	struct tar_pax pax;
	struct tar_entry entry;
	char path[TAR_PATH_MAX];
	char link[TAR_PATH_MAX];
	struct tar_map map;
};

struct tar *tar_new(const struct tar_ops *ops, void *arg)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (t) {
		t->ops = ops;
		t->arg = arg;
	}
	return t;
}

static void forget_meta(struct tar *t)
{
	free(t->long_name);
	free(t->long_link);
	t->long_name = t->long_link = NULL;
	tar_pax_clear(&t->pax);
	t->map.count = 0;
	t->map.numbers = 0;
}

void tar_free(struct tar *t)
{
	if (!t)
		return;
	forget_meta(t);
	free(t->meta);
	free(t->map.seg);
	free(t);
}

static uint64_t padding(uint64_t size)
{
	return -size & (TAR_BLOCK - 1);
}

static void skip(struct tar *t, uint64_t n)
{
	t->left = n;
	t->state = n ? TAR_SKIP : TAR_HEADER;
	t->have = 0;
}

/* ---- Meta entries ---- */

static int begin_meta(struct tar *t, char type, uint64_t size, struct snap_error *e)
{
	if (size > TAR_META_MAX)
		return snap_fail(e, EBADMSG, "the archive has a header of %llu bytes; the most is %u",
			(unsigned long long)size, TAR_META_MAX);
	free(t->meta);
	t->meta = malloc(size + 1);
	if (!t->meta)
		return snap_fail_errno(e, ENOMEM, "cannot read the archive");
	t->meta_type = type;
	t->want = size;
	t->have = 0;
	t->pad = padding(size);
	t->state = TAR_META;
	return 0;
}

static char *take_meta(struct tar *t)
{
	char *m = t->meta;

	t->meta = NULL;
	return m;
}

static int end_meta(struct tar *t, struct snap_error *e)
{
	int r = 0;

	t->meta[t->want] = 0;
	switch (t->meta_type) {
	case 'L':
		free(t->long_name);
		t->long_name = take_meta(t);
		break;
	case 'K':
		free(t->long_link);
		t->long_link = take_meta(t);
		break;
	default:
		t->map.count = 0;
		r = tar_pax_parse(&t->pax, take_meta(t), t->want, &t->map, e);
	}
	if (!r)
		skip(t, t->pad);
	return r;
}

/* ---- Entries ---- */

static int choose_name(struct tar *t, char *dst, const char *what, const char *raw, const char *pax, const char *gnu,
	struct snap_error *e)
{
	const char *src = gnu ? gnu : pax ? pax : raw;
	size_t n = strlen(src);

	if (n >= TAR_PATH_MAX)
		return snap_fail(
			e, EBADMSG, "the archive has a %s of %zu bytes; the most is %u", what, n, TAR_PATH_MAX - 1);
	memmove(dst, src, n + 1);
	return 0;
}

static bool header_only(char type)
{
	return type >= '1' && type <= '6';
}

/* The entry is complete, its map included: hand it over and get ready for its data. */
static int begin_entry(struct tar *t, uint64_t stored, struct snap_error *e)
{
	struct tar_entry *en = &t->entry;
	uint64_t pad = t->pad;
	int r;

	if (en->sparse) {
		en->segments = t->map.seg;
		en->segment_count = t->map.count;
		r = tar_map_check(&t->map, en->size, stored, en->path, e);
		if (r)
			return r;
	}
	en->stored = stored;
	en->xattrs = t->pax.xattrs;
	en->xattr_count = t->pax.xattr_count;
	r = t->ops->entry(t->arg, en, e);
	if (r)
		return r;
	forget_meta(t);
	t->have = 0;
	if (en->type == '0') {
		t->left = stored;
		t->state = TAR_DATA;
		t->pad = pad;
		if (stored)
			return 0;
		r = t->ops->done(t->arg, e);
		if (r)
			return r;
	}
	skip(t, stored + pad);
	return 0;
}

/* Old GNU sparse files keep four segments in the header and the rest in blocks behind it. */
static int begin_gnu_sparse(struct tar *t, uint64_t stored, struct snap_error *e)
{
	int r = tar_gnu_sparse(t->block + 386, 4, &t->map, e);

	if (!r)
		r = tar_size(t->block + 483, &t->entry.size, e);
	if (r)
		return r;
	t->entry.sparse = true;
	t->left = stored;
	if (t->block[482]) {
		t->state = TAR_SPARSE_EXT;
		t->have = 0;
		return 0;
	}
	return begin_entry(t, stored, e);
}

static int end_sparse_ext(struct tar *t, struct snap_error *e)
{
	int r = tar_gnu_sparse(t->block, 21, &t->map, e);

	t->have = 0;
	if (r || t->block[504])
		return r;
	return begin_entry(t, t->left, e);
}

static int begin_regular(struct tar *t, char raw_type, uint64_t stored, struct snap_error *e)
{
	t->pad = padding(stored);
	t->entry.size = stored;
	if (raw_type == 'S')
		return begin_gnu_sparse(t, stored, e);
	if (!t->pax.sparse)
		return begin_entry(t, stored, e);
	t->entry.sparse = true;
	t->entry.size = t->pax.real_size;
	if (t->pax.sparse_major != 1)
		return begin_entry(t, stored, e);
	t->map.count = 0;
	t->map.numbers = 0;
	t->map.number = 0;
	t->map.digits = 0;
	t->left = stored;
	t->have = 0;
	t->state = TAR_SPARSE_MAP;
	return 0;
}

static int begin_plain(struct tar *t, const struct tar_header *h, struct snap_error *e)
{
	uint64_t stored = t->pax.has_size ? t->pax.size : h->size;
	char type = h->type;
	size_t n;
	int r;

	r = choose_name(t, t->path, "path", h->name, t->pax.path, t->long_name, e);
	if (!r)
		r = choose_name(t, t->link, "link target", h->link, t->pax.link, t->long_link, e);
	if (r)
		return r;
	n = strlen(t->path);
	if (type == 0 || type == '7' || type == 'S')
		type = '0';
	if (h->type == 0 && n && t->path[n - 1] == '/')
		type = '5';
	t->entry = (struct tar_entry){
		.type = type,
		.path = t->path,
		.link = t->link,
		.mode = h->mode,
		.uid = t->pax.has_uid ? t->pax.uid : h->uid,
		.gid = t->pax.has_gid ? t->pax.gid : h->gid,
		.major = h->major,
		.minor = h->minor,
		.mtime_sec = t->pax.has_mtime ? t->pax.mtime_sec : h->mtime,
		.mtime_nsec = t->pax.has_mtime ? t->pax.mtime_nsec : 0,
	};
	if (type == '0')
		return begin_regular(t, h->type, stored, e);
	if (!header_only(type))
		return snap_fail(
			e, EBADMSG, "the archive has an entry of unknown type %#x: %.200s", (uint8_t)h->type, t->path);
	t->pad = 0;
	return begin_entry(t, 0, e);
}

static int end_header(struct tar *t, struct snap_error *e)
{
	struct tar_header h;
	int r;

	t->have = 0;
	if (tar_is_zero(t->block)) {
		if (t->zero_block)
			t->state = TAR_END;
		t->zero_block = true;
		return 0;
	}
	t->zero_block = false;
	r = tar_header_parse(t->block, &h, e);
	if (r)
		return r;
	switch (h.type) {
	case 'x':
	case 'L':
	case 'K':
		return begin_meta(t, h.type, h.size, e);
	case 'g': /* global records: a comment, in practice; Go's readers drop them too */
	case 'V': /* volume label */
		skip(t, h.size + padding(h.size));
		return 0;
	default:
		return begin_plain(t, &h, e);
	}
}

/* ---- Feeding ---- */

static size_t collect(struct tar *t, uint8_t *dst, size_t want, const uint8_t *p, size_t len)
{
	size_t n = want - t->have < len ? want - t->have : len;

	memcpy(dst + t->have, p, n);
	t->have += n;
	return n;
}

static int feed_block(struct tar *t, const uint8_t *p, size_t len, size_t *used, struct snap_error *e)
{
	*used = collect(t, t->block, TAR_BLOCK, p, len);
	if (t->have < TAR_BLOCK)
		return 0;
	if (t->state == TAR_HEADER)
		return end_header(t, e);
	if (t->state == TAR_SPARSE_EXT)
		return end_sparse_ext(t, e);
	t->have = 0;
	return tar_map_feed(&t->map, t->block, e);
}

/* A pax 1.0 map fills whole blocks of the data; what it leaves is the segments' data. */
static int feed_map(struct tar *t, const uint8_t *p, size_t len, size_t *used, struct snap_error *e)
{
	int r;

	if (t->left < TAR_BLOCK)
		return snap_fail(e, EBADMSG, "the map of sparse file %.200s is cut short", t->path);
	r = feed_block(t, p, len, used, e);
	if (r || t->have)
		return r;
	t->left -= TAR_BLOCK;
	return tar_map_complete(&t->map) ? begin_entry(t, t->left, e) : 0;
}

static int feed_data(struct tar *t, const uint8_t *p, size_t len, size_t *used, struct snap_error *e)
{
	size_t n = t->left < len ? (size_t)t->left : len;
	int r = t->ops->data(t->arg, p, n, e);

	*used = n;
	t->left -= n;
	if (r || t->left)
		return r;
	r = t->ops->done(t->arg, e);
	if (!r)
		skip(t, t->pad);
	return r;
}

static int feed_some(struct tar *t, const uint8_t *p, size_t len, size_t *used, struct snap_error *e)
{
	switch (t->state) {
	case TAR_HEADER:
	case TAR_SPARSE_EXT:
		return feed_block(t, p, len, used, e);
	case TAR_SPARSE_MAP:
		return feed_map(t, p, len, used, e);
	case TAR_META:
		*used = collect(t, (uint8_t *)t->meta, t->want, p, len);
		return t->have == t->want ? end_meta(t, e) : 0;
	case TAR_DATA:
		return feed_data(t, p, len, used, e);
	case TAR_SKIP:
		*used = t->left < len ? (size_t)t->left : len;
		skip(t, t->left - *used);
		return 0;
	default:
		*used = len;
		return 0;
	}
}

int tar_feed(struct tar *t, const void *data, size_t len, struct snap_error *e)
{
	const uint8_t *p = data;

	if (t->failed)
		return snap_fail(e, EBADMSG, "the archive was refused already");
	while (len) {
		size_t used = 0;
		int r = feed_some(t, p, len, &used, e);

		if (r) {
			t->failed = true;
			return r;
		}
		p += used;
		len -= used;
	}
	return 0;
}

int tar_finish(struct tar *t, struct snap_error *e)
{
	bool between = t->state == TAR_END || (t->state == TAR_HEADER && !t->have);

	/* Go reads an archive without the closing zero blocks, or with its last padding cut off, as complete. */
	if (t->state == TAR_SKIP && t->left < TAR_BLOCK)
		between = true;
	if (t->failed || !between)
		return snap_fail(e, EBADMSG, "the archive ends in the middle of an entry");
	if (t->long_name || t->long_link || t->pax.path)
		return snap_fail(e, EBADMSG, "the archive ends behind the header of an entry");
	return 0;
}
