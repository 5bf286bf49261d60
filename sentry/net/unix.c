/* SPDX-License-Identifier: MIT */
/* Unix sockets: creation, connections, readiness, options, closing. */
#include "kernel/pid_ns.h"
#include "net/unix.h"

#include "net/inet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>

#define SOMAXCONN_LIMIT 4096 /* net.core.somaxconn */

static const struct socket_ops stream_ops, dgram_ops, seqpacket_ops;

static bool connection_based(const struct unix_sock *u)
{
	return u->sock.type != SOCK_DGRAM;
}

/* Under the peer's room.lock: our connected peer takes datagrams again. */
static void relay_notify(struct waiter *w, uint32_t events)
{
	struct unix_sock *u = container_of(w, struct unix_sock, relay);

	wait_queue_wake(&u->sock.waiters, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

static int unix_alloc(struct kernel *k, int type, struct unix_sock **ret)
{
	const struct socket_ops *ops = type == SOCK_STREAM  ? &stream_ops
				       : type == SOCK_DGRAM ? &dgram_ops
							    : &seqpacket_ops;
	struct unix_sock *u;
	int err = kernel_charge(k, sizeof(*u));

	if (err)
		return err;
	u = calloc(1, sizeof(*u));
	if (!u) {
		kernel_uncharge(k, sizeof(*u));
		return -ENOMEM;
	}
	socket_init(&u->sock, k, ops, AF_UNIX, type, 0);
	u->net = k->net;
	lock_init(&u->io_lock, RANK_SOCKET_IO);
	lock_init(&u->lock, RANK_SOCKET);
	list_init(&u->queue);
	list_init(&u->embryos);
	list_init(&u->embryo_link);
	list_init(&u->name_link);
	list_init(&u->flight_link);
	list_init(&u->flight_in);
	list_init(&u->relay.link);
	u->relay.notify = relay_notify;
	u->relay.mask = EPOLLOUT;
	lock_acquire(&u->net->names_lock);
	list_add_tail(&u->all_link, &u->net->unix_all);
	lock_release(&u->net->names_lock);
	*ret = u;
	return 0;
}

static void unix_free(struct socket *s)
{
	struct unix_sock *u = unix_of(s);

	unix_name_put(u->name);
	if (u->peer_cred)
		cred_put(u->peer_cred);
	lock_destroy(&u->io_lock);
	lock_destroy(&u->lock);
	kernel_uncharge(s->kernel, sizeof(*u));
	free(u);
}

static int check_type(int *type, int protocol)
{
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW)
		*type = SOCK_DGRAM;
	return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET ? 0 : -ESOCKTNOSUPPORT;
}

int unix_create(struct task *t, int type, int protocol, struct socket **ret)
{
	struct unix_sock *u;
	int err = check_type(&type, protocol);

	if (!err)
		err = unix_alloc(t->kernel, type, &u);
	if (!err)
		*ret = &u->sock;
	return err;
}

static void set_peer_cred(struct unix_sock *u, struct cred *c, int pid)
{
	cred_get(c);
	if (u->peer_cred)
		cred_put(u->peer_cred);
	u->peer_cred = c;
	u->peer_pid = pid;
}

/* Both are private to the caller, or locked. Takes a reference of each for the other. */
static void make_peers(struct unix_sock *a, struct unix_sock *b)
{
	unix_get(a);
	unix_get(b);
	a->peer = b;
	b->peer = a;
	a->state = b->state = UNIX_CONNECTED;
}

int unix_create_pair(struct task *t, int type, int protocol, struct socket *ret[2])
{
	struct unix_sock *a, *b;
	int err = check_type(&type, protocol);

	if (!err)
		err = unix_alloc(t->kernel, type, &a);
	if (err)
		return err;
	err = unix_alloc(t->kernel, type, &b);
	if (err) {
		unix_unbind(a);
		unix_put(a);
		return err;
	}
	set_peer_cred(a, t->cred, t->tg->pid);
	set_peer_cred(b, t->cred, t->tg->pid);
	make_peers(a, b);
	ret[0] = &a->sock;
	ret[1] = &b->sock;
	return 0;
}

/* --- closing ----------------------------------------------------------------------------------------------------- */

static void peer_closed(struct unix_sock *peer, struct unix_sock *u, bool reset)
{
	lock_acquire(&peer->lock);
	if (peer->peer == u) {
		peer->shut = 3;
		if (reset)
			peer->sock.soft.err = ECONNRESET;
	}
	lock_release(&peer->lock);
	wait_queue_wake(&peer->sock.waiters,
		EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLRDHUP | EPOLLHUP | (reset ? EPOLLERR : 0));
}

static void release(struct unix_sock *u, bool embryo)
{
	struct list_head queue, embryos;
	struct unix_sock *peer;
	bool unread;

	unix_unbind(u);
	list_init(&queue);
	list_init(&embryos);
	lock_acquire(&u->lock);
	u->dead = true;
	u->state = UNIX_CLOSED;
	u->shut = 3;
	peer = u->peer;
	u->peer = NULL;
	wait_queue_remove(&u->relay);
	unread = !list_empty(&u->queue);
	list_splice_tail(&u->queue, &queue);
	u->n_queue = u->n_embryos = 0;
	u->bytes = 0;
	lock_acquire(&u->net->flight_lock);
	list_splice_tail(&u->embryos, &embryos);
	lock_release(&u->net->flight_lock);
	lock_release(&u->lock);

	if (peer && connection_based(u))
		peer_closed(peer, u, unread || embryo);
	unix_put(peer);
	unix_purge(&queue);
	wait_queue_wake(&u->sock.room, EPOLLOUT | EPOLLWRNORM);
	while (!list_empty(&embryos)) {
		struct unix_sock *e = list_first(&embryos, struct unix_sock, embryo_link);

		list_del(&e->embryo_link);
		release(e, true);
		unix_put(e);
	}
}

static void unix_release(struct socket *s)
{
	struct unix_sock *u = unix_of(s);

	release(u, false);
	unix_collect_some(u->net);
}

static int unix_shutdown(struct socket *s, int how)
{
	struct unix_sock *u = unix_of(s), *peer = NULL;
	int mode = how + 1, theirs = (mode & 1 ? 2 : 0) | (mode & 2 ? 1 : 0);

	lock_acquire(&u->lock);
	u->shut |= mode;
	if (connection_based(u) && u->peer) {
		peer = u->peer;
		unix_get(peer);
	}
	lock_release(&u->lock);
	wait_queue_wake(
		&s->waiters, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLRDHUP | (mode == 3 ? EPOLLHUP : 0));
	if (!peer)
		return 0;
	lock_acquire(&peer->lock);
	peer->shut |= theirs;
	mode = peer->shut;
	lock_release(&peer->lock);
	wait_queue_wake(&peer->sock.waiters, EPOLLOUT | EPOLLWRNORM |
						     (mode & 1 ? EPOLLIN | EPOLLRDNORM | EPOLLRDHUP : 0) |
						     (mode == 3 ? EPOLLHUP : 0));
	unix_put(peer);
	return 0;
}

/* --- connecting -------------------------------------------------------------------------------------------------- */

static int unix_listen(struct task *t, struct socket *s, int backlog)
{
	struct unix_sock *u = unix_of(s);

	lock_acquire(&u->lock);
	if (!u->name || (u->state != UNIX_CLOSED && u->state != UNIX_LISTEN)) {
		lock_release(&u->lock);
		return -EINVAL;
	}
	u->backlog = (unsigned)backlog > SOMAXCONN_LIMIT ? SOMAXCONN_LIMIT : (unsigned)backlog;
	u->state = UNIX_LISTEN;
	set_peer_cred(u, t->cred, t->tg->pid);
	lock_release(&u->lock);
	wait_queue_wake(&s->room, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

/* Both locks held: tie *u* to *e*, a new socket that waits in *l* to be accepted. */
static void join(struct task *t, struct unix_sock *u, struct unix_sock *l, struct unix_sock *e)
{
	make_peers(u, e);
	set_peer_cred(e, t->cred, t->tg->pid);
	set_peer_cred(u, l->peer_cred, l->peer_pid);
	e->name = unix_name_get(l->name);
	e->sock.soft.passcred = l->sock.soft.passcred;
	lock_acquire(&l->net->flight_lock);
	list_add_tail(&e->embryo_link, &l->embryos);
	lock_release(&l->net->flight_lock);
	l->n_embryos++;
}

static int try_join(struct task *t, struct unix_sock *u, struct unix_sock *l, struct unix_sock *e)
{
	int err = 0;

	lock_two(&u->lock, &l->lock);
	if (l->state != UNIX_LISTEN || (l->shut & 1))
		err = -ECONNREFUSED;
	else if (l->n_embryos > l->backlog)
		err = -EAGAIN;
	else if (u->state == UNIX_CONNECTED)
		err = -EISCONN;
	else if (u->state != UNIX_CLOSED)
		err = -EINVAL;
	else
		join(t, u, l, e);
	unlock_two(&u->lock, &l->lock);
	if (!err)
		wait_queue_wake(&l->sock.waiters, EPOLLIN | EPOLLRDNORM);
	return err;
}

static int connect_loop(
	struct task *t, struct unix_sock *u, const struct net_addr *addr, struct unix_sock *e, bool nonblock)
{
	struct unix_sock *l, *waited = NULL;
	struct socket_wait w;
	int err;

	socket_wait_init(&w, t, EPOLLOUT, u->sock.sndtimeo_ns, nonblock);
	for (;;) {
		err = unix_find(t, addr, u->sock.type, &l);
		if (err)
			break;
		err = try_join(t, u, l, e);
		if (err == -EAGAIN)
			err = socket_wait_on(&w, &l->sock.room);
		else
			nonblock = true; /* decided */
		unix_put(waited);
		waited = l;
		if (err || nonblock)
			break;
	}
	socket_wait_done(&w);
	unix_put(waited);
	return err;
}

static int unix_stream_connect(struct task *t, struct socket *s, const struct net_addr *addr, bool nonblock)
{
	struct unix_sock *u = unix_of(s), *e;
	int err = 0;

	if (s->soft.passcred && !u->name)
		err = unix_autobind(u);
	if (!err)
		err = unix_alloc(s->kernel, s->type, &e);
	if (err)
		return err;
	err = connect_loop(t, u, addr, e, nonblock);
	if (err) {
		unix_unbind(e);
		unix_put(e);
	}
	return err;
}

static int unix_accept(struct task *t, struct socket *s, struct socket **ret)
{
	struct unix_sock *u = unix_of(s), *e;

	lock_acquire(&u->lock);
	if (u->state != UNIX_LISTEN || list_empty(&u->embryos)) {
		int err = u->state != UNIX_LISTEN || (u->shut & 1) ? -EINVAL : -EAGAIN;

		lock_release(&u->lock);
		return err;
	}
	e = list_first(&u->embryos, struct unix_sock, embryo_link);
	lock_acquire(&u->net->flight_lock);
	list_del(&e->embryo_link);
	lock_release(&u->net->flight_lock);
	u->n_embryos--;
	lock_release(&u->lock);
	wait_queue_wake(&s->room, EPOLLOUT | EPOLLWRNORM);
	*ret = &e->sock;
	return 0;
}

/* A datagram socket leaves its peer: what came from it is void. */
static void dgram_left(struct unix_sock *u, struct unix_sock *old)
{
	struct list_head queue;
	bool reset = false;

	list_init(&queue);
	lock_acquire(&u->io_lock); /* no reader stands at the head of the queue */
	lock_two(&u->lock, &old->lock);
	if (!list_empty(&u->queue)) {
		list_splice_tail(&u->queue, &queue);
		u->n_queue = 0;
		u->bytes = 0;
		reset = !old->dead && old->peer == u;
		if (reset)
			old->sock.soft.err = ECONNRESET;
	}
	unlock_two(&u->lock, &old->lock);
	lock_release(&u->io_lock);
	unix_purge(&queue);
	wait_queue_wake(&u->sock.room, EPOLLOUT | EPOLLWRNORM);
	if (reset)
		wait_queue_wake(&old->sock.waiters, EPOLLERR);
}

static int unix_dgram_connect(struct task *t, struct socket *s, const struct net_addr *addr, bool nonblock)
{
	struct unix_sock *u = unix_of(s), *to = NULL, *old;
	int err = 0;

	if (addr->len < sizeof(sa_family_t))
		return -EINVAL;
	if (addr->sa.sa_family != AF_UNSPEC) {
		err = unix_find(t, addr, SOCK_DGRAM, &to);
		if (!err && s->soft.passcred && !u->name)
			err = unix_autobind(u);
		if (err) {
			unix_put(to);
			return err;
		}
	}
	if (to)
		lock_two(&u->lock, &to->lock);
	else
		lock_acquire(&u->lock);
	old = u->peer;
	if (to && to->peer && to->peer != u) {
		err = -EPERM;
		old = to;
	} else {
		wait_queue_remove(&u->relay);
		u->peer = to;
		if (to)
			wait_queue_add(&to->sock.room, &u->relay);
	}
	if (to)
		unlock_two(&u->lock, &to->lock);
	else
		lock_release(&u->lock);
	if (!err && old && old != to)
		dgram_left(u, old);
	unix_put(old);
	return err;
}

/* --- names, readiness -------------------------------------------------------------------------------------------- */

static int unix_getname(struct socket *s, bool peer, struct net_addr *ret)
{
	struct unix_sock *u = unix_of(s), *of = u;

	lock_acquire(&u->lock);
	if (peer) {
		of = u->peer;
		if (!of) {
			lock_release(&u->lock);
			return -ENOTCONN;
		}
	}
	unix_get(of);
	lock_release(&u->lock);
	lock_acquire(&of->lock);
	if (of->name) {
		memcpy(&ret->ss, &of->name->un, of->name->len);
		ret->len = of->name->len;
	} else {
		ret->sa.sa_family = AF_UNIX;
		ret->len = sizeof(sa_family_t);
	}
	lock_release(&of->lock);
	unix_put(of);
	return 0;
}

/* u->lock held; the peer's queue is looked at without its lock: a hint, followed by a wake-up. */
static bool may_write(struct unix_sock *u)
{
	if (u->state == UNIX_LISTEN || !unix_writable(u))
		return false;
	return u->sock.type != SOCK_DGRAM || !u->peer || u->peer == u || !unix_dgram_full(u, u->peer);
}

static uint32_t unix_poll(struct socket *s)
{
	struct unix_sock *u = unix_of(s);
	uint32_t ev = 0;

	LOCK_SCOPE(&u->lock);
	if (s->soft.err)
		ev |= EPOLLERR;
	if (u->shut == 3)
		ev |= EPOLLHUP;
	if (u->shut & 1)
		ev |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (!list_empty(&u->queue) || !list_empty(&u->embryos))
		ev |= EPOLLIN | EPOLLRDNORM;
	if (connection_based(u) && u->state == UNIX_CLOSED)
		ev |= EPOLLHUP;
	if (may_write(u))
		ev |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return ev;
}

/* --- options ----------------------------------------------------------------------------------------------------- */

static int peer_groups(struct unix_sock *u, void *val, uint32_t *len)
{
	const struct cred *c = u->peer_cred;
	uint32_t need;

	if (!c)
		return -ENODATA;
	need = c->n_groups * (uint32_t)sizeof(uint32_t);
	if (*len < need) {
		*len = need;
		return -ERANGE;
	}
	if (need)
		memcpy(val, c->groups, need);
	*len = need;
	return 0;
}

static int unix_getsockopt(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len)
{
	struct unix_sock *u = unix_of(s);
	struct ucred c = {.pid = 0, .uid = UINT32_MAX, .gid = UINT32_MAX};

	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	LOCK_SCOPE(&u->lock);
	switch (name) {
	case SO_PEERCRED:
		if (u->peer_cred)
			c = (struct ucred){
				.pid = pid_vnr(t, u->peer_pid),
				.uid = show_kuid(t->cred->user_ns, u->peer_cred->euid),
				.gid = show_kgid(t->cred->user_ns, u->peer_cred->egid),
			};
		return sockopt_put(val, len, &c, sizeof(c));
	case SO_PEERGROUPS:
		return peer_groups(u, val, len);
	case SO_ACCEPTCONN:
		return sockopt_put_int(val, len, u->state == UNIX_LISTEN);
	default:
		return soft_getsockopt(t, s, name, val, len);
	}
}

static int unix_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len)
{
	return level == SOL_SOCKET ? soft_setsockopt(t, s, name, val, len) : -EOPNOTSUPP;
}

static int64_t unix_ioctl(struct task *t, struct socket *s, uint32_t cmd, uint64_t arg)
{
	struct unix_sock *u = unix_of(s);
	int v;

	switch (cmd) {
	case SIOCINQ:
		lock_acquire(&u->lock);
		v = (int)u->bytes;
		if (u->state == UNIX_LISTEN)
			v = -EINVAL;
		else if (s->type == SOCK_DGRAM)
			v = list_empty(&u->queue) ? 0 : (int)list_first(&u->queue, struct unix_skb, link)->len;
		lock_release(&u->lock);
		return v < 0 ? v : copy_out(t, arg, &v, sizeof(v));
	case SIOCOUTQ:
		v = (int)u->wmem;
		return copy_out(t, arg, &v, sizeof(v));
	default:
		return netdev_ioctl(t, s, AF_UNIX, cmd, arg);
	}
}

#define COMMON_OPS                                                                                                     \
	.bind = unix_bind, .getname = unix_getname, .shutdown = unix_shutdown, .poll = unix_poll,                      \
	.setsockopt = unix_setsockopt, .getsockopt = unix_getsockopt, .ioctl = unix_ioctl, .release = unix_release,    \
	.free = unix_free

static const struct socket_ops stream_ops = {
	COMMON_OPS,
	.connect = unix_stream_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.send = unix_stream_send,
	.recv = unix_stream_recv,
};

static const struct socket_ops seqpacket_ops = {
	COMMON_OPS,
	.connect = unix_stream_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.send = unix_dgram_send,
	.recv = unix_dgram_recv,
};

static const struct socket_ops dgram_ops = {
	COMMON_OPS,
	.connect = unix_dgram_connect,
	.send = unix_dgram_send,
	.recv = unix_dgram_recv,
};
