/* SPDX-License-Identifier: MIT */
/* AF_INET and AF_INET6: each guest socket is a host socket of the sandbox's network namespace. */
#pragma once

#include "net/socket.h"

int inet_create(struct task *t, int family, int type, int protocol, struct socket **ret);
/* The interface ioctls (SIOCGIF*), which every family answers, addresses only AF_INET. -ENOTTY: not one of them. */
int64_t netdev_ioctl(struct task *t, struct socket *s, int family, uint32_t cmd, uint64_t arg);
