/* SPDX-License-Identifier: MIT */
/* The network of a namespace made inside: a loopback interface. */
#include "net/netns.h"
#include "kernel/task.h"
#include "net/route.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#define LO_INDEX 1
#define LO_MTU 65536
#define LO_QLEN 1000
#define IFF_LOWER_UP_ 0x10000u
#define OPER_UNKNOWN 0
#define OPER_DOWN 2

static unsigned lo_flags(struct net_ns *ns)
{
	return IFF_LOOPBACK | (atomic_load(&ns->lo_up) ? IFF_UP | IFF_RUNNING | IFF_LOWER_UP_ : 0);
}

/* --- rtnetlink: answers
 * ------------------------------------------------------------------------------------------------------------ */

struct builder {
	union {
		struct nlmsghdr hdr;
		uint8_t bytes[512];
	};
};

static void begin(struct builder *b, uint16_t type, bool dump, const void *fixed, size_t len)
{
	memset(b, 0, sizeof(*b));
	b->hdr.nlmsg_type = type;
	b->hdr.nlmsg_flags = dump ? NLM_F_MULTI : 0;
	memcpy(b->bytes + NLMSG_HDRLEN, fixed, len);
	b->hdr.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(len));
}

static void put(struct builder *b, uint16_t type, const void *data, size_t len)
{
	struct rtattr a = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};

	memcpy(b->bytes + b->hdr.nlmsg_len, &a, sizeof(a));
	memcpy(b->bytes + b->hdr.nlmsg_len + RTA_LENGTH(0), data, len);
	b->hdr.nlmsg_len += (uint32_t)RTA_SPACE(len);
}

static void put_u32(struct builder *b, uint16_t type, uint32_t v)
{
	put(b, type, &v, sizeof(v));
}

static int emit_link(struct net_ns *ns, bool dump, int (*emit)(struct nlmsghdr *h, void *arg), void *arg)
{
	struct ifinfomsg ifi = {.ifi_type = ARPHRD_LOOPBACK, .ifi_index = LO_INDEX, .ifi_flags = lo_flags(ns)};
	bool up = atomic_load(&ns->lo_up);
	const char *qdisc = up ? "noqueue" : "noop";
	uint8_t none[6] = {0}, oper = up ? OPER_UNKNOWN : OPER_DOWN, mode = 0, carrier = 1;
	struct builder b;

	begin(&b, RTM_NEWLINK, dump, &ifi, sizeof(ifi));
	put(&b, IFLA_IFNAME, "lo", 3);
	put_u32(&b, IFLA_TXQLEN, LO_QLEN);
	put(&b, IFLA_OPERSTATE, &oper, 1);
	put(&b, IFLA_LINKMODE, &mode, 1);
	put_u32(&b, IFLA_MTU, LO_MTU);
	put_u32(&b, IFLA_GROUP, 0);
	put_u32(&b, IFLA_PROMISCUITY, 0);
	put_u32(&b, IFLA_NUM_TX_QUEUES, 1);
	put_u32(&b, IFLA_NUM_RX_QUEUES, 1);
	put(&b, IFLA_CARRIER, &carrier, 1);
	put(&b, IFLA_QDISC, qdisc, strlen(qdisc) + 1);
	put(&b, IFLA_ADDRESS, none, sizeof(none));
	put(&b, IFLA_BROADCAST, none, sizeof(none));
	return emit(&b.hdr, arg);
}

static int emit_addr(int family, bool dump, int (*emit)(struct nlmsghdr *h, void *arg), void *arg)
{
	struct ifaddrmsg ifa = {.ifa_family = (uint8_t)family,
		.ifa_flags = IFA_F_PERMANENT,
		.ifa_scope = RT_SCOPE_HOST,
		.ifa_index = LO_INDEX};
	struct ifa_cacheinfo forever = {.ifa_prefered = UINT32_MAX, .ifa_valid = UINT32_MAX};
	struct in6_addr six = IN6ADDR_LOOPBACK_INIT;
	uint32_t four = htonl(INADDR_LOOPBACK);
	struct builder b;

	ifa.ifa_prefixlen = family == AF_INET ? 8 : 128;
	begin(&b, RTM_NEWADDR, dump, &ifa, sizeof(ifa));
	if (family == AF_INET) {
		put(&b, IFA_ADDRESS, &four, sizeof(four));
		put(&b, IFA_LOCAL, &four, sizeof(four));
		put(&b, IFA_LABEL, "lo", 3);
	} else {
		put(&b, IFA_ADDRESS, &six, sizeof(six));
	}
	put_u32(&b, IFA_FLAGS, IFA_F_PERMANENT);
	put(&b, IFA_CACHEINFO, &forever, sizeof(forever));
	return emit(&b.hdr, arg);
}

