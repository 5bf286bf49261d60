/* SPDX-License-Identifier: MIT */
/* SOL_SOCKET for the families that the sentry implements itself (unix, netlink): remembered, with Linux's bounds. */
#include "net/netns.h"
#include "net/socket.h"

#include <string.h>

#define WMEM_MAX 212992
#define SNDBUF_MIN 4608
#define RCVBUF_MIN 2304

int sockopt_put(void *val, uint32_t *len, const void *data, size_t size)
{
	if (*len > size)
		*len = (uint32_t)size;
	memcpy(val, data, *len);
	return 0;
}

int sockopt_put_int(void *val, uint32_t *len, int v)
{
	return sockopt_put(val, len, &v, sizeof(v));
}

int sockopt_int(const void *val, uint32_t len, int *ret)
{
	if (len < sizeof(*ret))
		return -EINVAL;
	memcpy(ret, val, sizeof(*ret));
	return 0;
}

/* The flag of *name* that is 0 or 1, or NULL. */
static _Atomic int *soft_flag(struct socket_soft *o, int name)
{
	switch (name) {
	case SO_REUSEADDR:
		return &o->reuseaddr;
	case SO_REUSEPORT:
		return &o->reuseport;
	case SO_KEEPALIVE:
		return &o->keepalive;
	case SO_BROADCAST:
		return &o->broadcast;
	case SO_OOBINLINE:
		return &o->oobinline;
	case SO_DONTROUTE:
		return &o->dontroute;
	case SO_PASSCRED:
		return &o->passcred;
	case SO_TIMESTAMP:
		return &o->timestamp;
	default:
		return NULL;
	}
}

static int clamp_buf(int v, int min)
{
	unsigned u = (unsigned)v;

	if (u > WMEM_MAX)
		u = WMEM_MAX;
	return (int)u * 2 < min ? min : (int)u * 2;
}

static int set_linger(struct socket_soft *o, const void *val, uint32_t len)
{
	struct linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, val, sizeof(l));
	o->linger_on = l.l_onoff != 0;
	if (l.l_onoff)
		o->linger_s = l.l_linger;
	return 0;
}

int soft_setsockopt(struct task *t, struct socket *s, int name, const void *val, uint32_t len)
{
	struct socket_soft *o = &s->soft;
	_Atomic int *flag = soft_flag(o, name);
	int v, err = sockopt_int(val, len, &v);

	if (err)
		return err;
	if (flag) {
		*flag = v != 0;
		return 0;
	}
	switch (name) {
	case SO_SNDBUFFORCE: /* the bound stands all the same: it is the sentry's memory */
	case SO_SNDBUF:
		if (name == SO_SNDBUFFORCE && !net_capable(t, CAP_NET_ADMIN))
			return -EPERM;
		o->sndbuf = clamp_buf(v, SNDBUF_MIN);
		wait_queue_wake(&s->waiters, EPOLLOUT | EPOLLWRNORM);
		return 0;
	case SO_RCVBUFFORCE:
	case SO_RCVBUF:
		if (name == SO_RCVBUFFORCE && !net_capable(t, CAP_NET_ADMIN))
			return -EPERM;
		o->rcvbuf = clamp_buf(v, RCVBUF_MIN);
		return 0;
	case SO_LINGER:
		return set_linger(o, val, len);
	case SO_RCVLOWAT:
		o->rcvlowat = v < 0 ? INT32_MAX : v ? v : 1;
		return 0;
	case SO_PRIORITY:
		if ((v < 0 || v > 6) && !net_capable(t, CAP_NET_ADMIN))
			return -EPERM;
		o->priority = v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int soft_getsockopt(struct task *t, struct socket *s, int name, void *val, uint32_t *len)
{
	struct socket_soft *o = &s->soft;
	_Atomic int *flag = soft_flag(o, name);
	struct linger l = {.l_onoff = o->linger_on, .l_linger = o->linger_s};

	if (flag)
		return sockopt_put_int(val, len, *flag);
	switch (name) {
	case SO_ERROR:
		return sockopt_put_int(val, len, atomic_exchange(&o->err, 0));
	case SO_SNDBUF:
		return sockopt_put_int(val, len, o->sndbuf);
	case SO_RCVBUF:
		return sockopt_put_int(val, len, o->rcvbuf);
	case SO_LINGER:
		return sockopt_put(val, len, &l, sizeof(l));
	case SO_RCVLOWAT:
		return sockopt_put_int(val, len, o->rcvlowat);
	case SO_SNDLOWAT:
		return sockopt_put_int(val, len, 1);
	case SO_PRIORITY:
		return sockopt_put_int(val, len, o->priority);
	case SO_ACCEPTCONN:
	case SO_DEBUG:
	case SO_BSDCOMPAT:
	case SO_NO_CHECK:
		return sockopt_put_int(val, len, 0);
	default:
		return -ENOPROTOOPT;
	}
}
