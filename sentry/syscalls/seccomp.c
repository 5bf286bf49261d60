/* SPDX-License-Identifier: MIT */
/* seccomp(2), and the options of prctl(2) that are older. */
#include "kernel/seccomp.h"
#include "syscalls/prctl.h"
#include "syscalls/syscalls.h"

static int64_t action_avail(struct task *t, uint64_t addr)
{
	uint32_t action;

	if (copy_in(t, &action, addr, sizeof(action)))
		return -EFAULT;
	switch (action) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_USER_NOTIF:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int64_t notif_sizes(struct task *t, uint64_t addr)
{
	struct seccomp_notif_sizes s = {.seccomp_notif = sizeof(struct seccomp_notif),
		.seccomp_notif_resp = sizeof(struct seccomp_notif_resp), .seccomp_data = sizeof(struct seccomp_data)};

	return copy_out(t, addr, &s, sizeof(s));
}

int64_t sys_seccomp(struct task *t, const uint64_t *a)
{
	uint32_t flags = ARG_UINT(a, 1);

	switch (ARG_UINT(a, 0)) {
	case SECCOMP_SET_MODE_STRICT:
		return flags || a[2] ? -EINVAL : seccomp_set_strict(t);
	case SECCOMP_SET_MODE_FILTER:
		return seccomp_set_filter(t, flags, a[2]);
	case SECCOMP_GET_ACTION_AVAIL:
		return flags ? -EINVAL : action_avail(t, a[2]);
	case SECCOMP_GET_NOTIF_SIZES:
		return flags ? -EINVAL : notif_sizes(t, a[2]);
	default:
		return -EINVAL;
	}
}

int64_t prctl_set_seccomp(struct task *t, uint64_t mode, uint64_t filter)
{
	switch (mode) {
	case SECCOMP_MODE_STRICT:
		return seccomp_set_strict(t);
	case SECCOMP_MODE_FILTER:
		return seccomp_set_filter(t, 0, filter);
	default:
		return -EINVAL;
	}
}
