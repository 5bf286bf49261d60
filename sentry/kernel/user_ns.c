/* SPDX-License-Identifier: MIT */
/* User namespaces: id maps and whom a capability counts against. user_namespaces(7). */
#include "kernel/user_ns.h"
#include "kernel/task.h"

#include <stdlib.h>

/* Inode numbers of the initial namespaces, as Linux has them (PROC_*_INIT_INO). */
#define USER_NS_INIT_INUM 0xeffffffdu

struct user_ns *user_ns_init(struct kernel *k)
{
	struct user_ns *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return NULL;
	refs_init(&ns->refs);
	lock_init(&ns->lock, RANK_LEAF);
	ns->kernel = k;
	ns->inum = USER_NS_INIT_INUM;
	return ns;
}

void user_ns_get(struct user_ns *ns)
{
	refs_get(&ns->refs);
}

void user_ns_put(struct user_ns *ns)
{
	while (ns && refs_put(&ns->refs)) {
		struct user_ns *parent = ns->parent;

		free(ns->uids.extents);
		free(ns->gids.extents);
		free(ns->projids.extents);
		lock_destroy(&ns->lock);
		free(ns);
		ns = parent;
	}
}

uint32_t id_map_down(const struct user_ns *ns, const struct id_map *m, uint32_t id)
{
	uint32_t n = atomic_load_explicit(&m->n, memory_order_acquire);

	if (!ns->parent)
		return id;
	for (uint32_t i = 0; i < n; i++) {
		const struct id_extent *e = &m->extents[i];

		if (id >= e->first && id - e->first < e->count)
			return e->lower + (id - e->first);
	}
	return ID_INVALID;
}

uint32_t id_map_up(const struct user_ns *ns, const struct id_map *m, uint32_t kid)
{
	uint32_t n = atomic_load_explicit(&m->n, memory_order_acquire);

	if (!ns->parent)
		return kid;
	for (uint32_t i = 0; i < n; i++) {
		const struct id_extent *e = &m->extents[i];

		if (kid >= e->lower && kid - e->lower < e->count)
			return e->first + (kid - e->lower);
	}
	return ID_INVALID;
}

bool user_ns_may_setgroups(const struct user_ns *ns)
{
	return !ns->parent || (atomic_load(&ns->gids.n) && !atomic_load(&ns->setgroups_denied));
}

bool cred_ns_capable(const struct cred *c, const struct user_ns *ns, int cap)
{
	for (; ns; ns = ns->parent) {
		if (ns == c->user_ns)
			return c->cap_effective >> cap & 1;
		if (ns->level <= c->user_ns->level)
			return false;
		/* Who made a namespace has every capability in it, as long as he stands in its parent. */
		if (ns->parent == c->user_ns && ns->owner == c->euid)
			return true;
	}
	return false;
}

bool ns_capable(const struct task *t, const struct user_ns *ns, int cap)
{
	return cred_ns_capable(t->cred, ns, cap);
}

bool cred_id_capable(const struct cred *c, uint32_t uid, uint32_t gid, int cap)
{
	return (c->cap_effective >> cap & 1) && from_kuid(c->user_ns, uid) != ID_INVALID &&
	       from_kgid(c->user_ns, gid) != ID_INVALID;
}
