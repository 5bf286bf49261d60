/* SPDX-License-Identifier: MIT */
/*
 * User namespaces: which ids a task sees for the sandbox's own ("kernel") ids, and whom its capabilities count against.
 * Credentials and inodes hold kernel ids, which are those of the initial namespace. user_namespaces(7).
 */
#pragma once

#include "kernel/ns.h"
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
#define USER_NS_DEPTH_MAX 32 /* below the initial one, and one more, as Linux counts */

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
	struct ns_head head;
	struct refs refs;
	struct user_ns *parent; /* held; NULL: the initial namespace, whose maps are the identity */
	unsigned level;
	uint32_t owner, group; /* kernel ids of its creator */
	bool parent_could_setfcap;
	struct lock lock; /* RANK_LEAF: writing of the maps and of setgroups_denied */
	_Atomic bool setgroups_denied;
	struct id_map uids, gids, projids;
};

/* The initial namespace. NULL: out of memory. */
struct user_ns *user_ns_init(struct kernel *k);
/*
 * Put *c*, credentials of *t* that are not published yet, in a new user namespace below their own: all capabilities
 * there. -ENOSPC: too deep or too many; -EPERM: the ids have no mapping, or *t* has changed its root. -ENOMEM.
 */
int user_ns_enter_new(struct task *t, struct cred *c);
/* All capabilities of *ns*, which *c* enters: as a new namespace gives them, or setns(2). Takes a reference. */
void user_ns_install(struct cred *c, struct user_ns *ns);

/* Files of /proc/PID. which: uid_map, gid_map, projid_map. */
enum id_kind_map { MAP_UIDS, MAP_GIDS, MAP_PROJIDS };
/*
 * Write a map of *ns*: text of lines "first lower count", from *opener*, who opened the file, by *writer*. Rules and
 * errors of user_namespaces(7): -EINVAL, -EPERM, -ENOMEM.
 */
int user_ns_write_map(struct user_ns *ns, enum id_kind_map which, const struct cred *opener, const struct cred *writer,
	const char *text);
/* "allow" or "deny". -EINVAL, -EPERM. */
int user_ns_write_setgroups(struct user_ns *ns, const char *text);
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
