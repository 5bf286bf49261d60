/* SPDX-License-Identifier: MIT */
/* Namespaces: counting, numbers, and the set that a task lives in. */
#include "kernel/ns.h"
#include "ipc/ipc.h"
#include "kernel/pid_ns.h"
#include "kernel/task.h"
#include "kernel/task_internal.h"
#include "vfs/vfs.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* --- small kinds
 * -------------------------------------------------------------------------------------------------------------- */

static int uts_new(struct kernel *k, struct uts_ns *from, struct user_ns *owner, struct uts_ns **ret)
{
	struct uts_ns *ns = calloc(1, sizeof(*ns));
	int r = ns ? ns_head_init(k, &ns->head, NS_UTS, owner, !from) : -ENOMEM;

	if (r) {
		free(ns);
		return r;
	}
	refs_init(&ns->refs);
	lock_init(&ns->lock, RANK_LEAF);
	if (from) {
		lock_acquire(&from->lock);
		memcpy(ns->nodename, from->nodename, sizeof(ns->nodename));
		memcpy(ns->domainname, from->domainname, sizeof(ns->domainname));
		lock_release(&from->lock);
	}
	*ret = ns;
	return 0;
}

static void uts_put(struct uts_ns *ns)
{
	if (!ns || !refs_put(&ns->refs))
		return;
	lock_destroy(&ns->lock);
	ns_head_drop(&ns->head);
	free(ns);
}

static int plain_new(struct kernel *k, enum ns_kind kind, struct user_ns *owner, bool initial, struct plain_ns **ret)
{
	struct plain_ns *ns = calloc(1, sizeof(*ns));
	int r = ns ? ns_head_init(k, &ns->head, kind, owner, initial) : -ENOMEM;

	if (r) {
		free(ns);
		return r;
	}
	refs_init(&ns->refs);
	*ret = ns;
	return 0;
}

static void plain_put(struct plain_ns *ns)
{
	if (!ns || !refs_put(&ns->refs))
		return;
	ns_head_drop(&ns->head);
	free(ns);
}

static int net_new(struct kernel *k, struct user_ns *owner, bool initial, struct net_ns **ret)
{
	struct net_ns *ns = calloc(1, sizeof(*ns));
	int r = ns ? ns_head_init(k, &ns->head, NS_NET, owner, initial) : -ENOMEM;

	if (r) {
		free(ns);
		return r;
	}
	refs_init(&ns->refs);
	*ret = ns;
	return 0;
}

static void net_put(struct net_ns *ns)
{
	if (!ns || !refs_put(&ns->refs))
		return;
	ns_head_drop(&ns->head);
	free(ns);
}

/* --- by kind
 * ------------------------------------------------------------------------------------------------------------------ */

void ns_get(struct ns_head *h)
{
	switch (h->kind) {
	case NS_CGROUP:
	case NS_TIME:
		refs_get(&((struct plain_ns *)h)->refs);
		return;
	case NS_IPC:
		ipc_ns_get((struct ipc_ns *)h);
		return;
	case NS_MNT:
		mount_ns_get((struct mount_ns *)h);
		return;
	case NS_NET:
		refs_get(&((struct net_ns *)h)->refs);
		return;
	case NS_PID:
		pid_ns_get((struct pid_ns *)h);
		return;
	case NS_USER:
		user_ns_get((struct user_ns *)h);
		return;
	case NS_UTS:
		refs_get(&((struct uts_ns *)h)->refs);
		return;
	case NS_KINDS:
		return;
	}
}

void ns_put(struct ns_head *h)
{
	if (!h)
		return;
	switch (h->kind) {
	case NS_CGROUP:
	case NS_TIME:
		plain_put((struct plain_ns *)h);
		return;
	case NS_IPC:
		ipc_ns_put((struct ipc_ns *)h);
		return;
	case NS_MNT:
		mount_ns_put((struct mount_ns *)h);
		return;
	case NS_NET:
		net_put((struct net_ns *)h);
		return;
	case NS_PID:
		pid_ns_put((struct pid_ns *)h);
		return;
	case NS_USER:
		user_ns_put((struct user_ns *)h);
		return;
	case NS_UTS:
		uts_put((struct uts_ns *)h);
		return;
	case NS_KINDS:
		return;
	}
}

