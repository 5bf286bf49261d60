/* SPDX-License-Identifier: MIT */
/*
 * futex(2), futex_waitv(2): arguments. Waiting and waking are the host's; they come here only where every call is to be seen, and are
 * made natively then.
 */
#include "kernel/futex.h"
#include "kernel/syscall_work.h"
#include "syscalls/syscalls.h"

#include <linux/futex.h>

#define NR_FUTEX 202
#define NR_FUTEX_WAITV 449

static bool has_timeout(int cmd)
{
	return cmd == FUTEX_LOCK_PI || cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

static int get_timeout(struct task *t, int cmd, bool wall, uint64_t addr, struct futex_time *ret)
{
	*ret = (struct futex_time){-1, wall ? CLOCK_REALTIME : CLOCK_MONOTONIC};
	return addr && has_timeout(cmd) ? copy_in_timespec(t, addr, &ret->ns) : 0;
}

int64_t sys_futex(struct task *t, const uint64_t *a)
{
	int op = ARG_INT(a, 1), cmd = op & FUTEX_CMD_MASK;
	bool shared = !(op & FUTEX_PRIVATE_FLAG), wall = op & FUTEX_CLOCK_REALTIME;
	uint32_t val = ARG_UINT(a, 2), val3 = ARG_UINT(a, 5);
	struct futex_time until;
	int r;

	if (native_futex_op(a[1]))
		return native_futex(t, NR_FUTEX, a);
	r = get_timeout(t, cmd, wall || cmd == FUTEX_LOCK_PI, a[3], &until);
	if (r)
		return r;
	if (wall && cmd != FUTEX_WAIT_REQUEUE_PI && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(t, a[0], shared, false, &until);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(t, a[0], shared, true, &until);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(t, a[0], shared);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(t, a[0], shared, val, &until, a[4]);
	case FUTEX_CMP_REQUEUE_PI:
		return val != 1 ? -EINVAL : futex_cmp_requeue_pi(t, a[0], shared, ARG_INT(a, 3), a[4], val3);
	}
	return -ENOSYS;
}

int64_t sys_futex_waitv(struct task *t, const uint64_t *a)
{
	return native_futex(t, NR_FUTEX_WAITV, a);
}
