/* SPDX-License-Identifier: MIT */
/* AF_NETLINK: rtnetlink's questions, answered from the sandbox's network namespace; no changes. */
#pragma once

#include "net/socket.h"

/* A datagram from the kernel of *len* bytes (mq_notify(2)); lost when the socket is full. */
void netlink_deliver(struct socket *s, const void *data, uint32_t len);
int netlink_create(struct task *t, int type, int protocol, struct socket **ret);
/* Queue a message of the host's for the guest's sockets that are members of *group*; without one, tell them that some were lost. No locks held. */
void netlink_multicast(struct kernel *k, unsigned group, const void *msg, uint32_t len);

/* netlink_event.c: pass on what changes in the namespace. Before the lock-down. 0 or a negative errno. */
int netlink_events_create(struct kernel *k);
void netlink_events_destroy(struct kernel *k);
/* A guest's socket is a member of some group. */
void netlink_events_want(struct kernel *k);
