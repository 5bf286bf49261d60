/* SPDX-License-Identifier: MIT */
/* SHA-256 digests: the value, its text, and a compact implementation for what is small (manifests, chain IDs). */
#ifndef PICKET_SNAP_DIGEST_H
#define PICKET_SNAP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest {
	uint8_t b[32];
};

#define DIGEST_HEX_LEN 64			     /* without the terminator */
#define DIGEST_TEXT_LEN (sizeof("sha256:") - 1 + 64) /* without the terminator */

/** digest_parse - read "sha256:HEX" or 64 bare hex digits. Returns 0 or -EINVAL. */
int digest_parse(const char *text, struct digest *ret);

/** digest_hex - 64 lower-case hex digits and a terminator. Returns @out. */
char *digest_hex(const struct digest *d, char out[static DIGEST_HEX_LEN + 1]);

/** digest_text - "sha256:" and digest_hex. Returns @out. */
char *digest_text(const struct digest *d, char out[static DIGEST_TEXT_LEN + 1]);

bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d);

struct sha256 {
	uint32_t h[8];
	uint64_t len;
	uint8_t buf[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t len);
void sha256_final(struct sha256 *s, struct digest *ret);

/** sha256_of - the digest of one buffer. */
void sha256_of(const void *data, size_t len, struct digest *ret);

#endif
