/* SPDX-License-Identifier: MIT */
/*
 * Namespaces: what all kinds have in common, and the set of them that a task lives in. namespaces(7). The user
 * namespace of a task is its credentials' (user_ns.h), the pid namespace of a process its thread group's (pid_ns.h).
 */
#pragma once

#include "lib/lock.h"
#include "lib/refs.h"

#include <stdbool.h>
#include <stdint.h>

struct ipc_ns;
struct kernel;
struct mount_ns;
struct pid_ns;
struct super_block;
struct task;
struct user_ns;

enum ns_kind { NS_CGROUP, NS_IPC, NS_MNT, NS_NET, NS_PID, NS_TIME, NS_USER, NS_UTS, NS_KINDS };

struct ns_head { /* the first member of every kind of namespace */
	struct kernel *kernel;
	struct user_ns
		*owner; /* held, but for user namespaces: whose capabilities count; of a user namespace its parent */
	uint64_t inum;	/* what nsfs shows: kind:[inum] */
	enum ns_kind kind;
	bool initial;
};

#define NAMESPACES_MAX 4096 /* of a sandbox, beside the initial ones */

/*
 * Begin a namespace: gives it its number and counts it. *owner*: held from here on; NULL for user namespaces, and with
 * *initial*. -ENOSPC: too many. -ENOMEM.
 */
int ns_head_init(struct kernel *k, struct ns_head *h, enum ns_kind kind, struct user_ns *owner, bool initial);
/* End one. */
void ns_head_drop(struct ns_head *h);

/* By kind: a name as nsfs has it, the CLONE_NEW* flag, references. */
const char *ns_name(enum ns_kind kind);
uint64_t ns_flag(enum ns_kind kind);
void ns_get(struct ns_head *h);
void ns_put(struct ns_head *h);

struct uts_ns {
	struct ns_head head;
	struct refs refs;
	struct lock lock; /* RANK_LEAF */
	char nodename[65], domainname[65];
};

/* A namespace without contents of its own: cgroup (there is one cgroup) and time (clocks are the sandbox's). */
struct plain_ns {
	struct ns_head head;
	struct refs refs;
};

struct net_ns {
	struct ns_head head;
	struct refs refs;
	_Atomic bool lo_up; /* of all but the initial one: the loopback interface, which is all there is */
};

struct nsproxy { /* immutable once a task has it; shared by those that were not separated */
	struct refs refs;
	struct uts_ns *uts;
	struct ipc_ns *ipc;
	struct mount_ns *mnt;
	struct pid_ns *pid_for_children;
	struct net_ns *net;
	struct plain_ns *cgroup, *time;
};

/* The initial namespaces but that of mounts, which comes with the root (k->nsproxy; mnt is filled in later). */
int nsproxy_create_initial(struct kernel *k);
void nsproxy_get(struct nsproxy *p);
void nsproxy_put(struct nsproxy *p);
/*
 * A copy of *from* with new namespaces for the CLONE_NEW* bits of *flags*, owned by *owner*; for a task *t* (whose pid
 * namespace counts). A new mount namespace's copies of the task's root and working directory are put in *fs*, unless
 * NULL.
 */
struct fs_context;
int nsproxy_unshare(struct task *t, const struct nsproxy *from, uint64_t flags, struct user_ns *owner,
	struct fs_context *fs, struct nsproxy **ret);
/* The set of another task, held; NULL: it has exited. */
struct nsproxy *task_nsproxy_get(struct task *t);
/* Give *t* another set; takes over the reference. */
void task_nsproxy_replace(struct task *t, struct nsproxy *p);

struct net_ns *task_net_ns(const struct task *t); /* borrowed; self only */
struct uts_ns *task_uts_ns(const struct task *t);
