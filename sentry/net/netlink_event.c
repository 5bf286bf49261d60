/* SPDX-License-Identifier: MIT */
/*
 * What changes in the network namespace, told by the host's rtnetlink and passed on to the guest's sockets that are members of its groups: an
 * engine connects a container to another network while it runs. rtnetlink(7).
 */
#include "net/netlink.h"

#include "host/loop.h"
#include "host/socket.h"
#include "kernel/kernel.h"
#include "net/net.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define EVENT_MAX 32768

struct netlink_events {
	struct host_event event;
	_Atomic bool wanted; /* somebody listens: the host is asked to tell */
	uint8_t buf[EVENT_MAX];
};

/* Each message begins with its family, and a type's groups differ by it. */
static unsigned group_of(const struct nlmsghdr *h)
{
	uint8_t family = ((const uint8_t *)h)[NLMSG_HDRLEN];

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return RTNLGRP_LINK;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return family == AF_INET ? RTNLGRP_IPV4_IFADDR : RTNLGRP_IPV6_IFADDR;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return family == AF_INET ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return RTNLGRP_NEIGH;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return family == AF_INET ? RTNLGRP_IPV4_RULE : RTNLGRP_IPV6_RULE;
	default:
		return 0;
	}
}

static void pass_on(struct kernel *k, const uint8_t *buf, size_t len)
{
	while (len >= NLMSG_LENGTH(sizeof(struct rtgenmsg))) {
		const struct nlmsghdr *h = (const void *)buf;
		size_t step = NLMSG_ALIGN((size_t)h->nlmsg_len);
		unsigned group;

		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtgenmsg)) || h->nlmsg_len > len)
			return;
		group = group_of(h);
		if (group)
			netlink_multicast(k, group, h, h->nlmsg_len);
		if (step >= len)
			return;
		buf += step;
		len -= step;
	}
}

/* On the loop's thread, when there is something to read: all of it, since there is no second edge. */
static void events_ready(struct host_event *he, uint32_t events)
{
	struct netlink_events *e = container_of(he, struct netlink_events, event);
	struct iovec iov = {.iov_base = e->buf, .iov_len = sizeof(e->buf)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct kernel *k = he->data;

	for (;;) {
		ssize_t n = host_recvmsg(he->fd, &m, 0);

		if (n == -EINTR)
			continue;
		if (n == -ENOBUFS)
			netlink_multicast(k, 0, NULL, 0);
		else if (n <= 0)
			return;
		else
			pass_on(k, e->buf, (size_t)n);
	}
}

int netlink_events_create(struct kernel *k)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK};
	struct netlink_events *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->event = (struct host_event){.fd = host_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), .fn = events_ready, .data = k};
	err = e->event.fd < 0 ? e->event.fd : host_bind(e->event.fd, &addr, sizeof(addr));
	if (!err)
		err = host_loop_add(k->loop, &e->event);
	if (err) {
		if (e->event.fd >= 0)
			host_sock_close(e->event.fd);
		free(e);
		return err;
	}
	k->net->events = e;
	return 0;
}

void netlink_events_want(struct kernel *k)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};
	struct netlink_events *e = k->net->events;

	if (!e || atomic_exchange(&e->wanted, true))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		host_setsockopt(e->event.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i]));
}

void netlink_events_destroy(struct kernel *k)
{
	struct netlink_events *e = k->net->events;

	if (!e)
		return;
	k->net->events = NULL;
	host_loop_remove(&e->event);
	host_sock_close(e->event.fd);
	free(e);
}
