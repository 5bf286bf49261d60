/* SPDX-License-Identifier: MIT */
/* Streaming decompression with ISA-L (gzip: more than twice zlib's speed) and libzstd, bounded against bombs. */
#include "inflate.h"

#include "gzhead.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Windows larger than this would let a frame of a few bytes take the memory: the limit of zstd's own command. */
#define ZSTD_WINDOW_LOG_MAX 27

struct stream {
	const struct inflate_io *io;
	const struct inflate_limits *limits;
	const char *what;
	struct snap_error *e;
	uint64_t in, out;
};

static const void *stream_peek(struct stream *s, size_t *len)
{
	return s->io->peek(s->io->arg, len);
}

static void stream_consume(struct stream *s, size_t len)
{
	s->in += len;
	s->io->consume(s->io->arg, len);
}

static int stream_commit(struct stream *s, size_t len)
{
	const struct inflate_limits *l = s->limits;
	uint64_t allowed;

	s->out += len;
	if (__builtin_mul_overflow(s->in, l->ratio, &allowed) || __builtin_add_overflow(allowed, l->slack, &allowed) ||
		allowed > l->absolute)
		allowed = l->absolute;
	if (s->out > allowed)
		return snap_fail(s->e, EFBIG,
			"the %s unpacks to more than is allowed (%llu bytes from %llu): refused as a "
			"decompression bomb; --max-layer-size raises the limit",
			s->what, (unsigned long long)s->out, (unsigned long long)s->in);
	s->io->commit(s->io->arg, len);
	return 0;
}

static int cut_short(struct stream *s)
{
	return snap_fail(s->e, EBADMSG, "the %s is damaged: its compressed data ends too early", s->what);
}

static int copy_plain(struct stream *s)
{
	for (;;) {
		size_t len, space;
		const void *from = stream_peek(s, &len);
		void *to;
		int r;

		if (!from)
			return -ECANCELED;
		if (!len)
			return 0;
		to = s->io->reserve(s->io->arg, &space);
		if (!to)
			return -ECANCELED;
		if (len > space)
			len = space;
		memcpy(to, from, len);
		stream_consume(s, len);
		r = stream_commit(s, len);
		if (r)
			return r;
	}
}

/* Zeros may follow the last member (tapes, some registries); anything else must be a member. */
static bool all_zero(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static int gzip_step(struct stream *s, struct inflate_state *z, const unsigned char *from, size_t len)
{
	size_t space;
	void *to = s->io->reserve(s->io->arg, &space);
	int r;

	if (!to)
		return -ECANCELED;
	z->next_in = (uint8_t *)(uintptr_t)from;
	z->avail_in = len > 1u << 30 ? 1u << 30 : (uint32_t)len;
	len = z->avail_in;
	z->next_out = to;
	z->avail_out = space > 1u << 30 ? 1u << 30 : (uint32_t)space;
	space = z->avail_out;
	r = isal_inflate(z);
	if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT)
		return snap_fail(s->e, EBADMSG, "the %s is damaged: its gzip data is not valid", s->what);
	stream_consume(s, len - z->avail_in);
	return stream_commit(s, space - z->avail_out);
}

/* The end of the input: what the decoder still holds comes out, and the member must be complete then. */
static int gzip_end(struct stream *s, struct inflate_state *z)
{
	while (z->block_state != ISAL_BLOCK_FINISH) {
		uint64_t before = s->out;
		int r = gzip_step(s, z, (const unsigned char *)"", 0);

		if (r)
			return r;
		if (z->block_state != ISAL_BLOCK_FINISH && s->out == before)
			return cut_short(s);
	}
	return 0;
}

/* Bytes of a header. The decoder is made ready for the member behind it. */
static int gzip_header(
	struct stream *s, struct inflate_state *z, struct gzhead *head, const unsigned char *from, size_t len)
{
	ptrdiff_t n = gzhead_feed(head, from, len);

	if (n < 0)
		return snap_fail(s->e, EBADMSG, "the %s is damaged: its gzip data is not valid", s->what);
	stream_consume(s, (size_t)n);
	if (head->field == GZHEAD_DONE) {
		isal_inflate_reset(z);
		z->crc_flag = ISAL_GZIP_NO_HDR_VER;
	}
	return 0;
}

