/* SPDX-License-Identifier: MIT */
/* AF_NETLINK: rtnetlink's questions, answered from the sandbox's network namespace; no changes. */
#pragma once

#include "net/socket.h"

int netlink_create(struct task *t, int type, int protocol, struct socket **ret);
