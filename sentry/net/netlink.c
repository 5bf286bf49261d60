/* SPDX-License-Identifier: MIT */
/*
 * AF_NETLINK sockets of the guest: NETLINK_ROUTE, for reading. A dump is asked from the host with a request built anew
 * (route.c) and its answer queued with the guest's sequence and port numbers; a change is EPERM. Members of groups hear what the host
 * tells of the namespace (netlink_event.c), if others than Picket can change it. netlink(7), rtnetlink(7).
 */
#include "kernel/pid_ns.h"
#include "net/netlink.h"

#include "net/inet.h"
#include "net/net.h"
#include "net/netns.h"
#include "net/route.h"

#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX 16384    /* of one send */
#define QUEUE_MAX (1u << 20) /* bytes of answers not yet read: ENOBUFS */
/*
 * Messages of an answer are packed into datagrams: C libraries read them with a page of room, as Linux sends them to a reader that has not shown
 * that it has more.
 */
#define DATAGRAM_MIN 3776u
#define DATAGRAM_MAX 16384u

struct nl_skb {
	struct list_head link;
	uint32_t len, cap;
	uint8_t data[];
};

struct netlink_sock {
	struct socket sock;
	struct lock io_lock; /* RANK_SOCKET_IO: one reader */
	struct lock lock;    /* RANK_SOCKET; guards what follows */
	struct list_head queue;
	uint64_t bytes;
	_Atomic uint32_t room; /* the most that a reader had */
	uint32_t port;
	_Atomic uint32_t groups;
	bool bound, connected;
	int ext_ack, cap_ack, no_enobufs, broadcast_error;
	struct list_head all_link; /* net->netlink_all, under names_lock */
};

static struct netlink_sock *nl_of(struct socket *s)
{
	return container_of(s, struct netlink_sock, sock);
}

/* --- the queue --------------------------------------------------------------------------------------------------- */

static struct nl_skb *skb_new(struct netlink_sock *n, uint32_t cap)
{
	struct nl_skb *skb;

	if (kernel_charge(n->sock.kernel, cap))
		return NULL;
	skb = malloc(sizeof(*skb) + cap);
	if (!skb) {
		kernel_uncharge(n->sock.kernel, cap);
		return NULL;
	}
	skb->len = 0;
	skb->cap = cap;
	return skb;
}

static void skb_free(struct netlink_sock *n, struct nl_skb *skb)
{
	kernel_uncharge(n->sock.kernel, skb->cap);
	free(skb);
}

static void overrun(struct netlink_sock *n)
{
	if (!n->no_enobufs)
		n->sock.soft.err = ENOBUFS;
}

/* Append a message to the queue: to its last datagram if *join* and there is room. lock held. */
static int queue_message(struct netlink_sock *n, const void *msg, uint32_t len, bool join)
{
	uint32_t need = NLMSG_ALIGN(len);
	uint32_t pack = n->room < DATAGRAM_MIN ? DATAGRAM_MIN : n->room < DATAGRAM_MAX ? n->room : DATAGRAM_MAX;
	struct nl_skb *skb = NULL;

	if (n->bytes + need > QUEUE_MAX) {
		overrun(n);
		return -ENOBUFS;
	}
	if (join && !list_empty(&n->queue))
		skb = container_of(n->queue.prev, struct nl_skb, link);
	if (!skb || skb->cap - skb->len < need) {
		skb = skb_new(n, join && need < pack ? pack : need);
		if (!skb) {
			overrun(n);
			return -ENOBUFS;
		}
		list_add_tail(&skb->link, &n->queue);
	}
	memcpy(skb->data + skb->len, msg, len);
	memset(skb->data + skb->len + len, 0, need - len);
	skb->len += need;
	n->bytes += need;
	return 0;
}

void netlink_deliver(struct socket *s, const void *data, uint32_t len)
{
	struct netlink_sock *n = nl_of(s);

	lock_acquire(&n->lock);
	queue_message(n, data, len, false);
	lock_release(&n->lock);
	wait_queue_wake(&s->waiters, EPOLLIN | EPOLLRDNORM);
}