static int gzip_members(struct stream *s, struct inflate_state *z)
{
	struct gzhead head = {0};
	bool first = true;

	for (;;) {
		bool between = head.field == GZHEAD_FIXED && !head.at && !first;
		size_t len;
		const unsigned char *from = stream_peek(s, &len);
		int r = 0;

		if (!from)
			return -ECANCELED;
		if (!len)
			return between ? 0 : head.field == GZHEAD_DONE ? gzip_end(s, z) : cut_short(s);
		if (head.field == GZHEAD_DONE) {
			r = gzip_step(s, z, from, len);
			if (z->block_state == ISAL_BLOCK_FINISH) {
				head = (struct gzhead){0};
				first = false;
			}
		} else if (between && !*from) {
			if (!all_zero(from, len))
				return snap_fail(s->e, EBADMSG, "the %s is damaged: data follows its end", s->what);
			stream_consume(s, len);
		} else {
			r = gzip_header(s, z, &head, from, len);
		}
		if (r)
			return r;
	}
}

static int inflate_gzip(struct stream *s)
{
	struct inflate_state *z = malloc(sizeof(*z));
	int r;

	if (!z)
		return snap_fail(s->e, ENOMEM, "out of memory");
	isal_inflate_init(z);
	r = gzip_members(s, z);
	free(z);
	return r;
}

static int inflate_zstd(struct stream *s)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t left = 1; /* 0 at the end of a frame */
	int r = 0;

	if (!z)
		return snap_fail(s->e, ENOMEM, "out of memory");
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	while (!r) {
		ZSTD_outBuffer out = {0};
		ZSTD_inBuffer in = {0};

		in.src = stream_peek(s, &in.size);
		if (!in.src) {
			r = -ECANCELED;
			break;
		}
		if (!in.size) {
			r = left ? cut_short(s) : 0;
			break;
		}
		out.dst = s->io->reserve(s->io->arg, &out.size);
		if (!out.dst) {
			r = -ECANCELED;
			break;
		}
		left = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(left)) {
			r = snap_fail(s->e, EBADMSG, "the %s is damaged: its zstd data is not valid (%s)", s->what,
				ZSTD_getErrorName(left));
			break;
		}
		stream_consume(s, in.pos);
		r = stream_commit(s, out.pos);
		/* A full buffer may leave data inside; go on without new input until it is out. */
		while (!r && out.pos == out.size && left) {
			in = (ZSTD_inBuffer){.src = "", .size = 0};
			out.pos = 0;
			out.dst = s->io->reserve(s->io->arg, &out.size);
			if (!out.dst) {
				r = -ECANCELED;
				break;
			}
			left = ZSTD_decompressStream(z, &out, &in);
			if (ZSTD_isError(left))
				r = snap_fail(s->e, EBADMSG, "the %s is damaged: its zstd data is not valid", s->what);
			else if (!(r = stream_commit(s, out.pos)) && !out.pos)
				break;
		}
	}
	ZSTD_freeDStream(z);
	return r;
}

int inflate_stream(
	const struct inflate_io *io, const struct inflate_limits *limits, const char *what, struct snap_error *e)
{
	struct stream s = {.io = io, .limits = limits, .what = what, .e = e};
	const unsigned char *p;
	size_t len;

	p = stream_peek(&s, &len);
	if (!p)
		return -ECANCELED;
	if (len >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		return inflate_gzip(&s);
	if (len >= 4 &&
		(!memcmp(p, "\x28\xb5\x2f\xfd", 4) || ((p[0] & 0xf0) == 0x50 && !memcmp(p + 1, "\x2a\x4d\x18", 3))))
		return inflate_zstd(&s);
	if (len >= 6 && (!memcmp(p, "BZh", 3) || !memcmp(p,
							 "\xfd"
							 "7zXZ",
							 6)))
		return snap_fail(e, ENOTSUP, "the %s is compressed with %s; gzip, zstd and plain tar are understood",
			what, *p == 'B' ? "bzip2" : "xz");
	return copy_plain(&s);
}
