/* SPDX-License-Identifier: MIT */
/*
 * Options of internet sockets that are handed to the host. What is not in the table is ENOPROTOOPT: above all packet
 * filters (programs for the host kernel), upper-layer protocols, raw headers, zero copy.
 */
#include "net/inet_sock.h"

#include "host/socket.h"

#include <linux/in6.h>
#include <linux/tcp.h>
#include <string.h>

#define GET 1
#define SET 2
#define PRIVILEGED 4 /* setting needs a capability on the host, which the sentry never has: EPERM */

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

struct sockopt_kind {
	int level, name;
	uint32_t max; /* bytes */
	unsigned how;
};

static const struct sockopt_kind options[] = {
	{SOL_SOCKET, SO_REUSEADDR, 4, GET | SET},
	{SOL_SOCKET, SO_REUSEPORT, 4, GET | SET},
	{SOL_SOCKET, SO_KEEPALIVE, 4, GET | SET},
	{SOL_SOCKET, SO_BROADCAST, 4, GET | SET},
	{SOL_SOCKET, SO_DONTROUTE, 4, GET | SET},
	{SOL_SOCKET, SO_OOBINLINE, 4, GET | SET},
	{SOL_SOCKET, SO_LINGER, 8, GET | SET},
	{SOL_SOCKET, SO_SNDBUF, 4, GET | SET},
	{SOL_SOCKET, SO_RCVBUF, 4, GET | SET},
	{SOL_SOCKET, SO_RCVLOWAT, 4, GET | SET},
	{SOL_SOCKET, SO_SNDLOWAT, 4, GET},
	{SOL_SOCKET, SO_PRIORITY, 4, GET | SET},
	{SOL_SOCKET, SO_ERROR, 4, GET},
	{SOL_SOCKET, SO_ACCEPTCONN, 4, GET},
	{SOL_SOCKET, SO_TIMESTAMP_OLD, 4, GET | SET},
	{SOL_SOCKET, SO_TIMESTAMPNS_OLD, 4, GET | SET},
	{SOL_SOCKET, SO_TIMESTAMP_NEW, 4, GET | SET},
	{SOL_SOCKET, SO_TIMESTAMPNS_NEW, 4, GET | SET},
	{SOL_SOCKET, SO_RXQ_OVFL, 4, GET | SET},
	{SOL_SOCKET, SO_INCOMING_CPU, 4, GET},
	{SOL_SOCKET, SO_COOKIE, 8, GET},
	{SOL_SOCKET, SO_PEERCRED, 12, GET},
	{SOL_SOCKET, SO_PASSCRED, 4, GET},
	{SOL_SOCKET, SO_MARK, 4, GET},
	{SOL_SOCKET, SO_BINDTODEVICE, 16, GET | SET},
	{SOL_SOCKET, SO_SNDBUFFORCE, 4, PRIVILEGED},
	{SOL_SOCKET, SO_RCVBUFFORCE, 4, PRIVILEGED},
	{SOL_SOCKET, SO_MARK, 4, PRIVILEGED},
	{SOL_SOCKET, SO_DEBUG, 4, GET},
	{SOL_SOCKET, SO_DEBUG, 4, PRIVILEGED},
	{SOL_SOCKET, SO_BSDCOMPAT, 4, GET},
	{SOL_SOCKET, SO_NO_CHECK, 4, GET | SET},
	{IPPROTO_TCP, TCP_NODELAY, 4, GET | SET},
	{IPPROTO_TCP, TCP_MAXSEG, 4, GET | SET},
	{IPPROTO_TCP, TCP_CORK, 4, GET | SET},
	{IPPROTO_TCP, TCP_KEEPIDLE, 4, GET | SET},
	{IPPROTO_TCP, TCP_KEEPINTVL, 4, GET | SET},
	{IPPROTO_TCP, TCP_KEEPCNT, 4, GET | SET},
	{IPPROTO_TCP, TCP_SYNCNT, 4, GET | SET},
	{IPPROTO_TCP, TCP_LINGER2, 4, GET | SET},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, 4, GET | SET},
	{IPPROTO_TCP, TCP_WINDOW_CLAMP, 4, GET | SET},
	{IPPROTO_TCP, TCP_INFO, 256, GET},
	{IPPROTO_TCP, TCP_QUICKACK, 4, GET | SET},
	{IPPROTO_TCP, TCP_CONGESTION, 16, GET | SET},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, 4, GET | SET},
	{IPPROTO_TCP, TCP_FASTOPEN, 4, GET | SET},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4, GET | SET},
	{IPPROTO_TCP, TCP_TIMESTAMP, 4, GET},
	{IPPROTO_TCP, TCP_REPAIR, 4, PRIVILEGED},
	{IPPROTO_IP, IP_TOS, 4, GET | SET},
	{IPPROTO_IP, IP_TTL, 4, GET | SET},
	{IPPROTO_IP, IP_OPTIONS, 40, GET},
	{IPPROTO_IP, IP_PKTINFO, 4, GET | SET},
	{IPPROTO_IP, IP_MTU_DISCOVER, 4, GET | SET},
	{IPPROTO_IP, IP_MTU, 4, GET},
	{IPPROTO_IP, IP_RECVERR, 4, GET | SET},
	{IPPROTO_IP, IP_RECVTTL, 4, GET | SET},
	{IPPROTO_IP, IP_RECVTOS, 4, GET | SET},
	{IPPROTO_IP, IP_FREEBIND, 4, GET | SET},
	{IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 4, GET | SET},
	{IPPROTO_IP, IP_MINTTL, 4, GET | SET},
	{IPPROTO_IP, IP_UNICAST_IF, 4, GET | SET},
	{IPPROTO_IP, IP_MULTICAST_IF, 12, GET | SET},
	{IPPROTO_IP, IP_MULTICAST_TTL, 4, GET | SET},
	{IPPROTO_IP, IP_MULTICAST_LOOP, 4, GET | SET},
	{IPPROTO_IP, IP_MULTICAST_ALL, 4, GET | SET},
	{IPPROTO_IP, IP_ADD_MEMBERSHIP, 12, SET},
	{IPPROTO_IP, IP_DROP_MEMBERSHIP, 12, SET},
	{IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, 12, SET},
	{IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, 12, SET},
	{IPPROTO_IP, MCAST_JOIN_GROUP, 136, SET},
	{IPPROTO_IP, MCAST_LEAVE_GROUP, 136, SET},
	{IPPROTO_IP, IP_TRANSPARENT, 4, PRIVILEGED},
	{IPPROTO_IPV6, IPV6_V6ONLY, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_2292PKTINFO, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_2292HOPLIMIT, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_MULTICAST_IF, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_JOIN_GROUP, 20, SET},
	{IPPROTO_IPV6, IPV6_LEAVE_GROUP, 20, SET},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_MTU, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_RECVERR, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_TCLASS, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_DONTFRAG, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_UNICAST_IF, 4, GET | SET},
	{IPPROTO_IPV6, IPV6_MULTICAST_ALL, 4, GET | SET},
	{IPPROTO_IPV6, MCAST_JOIN_GROUP, 136, SET},
	{IPPROTO_IPV6, MCAST_LEAVE_GROUP, 136, SET},
};

