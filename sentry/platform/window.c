/* SPDX-License-Identifier: MIT */
/* The windows of calls by the slot, from our side. */
#include "platform/window.h"

#include "platform/internal.h"
#include "platform/stub/marshal.h"

#include <string.h>

_Static_assert(MARSHAL_SEGS == SLOT_SEGS, "a segment has its entry in the answer");

bool window_begin(struct gthread *th, uint64_t nr, const uint64_t *args)
{
	struct window *w = &th->window;
	struct marshal m;
	unsigned strings = 0;

	w->n = 0;
	if (!marshal_plan(nr, args, &m))
		return false;
	for (unsigned i = 0; i < m.n; i++) {
		const struct marshal_seg *g = &m.seg[i];
		uint32_t len = g->len;

		if (g->string) {
			uint32_t said = strings < 2 ? __atomic_load_n(&th->slot->str_len[strings], __ATOMIC_RELAXED) : 0;

			strings++;
			if (said < len)
				len = said;
		}
		w->seg[i] = (struct window_seg){
			.addr = g->addr,
			.len = len,
			.off = g->off,
			.in = g->dir & MARSHAL_IN,
			.out = g->dir & MARSHAL_OUT,
		};
	}
	w->n = m.n;
	return true;
}

void window_end(struct gthread *th)
{
	struct window *w = &th->window;

	for (unsigned i = 0; i < w->n; i++)
		if (w->seg[i].out)
			th->slot->out[i] = (struct slot_out){w->seg[i].from, w->seg[i].to};
	w->n = 0;
}

static bool inside(const struct window_seg *g, uint64_t addr, size_t len)
{
	return addr >= g->addr && addr - g->addr <= g->len && len <= g->len - (addr - g->addr);
}

const uint8_t *window_in(const struct gthread *th, uint64_t addr, size_t len)
{
	const struct window *w = &th->window;

	for (unsigned i = 0; i < w->n; i++)
		if (w->seg[i].in && inside(&w->seg[i], addr, len))
			return th->slot->window + w->seg[i].off + (addr - w->seg[i].addr);
	return NULL;
}

const uint8_t *window_in_some(const struct gthread *th, uint64_t addr, size_t *ret_len)
{
	const struct window *w = &th->window;

	for (unsigned i = 0; i < w->n; i++) {
		const struct window_seg *g = &w->seg[i];

		if (!g->in || !g->len || !inside(g, addr, 1))
			continue;
		*ret_len = g->len - (addr - g->addr);
		return th->slot->window + g->off + (addr - g->addr);
	}
	return NULL;
}

/*
 * One range of each segment is told: what does not join it cannot be put there. Then what there is goes to the guest's memory by
 * the other way, and so does the rest of this call.
 */
static void flush(struct gthread *th, struct window_seg *g)
{
	const uint16_t from = g->from, to = g->to;

	g->from = g->to = 0;
	g->in = g->out = false; /* aspace_write() looks here first */
	g->len = 0;
	aspace_write(th->as, g->addr + from, th->slot->window + g->off + from, (size_t)(to - from), NULL);
}

bool window_out(struct gthread *th, uint64_t addr, const void *src, size_t len)
{
	struct window *w = &th->window;

	for (unsigned i = 0; i < w->n; i++) {
		struct window_seg *g = &w->seg[i];
		size_t from, to;

		if (!g->out || !inside(g, addr, len))
			continue;
		from = addr - g->addr;
		to = from + len;
		if (g->from != g->to && (from > g->to || to < g->from)) {
			flush(th, g);
			th->slot->out[i] = (struct slot_out){0, 0};
			return false;
		}
		memcpy(th->slot->window + g->off + from, src, len);
		if (g->from == g->to)
			g->from = (uint16_t)from, g->to = (uint16_t)to;
		if (from < g->from)
			g->from = (uint16_t)from;
		if (to > g->to)
			g->to = (uint16_t)to;
		return true;
	}
	return false;
}