/* Guest sockets that are members of *group*, each with a reference; 0: of any. */
static size_t members(struct kernel *k, unsigned group, struct netlink_sock ***ret)
{
	uint32_t mask = group ? 1u << (group - 1) : UINT32_MAX;
	struct netlink_sock *n, **all = NULL;
	size_t count = 0, have = 0;

	LOCK_SCOPE(&k->net->names_lock);
	list_for_each_entry(n, &k->net->netlink_all, all_link)
		count += (n->groups & mask) != 0;
	if (count)
		all = calloc(count, sizeof(struct netlink_sock *));
	if (!all)
		return 0;
	list_for_each_entry(n, &k->net->netlink_all, all_link)
		if ((n->groups & mask) && n->sock.protocol == NETLINK_ROUTE && !netns_isolated(n->sock.net_ns) && have < count && refs_tryget(&n->sock.refs))
			all[have++] = n;
	*ret = all;
	return have;
}

void netlink_multicast(struct kernel *k, unsigned group, const void *msg, uint32_t len)
{
	struct netlink_sock **all = NULL;
	size_t n = members(k, group, &all);

	for (size_t i = 0; i < n; i++) {
		struct socket *s = &all[i]->sock;

		lock_acquire(&all[i]->lock);
		if (msg)
			queue_message(all[i], msg, len, false);
		else
			overrun(all[i]);
		lock_release(&all[i]->lock);
		wait_queue_wake(&s->waiters, EPOLLIN | EPOLLRDNORM);
		socket_put(s);
	}
	free(all);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

/* NLMSG_ERROR: error 0 is an acknowledgement; errors carry the request unless NETLINK_CAP_ACK. */
static void answer_error(struct netlink_sock *n, const struct nlmsghdr *req, int err)
{
	uint32_t body = err && !n->cap_ack ? req->nlmsg_len : (uint32_t)sizeof(*req),
		 len = NLMSG_LENGTH(sizeof(int)) + body;
	struct nlmsghdr h = {
		.nlmsg_len = len, .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = req->nlmsg_seq, .nlmsg_pid = n->port};
	uint8_t *msg = malloc(len);

	if (!msg) {
		overrun(n);
		return;
	}
	if (!err || n->cap_ack)
		h.nlmsg_flags = NLM_F_CAPPED;
	memcpy(msg, &h, sizeof(h));
	memcpy(msg + sizeof(h), &err, sizeof(err));
	memcpy(msg + sizeof(h) + sizeof(err), req, body);
	lock_acquire(&n->lock);
	queue_message(n, msg, len, false);
	lock_release(&n->lock);
	free(msg);
}

static void answer_done(struct netlink_sock *n, const struct nlmsghdr *req)
{
	struct {
		struct nlmsghdr h;
		int err;
	} done = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(int)),
			  .nlmsg_type = NLMSG_DONE,
			  .nlmsg_flags = NLM_F_MULTI,
			  .nlmsg_seq = req->nlmsg_seq,
			  .nlmsg_pid = n->port}};

	lock_acquire(&n->lock);
	queue_message(n, &done, sizeof(done), false);
	lock_release(&n->lock);
}

struct answer {
	struct netlink_sock *n;
	const struct nlmsghdr *req;
	bool started; /* later messages join the first one's datagram */
	uint32_t uid; /* of who asks */
};

/* The host tells for whom a route was looked up, which is the sentry. */
static void set_asker(struct nlmsghdr *h, uint32_t uid)
{
	const uint8_t *p = (uint8_t *)h + NLMSG_SPACE(sizeof(struct rtmsg));
	size_t left = h->nlmsg_len > NLMSG_SPACE(sizeof(struct rtmsg)) ? h->nlmsg_len - NLMSG_SPACE(sizeof(struct rtmsg)) : 0;
	const struct rtattr *a;

	while ((a = route_attr(&p, &left)))
		if (a->rta_type == RTA_UID && a->rta_len == RTA_LENGTH(sizeof(uid)))
			memcpy((uint8_t *)h + ((const uint8_t *)a - (uint8_t *)h) + RTA_LENGTH(0), &uid, sizeof(uid));
}

/* A message of the host's answer, with the numbers of the guest's request. Under route_lock. */
static int answer_message(struct nlmsghdr *h, void *arg)
{
	struct answer *a = arg;

	h->nlmsg_seq = a->req->nlmsg_seq;
	h->nlmsg_pid = a->n->port;
	if (h->nlmsg_type == RTM_NEWROUTE)
		set_asker(h, a->uid);
	return queue_message(a->n, h, h->nlmsg_len, a->started) ?: (a->started = true, 0);
}

