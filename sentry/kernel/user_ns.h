/* SPDX-License-Identifier: MIT */
/*
 * User namespaces: which ids a task sees for the sandbox's own ("kernel") ids, and whom its capabilities count against.
 * Credentials and inodes hold kernel ids, which are those of the initial namespace. user_namespaces(7).
 */
#pragma once

#include "lib/lock.h"
#include "lib/refs.h"

#include <stdbool.h>
#include <stdint.h>

struct cred;
struct kernel;
struct task;

#define ID_INVALID UINT32_MAX
#define ID_OVERFLOW 65534u /* what an id without a mapping is shown as */
#define ID_EXTENTS_MAX 340
#define USER_NS_DEPTH_MAX 32

struct id_extent {
	uint32_t first; /* in the namespace */
	uint32_t lower; /* kernel id */
	uint32_t count;
};

struct id_map { /* written once: n is set last */
	_Atomic uint32_t n;
	struct id_extent *extents;
};

struct user_ns {
	struct refs refs;
	struct kernel *kernel;
	struct user_ns *parent; /* held; NULL: the initial namespace, whose maps are the identity */
	unsigned level;
	uint32_t owner, group;	 /* kernel ids of its creator */
	uint64_t inum;
	bool parent_could_setfcap;
	struct lock lock;	 /* RANK_LEAF: writing of the maps and of setgroups_denied */
	_Atomic bool setgroups_denied;
	struct id_map uids, gids, projids;
};

/* The initial namespace. NULL: out of memory. */
struct user_ns *user_ns_init(struct kernel *k);
void user_ns_get(struct user_ns *ns);
void user_ns_put(struct user_ns *ns);

/* Kernel id of *id*, or ID_INVALID. */
uint32_t id_map_down(const struct user_ns *ns, const struct id_map *m, uint32_t id);
/* Id of the kernel id *kid*, or ID_INVALID. */
uint32_t id_map_up(const struct user_ns *ns, const struct id_map *m, uint32_t kid);

static inline uint32_t make_kuid(const struct user_ns *ns, uint32_t uid)
{
	return ns->parent ? id_map_down(ns, &ns->uids, uid) : uid;
}

static inline uint32_t make_kgid(const struct user_ns *ns, uint32_t gid)
{
	return ns->parent ? id_map_down(ns, &ns->gids, gid) : gid;
}

/* ID_INVALID: no mapping. */
static inline uint32_t from_kuid(const struct user_ns *ns, uint32_t kuid)
{
	return ns->parent ? id_map_up(ns, &ns->uids, kuid) : kuid;
}

static inline uint32_t from_kgid(const struct user_ns *ns, uint32_t kgid)
{
	return ns->parent ? id_map_up(ns, &ns->gids, kgid) : kgid;
}

/* What is shown: ID_OVERFLOW where there is no mapping. */
static inline uint32_t show_kuid(const struct user_ns *ns, uint32_t kuid)
{
	uint32_t id = from_kuid(ns, kuid);

	return id == ID_INVALID ? ID_OVERFLOW : id;
}

static inline uint32_t show_kgid(const struct user_ns *ns, uint32_t kgid)
{
	uint32_t id = from_kgid(ns, kgid);

	return id == ID_INVALID ? ID_OVERFLOW : id;
}

/* May groups be set at all there? Only with a group map, and unless /proc/PID/setgroups says deny. */
bool user_ns_may_setgroups(const struct user_ns *ns);

/* Has *c* the capability *cap* (CAP_*) towards what *ns* owns? capabilities(7), user_namespaces(7). */
bool cred_ns_capable(const struct cred *c, const struct user_ns *ns, int cap);
bool ns_capable(const struct task *t, const struct user_ns *ns, int cap);
/* The same towards an object owned by these kernel ids: both must be mapped in the caller's own namespace. */
bool cred_id_capable(const struct cred *c, uint32_t uid, uint32_t gid, int cap);