static const struct sockopt_kind *find(int level, int name, unsigned how)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name && (options[i].how & how))
			return &options[i];
	return NULL;
}

int inet_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len)
{
	const struct sockopt_kind *o = find(level, name, SET | PRIVILEGED);
	int err;

	if (!o)
		return -ENOPROTOOPT;
	if (o->how & PRIVILEGED)
		return -EPERM;
	err = host_setsockopt(inet_of(s)->fd, level, name, val, len < o->max ? len : o->max);
	inet_ready_forget(inet_of(s));
	if ((level == SOL_SOCKET && name == SO_SNDBUF) || (level == IPPROTO_TCP && name == TCP_NOTSENT_LOWAT))
		inet_of(s)->ready_hard = true;
	if (!err && level == SOL_SOCKET && name == SO_LINGER && len >= sizeof(struct linger)) {
		struct linger l;

		memcpy(&l, val, sizeof(l));
		s->soft.linger_on = l.l_onoff != 0;
	}
	return err;
}

int inet_getsockopt(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len)
{
	const struct sockopt_kind *o = find(level, name, GET);
	int err;

	if (!o)
		return -ENOPROTOOPT;
	if (*len > o->max)
		*len = o->max;
	err = host_getsockopt(inet_of(s)->fd, level, name, val, len);
	if (level == SOL_SOCKET && name == SO_ERROR)
		inet_ready_forget(inet_of(s)); /* the error is gone */
	return err;
}
