/* SPDX-License-Identifier: MIT */
/* CRC-32C, with the processor's instruction where there is one. It guards against damage, not against malice. */
#include <string.h>

#include "index.h"

#define CRC32C_POLY 0x82f63b78u /* reflected */

static uint32_t crc_table_step(uint32_t crc, uint8_t byte)
{
	/* Four bits at a time: a table of 16 needs no initialisation and is fast enough where it is used. */
	static const uint32_t t[16] = {
		0x00000000,
		0x105ec76f,
		0x20bd8ede,
		0x30e349b1,
		0x417b1dbc,
		0x5125dad3,
		0x61c69362,
		0x7198540d,
		0x82f63b78,
		0x92a8fc17,
		0xa24bb5a6,
		0xb21572c9,
		0xc38d26c4,
		0xd3d3e1ab,
		0xe330a81a,
		0xf36e6f75,
	};

	crc ^= byte;
	crc = (crc >> 4) ^ t[crc & 15];
	return (crc >> 4) ^ t[crc & 15];
}

static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t len)
{
	while (len--)
		crc = crc_table_step(crc, *p++);
	return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

/*
 * What the C library found out at its start: the compiler's own way is a constructor of fifteen cpuid instructions in every program, of which
 * each is an exit to the hypervisor in a virtual machine.
 */
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#define HAVE_SSE42() CPU_FEATURE_ACTIVE(SSE4_2)
#else
#define HAVE_SSE42() __builtin_cpu_supports("sse4.2")
#endif

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = crc, v;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&v, p, 8);
		c = _mm_crc32_u64(c, v);
	}
	crc = (uint32_t)c;
	for (; len; len--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}
#endif

uint32_t snap_crc32c(uint32_t crc, const void *data, size_t len)
{
	crc = ~crc;
#if defined(__x86_64__)
	if (HAVE_SSE42())
		return ~crc_sse42(crc, data, len);
#endif
	return ~crc_portable(crc, data, len);
}
