/* SPDX-License-Identifier: MIT */
/* SHA-256 by libcrypto's EVP. A struct hasher is an EVP_MD_CTX, so that users of the header need not know libcrypto. */
#include "hash.h"

#include <openssl/evp.h>
#include <string.h>

static EVP_MD_CTX *ctx_of(struct hasher *h)
{
	return (EVP_MD_CTX *)(void *)h;
}

struct hasher *hasher_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx && !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	return (struct hasher *)(void *)ctx;
}

void hasher_update(struct hasher *h, const void *data, size_t len)
{
	EVP_DigestUpdate(ctx_of(h), data, len);
}

void hasher_finish(struct hasher *h, struct digest *out)
{
	/* A failure (none is known) leaves zeros, which are no message's digest: it shows as a mismatch. */
	memset(out, 0, sizeof(*out));
	EVP_DigestFinal_ex(ctx_of(h), out->b, NULL);
	EVP_DigestInit_ex(ctx_of(h), EVP_sha256(), NULL);
}

void hasher_free(struct hasher *h)
{
	EVP_MD_CTX_free(ctx_of(h));
}
