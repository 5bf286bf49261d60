/* SPDX-License-Identifier: MIT */
/*
 * Network namespaces made inside: they have a loopback interface, names of unix sockets of their own, and reach nothing. What
 * rtnetlink and the interface ioctls say there is made up here. network_namespaces(7).
 */
#pragma once

#include "kernel/ns.h"
#include "kernel/task.h"

#include <linux/netlink.h>
#include <stddef.h>

struct net_msg;

/* One that was made inside; NULL and the initial one are the sandbox's own network. */
static inline bool netns_isolated(const struct net_ns *ns)
{
	return ns && !ns->head.initial;
}

/* The namespace of *t*; NULL: none (tests, the sentry itself). Borrowed. */
static inline struct net_ns *netns_of_task(const struct task *t)
{
	return t && t->nsproxy ? t->nsproxy->net : NULL;
}

/* Has *t* the capability towards its network? */
static inline bool net_capable(const struct task *t, int cap)
{
	const struct net_ns *ns = netns_of_task(t);

	return ns ? ns_capable(t, ns->head.owner, cap) : cred_capable(t->cred, cap);
}

/* Answer an RTM_GET* request: *emit* is called for each message, with room for the header's numbers to be changed. */
int netns_get(struct net_ns *ns, const struct nlmsghdr *req, bool dump, int (*emit)(struct nlmsghdr *h, void *arg), void *arg);
/* An RTM_NEW* or RTM_DEL* request: the loopback interface goes up and down, and may be given its own addresses. -EPERM, -ENODEV … */
int netns_change(struct task *t, struct net_ns *ns, const struct nlmsghdr *req);
/* Interface ioctls, netdevice(7). */
int64_t netns_ioctl(struct task *t, struct net_ns *ns, uint32_t cmd, uint64_t arg);
/* What is left of a file of /proc/net in such a namespace, in place: its new length. */
size_t netns_proc_text(struct net_ns *ns, const char *name, char *text, size_t len);
/* What stands there beneath it: the lines of the loopback interface. */
const char *netns_proc_lines(struct net_ns *ns, const char *name);
