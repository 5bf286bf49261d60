/* SPDX-License-Identifier: MIT */
/* The table of arguments in memory: what goes by the slot is light, and segments stay in the window and apart, whatever is asked. */
#include "platform/internal.h"
#include "platform/stub/marshal.h"

#include <stdio.h>
#include <stdlib.h>

static int failed;

static void check(bool ok, const char *what, uint64_t nr)
{
	if (ok)
		return;
	printf("FAIL %s: call %lu\n", what, (unsigned long)nr);
	failed = 1;
}

static uint64_t value(unsigned *seed)
{
	static const uint64_t some[] = {0, 1, 8, 4096, 4097, SLOT_WINDOW, SLOT_WINDOW + 1, 1ull << 32, UINT64_MAX, UINT64_MAX / 8 + 1, 0x7f0012345678};

	*seed = *seed * 1103515245 + 12345;
	return *seed & 0x10000 ? some[(*seed >> 17) % ARRAY_SIZE(some)] : (*seed >> 17) % 600;
}

static void check_plan(uint64_t nr, const uint64_t *args)
{
	struct marshal m;

	if (!marshal_plan(nr, args, &m))
		return;
	check(m.n <= MARSHAL_SEGS, "number of segments", nr);
	for (unsigned i = 0; i < m.n; i++) {
		const struct marshal_seg *g = &m.seg[i];

		check(g->addr && g->dir && g->len, "segment", nr);
		check(g->len <= SLOT_WINDOW && g->off <= SLOT_WINDOW - g->len && g->off % 16 == 0, "place", nr);
		check(!g->string || (g->dir == MARSHAL_IN && g->len >= 2048), "string", nr);
		for (unsigned k = 0; k < i; k++)
			check(g->off >= m.seg[k].off + m.seg[k].len || m.seg[k].off >= g->off + g->len, "overlap", nr);
	}
}

int main(void)
{
	uint64_t light[LIGHT_MAP];
	unsigned seed = 1;

	filter_light_map(light);
	for (uint64_t nr = 0; nr < MARSHAL_NR; nr++) {
		const uint64_t plausible[6] = {4096, 8192, 64, 12288, 16384, 20480};

		if (marshal_table[nr][0] & M_SLOT)
			check(nr / 64 < LIGHT_MAP && (light[nr / 64] >> nr % 64 & 1), "not light", nr);
		check_plan(nr, plausible);
		for (unsigned i = 0; i < 2000; i++) {
			uint64_t args[6];

			for (unsigned k = 0; k < 6; k++)
				args[k] = value(&seed);
			check_plan(nr, args);
		}
	}
	check(!marshal_plan(MARSHAL_NR, (const uint64_t[6]){0}, &(struct marshal){0}), "beyond the table", MARSHAL_NR);
	check(!marshal_plan(__NR_mmap, (const uint64_t[6]){0}, &(struct marshal){0}), "a full call", __NR_mmap);
	if (!failed)
		printf("OK\n");
	return failed;
}
