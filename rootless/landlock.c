/* SPDX-License-Identifier: MIT */
/*
 * landlock(7) without depending on how new the kernel headers are: the structures and bits are the kernel's ABI, and a
 * system whose headers know ABI 1 may run a kernel of ABI 7.
 */
#include "rootless/harden.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define RULESET_VERSION (1u << 0)
#define RULE_PATH_BENEATH 1

/* File system rights in the order of the kernel's bits. */
#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_TRUNCATE (1ull << 14)
#define FS_IOCTL_DEV (1ull << 15)

#define FS_RIGHTS_ABI1 ((1ull << 13) - 1)
#define FS_RIGHTS_ABI2 ((1ull << 14) - 1)
#define FS_RIGHTS_ABI3 ((1ull << 15) - 1)
#define FS_RIGHTS_ABI5 ((1ull << 16) - 1)
#define NET_RIGHTS 3ull	  /* bind and connect of TCP */
#define SCOPE_RIGHTS 3ull /* abstract unix sockets and signals */

struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct path_beneath_attr {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

int landlock_abi(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);

	return r < 0 ? 0 : (int)r;
}

static uint64_t fs_rights(int abi)
{
	if (abi >= 5)
		return FS_RIGHTS_ABI5;
	if (abi >= 3)
		return FS_RIGHTS_ABI3;
	return abi == 2 ? FS_RIGHTS_ABI2 : FS_RIGHTS_ABI1;
}

int landlock_create(unsigned int flags)
{
	struct ruleset_attr attr = {0};
	int abi = landlock_abi();
	size_t size = sizeof(attr.fs);
	long fd;

	if (abi < 1)
		return -EOPNOTSUPP;
	attr.fs = fs_rights(abi);
	if (abi >= 4) {
		size = 2 * sizeof(uint64_t);
		attr.net = flags & LANDLOCK_RULES_NET ? NET_RIGHTS : 0;
	}
	if (abi >= 6) {
		size = sizeof(attr);
		attr.scoped = flags & LANDLOCK_RULES_SCOPE ? SCOPE_RIGHTS : 0;
	}
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	return fd < 0 ? -errno : (int)fd;
}

int landlock_allow(int rules, int fd, unsigned int what)
{
	const uint64_t file_rights = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
	struct path_beneath_attr rule = {.fd = fd};
	uint64_t all = fs_rights(landlock_abi());
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	rule.rights = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR;
	if (what & LANDLOCK_WRITE)
		rule.rights = all & ~(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV);
	if (what & LANDLOCK_WHITEOUTS)
		rule.rights |= FS_MAKE_CHAR;
	if (!S_ISDIR(st.st_mode))
		rule.rights &= file_rights;
	return syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

int landlock_enforce(int rules)
{
	return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
}
