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
	uint32_t *groups; /* sorted */
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
/*
 * A new set of supplementary groups (kernel ids), which is sorted and taken over. For credentials not yet published.
 */
void cred_set_groups(struct cred *c, uint32_t *groups, uint32_t n);
/* What a change of uids does to the capabilities of *n*, made from *o*; capabilities(7). */
void cred_fix_setuid(const struct cred *o, struct cred *n);
/* The same for a change of the file system uid alone. */
void cred_fix_setfsuid(const struct cred *o, struct cred *n);
/* Has *n*, made from *o*, what others of the old credentials must not get at (other ids, more capabilities)? */
bool cred_change_is_private(const struct cred *o, const struct cred *n);
/* Is *ns* the user namespace of *c* or one above it? */
bool cred_in_user_ns(const struct cred *c, const struct user_ns *ns);
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or supplementary */
