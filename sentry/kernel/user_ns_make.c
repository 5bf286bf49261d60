/* SPDX-License-Identifier: MIT */
/* User namespaces: making, entering and freeing them. */
#include "kernel/task.h"
#include "kernel/user_ns.h"
#include "vfs/vfs.h"

#include <stdlib.h>

struct user_ns *user_ns_init(struct kernel *k)
{
	struct user_ns *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return NULL;
	ns_head_init(k, &ns->head, NS_USER, NULL, true);
	refs_init(&ns->refs);
	lock_init(&ns->lock, RANK_LEAF);
	ns->parent_could_setfcap = true;
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
		ns_head_drop(&ns->head);
		free(ns);
		ns = parent;
	}
}

void user_ns_install(struct cred *c, struct user_ns *ns)
{
	user_ns_get(ns);
	user_ns_put(c->user_ns);
	c->user_ns = ns;
	c->securebits = 0;
	c->cap_inheritable = c->cap_ambient = 0;
	c->cap_permitted = c->cap_effective = c->cap_bounding = CAP_MASK_ALL;
}

int user_ns_enter_new(struct task *t, struct cred *c)
{
	struct user_ns *parent = c->user_ns, *ns;
	int r;

	if (parent->level > USER_NS_DEPTH_MAX)
		return -ENOSPC;
	if (fs_is_chrooted(t) || from_kuid(parent, c->euid) == ID_INVALID || from_kgid(parent, c->egid) == ID_INVALID)
		return -EPERM;
	ns = calloc(1, sizeof(*ns));
	r = ns ? ns_head_init(t->kernel, &ns->head, NS_USER, NULL, false) : -ENOMEM;
	if (r) {
		free(ns);
		return r;
	}
	refs_init(&ns->refs);
	lock_init(&ns->lock, RANK_LEAF);
	ns->parent = parent;
	user_ns_get(parent);
	ns->level = parent->level + 1;
	ns->owner = c->euid;
	ns->group = c->egid;
	ns->parent_could_setfcap = c->cap_effective >> CAP_SETFCAP & 1;
	ns->setgroups_denied = atomic_load(&parent->setgroups_denied);
	atomic_store(&t->kernel->user_ns_made, true);
	user_ns_install(c, ns);
	user_ns_put(ns);
	return 0;
}
