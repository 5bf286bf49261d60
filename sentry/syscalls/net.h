/* SPDX-License-Identifier: MIT */
/* What the socket system calls share: descriptors to sockets, addresses to and from the guest. */
#pragma once

#include "net/socket.h"

/* The file of a socket descriptor, held, and its socket. -EBADF, -ENOTSOCK. */
int sock_get(struct task *t, int fd, struct file **ret_f, struct socket **ret);
/* An address of *len* bytes: -EINVAL for lengths beyond struct sockaddr_storage. */
int copy_in_addr(struct task *t, struct net_addr *dst, uint64_t src, int len);
/* As move_addr_to_user(): what fits into the guest's buffer of *room* bytes. */
int copy_out_addr(struct task *t, uint64_t dst, int room, const struct net_addr *addr);
/* accept(2), getsockname(2): room is an in-out argument at *lenp*. */
int copy_out_addr_len(struct task *t, uint64_t dst, uint64_t lenp, const struct net_addr *addr);
