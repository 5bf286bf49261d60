/* SPDX-License-Identifier: MIT */
/* Descriptors, capabilities and limits a process gives up before it runs something it does not trust. */
#include "rootless/harden.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Close [first, last]; ~0u is the end. */
static int close_span(unsigned int first, unsigned int last)
{
	DIR *dir;
	struct dirent *e;

	if (syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		unsigned long fd = strtoul(e->d_name, NULL, 10);

		if (e->d_name[0] != '.' && fd >= first && fd <= last && fd != (unsigned long)dirfd(dir))
			close((int)fd);
	}
	closedir(dir);
	return 0;
}

int harden_close_from(int first)
{
	return close_span((unsigned int)first, ~0u);
}

int harden_close_except(int first, const int *keep, size_t count)
{
	unsigned int from = (unsigned int)first;

	for (size_t i = 0; i < count; i++) {
		unsigned int fd = (unsigned int)keep[i];
		int r;

		if (keep[i] < 0 || fd < from)
			continue;
		r = fd > from ? close_span(from, fd - 1) : 0;
		if (r < 0)
			return r;
		from = fd + 1;
	}
	return close_span(from, ~0u);
}

/*
 * The bounding set and the securebits need CAP_SETPCAP. A plain user without it has nothing to drop there: its
 * permitted set is empty and no_new_privs keeps it so.
 */
static int empty_bounding_set(void)
{
	for (int cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EPERM || errno == EINVAL ? 0 : -errno; /* EINVAL: behind the last one */
	return 0;
}

#define SECUREBITS                                                                                                     \
	((unsigned long)(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED | \
		SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED))

/* Permitted and effective: `have`, inheritable: `inherit`. capset(2) itself: a library more is time at each start. */
static int set_capabilities(uint64_t have, uint64_t inherit)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = data[i].permitted = (uint32_t)(have >> 32 * i);
		data[i].inheritable = (uint32_t)(inherit >> 32 * i);
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int harden_keep_capabilities(uint64_t keep)
{
	const uint64_t setpcap = (uint64_t)1 << CAP_SETPCAP;
	int r;

	/* Nothing becomes inheritable that the bounding set has not; nothing ambient that is not inheritable. */
	r = set_capabilities(keep | setpcap, keep);
	if (r < 0)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (int cap = 0; cap < 64; cap++)
		if ((keep >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	r = empty_bounding_set();
	if (r < 0)
		return r;
	if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) < 0)
		return -errno;
	return set_capabilities(keep, keep);
}

int harden_drop_capabilities(void)
{
	int r;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	r = empty_bounding_set();
	if (r < 0)
		return r;
	if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) < 0 && errno != EPERM)
		return -errno;
	return set_capabilities(0, 0);
}

int harden_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int harden_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return -errno;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
		return -errno;
	lim.rlim_cur = 0;
	lim.rlim_max = 0;
	return setrlimit(RLIMIT_CORE, &lim) < 0 ? -errno : 0;
}
