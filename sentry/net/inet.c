/* SPDX-License-Identifier: MIT */
/*
 * Internet sockets. The guest's socket is a host socket in the sandbox's own network namespace: addresses, ports,
 * routing and TCP are the host kernel's there, and nothing of the user's is in it. The sentry keeps what it may ask for
 * on lists: kinds here, options in inet_opt.c, control messages and flags in inet_data.c, ioctls in netdev.c.
 */
#include "net/inet_sock.h"

#include "host/socket.h"
#include "kernel/report.h"
#include "net/net.h"
#include "net/netns.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define SIOCOUTQNSD_ 0x894B

static const struct socket_ops inet_ops, ping_ops;

static int check_kind(struct task *t, int family, int type, int *protocol)
{
	switch (type) {
	case SOCK_STREAM:
		if (*protocol == 0)
			*protocol = IPPROTO_TCP;
		return *protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
	case SOCK_DGRAM:
		if (*protocol == 0)
			*protocol = IPPROTO_UDP;
		if (*protocol == IPPROTO_UDP || *protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
			return 0;
		return -EPROTONOSUPPORT;
	case SOCK_RAW: /* for ping alone */
		if (*protocol != (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
			return *protocol ? -EPERM : -EPROTONOSUPPORT;
		return net_capable(t, CAP_NET_RAW) ? 0 : -EPERM;
	default:
		return -ESOCKTNOSUPPORT;
	}
}

/* Wrap a host socket; *fd* is taken over, also on failure. */
static int inet_wrap(struct kernel *k, int fd, int family, int type, int protocol, struct socket **ret)
{
	struct net_state *net = k->net;
	struct inet_sock *i;
	int err = atomic_fetch_add(&net->n_inet, 1) < net->max_inet ? kernel_charge(k, sizeof(*i)) : -ENFILE;

	if (err) {
		net->n_inet--;
		host_sock_close(fd);
		return err;
	}
	i = calloc(1, sizeof(*i));
	if (i) {
		socket_init(&i->sock, k, type == SOCK_RAW ? &ping_ops : &inet_ops, family, type, protocol);
		i->fd = i->event.fd = fd;
		i->event.fn = inet_ready_event;
		i->event.lazy = i->sock.waiters.lazy = true;
		i->ready_hard = type == SOCK_RAW;
		i->sock.ino = host_sock_ino(fd);
		err = type == SOCK_RAW ? ping_enable(i) : 0;
		if (!err)
			err = host_loop_add(k->loop, &i->event);
	}
	if (!i || err) {
		net->n_inet--;
		host_sock_close(fd);
		kernel_uncharge(k, sizeof(*i));
		free(i);
		return i ? err : -ENOMEM;
	}
	*ret = &i->sock;
	return 0;
}

/* The range of groups that /proc/sys/net/ipv4/ping_group_range tells. */
static bool may_ping(struct task *t)
{
	uint64_t range = atomic_load(&t->kernel->net->ping_range);
	uint32_t low = (uint32_t)(range >> 32), high = (uint32_t)range;

	if (t->cred->egid >= low && t->cred->egid <= high)
		return true;
	for (uint32_t i = 0; i < t->cred->n_groups; i++)
		if (t->cred->groups[i] >= low && t->cred->groups[i] <= high)
			return true;
	return false;
}

int inet_create(struct task *t, int family, int type, int protocol, struct socket **ret)
{
	struct kernel *k = t->kernel;
	int err, fd;

	if (!k->net->inet)
		return -EAFNOSUPPORT;
	err = check_kind(t, family, type, &protocol);
	if (err)
		return err;
	if (type == SOCK_DGRAM && protocol != IPPROTO_UDP && !may_ping(t))
		return -EACCES;
	fd = host_socket(family, type == SOCK_RAW ? SOCK_DGRAM : type, protocol);
	if (fd == -EACCES && type == SOCK_RAW)
		return -EPERM;
	return fd < 0 ? fd : inet_wrap(k, fd, family, type, protocol, ret);
}

/* A closing socket with SO_LINGER may keep the host call for that long. */
static void inet_release(struct socket *s)
{
	struct inet_sock *i = inet_of(s);

	host_loop_remove(&i->event);
	if (s->soft.linger_on)
		platform_host_block_begin(s->kernel->platform);
	host_sock_close(i->fd);
	if (s->soft.linger_on)
		platform_host_block_end(s->kernel->platform);
	i->fd = -1;
	s->kernel->net->n_inet--;
}

static void inet_free(struct socket *s)
{
	kernel_uncharge(s->kernel, sizeof(struct inet_sock));
	free(inet_of(s));
}

static uint16_t port_of(const struct net_addr *addr)
{
	return addr->sa.sa_family == AF_INET    ? ntohs(addr->in.sin_port)
	       : addr->sa.sa_family == AF_INET6 ? ntohs(addr->in6.sin6_port)
						: 0;
}

/* Ports that are root's; the host has its own idea of them in its own namespace. */
static bool may_bind(struct task *t, const struct socket *s, const struct net_addr *addr)
{
	uint16_t port = port_of(addr);

	return !port || port >= atomic_load_explicit(&t->kernel->net->port_start, memory_order_relaxed) || s->protocol == IPPROTO_ICMP ||
	       s->protocol == IPPROTO_ICMPV6 || net_capable(t, CAP_NET_BIND_SERVICE);
}

/* In the host's network the sentry is anybody; what the configuration lets the guest's root do there is done for it. */
static int bind_low(struct task *t, struct socket *s, const struct net_addr *addr)
{
	struct net_state *net = s->kernel->net;
	int err;

	if (net->ports_fd < 0 || (s->protocol != IPPROTO_TCP && s->protocol != IPPROTO_UDP) || !net_capable(t, CAP_NET_BIND_SERVICE))
		return -EACCES;
	platform_host_block_begin(s->kernel->platform);
	lock_acquire(&net->ports_lock);
	err = host_bind_by(net->ports_fd, inet_of(s)->fd, &addr->ss, addr->len);
	lock_release(&net->ports_lock);
	platform_host_block_end(s->kernel->platform);
	return err;
}

static int inet_bind(struct task *t, struct socket *s, const struct net_addr *addr)
{
	int err = inet_check_addr(addr);

	if (!err && netns_isolated(s->net_ns))
		err = -EADDRNOTAVAIL; /* loopback is not spoken there, docs/sockets.md */
	if (!err && !may_bind(t, s, addr))
		err = -EACCES;
	if (err)
		return err;
	err = host_bind(inet_of(s)->fd, &addr->ss, addr->len);
	return err == -EACCES && port_of(addr) ? bind_low(t, s, addr) : err;
}

/*
 * A host connect() that is repeated while one is under way tells how it went: EALREADY, 0 once when it is made, or the
 * error, after which the socket may be used again: just what a guest that is interrupted and restarted must see.
 */
static int do_connect(struct task *t, struct socket *s, const struct net_addr *addr, bool nonblock)
{
	struct inet_sock *i = inet_of(s);
	struct socket_wait w;
	int err = inet_check_addr(addr), slept;

	if (!err && netns_isolated(s->net_ns) && addr->sa.sa_family != AF_UNSPEC)
		err = -ENETUNREACH;
	if (err)
		return err;
	err = host_connect(i->fd, &addr->ss, addr->len);
	inet_ready_forget(i);
	if ((err != -EINPROGRESS && err != -EALREADY) || nonblock)
		return err;
	socket_wait_init(&w, t, EPOLLOUT, s->sndtimeo_ns, false);
	for (;;) {
		slept = socket_wait_on(&w, &s->waiters);
		if (slept) {
			err = slept == -EAGAIN ? -EINPROGRESS : slept;
			break;
		}
		err = host_connect(i->fd, &addr->ss, addr->len);
		inet_ready_forget(i);
		if (err != -EINPROGRESS && err != -EALREADY)
			break;
	}
	socket_wait_done(&w);
	return err;
}

static int inet_connect(struct task *t, struct socket *s, const struct net_addr *addr, bool nonblock)
{
	int err = do_connect(t, s, addr, nonblock);

	/* Connecting a datagram socket sends nothing. */
	if (t->kernel->report && s->type == SOCK_STREAM)
		report_contact(t->kernel, true, &addr->sa, addr->len, err);
	return err;
}

static int inet_listen(struct task *t, struct socket *s, int backlog)
{
	int err = netns_isolated(s->net_ns) ? -EADDRNOTAVAIL : host_listen(inet_of(s)->fd, backlog);

	inet_ready_forget(inet_of(s));
	return err;
}

static int inet_accept(struct task *t, struct socket *s, struct socket **ret)
{
	uint64_t mark = inet_ready_mark(inet_of(s));
	int fd = host_accept(inet_of(s)->fd);

	inet_ready_received(inet_of(s), mark, 1, fd < 0 ? fd : 1);
	return fd < 0 ? fd : inet_wrap(s->kernel, fd, s->family, s->type, s->protocol, ret);
}

static int inet_getname(struct socket *s, bool peer, struct net_addr *ret)
{
	uint32_t len = sizeof(ret->ss);
	int err = host_getname(inet_of(s)->fd, peer, &ret->ss, &len);

	if (!err)
		ret->len = len;
	return err;
}

static int inet_shutdown(struct socket *s, int how)
{
	int err = host_shutdown(inet_of(s)->fd, how);

	inet_ready_forget(inet_of(s));
	return err;
}

static int64_t inet_ioctl(struct task *t, struct socket *s, uint32_t cmd, uint64_t arg)
{
	int v = 0, err;

	switch (cmd) {
	case SIOCINQ:
	case SIOCOUTQ:
	case SIOCOUTQNSD_:
	case SIOCATMARK:
		err = host_sock_ioctl(inet_of(s)->fd, cmd, &v);
		return err < 0 ? err : copy_out(t, arg, &v, sizeof(v));
	default:
		return netdev_ioctl(t, s, s->family, cmd, arg);
	}
}

#define COMMON_OPS                                                                                                     \
	.bind = inet_bind, .connect = inet_connect, .getname = inet_getname, .shutdown = inet_shutdown,                \
	.poll = inet_poll, .getsockopt = inet_getsockopt, .ioctl = inet_ioctl, .release = inet_release,                \
	.free = inet_free

static const struct socket_ops inet_ops = {
	COMMON_OPS,
	.listen = inet_listen,
	.accept = inet_accept,
	.send = inet_send,
	.recv = inet_recv,
	.setsockopt = inet_setsockopt,
};

static const struct socket_ops ping_ops = {
	COMMON_OPS,
	.send = ping_send,
	.recv = ping_recv,
	.setsockopt = ping_setsockopt,
};