/* Does a link request speak of lo: by its number or its name? */
static bool means_lo(const struct nlmsghdr *req)
{
	const uint8_t *p = (const uint8_t *)req + NLMSG_HDRLEN;
	size_t left = req->nlmsg_len - NLMSG_HDRLEN;
	const struct rtattr *a;
	struct ifinfomsg ifi;

	if (left < sizeof(ifi))
		return false;
	memcpy(&ifi, p, sizeof(ifi));
	if (ifi.ifi_index)
		return ifi.ifi_index == LO_INDEX;
	if (left < NLMSG_ALIGN(sizeof(ifi)))
		return false;
	p += NLMSG_ALIGN(sizeof(ifi));
	left -= NLMSG_ALIGN(sizeof(ifi));
	while ((a = route_attr(&p, &left)))
		if ((a->rta_type == IFLA_IFNAME || a->rta_type == IFLA_ALT_IFNAME) && RTA_PAYLOAD(a) >= 3 &&
			!memcmp((const uint8_t *)a + RTA_LENGTH(0), "lo", 3))
			return true;
	return false;
}

int netns_get(
	struct net_ns *ns, const struct nlmsghdr *req, bool dump, int (*emit)(struct nlmsghdr *h, void *arg), void *arg)
{
	uint8_t family = *((const uint8_t *)req + NLMSG_HDRLEN);
	int err = 0;

	switch (req->nlmsg_type) {
	case RTM_GETLINK:
		return dump || means_lo(req) ? emit_link(ns, dump, emit, arg) : -ENODEV;
	case RTM_GETADDR:
		if (!atomic_load(&ns->lo_up))
			return 0;
		if (family == AF_UNSPEC || family == AF_INET)
			err = emit_addr(AF_INET, dump, emit, arg);
		if (!err && (family == AF_UNSPEC || family == AF_INET6))
			err = emit_addr(AF_INET6, dump, emit, arg);
		return err;
	default:
		return dump ? 0 : req->nlmsg_type == RTM_GETROUTE ? -ENETUNREACH : -EOPNOTSUPP;
	}
}

static int change_link(struct net_ns *ns, const struct nlmsghdr *req)
{
	struct ifinfomsg ifi;

	if (!means_lo(req))
		return -ENODEV;
	memcpy(&ifi, (const uint8_t *)req + NLMSG_HDRLEN, sizeof(ifi));
	/* As old programs do it: no mask stands for all flags. */
	if ((ifi.ifi_change & IFF_UP) || !ifi.ifi_change)
		atomic_store(&ns->lo_up, ifi.ifi_flags & IFF_UP);
	return 0;
}

static int add_address(const struct nlmsghdr *req)
{
	struct ifaddrmsg ifa;

	if (req->nlmsg_len < NLMSG_LENGTH(sizeof(ifa)))
		return -EINVAL;
	memcpy(&ifa, (const uint8_t *)req + NLMSG_HDRLEN, sizeof(ifa));
	return ifa.ifa_index == LO_INDEX ? 0 : -ENODEV;
}

int netns_change(struct task *t, struct net_ns *ns, const struct nlmsghdr *req)
{
	if (!t || !ns_capable(t, ns->head.owner, CAP_NET_ADMIN))
		return -EPERM;
	switch (req->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_SETLINK:
		return change_link(ns, req);
	case RTM_NEWADDR:
		return add_address(req);
	default:
		return -EOPNOTSUPP;
	}
}

/* --- ioctls
 * ------------------------------------------------------------------------------------------------------------------------
 */

