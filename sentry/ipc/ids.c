/* SPDX-License-Identifier: MIT */
/* Tables of System V objects: ids, keys, permissions. */
#include "ipc/ids.h"
#include "fs/kernfs.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_BITS 15
#define PLACE_CYCLE 64 /* places are handed out in turn, over at least as many, so that an id does not come back at once */

void ipc_ids_init(struct ipc_ids *ids)
{
	lock_init(&ids->lock, RANK_IPC);
	ids->last_idx = ids->max_idx = -1;
}

void ipc_ids_free(struct ipc_ids *ids)
{
	lock_destroy(&ids->lock);
	free(ids->slots);
}

static int grow(struct ipc_ids *ids)
{
	unsigned n = ids->n_slots ? ids->n_slots * 2 : PLACE_CYCLE;
	struct ipc_obj **p;

	if (ids->n_slots == IPC_SLOTS_MAX)
		return -ENOSPC;
	p = realloc(ids->slots, n * sizeof(struct ipc_obj *));
	if (!p)
		return -ENOMEM;
	memset(p + ids->n_slots, 0, (n - ids->n_slots) * sizeof(struct ipc_obj *));
	ids->slots = p;
	ids->n_slots = n;
	return 0;
}

/* The next free place behind the one given last, within half as many again as are in use. */
static int free_place(struct ipc_ids *ids)
{
	unsigned range = ids->in_use * 3 / 2, idx;

	if (range < PLACE_CYCLE)
		range = PLACE_CYCLE;
	if (range > IPC_SLOTS_MAX)
		range = IPC_SLOTS_MAX;
	while (ids->n_slots < range) {
		int r = grow(ids);

		if (r)
			return r;
	}
	for (unsigned i = 1; i <= range; i++) {
		idx = ((unsigned)(ids->last_idx + 1) + i - 1) % range;
		if (!ids->slots[idx])
			return (int)idx;
	}
	return -ENOSPC;
}

int ipc_add(struct task *t, struct ipc_ids *ids, struct ipc_obj *o, unsigned limit)
{
	int idx;

	lock_assert_held(&ids->lock);
	if (ids->in_use >= limit)
		return -ENOSPC;
	idx = free_place(ids);
	if (idx < 0)
		return idx;
	if (idx <= ids->last_idx)
		ids->seq = (uint16_t)(ids->seq + 1);
	ids->last_idx = idx;
	if (idx > ids->max_idx)
		ids->max_idx = idx;
	o->seq = ids->seq;
	o->id = (int)(((uint32_t)ids->seq << PLACE_BITS | (uint32_t)idx) & INT32_MAX);
	o->uid = o->cuid = t->cred->euid;
	o->gid = o->cgid = t->cred->egid;
	ids->slots[idx] = o;
	ids->in_use++;
	return o->id;
}

void ipc_remove(struct ipc_ids *ids, struct ipc_obj *o)
{
	lock_assert_held(&ids->lock);
	ids->slots[o->id & (IPC_SLOTS_MAX - 1)] = NULL;
	ids->in_use--;
	while (ids->max_idx >= 0 && !ids->slots[ids->max_idx])
		ids->max_idx--;
}

struct ipc_obj *ipc_at(struct ipc_ids *ids, int idx)
{
	lock_assert_held(&ids->lock);
	return idx >= 0 && (unsigned)idx < ids->n_slots ? ids->slots[idx] : NULL;
}

struct ipc_obj *ipc_find(struct ipc_ids *ids, int id)
{
	struct ipc_obj *o = id < 0 ? NULL : ipc_at(ids, id & (IPC_SLOTS_MAX - 1));

	return o && o->id == id ? o : NULL;
}

struct ipc_obj *ipc_find_key(struct ipc_ids *ids, int32_t key)
{
	lock_assert_held(&ids->lock);
	for (int i = 0; i <= ids->max_idx; i++)
		if (ids->slots[i] && ids->slots[i]->key == key)
			return ids->slots[i];
	return NULL;
}

bool ipc_capable(struct task *t, int cap)
{
	return ns_capable(t, task_ipc_ns(t)->head.owner, cap);
}

int ipc_permission(struct task *t, const struct ipc_obj *o, int flags)
{
	const struct cred *c = t->cred;
	unsigned want = (unsigned)(flags >> 6 | flags >> 3 | flags) & 7, granted = o->mode;

	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
		granted >>= 3;
	return want & ~granted && !ipc_capable(t, CAP_IPC_OWNER) ? -EACCES : 0;
}

int ipc_may_change(struct task *t, const struct ipc_obj *o)
{
	if (t->cred->euid == o->cuid || t->cred->euid == o->uid || ipc_capable(t, CAP_SYS_ADMIN))
		return 0;
	return -EPERM;
}

int ipc_get_old(struct ipc_ids *ids, int32_t key, int flags, struct ipc_obj **ret)
{
	struct ipc_obj *o = key == IPC_PRIVATE ? NULL : ipc_find_key(ids, key);

	if (!o)
		return key == IPC_PRIVATE || (flags & IPC_CREAT) ? 1 : -ENOENT;
	if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
		return -EEXIST;
	*ret = o;
	return 0;
}

void ipc_perm_fill(struct task *t, const struct ipc_obj *o, struct ipc_perm *p)
{
	const struct user_ns *ns = t->cred->user_ns;

	memset(p, 0, sizeof(*p));
	p->__key = o->key;
	p->uid = show_kuid(ns, o->uid);
	p->gid = show_kgid(ns, o->gid);
	p->cuid = show_kuid(ns, o->cuid);
	p->cgid = show_kgid(ns, o->cgid);
	p->mode = (__typeof__(p->mode))o->mode;
	p->__seq = o->seq;
}

int ipc_perm_set(struct task *t, struct ipc_obj *o, const struct ipc_perm *p)
{
	uint32_t uid = make_kuid(t->cred->user_ns, p->uid), gid = make_kgid(t->cred->user_ns, p->gid);

	if (uid == ID_INVALID || gid == ID_INVALID)
		return -EINVAL;
	o->uid = uid;
	o->gid = gid;
	o->mode = (o->mode & ~0777u) | (p->mode & 0777u);
	return 0;
}

void ipc_show_owners(struct task *t, const struct ipc_obj *o, struct seq *s)
{
	const struct user_ns *ns = t->cred->user_ns;

	seq_printf(s, "%5u %5u %5u %5u", show_kuid(ns, o->uid), show_kgid(ns, o->gid), show_kuid(ns, o->cuid),
		show_kgid(ns, o->cgid));
}