/* In a network namespace made inside there is a loopback interface, and no host to ask. */
static int serve_get_isolated(struct netlink_sock *n, const struct nlmsghdr *req, bool dump)
{
	struct answer a = {.n = n, .req = req};
	int err;

	lock_acquire(&n->lock);
	err = netns_get(n->sock.net_ns, req, dump, answer_message, &a);
	lock_release(&n->lock);
	if (!err && dump)
		answer_done(n, req);
	return err;
}

static int serve_get(struct task *t, struct netlink_sock *n, const struct nlmsghdr *req, bool dump)
{
	struct net_state *net = n->sock.kernel->net;
	struct answer a = {.n = n, .req = req, .uid = t->cred->uid};
	struct route_request host;
	int err = route_build(
		&host, req->nlmsg_type, dump, (const uint8_t *)req + NLMSG_HDRLEN, req->nlmsg_len - NLMSG_HDRLEN);

	if (err)
		return err;
	if (net->route_fd < 0) { /* there is no network at all */
		err = dump ? 0 : -ENODEV;
	} else {
		lock_acquire(&n->lock);
		err = route_ask(net, &host, answer_message, &a);
		lock_release(&n->lock);
	}
	if (!err && dump)
		answer_done(n, req);
	return err;
}

static int serve_request(struct task *t, struct netlink_sock *n, const struct nlmsghdr *req)
{
	if (n->sock.protocol == NETLINK_SOCK_DIAG) /* as on a kernel that was built without; ss(8) reads /proc/net then */
		return req->nlmsg_type == SOCK_DIAG_BY_FAMILY ? -ENOENT : -EOPNOTSUPP;
	if (req->nlmsg_type > RTM_MAX)
		return -EOPNOTSUPP;
	if (req->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtgenmsg)))
		return 0;
	/* RTM_NEW, RTM_DEL, RTM_GET, RTM_SET of each kind, in this order. */
	if (((req->nlmsg_type - RTM_BASE) & 3) != 2)
		return netns_isolated(n->sock.net_ns) ? netns_change(t, n->sock.net_ns, req) : -EPERM;
	if (netns_isolated(n->sock.net_ns))
		return serve_get_isolated(n, req, req->nlmsg_flags & NLM_F_DUMP);
	return serve_get(t, n, req, req->nlmsg_flags & NLM_F_DUMP);
}

/* All requests of one datagram. *buf* is the sentry's copy. */
static void serve_datagram(struct task *t, struct netlink_sock *n, const uint8_t *buf, size_t len)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)buf;
		bool serve = (h->nlmsg_flags & NLM_F_REQUEST) && h->nlmsg_type >= NLMSG_MIN_TYPE;
		size_t step = NLMSG_ALIGN((size_t)h->nlmsg_len);
		bool dump;
		int err;

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return;
		/* For other requests than questions the same bits say NLM_F_EXCL and kin. */
		dump = serve && ((h->nlmsg_type - RTM_BASE) & 3) == 2 && (h->nlmsg_flags & NLM_F_DUMP);
		err = serve ? serve_request(t, n, h) : 0;
		if (err || ((h->nlmsg_flags & NLM_F_ACK) && !dump))
			answer_error(n, h, err);
		if (step > len)
			step = len;
		buf += step;
		len -= step;
	}
}

/* --- operations -------------------------------------------------------------------------------------------------- */

static bool port_taken(struct net_state *net, uint32_t port)
{
	struct netlink_sock *o;

	list_for_each_entry(o, &net->netlink_all, all_link)
		if (o->bound && o->port == port)
			return true;
	return false;
}

/* Port 0: the process's number if it is free, else one of the kernel's choosing. */
static int nl_bind_port(struct task *t, struct netlink_sock *n, uint32_t port)
{
	struct net_state *net = n->sock.kernel->net;

	LOCK_SCOPE(&net->names_lock);
	if (n->bound)
		return port && port != n->port ? -EINVAL : 0;
	if (port && port_taken(net, port))
		return -EADDRINUSE;
	if (!port && t)
		port = (uint32_t)tg_vnr(t, t->tg);
	while (!port || port_taken(net, port))
		port = --net->next_port_id;
	n->port = port;
	n->bound = true;
	return 0;
}

static int nl_check_addr(const struct net_addr *addr)
{
	return addr->len < sizeof(addr->nl) || addr->sa.sa_family != AF_NETLINK ? -EINVAL : 0;
}

