/* SPDX-License-Identifier: MIT */
/*
 * rtnetlink as a client: vetted questions to the host, and the list of interfaces for procfs and sysfs. rtnetlink(7).
 */
#include "net/route.h"

#include "host/socket.h"
#include "kernel/kernel.h"
#include "net/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 65536

const struct rtattr *route_attr(const uint8_t **p, size_t *left)
{
	const struct rtattr *a = (const void *)*p;
	size_t step;

	if (*left < sizeof(*a) || a->rta_len < sizeof(*a) || a->rta_len > *left)
		return NULL;
	step = RTA_ALIGN(a->rta_len);
	if (step > *left)
		step = *left;
	*p += step;
	*left -= step;
	return a;
}

/* --- building ---------------------------------------------------------------------------------------------------- */

static void add_attr(struct route_request *req, uint16_t type, const void *data, size_t len)
{
	struct rtattr a = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(len)};
	size_t at = NLMSG_ALIGN(req->hdr.nlmsg_len);

	memcpy(req->bytes + at, &a, sizeof(a));
	memcpy(req->bytes + at + sizeof(a), data, len);
	req->hdr.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

/* Attributes of a guest's request that may be handed on, with their exact length (max: at most, as text). */
struct attr_rule {
	uint16_t msg, type;
	uint8_t len;
	bool dump, text;
};

static const struct attr_rule rules[] = {
	{RTM_GETLINK, IFLA_EXT_MASK, 4, true, false},
	{RTM_GETLINK, IFLA_IFNAME, IFNAMSIZ, false, true},
	{RTM_GETLINK, IFLA_ALT_IFNAME, IFNAMSIZ, false, true},
	{RTM_GETROUTE, RTA_DST, 4, false, false},
	{RTM_GETROUTE, RTA_DST, 16, false, false},
	{RTM_GETROUTE, RTA_SRC, 4, false, false},
	{RTM_GETROUTE, RTA_SRC, 16, false, false},
	{RTM_GETROUTE, RTA_OIF, 4, false, false},
};

static void pass_attr(struct route_request *req, uint16_t msg, bool dump, const struct rtattr *a)
{
	const uint8_t *data = (const uint8_t *)a + sizeof(*a);
	size_t len = a->rta_len - sizeof(*a);
	char name[IFNAMSIZ] = {0};
	uint32_t mask;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct attr_rule *r = &rules[i];

		if (r->msg != msg || r->type != a->rta_type || (dump && !r->dump))
			continue;
		if (r->text && len > 0 && len <= r->len) {
			memcpy(name, data, len < sizeof(name) ? len : sizeof(name) - 1);
			add_attr(req, IFLA_IFNAME, name, strlen(name) + 1);
		} else if (!r->text && len == r->len && r->type == IFLA_EXT_MASK && msg == RTM_GETLINK) {
			memcpy(&mask, data, sizeof(mask));
			mask &= RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS;
			add_attr(req, IFLA_EXT_MASK, &mask, sizeof(mask));
		} else if (!r->text && len == r->len) {
			add_attr(req, r->type, data, len);
		} else {
			continue;
		}
		return;
	}
}

/* The fixed part: size by type, 0 for what is not answered; *get*: may ask for one object. */
static size_t fixed_size(uint16_t type, bool *get)
{
	*get = type == RTM_GETLINK || type == RTM_GETROUTE;
	switch (type) {
	case RTM_GETLINK:
		return sizeof(struct ifinfomsg);
	case RTM_GETADDR:
		return sizeof(struct ifaddrmsg);
	case RTM_GETROUTE:
	case RTM_GETRULE:
		return sizeof(struct rtmsg);
	case RTM_GETNEIGH:
		return sizeof(struct ndmsg);
	default:
		return 0;
	}
}

static void copy_fixed(struct route_request *req, uint16_t type, bool dump, const uint8_t *payload, size_t size)
{
	uint8_t *to = req->bytes + NLMSG_HDRLEN;
	struct ifinfomsg link;
	struct rtmsg route;

	to[0] = payload[0]; /* the family, in all of them */
	if (type == RTM_GETLINK && !dump) {
		memcpy(&link, payload, sizeof(link));
		memcpy(to, &(struct ifinfomsg){.ifi_index = link.ifi_index}, sizeof(link));
	}
	if (type == RTM_GETROUTE && !dump) {
		memcpy(&route, payload, sizeof(route));
		route = (struct rtmsg){.rtm_family = route.rtm_family,
			.rtm_dst_len = route.rtm_dst_len,
			.rtm_src_len = route.rtm_src_len,
			.rtm_tos = route.rtm_tos,
			.rtm_flags = route.rtm_flags & (RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH)};
		memcpy(to, &route, sizeof(route));
	}
}

