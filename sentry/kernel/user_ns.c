/* SPDX-License-Identifier: MIT */
/* User namespaces: id maps and whom a capability counts against. user_namespaces(7). */
#include "kernel/user_ns.h"
#include "kernel/task.h"

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
