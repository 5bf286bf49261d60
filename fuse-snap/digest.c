/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), plain C, and the text of digests. */
#include <errno.h>
#include <string.h>

#include "digest.h"

static const uint32_t k256[64] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static uint32_t ror(uint32_t x, int n)
{
	return (x >> n) | (x << (32 - n));
}

/* One round; word n of the state is in place (n + @at) % 8. */
static inline void sha_round(uint32_t s[8], int at, uint32_t kw)
{
#define S(n) s[((n) + at) & 7]
	uint32_t a = S(0), e = S(4);
	uint32_t t1 = S(7) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & S(5)) ^ (~e & S(6))) + kw;
	uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & S(1)) ^ (a & S(2)) ^ (S(1) & S(2)));

	S(3) += t1;
	S(7) = t1 + t2;
#undef S
}

static void compress(uint32_t h[8], const uint8_t *p)
{
	uint32_t w[64], s[8];

	for (int i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] + (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
	}
	memcpy(s, h, sizeof(s));
	for (int i = 0; i < 64; i += 8) /* instead of moving the eight words, rename them */
		for (int j = 0; j < 8; j++)
			sha_round(s, 8 - j, k256[i + j] + w[i + j]);
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

void sha256_init(struct sha256 *s)
{
	static const uint32_t h0[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	*s = (struct sha256){0};
	memcpy(s->h, h0, sizeof(h0));
}

void sha256_update(struct sha256 *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t have = s->len % 64;

	s->len += len;
	if (have) {
		size_t n = len < 64 - have ? len : 64 - have;

		memcpy(s->buf + have, p, n);
		if (have + n < 64)
			return;
		compress(s->h, s->buf);
		p += n;
		len -= n;
	}
	for (; len >= 64; len -= 64, p += 64)
		compress(s->h, p);
	if (len)
		memcpy(s->buf, p, len);
}

void sha256_final(struct sha256 *s, struct digest *ret)
{
	static const uint8_t pad[64] = {0x80};
	uint64_t bits = s->len * 8;
	uint8_t end[8];

	sha256_update(s, pad, 1 + (119 - s->len % 64) % 64);
	for (int i = 0; i < 8; i++)
		end[i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_update(s, end, 8);
	for (int i = 0; i < 32; i++)
		ret->b[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_of(const void *data, size_t len, struct digest *ret)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, data, len);
	sha256_final(&s, ret);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int digest_parse(const char *text, struct digest *ret)
{
	struct digest d;

	if (!strncmp(text, "sha256:", 7))
		text += 7;
	if (strlen(text) != DIGEST_HEX_LEN)
		return -EINVAL;
	for (int i = 0; i < 32; i++) {
		int hi = nibble(text[2 * i]), lo = nibble(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret = d;
	return 0;
}

char *digest_hex(const struct digest *d, char out[static DIGEST_HEX_LEN + 1])
{
	for (int i = 0; i < 32; i++) {
		out[2 * i] = "0123456789abcdef"[d->b[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[d->b[i] & 15];
	}
	out[DIGEST_HEX_LEN] = 0;
	return out;
}

char *digest_text(const struct digest *d, char out[static DIGEST_TEXT_LEN + 1])
{
	memcpy(out, "sha256:", 7);
	digest_hex(d, out + 7);
	return out;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return !memcmp(a, b, sizeof(*a));
}

bool digest_is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_equal(d, &zero);
}
