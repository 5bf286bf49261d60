/* SPDX-License-Identifier: MIT */
/* AF_NETLINK: rtnetlink's questions, answered from the sandbox's network namespace; no changes. */
#pragma once

#include "net/socket.h"

/* A datagram from the kernel of *len* bytes (mq_notify(2)); lost when the socket is full. */
void netlink_deliver(struct socket *s, const void *data, uint32_t len);
int netlink_create(struct task *t, int type, int protocol, struct socket **ret);
