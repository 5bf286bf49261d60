/* SPDX-License-Identifier: MIT */
/* Inside AF_INET and AF_INET6. */
#pragma once

#include "host/loop.h"
#include "net/inet.h"

struct inet_sock {
	struct socket sock;
	int fd; /* host socket, non-blocking; open until release */
	struct host_event event;
};

static inline struct inet_sock *inet_of(struct socket *s)
{
	return container_of(s, struct inet_sock, sock);
}

/* inet_data.c */
ssize_t inet_send(struct task *t, struct socket *s, struct net_msg *m, int flags);
ssize_t inet_recv(struct task *t, struct socket *s, struct net_msg *m, int flags);
/* An address a guest may hand to the host: family and length. */
int inet_check_addr(const struct net_addr *addr);

/* inet_opt.c */
int inet_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len);
int inet_getsockopt(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len);
