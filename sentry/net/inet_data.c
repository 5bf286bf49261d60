/* SPDX-License-Identifier: MIT */
/*
 * Data of internet sockets: through a buffer of the sentry, on the stack where it is small. Control messages are taken
 * apart and put together again, both ways, and only known kinds pass.
 */
#include "net/inet_sock.h"
#include "net/netns.h"

#include "host/socket.h"
#include "kernel/report.h"

#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BUF 2048u
#define STREAM_CHUNK 65536u
#define DGRAM_MAX 65535u /* no datagram of IP is larger */
#define CONTROL_MAX 512u

#define SEND_FLAGS (MSG_OOB | MSG_DONTROUTE | MSG_EOR | MSG_CONFIRM | MSG_MORE)
#define RECV_FLAGS (MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE)

int inet_check_addr(const struct net_addr *addr)
{
	if (addr->len < sizeof(sa_family_t))
		return -EINVAL;
	switch (addr->sa.sa_family) {
	case AF_UNSPEC:
	case AF_INET:
	case AF_INET6:
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

struct cmsg_kind {
	int level, type;
	uint32_t min, max; /* of the data */
	bool send, recv;
};

static const struct cmsg_kind kinds[] = {
	{IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo), sizeof(struct in_pktinfo), true, true},
	{IPPROTO_IP, IP_TTL, 4, 4, true, true},
	{IPPROTO_IP, IP_TOS, 1, 4, true, true},
	{IPPROTO_IP, IP_RECVERR, sizeof(struct sock_extended_err), 64, false, true},
	{IPPROTO_IP, IP_RECVFRAGSIZE, 4, 4, false, true},
	{IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo), sizeof(struct in6_pktinfo), true, true},
	{IPPROTO_IPV6, IPV6_HOPLIMIT, 4, 4, true, true},
	{IPPROTO_IPV6, IPV6_2292PKTINFO, sizeof(struct in6_pktinfo), sizeof(struct in6_pktinfo), false, true},
	{IPPROTO_IPV6, IPV6_2292HOPLIMIT, 4, 4, false, true},
	{IPPROTO_IPV6, IPV6_TCLASS, 4, 4, true, true},
	{IPPROTO_IPV6, IPV6_DONTFRAG, 4, 4, true, false},
	{IPPROTO_IPV6, IPV6_RECVERR, sizeof(struct sock_extended_err), 64, false, true},
	{SOL_SOCKET, SO_TIMESTAMP_OLD, 16, 16, false, true},
	{SOL_SOCKET, SO_TIMESTAMPNS_OLD, 16, 16, false, true},
	{SOL_SOCKET, SO_TIMESTAMP_NEW, 16, 16, false, true},
	{SOL_SOCKET, SO_TIMESTAMPNS_NEW, 16, 16, false, true},
	{SOL_SOCKET, SO_RXQ_OVFL, 4, 4, false, true},
};

static const struct cmsg_kind *kind_of(int level, int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].level == level && kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

/* The guest's control data, rebuilt for the host in *buf*. Returns its length. */
static ssize_t control_out(const struct net_msg *m, uint8_t *buf, size_t size)
{
	struct cmsg_iter it = {.buf = m->control, .len = m->control_len};
	struct cmsg_sink sink = {.buf = buf, .cap = size};
	const uint8_t *data;
	int level, type, err;
	size_t len;

	while ((err = cmsg_next(&it, &level, &type, &data, &len)) > 0) {
		const struct cmsg_kind *kind = kind_of(level, type);

		/* As Linux: descriptors and credentials mean nothing here, and are no error. */
		if (level == SOL_SOCKET && (type == SCM_RIGHTS || type == SCM_CREDENTIALS))
			continue;
		if (!kind || !kind->send || len < kind->min || len > kind->max)
			return -EINVAL;
		cmsg_put(&sink, level, type, data, len);
		if (sink.flags & MSG_CTRUNC)
			return -ENOBUFS;
	}
	return err ? err : (ssize_t)sink.used;
}

void inet_control_in(const struct msghdr *h, struct net_msg *m)
{
	struct cmsg_iter it = {.buf = h->msg_control, .len = h->msg_controllen};
	const uint8_t *data;
	int level, type;
	size_t len;

	if (!m->sink) {
		if (h->msg_controllen)
			m->flags |= MSG_CTRUNC;
		return;
	}
	while (cmsg_next(&it, &level, &type, &data, &len) > 0) {
		const struct cmsg_kind *kind = kind_of(level, type);

		if (kind && kind->recv && len >= kind->min && len <= kind->max)
			cmsg_put(m->sink, level, type, data, len);
	}
}

/* The buffer for *size* bytes: *stack* of STACK_BUF bytes, or malloc'ed. */
static uint8_t *get_buf(uint8_t *stack, size_t size)
{
	return size <= STACK_BUF ? stack : malloc(size);
}

