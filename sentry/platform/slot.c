/* SPDX-License-Identifier: MIT */
/* The sentry's words in a slot. */
#include "platform/slot.h"

#include "platform/internal.h"

void gthread_set_ident(struct gthread *th, const struct slot_ident *id, uint32_t mode)
{
	th->slot->ident = *id;
	gthread_set_mode(th, mode);
}

void gthread_set_mode(struct gthread *th, uint32_t mode)
{
	__atomic_store_n(&th->slot->mode, th->as->p->hello.fast_entry ? mode : 0, __ATOMIC_SEQ_CST);
}

void gthread_set_ppid(struct gthread *th, uint32_t ppid)
{
	__atomic_store_n(&th->slot->ident.ppid, ppid, __ATOMIC_RELAXED);
}

void gthread_set_names(struct gthread *th, uint32_t nr)
{
	__atomic_store_n(&th->slot->names, nr, __ATOMIC_SEQ_CST);
}

bool gthread_by_slot(const struct gthread *th)
{
	return th->by_slot || th->fast;
}

uint64_t gthread_sigmask(struct gthread *th)
{
	return __atomic_load_n(&th->slot->sigmask, __ATOMIC_SEQ_CST);
}

void gthread_set_sigmask(struct gthread *th, uint64_t mask)
{
	__atomic_store_n(&th->slot->sigmask, mask, __ATOMIC_SEQ_CST);
}

void gthread_set_sigpending(struct gthread *th, bool pending)
{
	__atomic_store_n(&th->slot->sigpending, pending, __ATOMIC_SEQ_CST);
}

void gthread_set_sig_default(struct gthread *th, uint64_t signals)
{
	__atomic_store_n(&th->slot->sig_default, signals, __ATOMIC_SEQ_CST);
}

void gthread_set_altstack(struct gthread *th, uint64_t sp, uint64_t size, uint32_t flags)
{
	th->slot->altstack = (struct slot_altstack){.sp = sp, .size = size, .flags = flags};
}

void gthread_set_view(struct gthread *th, unsigned i, int fd, uint64_t base, uint64_t size)
{
	struct slot_view *v = &th->slot->views[i];

	v->base = base;
	v->size = size;
	__atomic_store_n(&v->fd_plus_1, (uint32_t)fd + 1, __ATOMIC_SEQ_CST);
}

void gthread_clear_view(struct gthread *th, unsigned i)
{
	__atomic_store_n(&th->slot->views[i].fd_plus_1, 0, __ATOMIC_SEQ_CST);
}

void gthread_clear_views(struct gthread *th)
{
	for (unsigned i = 0; i < SLOT_VIEWS; i++)
		gthread_clear_view(th, i);
}

void gthread_view_counts(struct gthread *th, uint64_t *ret_calls, uint64_t *ret_bytes)
{
	*ret_calls = __atomic_load_n(&th->slot->view_calls, __ATOMIC_RELAXED);
	*ret_bytes = __atomic_load_n(&th->slot->view_bytes, __ATOMIC_RELAXED);
}
