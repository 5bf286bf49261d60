/* SPDX-License-Identifier: MIT */
/*
 * The table of names (docs/names.md): what stat(2) says of a path, for the stubs to answer by themselves. Written by the sentry, mapped
 * read-only in every stub. Freestanding; both sides include it.
 */
#pragma once

#include <stdint.h>

#define STUB_NAMES 0x7f8800000000ull /* between the stub and its slots */

#define NAMES_CONTEXTS 4096u /* working directories; number 0 is none */
#define NAMES_WAYS 2u
#define NAMES_SETS 8192u
#define NAMES_PATH 104u /* longest path, without a terminator */
#define NAMES_STAT 120u /* of struct stat: what follows is zero */

enum { NAMES_NONE, NAMES_FOUND, NAMES_ABSENT };

struct names_entry {
	uint32_t seq; /* odd: it is being written */
	uint16_t len;
	uint8_t nofollow; /* the link itself */
	uint8_t kind;
	uint64_t gen;	  /* it holds while this is the table's */
	uint64_t cwd;	  /* 0: the path begins at the root */
	uint32_t all, pad; /* what access(2) grants to everybody: R_OK */
	uint64_t stat[NAMES_STAT / 8];
	char path[NAMES_PATH];
};
_Static_assert(sizeof(struct names_entry) == 256, "four lines");

struct names_table {
	uint64_t gen; /* 0: nothing in it holds */
	uint64_t pad[511];
	uint64_t cwd[NAMES_CONTEXTS]; /* what directory that is: a number never used again; 0: ask */
	struct names_entry entries[NAMES_SETS][NAMES_WAYS];
};

/* *path* is followed by at least 7 bytes that may be read. */
static inline __attribute__((always_inline)) uint64_t names_hash(const char *path, uint32_t len, uint64_t cwd, uint32_t nofollow)
{
	uint64_t h = (cwd * 2 + nofollow + 1) * 0x9e3779b97f4a7c15ull ^ len;

	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t v;

		__builtin_memcpy(&v, path + i, 8);
		if (len - i < 8)
			v &= (1ull << (len - i) * 8) - 1;
		h = (h ^ v) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	return h;
}
