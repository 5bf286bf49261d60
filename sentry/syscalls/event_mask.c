/* SPDX-License-Identifier: MIT */
/* Time-outs and temporary signal masks of the waiting calls. */
#include "syscalls/event.h"

#include <errno.h>

int64_t event_deadline(int64_t ns)
{
	int64_t deadline;

	if (ns < 0)
		return -1;
	if (!ns)
		return 0;
	if (__builtin_add_overflow(kernel_now_mono(), ns, &deadline))
		return -1;
	return deadline;
}

int event_mask_begin(struct task *t, uint64_t mask_addr, uint64_t size, struct event_mask *m)
{
	ksigset mask;
	int err;

	m->set = false;
	if (!mask_addr)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	err = copy_in(t, &mask, mask_addr, sizeof(mask));
	if (err)
		return err;
	m->set = true;
	m->old = t->blocked;
	signal_set_mask(t, mask & ~KSIG_UNBLOCKABLE);
	return 0;
}

void event_mask_end(struct task *t, const struct event_mask *m, bool interrupted)
{
	if (!m->set)
		return;
	if (interrupted) {
		t->saved_mask = m->old;
		t->restore_mask = true;
		return;
	}
	signal_set_mask(t, m->old);
}