/* --- the set
 * ------------------------------------------------------------------------------------------------------------------ */

void nsproxy_get(struct nsproxy *p)
{
	refs_get(&p->refs);
}

void nsproxy_put(struct nsproxy *p)
{
	if (!p || !refs_put(&p->refs))
		return;
	uts_put(p->uts);
	if (p->ipc)
		ipc_ns_put(p->ipc);
	if (p->mnt)
		mount_ns_put(p->mnt);
	if (p->pid_for_children)
		pid_ns_put(p->pid_for_children);
	net_put(p->net);
	plain_put(p->cgroup);
	plain_put(p->time);
	free(p);
}

int nsproxy_create_initial(struct kernel *k)
{
	struct nsproxy *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	refs_init(&p->refs);
	k->nsproxy = p;
	r = uts_new(k, NULL, k->user_ns, &p->uts);
	if (!r)
		r = pid_ns_create(k, NULL, k->user_ns, &p->pid_for_children);
	if (!r)
		r = net_new(k, k->user_ns, true, &p->net);
	if (!r)
		r = plain_new(k, NS_CGROUP, k->user_ns, true, &p->cgroup);
	if (!r)
		r = plain_new(k, NS_TIME, k->user_ns, true, &p->time);
	return r;
}

/* One kind: new if its flag is set, else the old one with a reference more. */
#define MEMBER(field, flag, create)                                                                                    \
	do {                                                                                                           \
		if (!r && !(flags & (flag))) {                                                                         \
			ns_get(&from->field->head);                                                                    \
			p->field = from->field;                                                                        \
		} else if (!r) {                                                                                       \
			r = (create);                                                                                  \
		}                                                                                                      \
	} while (0)

int nsproxy_unshare(struct task *t, const struct nsproxy *from, uint64_t flags, struct user_ns *owner,
	struct fs_context *fs, struct nsproxy **ret)
{
	struct nsproxy *p = calloc(1, sizeof(*p));
	struct kernel *k = t->kernel;
	int r = 0;

	if (!p)
		return -ENOMEM;
	refs_init(&p->refs);
	MEMBER(mnt, CLONE_NEWNS, mount_ns_copy(k, from->mnt, owner, fs, &p->mnt));
	MEMBER(uts, CLONE_NEWUTS, uts_new(k, from->uts, owner, &p->uts));
	MEMBER(ipc, CLONE_NEWIPC, ipc_ns_create(k, owner, &p->ipc));
	MEMBER(pid_for_children, CLONE_NEWPID,
		t->tg->pid_ns != from->pid_for_children
			? -EINVAL
			: pid_ns_create(k, from->pid_for_children, owner, &p->pid_for_children));
	MEMBER(cgroup, CLONE_NEWCGROUP, plain_new(k, NS_CGROUP, owner, false, &p->cgroup));
	MEMBER(net, CLONE_NEWNET, net_new(k, owner, false, &p->net));
	MEMBER(time, 0, 0);
	if (r)
		nsproxy_put(p);
	else
		*ret = p;
	return r;
}

struct nsproxy *task_nsproxy_get(struct task *t)
{
	LOCK_SCOPE(&t->cred_lock);

	if (t->nsproxy)
		nsproxy_get(t->nsproxy);
	return t->nsproxy;
}

void task_nsproxy_replace(struct task *t, struct nsproxy *p)
{
	struct nsproxy *old;

	lock_acquire(&t->cred_lock);
	old = t->nsproxy;
	t->nsproxy = p;
	lock_release(&t->cred_lock);
	nsproxy_put(old);
}

struct net_ns *task_net_ns(const struct task *t)
{
	return t->nsproxy->net;
}

struct uts_ns *task_uts_ns(const struct task *t)
{
	return t->nsproxy->uts;
}
