/* SPDX-License-Identifier: MIT */
/* Inside AF_INET and AF_INET6. */
#pragma once

#include "host/loop.h"
#include "net/inet.h"

struct inet_sock {
	struct socket sock;
	int fd; /* host socket, non-blocking; open until release */
	struct host_event event;
	/* Of raw ICMP sockets (ping.c): identifier of the last request, network order; types that are not wanted. */
	bool raw;
	uint16_t ping_id;
	uint32_t icmp_filter[8];
};

static inline struct inet_sock *inet_of(struct socket *s)
{
	return container_of(s, struct inet_sock, sock);
}

/* inet_data.c */
ssize_t inet_send(struct task *t, struct socket *s, struct net_msg *m, int flags);
ssize_t inet_recv(struct task *t, struct socket *s, struct net_msg *m, int flags);
/* Control messages from the host that the guest may have. */
void inet_control_in(const struct msghdr *h, struct net_msg *m);
/* An address a guest may hand to the host: family and length. */
int inet_check_addr(const struct net_addr *addr);

/* inet_opt.c */
int inet_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len);
int inet_getsockopt(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len);

/* ping.c: make *i*, an ICMP echo socket of the host, a raw one of the guest; and its operations. */
int ping_enable(struct inet_sock *i);
ssize_t ping_send(struct task *t, struct socket *s, struct net_msg *m, int flags);
ssize_t ping_recv(struct task *t, struct socket *s, struct net_msg *m, int flags);
int ping_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len);
