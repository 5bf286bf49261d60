/* SPDX-License-Identifier: MIT */
/* Landlock for the stubs: nothing of the file system, no signals or abstract sockets outwards. landlock(7) */
#include "platform/internal.h"

#include <asm/unistd.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The layout of the newest ABI known here; older kernels take the shorter prefix. */
struct landlock_attr {
	uint64_t fs, net, scoped;
};

#define NR_LANDLOCK_CREATE_RULESET 444
#define NR_LANDLOCK_RESTRICT_SELF 446
#define GET_VERSION 1

static uint64_t fs_rights(long abi)
{
	static const unsigned bits[] = {0, 13, 14, 15, 15, 16};

	return (1ull << bits[abi < 5 ? abi : 5]) - 1;
}

void landlock_deny_all(void)
{
	long abi = syscall(NR_LANDLOCK_CREATE_RULESET, NULL, 0, GET_VERSION);
	struct landlock_attr attr = {0};
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	long fd;

	if (abi < 1)
		return; /* the filter alone holds */
	attr.fs = fs_rights(abi);
	attr.net = abi >= 4 ? 3 : 0;
	attr.scoped = abi >= 6 ? 3 : 0;
	fd = syscall(NR_LANDLOCK_CREATE_RULESET, &attr, size, 0);
	if (fd < 0)
		return;
	syscall(NR_LANDLOCK_RESTRICT_SELF, fd, 0);
	close((int)fd);
}