static int nl_bind(struct task *t, struct socket *s, const struct net_addr *addr)
{
	struct netlink_sock *n = nl_of(s);
	int err = nl_check_addr(addr);

	if (!err)
		err = nl_bind_port(t, n, addr->nl.nl_pid);
	if (err)
		return err;
	lock_acquire(&n->lock);
	n->groups = addr->nl.nl_groups;
	lock_release(&n->lock);
	if (addr->nl.nl_groups)
		netlink_events_want(s->kernel);
	return 0;
}

static int nl_connect(struct task *t, struct socket *s, const struct net_addr *addr, bool nonblock)
{
	struct netlink_sock *n = nl_of(s);
	int err;

	if (addr->len < sizeof(sa_family_t))
		return -EINVAL;
	if (addr->sa.sa_family == AF_UNSPEC) {
		n->connected = false;
		return 0;
	}
	err = nl_check_addr(addr);
	if (err)
		return err;
	if (addr->nl.nl_pid || addr->nl.nl_groups)
		return -EPERM;
	n->connected = true;
	return nl_bind_port(t, n, 0);
}

static int nl_getname(struct socket *s, bool peer, struct net_addr *ret)
{
	struct netlink_sock *n = nl_of(s);

	memset(&ret->nl, 0, sizeof(ret->nl));
	ret->nl.nl_family = AF_NETLINK;
	if (!peer) {
		ret->nl.nl_pid = n->bound ? n->port : 0;
		ret->nl.nl_groups = n->groups;
	}
	ret->len = sizeof(ret->nl);
	return 0;
}

static ssize_t nl_send(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct netlink_sock *n = nl_of(s);
	size_t len = m->uio->left;
	uint8_t *buf;
	ssize_t got;
	int err;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->addr && m->addr->len) {
		err = nl_check_addr(m->addr);
		if (err)
			return err;
		if (m->addr->nl.nl_groups)
			return -EPERM;
		if (m->addr->nl.nl_pid)
			return -ECONNREFUSED;
	}
	if (len > REQUEST_MAX)
		return -EMSGSIZE;
	err = nl_bind_port(t, n, 0);
	if (err)
		return err;
	buf = malloc(len + 1);
	if (!buf)
		return -ENOBUFS;
	got = len ? uio_take(m->uio, buf, len) : 0;
	if (got == (ssize_t)len) {
		serve_datagram(t, n, buf, len);
		wait_queue_wake(&s->waiters, EPOLLIN | EPOLLRDNORM);
	} else {
		got = -EFAULT;
	}
	free(buf);
	return got;
}

static struct nl_skb *nl_head(struct netlink_sock *n)
{
	LOCK_SCOPE(&n->lock);
	return list_empty(&n->queue) ? NULL : list_first(&n->queue, struct nl_skb, link);
}

/* What the kernel tells of itself: port 0, root. */
static void nl_describe(struct socket *s, struct net_msg *m)
{
	struct ucred kernel = {0};

	if (m->addr) {
		memset(&m->addr->nl, 0, sizeof(m->addr->nl));
		m->addr->nl.nl_family = AF_NETLINK;
		m->addr->len = sizeof(m->addr->nl);
	}
	if (m->sink && s->soft.passcred)
		cmsg_put(m->sink, SOL_SOCKET, SCM_CREDENTIALS, &kernel, sizeof(kernel));
}

static ssize_t nl_recv(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct netlink_sock *n = nl_of(s);
	struct nl_skb *skb;
	ssize_t done = 0;
	size_t len, take;
	int err = atomic_exchange(&s->soft.err, 0);

	if (err)
		return -err;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	LOCK_SCOPE(&n->io_lock);
	if (m->uio->left > n->room)
		n->room = m->uio->left < UINT32_MAX ? (uint32_t)m->uio->left : UINT32_MAX;
	skb = nl_head(n);
	if (!skb)
		return -EAGAIN;
	len = skb->len;
	take = len < m->uio->left ? len : m->uio->left;
	if (take)
		done = uio_put(m->uio, skb->data, take);
	if (done < 0 || (size_t)done < take)
		return -EFAULT;
	if (take < len)
		m->flags |= MSG_TRUNC;
	nl_describe(s, m);
	if (!(flags & MSG_PEEK)) {
		lock_acquire(&n->lock);
		list_del(&skb->link);
		n->bytes -= len;
		lock_release(&n->lock);
		skb_free(n, skb);
	}
	return (ssize_t)(flags & MSG_TRUNC ? len : take);
}