static void put_buf(const uint8_t *stack, uint8_t *buf)
{
	if (buf != stack)
		free(buf);
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static ssize_t send_piece(
	struct inet_sock *i, struct net_msg *m, struct msghdr *h, struct iovec *iov, size_t len, int flags)
{
	ssize_t n = len ? uio_take(m->uio, iov->iov_base, len) : 0, sent;
	uint64_t mark;

	if (n < 0)
		return n;
	if (i->sock.type != SOCK_STREAM && (size_t)n < len)
		return -EFAULT;
	iov->iov_len = (size_t)n;
	mark = inet_ready_mark(i);
	sent = host_sendmsg(i->fd, h, flags);
	inet_ready_sent(i, mark, (size_t)n, sent);
	if (sent < n)
		uio_rewind(m->uio, (size_t)(n - (sent < 0 ? 0 : sent)));
	return sent;
}

static ssize_t send_pieces(
	struct inet_sock *i, struct net_msg *m, struct msghdr *h, struct iovec *iov, size_t size, int flags)
{
	ssize_t total = 0, n;

	do {
		size_t len = m->uio->left < size ? m->uio->left : size;

		n = send_piece(i, m, h, iov, len, flags);
		if (n < 0)
			return total ? total : n;
		total += n;
		h->msg_controllen = 0;
		if ((size_t)n < len)
			break;
	} while (i->sock.type == SOCK_STREAM && m->uio->left);
	return total;
}

/* A datagram went out, or not: to whom. */
static void report_sent(struct kernel *k, struct inet_sock *i, const struct net_msg *m, ssize_t n)
{
	struct sockaddr_storage peer;
	uint32_t len = sizeof(peer);

	if (m->addr && m->addr->len)
		report_contact(k, false, &m->addr->sa, m->addr->len, n < 0 ? (int)n : 0);
	else if (host_getname(i->fd, true, &peer, &len) == 0)
		report_contact(k, false, (struct sockaddr *)&peer, len, n < 0 ? (int)n : 0);
}

ssize_t inet_send(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct inet_sock *i = inet_of(s);
	size_t max = s->type == SOCK_STREAM ? STREAM_CHUNK : DGRAM_MAX;
	uint8_t stack[STACK_BUF], *buf;
	uint8_t control[CONTROL_MAX] __attribute__((aligned(8)));
	struct iovec iov;
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
	ssize_t n;

	if (netns_isolated(s->net_ns) && m->addr && m->addr->len)
		return -ENETUNREACH;
	if (flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	if (m->addr && m->addr->len) {
		n = inet_check_addr(m->addr);
		if (n)
			return n;
		h.msg_name = &m->addr->ss;
		h.msg_namelen = m->addr->len;
	}
	if (s->type != SOCK_STREAM && m->uio->left > max)
		return -EMSGSIZE;
	n = control_out(m, control, sizeof(control));
	if (n < 0)
		return n;
	h.msg_controllen = (size_t)n;
	if (m->uio->left < max)
		max = m->uio->left;
	buf = get_buf(stack, max);
	if (!buf)
		return -ENOMEM;
	iov.iov_base = buf;
	n = send_pieces(i, m, &h, &iov, max, flags & SEND_FLAGS);
	put_buf(stack, buf);
	if (t->kernel->report && s->type != SOCK_STREAM)
		report_sent(t->kernel, i, m, n);
	return n;
}

/* --- receiving --------------------------------------------------------------------------------------------------- */

/* One host call; bytes as the guest is told. */
static ssize_t recv_piece(struct inet_sock *i, struct net_msg *m, struct iovec *iov, int flags)
{
	uint8_t control[CONTROL_MAX] __attribute__((aligned(8)));
	struct sockaddr_storage name;
	struct msghdr h = {.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	uint64_t mark = inet_ready_mark(i);
	ssize_t n = host_recvmsg(i->fd, &h, flags), put = 0;
	size_t have;

	if (flags & MSG_OOB)
		i->ready_hard = true;
	if (flags & (MSG_OOB | MSG_ERRQUEUE) || (n >= 0 && i->sock.type != SOCK_STREAM))
		inet_ready_forget(i);
	else if (!(flags & MSG_PEEK))
		inet_ready_received(i, mark, iov->iov_len, n);
	if (n < 0)
		return n;
	have = (size_t)n < iov->iov_len ? (size_t)n : iov->iov_len;
	/* TCP with MSG_TRUNC discards: nothing is in the buffer. */
	if (i->sock.type == SOCK_STREAM && (flags & MSG_TRUNC))
		have = 0;
	if (have)
		put = uio_put(m->uio, iov->iov_base, have);
	if (put < 0)
		return put;
	if (i->sock.kernel->report && i->sock.type == SOCK_DGRAM && !(flags & MSG_ERRQUEUE))
		report_datagram(i->sock.kernel, (struct sockaddr *)&name, h.msg_namelen < sizeof(name) ? h.msg_namelen : sizeof(name),
				iov->iov_base, have);
	if (m->addr) {
		m->addr->len = h.msg_namelen < sizeof(name) ? h.msg_namelen : sizeof(name);
		memcpy(&m->addr->ss, &name, m->addr->len);
	}
	m->flags |= h.msg_flags & (MSG_TRUNC | MSG_EOR | MSG_OOB | MSG_ERRQUEUE | MSG_CTRUNC);
	inet_control_in(&h, m);
	return (size_t)put < have ? put : n;
}

ssize_t inet_recv(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct inet_sock *i = inet_of(s);
	size_t max = s->type == SOCK_STREAM ? STREAM_CHUNK : DGRAM_MAX;
	bool once = s->type != SOCK_STREAM || (flags & RECV_FLAGS);
	uint8_t stack[STACK_BUF];
	struct iovec iov;
	ssize_t total = 0, n;
	uint8_t *buf;

	if (m->uio->left < max)
		max = m->uio->left;
	buf = get_buf(stack, max);
	if (!buf)
		return -ENOMEM;
	do {
		iov = (struct iovec){.iov_base = buf, .iov_len = max < m->uio->left ? max : m->uio->left};
		n = recv_piece(i, m, &iov, flags & RECV_FLAGS);
		if (n > 0)
			total += n;
	} while (!once && n > 0 && (size_t)n == iov.iov_len && m->uio->left);
	put_buf(stack, buf);
	return total > 0 ? total : n;
}
