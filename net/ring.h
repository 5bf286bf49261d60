/* SPDX-License-Identifier: MIT */
/*
 * A bounded ring of bytes with one writer and up to RING_READERS readers, each of which sees every byte. It joins the
 * threads of a layer's pipeline: whoever is ahead waits, and data is copied no more often than the stages need.
 */
#ifndef PICKET_NET_RING_H
#define PICKET_NET_RING_H

#include <stdbool.h>
#include <stddef.h>

#define RING_READERS 2

struct ring;

/* NULL without memory. size: a multiple of 8 pages; readers: 1 … RING_READERS. */
struct ring *ring_new(size_t size, unsigned int readers);
void ring_free(struct ring *r);

/* Writer: wait for space and return it with its length (at least 1); NULL if the ring was aborted. */
void *ring_reserve(struct ring *r, size_t *len);
/* Writer: the first len bytes of what was reserved are filled. */
void ring_commit(struct ring *r, size_t len);
/* Writer: copy in. 0, or -1 if the ring was aborted. */
int ring_write(struct ring *r, const void *data, size_t len);
/* Writer: that was all. */
void ring_close(struct ring *r);

/*
 * Reader: wait for data and return it with its length. *len is 0 at the end; NULL if the ring was aborted. It waits for
 * a good portion, not for the first byte: waking threads for crumbs costs more than it hides.
 */
const void *ring_peek(struct ring *r, unsigned int reader, size_t *len);
/* Reader: len bytes of what was peeked are done with. */
void ring_consume(struct ring *r, unsigned int reader, size_t len);

/* Anyone: stop all who wait or will wait. */
void ring_abort(struct ring *r);

#endif
