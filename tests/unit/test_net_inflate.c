/* SPDX-License-Identifier: MIT */
/* Decompression in every division of input and output: a byte at a time must give what one piece gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "net/inflate.h"

#define PLAIN 70000u

struct tape {
	const unsigned char *in;
	size_t in_len, in_step;
	unsigned char *out;
	size_t out_len, out_step, room;
};

static const void *peek(void *arg, size_t *len)
{
	struct tape *t = arg;

	/* The first look must show the kind. */
	*len = t->in_len < t->in_step ? t->in_len : t->in_step;
	return t->in;
}

static void consume(void *arg, size_t len)
{
	struct tape *t = arg;

	assert_true(len <= t->in_len);
	t->in += len;
	t->in_len -= len;
}

static void *reserve(void *arg, size_t *len)
{
	struct tape *t = arg;

	*len = t->out_step;
	assert_true(t->out_len + t->out_step <= t->room);
	return t->out + t->out_len;
}

static void commit(void *arg, size_t len)
{
	struct tape *t = arg;

	t->out_len += len;
}

static unsigned char plain[PLAIN], result[1 << 20];

static int run(
	const void *data, size_t len, size_t in_step, size_t out_step, size_t *got, const struct inflate_limits *limits)
{
	static const struct inflate_limits usual = INFLATE_LIMITS_DEFAULT;
	struct tape t = {data, len, in_step, result, 0, out_step, sizeof(result)};
	struct inflate_io io = {peek, consume, reserve, commit, &t};
	struct snap_error e;
	int r = inflate_stream(&io, limits ? limits : &usual, "test", &e);

	*got = t.out_len;
	return r;
}

static size_t gzip_of(unsigned char *out, size_t room, const void *data, size_t len)
{
	struct isal_zstream z;

	isal_deflate_stateless_init(&z);
	z.gzip_flag = IGZIP_GZIP;
	z.end_of_stream = 1;
	z.next_in = (uint8_t *)(uintptr_t)data;
	z.avail_in = (uint32_t)len;
	z.next_out = out;
	z.avail_out = (uint32_t)room;
	assert_int_equal(isal_deflate_stateless(&z), 0);
	return room - z.avail_out;
}

static int setup(void **state)
{
	unsigned int x = 1;

	/* Half of it compressible. */
	for (size_t i = 0; i < PLAIN; i++)
		plain[i] = (unsigned char)(i & 64 ? 'a' : (x = x * 1103515245 + 12345) >> 16);
	return 0;
}

static void all_steps(const void *data, size_t len)
{
	static const size_t steps[] = {4, 7, 100, 4096, 1 << 17};
	size_t got;

	for (size_t i = 0; i < 5; i++) {
		for (size_t o = 0; o < 5; o++) {
			assert_int_equal(run(data, len, steps[i], steps[o] - 3, &got, NULL), 0);
			assert_int_equal(got, PLAIN);
			assert_memory_equal(result, plain, PLAIN);
		}
	}
}

static void gzip(void **state)
{
	static unsigned char packed[4 * PLAIN];
	size_t len = gzip_of(packed, sizeof(packed), plain, PLAIN), got;

	all_steps(packed, len);
	for (size_t cut = 1; cut < len; cut += len / 50 + 1)
		if (cut < 2 || cut > 4) /* shorter is taken for plain */
			assert_int_equal(run(packed, len - cut, 1000, 1000, &got, NULL), -EBADMSG);
	packed[len - 5] ^= 1; /* the checksum */
	assert_int_equal(run(packed, len, 1000, 1000, &got, NULL), -EBADMSG);
}

static void members(void **state)
{
	static unsigned char packed[4 * PLAIN];
	size_t len = 0, got;

	for (size_t at = 0; at < PLAIN; at += 10000)
		len += gzip_of(packed + len, sizeof(packed) - len, plain + at, 10000);
	all_steps(packed, len);
	memset(packed + len, 0, 1000);
	all_steps(packed, len + 1000);
	packed[len + 10] = 'x';
	assert_int_equal(run(packed, len + 1000, 1000, 1000, &got, NULL), -EBADMSG);
}

/* A header with all that it may have: an extra field, a name, a comment, and its own checksum if `crc`. */
static size_t long_header(unsigned char *out, bool crc)
{
	size_t n = 10;
	uint32_t sum;

	memcpy(out, "\x1f\x8b\x08\x1c\1\2\3\4\0\xff", 10);
	if (crc)
		out[3] |= 2;
	out[n++] = 0xe8;
	out[n++] = 0x03; /* 1000 */
	memset(out + n, 0x1f, 1000);
	n += 1000;
	memset(out + n, 'n', 5000);
	n += 5000;
	out[n++] = 0;
	out[n++] = 'c';
	out[n++] = 0;
	if (crc) {
		sum = crc32_gzip_refl(0, out, n);
		out[n++] = (unsigned char)sum;
		out[n++] = (unsigned char)(sum >> 8);
	}
	return n;
}

static void long_headers(void **state)
{
	static unsigned char packed[4 * PLAIN], bare[4 * PLAIN];
	size_t len = gzip_of(bare, sizeof(bare), plain, PLAIN), n, got;

	for (int crc = 0; crc < 2; crc++) {
		n = long_header(packed, crc);
		memcpy(packed + n, bare + 10, len - 10);
		all_steps(packed, n + len - 10);
		assert_int_equal(run(packed, n - 20, 1000, 1000, &got, NULL), -EBADMSG);
		assert_int_equal(got, 0);
	}
}

static void zstd(void **state)
{
	static unsigned char packed[4 * PLAIN];
	size_t len = ZSTD_compress(packed, sizeof(packed), plain, 30000, 3), got;

	/* A skippable frame between two frames. */
	memcpy(packed + len, "\x51\x2a\x4d\x18\x03\0\0\0abc", 11);
	len += 11;
	len += ZSTD_compress(packed + len, sizeof(packed) - len, plain + 30000, PLAIN - 30000, 3);
	all_steps(packed, len);
	assert_int_equal(run(packed, len - 1, 1000, 1000, &got, NULL), -EBADMSG);
	packed[len - 3] ^= 0xff; /* the end of the last block */
	memset(packed + 4, 0xff, 8);
	assert_int_equal(run(packed, len, 1000, 1000, &got, NULL), -EBADMSG);
}

static void none(void **state)
{
	size_t got;

	plain[0] = 'p';
	all_steps(plain, PLAIN);
	assert_int_equal(run("", 0, 10, 10, &got, NULL), 0);
	assert_int_equal(got, 0);
	assert_int_equal(run("BZh91AY", 7, 10, 10, &got, NULL), -ENOTSUP);
}

static void limits(void **state)
{
	static unsigned char packed[4 * PLAIN];
	static unsigned char zeros[PLAIN];
	struct inflate_limits l = {.absolute = PLAIN, .slack = PLAIN};
	size_t len = gzip_of(packed, sizeof(packed), zeros, PLAIN), got;

	assert_int_equal(run(packed, len, 1000, 1000, &got, &l), 0);
	l.absolute--;
	assert_int_equal(run(packed, len, 1000, 1000, &got, &l), -EFBIG);
	l = (struct inflate_limits){.absolute = UINT64_MAX, .slack = 1000, .ratio = 10};
	assert_int_equal(run(packed, len, 1000, 1000, &got, &l), -EFBIG);
	l.ratio = UINT64_MAX;
	assert_int_equal(run(packed, len, 1000, 1000, &got, &l), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip),
		cmocka_unit_test(members),
		cmocka_unit_test(long_headers),
		cmocka_unit_test(zstd),
		cmocka_unit_test(limits),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
