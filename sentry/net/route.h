/* SPDX-License-Identifier: MIT */
/* The sentry's own conversation with the host's rtnetlink, in the sandbox's network namespace: questions only. */
#pragma once

#include "net/net.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#define ROUTE_REQUEST_MAX 256

/* A vetted request, built anew from what a guest asked: nothing of the guest's bytes goes to the host unseen. */
struct route_request {
	union {
		struct nlmsghdr hdr;
		uint8_t bytes[ROUTE_REQUEST_MAX];
	};
};

/*
 * Build *req* from a guest's message of *type* with *plen* bytes of payload. dump: all objects. 0; -EOPNOTSUPP for
 * kinds that are not answered; -EINVAL for attributes that lie.
 */
int route_build(struct route_request *req, uint16_t type, bool dump, const uint8_t *payload, size_t plen);

/*
 * Send *req* and call *fn* for each message of the answer (header and payload, lengths checked). Ends with the answer's
 * end: 0, or the host's error, or what *fn* returned if not 0. NLMSG_DONE and NLMSG_ERROR are not passed to *fn*.
 */
int route_ask(struct net_state *net, struct route_request *req, int (*fn)(struct nlmsghdr *h, void *arg), void *arg);

/* Walk attributes: the next one of *left* bytes at *p*, or NULL; both are moved on. */
const struct rtattr *route_attr(const uint8_t **p, size_t *left);