static uint32_t nl_poll(struct socket *s)
{
	struct netlink_sock *n = nl_of(s);
	uint32_t ev = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

	LOCK_SCOPE(&n->lock);
	if (!list_empty(&n->queue))
		ev |= EPOLLIN | EPOLLRDNORM;
	return s->soft.err ? ev | EPOLLERR : ev;
}

static int *nl_flag(struct netlink_sock *n, int name)
{
	switch (name) {
	case NETLINK_EXT_ACK:
		return &n->ext_ack;
	case NETLINK_CAP_ACK:
		return &n->cap_ack;
	case NETLINK_NO_ENOBUFS:
		return &n->no_enobufs;
	case NETLINK_BROADCAST_ERROR:
		return &n->broadcast_error;
	default:
		return NULL;
	}
}

static int nl_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len)
{
	struct netlink_sock *n = nl_of(s);
	int *flag = nl_flag(n, name), v, err;

	if (level == SOL_SOCKET)
		return soft_setsockopt(t, s, name, val, len);
	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	err = sockopt_int(val, len, &v);
	if (err)
		return err;
	LOCK_SCOPE(&n->lock);
	if (flag) {
		*flag = v != 0;
		return 0;
	}
	if (name != NETLINK_ADD_MEMBERSHIP && name != NETLINK_DROP_MEMBERSHIP)
		return -ENOPROTOOPT;
	if (v < 1 || v > (int)RTNLGRP_MAX)
		return -EINVAL;
	if (v <= 32 && name == NETLINK_ADD_MEMBERSHIP) {
		n->groups |= 1u << (v - 1);
		netlink_events_want(n->sock.kernel);
	} else if (v <= 32) {
		n->groups &= ~(1u << (v - 1));
	}
	return 0;
}

static int nl_getsockopt(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len)
{
	int *flag = nl_flag(nl_of(s), name);

	if (level == SOL_SOCKET)
		return soft_getsockopt(t, s, name, val, len);
	if (level != SOL_NETLINK || !flag)
		return -ENOPROTOOPT;
	return *len < sizeof(int) ? -EINVAL : sockopt_put_int(val, len, *flag);
}

static int64_t nl_ioctl(struct task *t, struct socket *s, uint32_t cmd, uint64_t arg)
{
	return netdev_ioctl(t, s, AF_NETLINK, cmd, arg);
}

static void nl_release(struct socket *s)
{
	struct netlink_sock *n = nl_of(s);
	struct net_state *net = s->kernel->net;

	lock_acquire(&net->names_lock);
	list_del(&n->all_link);
	lock_release(&net->names_lock);
}

static void nl_free(struct socket *s)
{
	struct netlink_sock *n = nl_of(s);

	while (!list_empty(&n->queue)) {
		struct nl_skb *skb = list_first(&n->queue, struct nl_skb, link);

		list_del(&skb->link);
		skb_free(n, skb);
	}
	lock_destroy(&n->lock);
	lock_destroy(&n->io_lock);
	kernel_uncharge(s->kernel, sizeof(*n));
	free(n);
}

static const struct socket_ops netlink_ops = {
	.bind = nl_bind,
	.connect = nl_connect,
	.getname = nl_getname,
	.send = nl_send,
	.recv = nl_recv,
	.poll = nl_poll,
	.setsockopt = nl_setsockopt,
	.getsockopt = nl_getsockopt,
	.ioctl = nl_ioctl,
	.release = nl_release,
	.free = nl_free,
};

int netlink_create(struct task *t, int type, int protocol, struct socket **ret)
{
	struct kernel *k = t->kernel;
	struct netlink_sock *n;
	int err;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG)
		return -EPROTONOSUPPORT;
	err = kernel_charge(k, sizeof(*n));
	if (err)
		return err;
	n = calloc(1, sizeof(*n));
	if (!n) {
		kernel_uncharge(k, sizeof(*n));
		return -ENOMEM;
	}
	socket_init(&n->sock, k, &netlink_ops, AF_NETLINK, type, protocol);
	lock_init(&n->io_lock, RANK_SOCKET_IO);
	lock_init(&n->lock, RANK_SOCKET);
	list_init(&n->queue);
	lock_acquire(&k->net->names_lock);
	list_add_tail(&n->all_link, &k->net->netlink_all);
	lock_release(&k->net->names_lock);
	*ret = &n->sock;
	return 0;
}
