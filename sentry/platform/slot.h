/* SPDX-License-Identifier: MIT */
/*
 * What a guest thread may do without entering: the sentry's words in its slot (docs/fastpath.md). The guest can write them too, and lies
 * to itself alone. Any thread may call these while *th* is held.
 */
#pragma once

#include "platform/stub/layout.h"

#include <stdbool.h>

struct gthread;

/* Who it is, and its mode: FAST_ANSWER, FAST_RING, or 0: every call is made plainly. A new thread has 0. */
void gthread_set_ident(struct gthread *th, const struct slot_ident *id, uint32_t mode);
void gthread_set_mode(struct gthread *th, uint32_t mode);
/* Its context in the table of names; 0: none. */
void gthread_set_names(struct gthread *th, uint32_t nr);
/* Does it enter by the slot now? */
bool gthread_by_slot(const struct gthread *th);
void gthread_set_ppid(struct gthread *th, uint32_t ppid);
/* The blocked signals, which the guest changes by itself while its mode has FAST_ANSWER. */
uint64_t gthread_sigmask(struct gthread *th);
void gthread_set_sigmask(struct gthread *th, uint64_t mask);
/* The signals whose actions are all zeros, bit signo-1: a question for them is answered there. */
void gthread_set_sig_default(struct gthread *th, uint64_t signals);
/* Its alternate stack as sigaltstack(2) has set it (flags too), for questions; *size* 0: none. */
void gthread_set_altstack(struct gthread *th, uint64_t sp, uint64_t size, uint32_t flags);
/* Views (kernel/views.h): answer preads of *fd* from *size* bytes at *base* of the stub. Number *i* is below SLOT_VIEWS. */
void gthread_set_view(struct gthread *th, unsigned i, int fd, uint64_t base, uint64_t size);
void gthread_clear_view(struct gthread *th, unsigned i);
void gthread_clear_views(struct gthread *th);
/* How many calls, and of how many bytes, the guest says to have been answered so. */
void gthread_view_counts(struct gthread *th, uint64_t *ret_calls, uint64_t *ret_bytes);
/* Some signal is pending: the guest leaves changes of its mask to the sentry. Said before the mask is looked at. */
void gthread_set_sigpending(struct gthread *th, bool pending);
