/* SPDX-License-Identifier: MIT */
/* What all kinds of namespaces have: a number, an owner, a place in the count. */
#include "kernel/errno.h"
#include "kernel/kernel.h"
#include "kernel/ns.h"
#include "kernel/user_ns.h"

#include <sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define NS_COST 1024 /* bytes charged for a namespace, whatever its kind */

static const struct {
	const char *name;
	uint64_t flag;
	uint32_t initial; /* inode number of the first one, as Linux has them */
} kinds[NS_KINDS] = {
	[NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP, 0xeffffffbu},
	[NS_IPC] = {"ipc", CLONE_NEWIPC, 0xefffffffu},
	[NS_MNT] = {"mnt", CLONE_NEWNS, 0xf0000001u},
	[NS_NET] = {"net", CLONE_NEWNET, 0xf0000000u},
	[NS_PID] = {"pid", CLONE_NEWPID, 0xeffffffcu},
	[NS_TIME] = {"time", CLONE_NEWTIME, 0xeffffffau},
	[NS_USER] = {"user", CLONE_NEWUSER, 0xeffffffdu},
	[NS_UTS] = {"uts", CLONE_NEWUTS, 0xeffffffeu},
};

const char *ns_name(enum ns_kind kind)
{
	return kinds[kind].name;
}

uint64_t ns_flag(enum ns_kind kind)
{
	return kinds[kind].flag;
}

int ns_head_init(struct kernel *k, struct ns_head *h, enum ns_kind kind, struct user_ns *owner, bool initial)
{
	*h = (struct ns_head){.kernel = k, .kind = kind, .initial = initial, .inum = kinds[kind].initial};
	if (!initial) {
		if (kernel_charge(k, NS_COST) < 0)
			return -ENOMEM;
		if (atomic_fetch_add(&k->n_namespaces, 1) >= NAMESPACES_MAX) {
			atomic_fetch_sub(&k->n_namespaces, 1);
			kernel_uncharge(k, NS_COST);
			return -ENOSPC;
		}
		h->inum = 0xf0000010u + atomic_fetch_add(&k->next_ns_inum, 1) % 0x0fffff00u;
	}
	h->owner = owner;
	if (owner)
		user_ns_get(owner);
	return 0;
}

void ns_head_drop(struct ns_head *h)
{
	if (!h->initial) {
		atomic_fetch_sub(&h->kernel->n_namespaces, 1);
		kernel_uncharge(h->kernel, NS_COST);
	}
	if (h->owner)
		user_ns_put(h->owner);
	h->owner = NULL;
}
