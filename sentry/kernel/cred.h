/* SPDX-License-Identifier: MIT */
/* Credentials: immutable once published; a change makes a copy. capabilities(7), credentials(7). */
#pragma once

#include "kernel/user_ns.h"
#include "lib/refs.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#define CRED_NGROUPS_MAX 65536
#define CAP_MASK_ALL ((1ull << (CAP_LAST_CAP + 1)) - 1)

struct cred {
	struct refs refs;
	struct user_ns *user_ns; /* held */
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint32_t n_groups;
	uint32_t *groups;
	uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	uint32_t securebits;
	bool no_new_privs;
};

/* Root with all capabilities in *ns*, of which it takes a reference. NULL: out of memory. */
struct cred *cred_alloc_root(struct user_ns *ns);
struct cred *cred_copy(const struct cred *c);
void cred_get(struct cred *c);
void cred_put(struct cred *c);
/* Towards the whole sandbox: what the initial user namespace owns. */
static inline bool cred_capable(const struct cred *c, int cap)
{
	return !c->user_ns->parent && (c->cap_effective >> cap & 1);
}
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or supplementary */