int route_build(struct route_request *req, uint16_t type, bool dump, const uint8_t *payload, size_t plen)
{
	const struct rtattr *a;
	bool get;
	size_t size = fixed_size(type, &get), n = 0;

	if (!size || (!dump && !get))
		return -EOPNOTSUPP;
	memset(req, 0, sizeof(*req));
	req->hdr.nlmsg_type = type;
	req->hdr.nlmsg_flags = dump ? NLM_F_REQUEST | NLM_F_DUMP : NLM_F_REQUEST;
	req->hdr.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	/* Old programs send only struct rtgenmsg for a dump. */
	if (plen < size) {
		if (!dump || plen < sizeof(struct rtgenmsg))
			return -EINVAL;
		req->bytes[NLMSG_HDRLEN] = payload[0];
		return 0;
	}
	copy_fixed(req, type, dump, payload, size);
	size = NLMSG_ALIGN(size);
	if (plen <= size)
		return 0;
	payload += size;
	plen -= size;
	/* Each rule adds at most 20 bytes; eight attributes fit whatever they are. */
	while (n++ < 8 && (a = route_attr(&payload, &plen)))
		pass_attr(req, type, dump, a);
	return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static int send_request(struct net_state *net, struct route_request *req)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	struct iovec iov = {.iov_base = req->bytes, .iov_len = req->hdr.nlmsg_len};
	struct msghdr h = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	req->hdr.nlmsg_seq = ++net->route_seq;
	n = host_sendmsg(net->route_fd, &h, 0);
	return n < 0 ? (int)n : 0;
}

/* One datagram of the answer: 1 to go on, 0 at the end, or an error. */
static int walk_answer(
	uint8_t *buf, size_t len, const struct route_request *req, int (*fn)(struct nlmsghdr *h, void *arg), void *arg)
{
	bool dump = req->hdr.nlmsg_flags & NLM_F_DUMP;
	int err;

	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr *h = (void *)buf;
		size_t step;

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return -EIO;
		if (h->nlmsg_seq == req->hdr.nlmsg_seq) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return h->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) ? *(int *)NLMSG_DATA(h) : -EIO;
			err = fn(h, arg);
			if (err || !dump)
				return err;
		}
		step = NLMSG_ALIGN(h->nlmsg_len);
		if (step > len)
			step = len;
		buf += step;
		len -= step;
	}
	return 1;
}

int route_ask(struct net_state *net, struct route_request *req, int (*fn)(struct nlmsghdr *h, void *arg), void *arg)
{
	uint8_t *buf = malloc(ANSWER_MAX);
	struct iovec iov = {.iov_base = buf, .iov_len = ANSWER_MAX};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;
	int err;

	if (!buf)
		return -ENOMEM;
	lock_acquire(&net->route_lock);
	/* What an answer that was given up left behind. */
	while (host_recvmsg(net->route_fd, &h, 0) >= 0)
		;
	err = send_request(net, req);
	if (!err)
		err = 1;
	/* The host answers while it is asked: nothing has to be waited for. */
	while (err == 1) {
		n = host_recvmsg(net->route_fd, &h, 0);
		err = n < 0 ? (int)n : walk_answer(buf, (size_t)n, req, fn, arg);
	}
	lock_release(&net->route_lock);
	free(buf);
	return err == -EAGAIN ? -EIO : err;
}

/* --- interfaces -------------------------------------------------------------------------------------------------- */

struct device_list {
	struct net_device *devs;
	size_t n;
};

static void device_stats(struct net_device *d, const uint8_t *data, size_t len)
{
	struct rtnl_link_stats64 st = {0};

	memcpy(&st, data, len < sizeof(st) ? len : sizeof(st));
	d->rx_bytes = st.rx_bytes;
	d->rx_packets = st.rx_packets;
	d->rx_errors = st.rx_errors;
	d->rx_dropped = st.rx_dropped;
	d->tx_bytes = st.tx_bytes;
	d->tx_packets = st.tx_packets;
	d->tx_errors = st.tx_errors;
	d->tx_dropped = st.tx_dropped;
	d->collisions = st.collisions;
	d->multicast = st.multicast;
}