static int64_t get_conf(struct task *t, struct net_ns *ns, uint64_t arg)
{
	struct ifreq r = {.ifr_name = "lo"};
	struct ifconf c;

	if (copy_in(t, &c, arg, sizeof(c)))
		return -EFAULT;
	((struct sockaddr_in *)&r.ifr_addr)->sin_family = AF_INET;
	((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!atomic_load(&ns->lo_up) || (c.ifc_buf && c.ifc_len < (int)sizeof(r)))
		c.ifc_len = 0;
	else if (c.ifc_buf && copy_out(t, (uint64_t)(uintptr_t)c.ifc_buf, &r, sizeof(r)))
		return -EFAULT;
	else
		c.ifc_len = sizeof(r);
	return copy_out(t, arg, &c.ifc_len, sizeof(c.ifc_len));
}

static int set_flags(struct task *t, struct net_ns *ns, const struct ifreq *r)
{
	if (!ns_capable(t, ns->head.owner, CAP_NET_ADMIN))
		return -EPERM;
	atomic_store(&ns->lo_up, r->ifr_flags & IFF_UP);
	return 0;
}

/* A question about lo, answered in *r*. */
static int ask_lo(struct net_ns *ns, uint32_t cmd, struct ifreq *r)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	switch (cmd) {
	case SIOCGIFFLAGS:
		r->ifr_flags = (short)lo_flags(ns);
		return 0;
	case SIOCGIFINDEX:
		r->ifr_ifindex = LO_INDEX;
		return 0;
	case SIOCGIFMTU:
		r->ifr_mtu = LO_MTU;
		return 0;
	case SIOCGIFTXQLEN:
		r->ifr_qlen = LO_QLEN;
		return 0;
	case SIOCGIFMETRIC:
		r->ifr_metric = 0;
		return 0;
	case SIOCGIFHWADDR:
		memset(&r->ifr_hwaddr, 0, sizeof(r->ifr_hwaddr));
		r->ifr_hwaddr.sa_family = ARPHRD_LOOPBACK;
		return 0;
	case SIOCGIFADDR:
	case SIOCGIFNETMASK:
		if (!atomic_load(&ns->lo_up))
			return -EADDRNOTAVAIL;
		in.sin_addr.s_addr = htonl(cmd == SIOCGIFADDR ? INADDR_LOOPBACK : 0xff000000u);
		memcpy(&r->ifr_addr, &in, sizeof(in));
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

int64_t netns_ioctl(struct task *t, struct net_ns *ns, uint32_t cmd, uint64_t arg)
{
	struct ifreq r;
	int err;

	if (cmd == SIOCGIFCONF)
		return get_conf(t, ns, arg);
	if (copy_in(t, &r, arg, sizeof(r)))
		return -EFAULT;
	r.ifr_name[sizeof(r.ifr_name) - 1] = '\0';
	if (cmd == SIOCGIFNAME) {
		if (r.ifr_ifindex != LO_INDEX)
			return -ENODEV;
		memset(r.ifr_name, 0, sizeof(r.ifr_name));
		memcpy(r.ifr_name, "lo", 3);
		return copy_out(t, arg, &r, sizeof(r));
	}
	if (strcmp(r.ifr_name, "lo") != 0)
		return -ENODEV;
	if (cmd == SIOCSIFFLAGS)
		return set_flags(t, ns, &r);
	err = ask_lo(ns, cmd, &r);
	return err ? err : copy_out(t, arg, &r, sizeof(r));
}

/* --- /proc/net
 * ----------------------------------------------------------------------------------------------------------------------
 */

/* Lines that say what the columns are. */
static unsigned header_lines(const char *name)
{
	if (!strcmp(name, "dev") || !strcmp(name, "wireless"))
		return 2;
	return !strcmp(name, "if_inet6") || !strcmp(name, "ipv6_route") || !strcmp(name, "snmp6") ? 0 : 1;
}

size_t netns_proc_text(struct net_ns *ns, const char *name, char *text, size_t len)
{
	unsigned lines = header_lines(name);
	size_t at = 0;

	if (!strcmp(name, "unix")) /* by socket, not by network */
		return len;
	for (; lines > 0 && at < len; lines--) {
		const char *end = memchr(text + at, '\n', len - at);

		at = end ? (size_t)(end - text) + 1 : len;
	}
	return at;
}

const char *netns_proc_lines(struct net_ns *ns, const char *name)
{
	if (!strcmp(name, "dev"))
		return "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0"
		       "          0\n";
	if (!strcmp(name, "if_inet6") && atomic_load(&ns->lo_up))
		return "00000000000000000000000000000001 01 80 10 80       lo\n";
	return "";
}
