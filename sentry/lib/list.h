/* SPDX-License-Identifier: MIT */
/* Intrusive doubly linked lists, as in every kernel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct list_head {
	struct list_head *next, *prev;
};

static inline void list_init(struct list_head *h)
{
	h->next = h->prev = h;
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

static inline void list_insert_(struct list_head *n, struct list_head *prev, struct list_head *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

/* Insert *n* at the front of *h*. */
static inline void list_add(struct list_head *n, struct list_head *h)
{
	list_insert_(n, h, h->next);
}

/* Insert *n* at the back of *h*. */
static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	list_insert_(n, h->prev, h);
}

/* Unlink *n*; it is left as an empty list, so a second removal is harmless. */
static inline void list_del(struct list_head *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	list_init(n);
}

/* Move all of *from* to the back of *to*; *from* is left empty. */
static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_first(h, type, member) container_of((h)->next, type, member)
#define list_for_each_entry(pos, h, member)                                                                            \
	for (pos = container_of((h)->next, __typeof__(*pos), member); &pos->member != (h);                             \
	     pos = container_of(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_safe(pos, tmp, h, member)                                                                  \
	for (pos = container_of((h)->next, __typeof__(*pos), member),                                                  \
	    tmp = container_of(pos->member.next, __typeof__(*pos), member);                                            \
	     &pos->member != (h); pos = tmp, tmp = container_of(tmp->member.next, __typeof__(*tmp), member))
