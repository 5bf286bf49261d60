/* SPDX-License-Identifier: MIT */
/*
 * Raw ICMP sockets of the guest's root, as far as ping(8) needs them: echo requests out, their replies in. Behind one
 * is a host's ICMP echo socket, which any user may have: it writes its own identifier into requests and hands over
 * replies to them alone. The guest's identifier is put back into replies, and for IPv4 the IP header in front that raw
 * sockets show.
 */
#include "net/inet_sock.h"

#include "host/socket.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>

#define PING_MAX 65535u
#define CONTROL_MAX 512u
#define SOL_RAW_ 255

int ping_enable(struct inet_sock *i)
{
	int one = 1;

	i->raw = true;
	/* The header shown to the guest tells the TTL. */
	return i->sock.family == AF_INET ? host_setsockopt(i->fd, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)) : 0;
}

ssize_t ping_send(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct inet_sock *i = inet_of(s);
	uint8_t head[8];
	ssize_t n = uio_take(m->uio, head, sizeof(head));

	if (n < 0)
		return n;
	if ((size_t)n < sizeof(head))
		return -EINVAL;
	uio_rewind(m->uio, sizeof(head));
	/* What else a raw socket could say (redirects, unreachables …) no user of the host may send. */
	if (head[0] != (s->family == AF_INET ? ICMP_ECHO : ICMPV6_ECHO_REQUEST) || head[1] != 0)
		return -EPERM;
	memcpy(&i->ping_id, head + 4, sizeof(i->ping_id));
	return inet_send(t, s, m, flags);
}

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	if (len)
		sum += (uint32_t)(p[0] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static int ttl_of(const struct msghdr *h)
{
	struct cmsg_iter it = {.buf = h->msg_control, .len = h->msg_controllen};
	int level, type, ttl = 64;
	const uint8_t *data;
	size_t len;

	while (cmsg_next(&it, &level, &type, &data, &len) > 0)
		if (level == IPPROTO_IP && type == IP_TTL && len == sizeof(ttl))
			memcpy(&ttl, data, sizeof(ttl));
	return ttl;
}

/*
 * The reply of *len* bytes at *icmp* as a raw socket shows it; the IP header goes to *ip*. Returns the header's length.
 */
static size_t dress(struct inet_sock *i, const struct msghdr *h, uint8_t *icmp, size_t len, struct iphdr *ip)
{
	const struct sockaddr_in *from = h->msg_name;

	if (len >= 8)
		memcpy(icmp + 4, &i->ping_id, sizeof(i->ping_id));
	if (i->sock.family != AF_INET)
		return 0;
	if (len >= 8) {
		uint16_t sum;

		memset(icmp + 2, 0, 2);
		sum = checksum(icmp, len);
		memcpy(icmp + 2, &sum, sizeof(sum));
	}
	*ip = (struct iphdr){.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(sizeof(*ip) + len)),
		.protocol = IPPROTO_ICMP,
		.ttl = (uint8_t)ttl_of(h),
		.saddr = from->sin_addr.s_addr};
	ip->check = checksum((const uint8_t *)ip, sizeof(*ip));
	return sizeof(*ip);
}

static bool filtered(const struct inet_sock *i, const uint8_t *icmp, size_t len)
{
	return len && i->icmp_filter[icmp[0] >> 5] >> (icmp[0] & 31) & 1;
}

/* Hand header and reply to the guest. */
static ssize_t put_reply(struct net_msg *m, const void *ip, size_t ip_len, const uint8_t *icmp, size_t len, int flags)
{
	size_t all = ip_len + len, room = m->uio->left;
	ssize_t n = 0;

	if (room < all)
		m->flags |= MSG_TRUNC;
	if (ip_len)
		n = uio_put(m->uio, ip, ip_len < room ? ip_len : room);
	if (n >= 0 && m->uio->left && len)
		n = uio_put(m->uio, icmp, len < m->uio->left ? len : m->uio->left);
	if (n < 0)
		return n;
	return (ssize_t)(flags & MSG_TRUNC || room > all ? all : room);
}

ssize_t ping_recv(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct inet_sock *i = inet_of(s);
	uint8_t control[CONTROL_MAX] __attribute__((aligned(8))), *buf;
	struct sockaddr_storage name;
	struct iphdr ip;
	struct iovec iov;
	struct msghdr h;
	ssize_t n;
	bool drop;

	if (flags & MSG_ERRQUEUE)
		return inet_recv(t, s, m, flags);
	buf = malloc(PING_MAX);
	if (!buf)
		return -ENOMEM;
	iov = (struct iovec){.iov_base = buf, .iov_len = PING_MAX};
	do {
		h = (struct msghdr){.msg_name = &name,
			.msg_namelen = sizeof(name),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		memset(&name, 0, sizeof(name));
		n = host_recvmsg(i->fd, &h, flags & MSG_PEEK);
		drop = n >= 0 && filtered(i, buf, (size_t)n);
		if (drop && (flags & MSG_PEEK))
			host_recvmsg(i->fd, &h, 0);
	} while (drop);
	if (n >= 0) {
		size_t len = (size_t)n;

		if (m->addr) {
			m->addr->len = h.msg_namelen < sizeof(name) ? h.msg_namelen : sizeof(name);
			memcpy(&m->addr->ss, &name, m->addr->len);
		}
		inet_control_in(&h, m);
		n = put_reply(m, &ip, dress(i, &h, buf, len, &ip), buf, len, flags);
	}
	free(buf);
	return n;
}

/* ICMP_FILTER, ICMP6_FILTER: a bit for each type that is not wanted. */
int ping_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len)
{
	struct inet_sock *i = inet_of(s);
	size_t size = s->family == AF_INET ? sizeof(uint32_t) : sizeof(i->icmp_filter);

	if (level != (s->family == AF_INET ? SOL_RAW_ : IPPROTO_ICMPV6) || name != 1)
		return inet_setsockopt(t, s, level, name, val, len);
	if (len < sizeof(uint32_t))
		return -EINVAL;
	memcpy(i->icmp_filter, val, len < size ? len : size);
	return 0;
}
