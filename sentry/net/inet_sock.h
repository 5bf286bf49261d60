/* SPDX-License-Identifier: MIT */
/* Inside AF_INET and AF_INET6. */
#pragma once

#include "host/loop.h"
#include "net/inet.h"

struct inet_sock {
	struct socket sock;
	int fd; /* host socket, non-blocking; open until release */
	struct host_event event;
	/*
	 * What poll(2) of the host socket would say: EPOLL* bits and READY_KNOWN, and a number in the upper half that changes with each word
	 * from the host. Known is what a gathered event or a poll has said, less what this socket's own calls have used up since;
	 * what has come newly is an event that has not been gathered yet.
	 */
	_Atomic uint64_t ready;
	_Atomic uint8_t sends;	 /* small sends since; a few of them change nothing */
	_Atomic bool ready_hard; /* urgent data, buffers of odd size, raw sockets: the host is asked each time */
	/* Of raw ICMP sockets (ping.c): identifier of the last request, network order; types that are not wanted. */
	bool raw;
	uint16_t ping_id;
	uint32_t icmp_filter[8];
};

static inline struct inet_sock *inet_of(struct socket *s)
{
	return container_of(s, struct inet_sock, sock);
}

/* inet_ready.c: the host socket's readiness, remembered. */
uint32_t inet_poll(struct socket *s);
/* An event was gathered; the fn of event. */
void inet_ready_event(struct host_event *he, uint32_t events);
/* A call may have changed anything. */
void inet_ready_forget(struct inet_sock *i);
/* Before and behind a host call that receives (or accepts: *want* 1): it asked for *want* bytes and returned *n*. */
uint64_t inet_ready_mark(struct inet_sock *i);
void inet_ready_received(struct inet_sock *i, uint64_t mark, size_t want, ssize_t n);
/* The same for one that sends *want* bytes. */
void inet_ready_sent(struct inet_sock *i, uint64_t mark, size_t want, ssize_t n);

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
