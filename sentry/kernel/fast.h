/* SPDX-License-Identifier: MIT */
/*
 * What a guest thread is answered without entering (docs/fastpath.md), as far as it depends on the task: its numbers, its mask, and
 * whether it may. It is told on the way back to the guest when something of it has changed.
 */
#pragma once

#include "kernel/task.h"
#include "kernel/views.h"
#include "platform/slot.h"

/* Something that the slot says of *t* is not so any more: told when *t* goes back to the guest next. */
static inline void fast_changed(struct task *t)
{
	atomic_fetch_add(&t->fast.gen, 1);
}

/* Tell it all, to the host thread that *t* has now. Takes tasklist_lock and siglock. */
void fast_tell(struct task *t);

/* [self] Before in_guest becomes true. */
static inline void fast_leave(struct task *t)
{
	struct fast_state *f = &t->fast;

	if (f->th != t->th || f->told != atomic_load_explicit(&f->gen, memory_order_relaxed) ||
		f->work != atomic_load_explicit(&t->work, memory_order_relaxed)) {
		fast_tell(t);
	} else if (f->answer && f->mask != t->blocked) {
		f->mask = t->blocked;
		gthread_set_sigmask(t->th, t->blocked);
	}
}

/* [self] After in_guest has become false: the mask is what the guest has made of it. */
static inline void fast_enter(struct task *t)
{
	struct fast_state *f = &t->fast;

	if (!f->answer || f->th != t->th)
		return;
	if (f->views[0].th || f->views[1].th)
		views_account(t);
	f->mask = gthread_sigmask(t->th) & ~KSIG_UNBLOCKABLE;
	if (f->mask != t->blocked)
		signal_set_mask(t, f->mask);
}

/* The blocked signals of *t*, who may be in the guest. siglock held. */
ksigset task_blocked(const struct task *t);
/* A signal was queued for *t*, or (NULL) for all of *tg*: said before any of their masks is looked at. siglock held. */
void fast_signal_queued(struct thread_group *tg, struct task *t);
/* The actions of *signals* may not be all zeros any more. siglock held. */
void fast_actions_changed(struct thread_group *tg, ksigset signals);
/* *tg* has another parent. tasklist_lock held. */
void fast_new_parent(struct thread_group *tg);