static void device_attr(struct net_device *d, const struct rtattr *a)
{
	const uint8_t *data = (const uint8_t *)a + sizeof(*a);
	size_t len = a->rta_len - sizeof(*a);

	switch (a->rta_type) {
	case IFLA_IFNAME:
		memcpy(d->name, data, len < sizeof(d->name) ? len : sizeof(d->name) - 1);
		d->name[sizeof(d->name) - 1] = '\0';
		break;
	case IFLA_ADDRESS:
		d->addr_len = len < sizeof(d->addr) ? (uint8_t)len : sizeof(d->addr);
		memcpy(d->addr, data, d->addr_len);
		break;
	case IFLA_BROADCAST:
		memcpy(d->broadcast, data, len < sizeof(d->broadcast) ? len : sizeof(d->broadcast));
		break;
	case IFLA_MTU:
		memcpy(&d->mtu, data, len < sizeof(d->mtu) ? len : sizeof(d->mtu));
		break;
	case IFLA_TXQLEN:
		memcpy(&d->tx_queue_len, data, len < sizeof(d->tx_queue_len) ? len : sizeof(d->tx_queue_len));
		break;
	case IFLA_OPERSTATE:
		d->operstate = len ? data[0] : 0;
		break;
	case IFLA_CARRIER:
		d->carrier = len && data[0];
		break;
	case IFLA_STATS64:
		device_stats(d, data, len);
		break;
	default:
		break;
	}
}

static int device_add(struct nlmsghdr *h, void *arg)
{
	struct device_list *l = arg;
	const uint8_t *p = (uint8_t *)h + NLMSG_HDRLEN;
	size_t left = h->nlmsg_len - NLMSG_HDRLEN;
	const struct rtattr *a;
	struct net_device *d;
	struct ifinfomsg ifi;

	if (h->nlmsg_type != RTM_NEWLINK || left < sizeof(ifi))
		return 0;
	d = reallocarray(l->devs, l->n + 1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	l->devs = d;
	d = &l->devs[l->n++];
	memcpy(&ifi, p, sizeof(ifi));
	*d = (struct net_device){.index = ifi.ifi_index, .flags = ifi.ifi_flags, .type = ifi.ifi_type};
	p += NLMSG_ALIGN(sizeof(ifi));
	left -= NLMSG_ALIGN(sizeof(ifi));
	while ((a = route_attr(&p, &left)))
		device_attr(d, a);
	return 0;
}

int net_devices(struct kernel *k, struct net_device **ret, size_t *ret_n)
{
	struct net_state *net = k->net;
	struct ifinfomsg ifi = {0};
	struct route_request req;
	struct device_list l = {0};
	int err;

	if (!net)
		return -ENOENT;
	if (net->route_fd < 0) {
		*ret = NULL;
		*ret_n = 0;
		return 0;
	}
	net_await_unbroken(k);
	err = route_build(&req, RTM_GETLINK, true, (const uint8_t *)&ifi, sizeof(ifi));
	if (!err)
		err = route_ask(net, &req, device_add, &l);
	if (err) {
		free(l.devs);
		return err;
	}
	*ret = l.devs;
	*ret_n = l.n;
	return 0;
}

int net_device_find(struct kernel *k, const char *name, int index, struct net_device *ret)
{
	struct net_device *list = NULL;
	size_t n = 0;
	int err = net_devices(k, &list, &n);

	if (err)
		return err;
	err = -ENODEV;
	for (size_t i = 0; i < n && err; i++) {
		if (name ? strcmp(list[i].name, name) != 0 : list[i].index != index)
			continue;
		*ret = list[i];
		err = 0;
	}
	free(list);
	return err;
}

int net_device_next(struct kernel *k, uint64_t from, struct net_device *ret)
{
	struct net_device *list = NULL, *best = NULL;
	size_t n = 0;
	int err = net_devices(k, &list, &n);

	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		if ((uint64_t)list[i].index >= from && (!best || list[i].index < best->index))
			best = &list[i];
	if (best)
		*ret = *best;
	free(list);
	return best ? 0 : -ENODEV;
}
