/* SPDX-License-Identifier: MIT */
/* Credentials: immutable once published; a change makes a copy. capabilities(7), credentials(7). */
#pragma once

#include "lib/refs.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#define CRED_NGROUPS_MAX 65536
#define CAP_MASK_ALL ((1ull << (CAP_LAST_CAP + 1)) - 1)

struct cred {
	struct refs refs;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint32_t n_groups;
	uint32_t *groups;
	uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	uint32_t securebits;
	bool no_new_privs;
};

/* Root with all capabilities. NULL: out of memory. */
struct cred *cred_alloc_root(void);
struct cred *cred_copy(const struct cred *c);
void cred_get(struct cred *c);
void cred_put(struct cred *c);
static inline bool cred_capable(const struct cred *c, int cap)
{
	return c->cap_effective >> cap & 1;
}
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or supplementary */
