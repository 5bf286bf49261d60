/* SPDX-License-Identifier: MIT */
/*
 * The window of a slot (docs/fastpath.md): what the memory arguments of a call by the slot hold, copied in by the stub, and copied
 * out by it from what we write. Where they lie is computed from number and arguments; what is in them is the guest's, to be
 * read once. Whatever is not in the window is got at as ever. All of these belong to the worker that serves the entry.
 */
#pragma once

#include "platform/stub/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gthread;
struct guest_iovec;

struct window_seg {
	uint64_t addr;
	uint32_t len;
	uint16_t off;
	bool in, out;
	uint16_t from, to; /* what we have written of it */
};

struct window { /* of a gthread; n is 0 outside a call by the slot */
	unsigned n;
	struct window_seg seg[SLOT_SEGS];
};

/* A call by the slot begins; *nr* and *args* are our copies. False: the number never goes by the slot. */
bool window_begin(struct gthread *th, uint64_t nr, const uint64_t *args);
/* Before its answer: tell the stub what has been written. */
void window_end(struct gthread *th);

/* What the window holds of [addr, addr+len), to be copied once; NULL: not there. */
const uint8_t *window_in(const struct gthread *th, uint64_t addr, size_t len);
/* The longest piece from *addr* on; NULL: not there. */
const uint8_t *window_in_some(const struct gthread *th, uint64_t addr, size_t *ret_len);
/* Put *len* bytes to where the stub copies them to *addr*. False: not in the window. */
bool window_out(struct gthread *th, uint64_t addr, const void *src, size_t len);
