/* SPDX-License-Identifier: MIT */
/* Sockets as open files, and the sleeping forms of what the families do without sleeping. */
#include "net/netns.h"
#include "net/socket.h"

#include "net/inet.h"
#include "net/netlink.h"
#include "net/unix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void socket_init(struct socket *s, struct kernel *k, const struct socket_ops *ops, int family, int type, int protocol)
{
	refs_init(&s->refs);
	s->ops = ops;
	s->kernel = k;
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	wait_queue_init(&s->waiters);
	wait_queue_init(&s->room);
	s->room.lock.rank = RANK_SOCKET_PEER; /* its waiters may wake s->waiters of other sockets */
	s->rcvtimeo_ns = s->sndtimeo_ns = -1;
	s->soft.sndbuf = s->soft.rcvbuf = 212992; /* net.core.wmem_default */
	s->soft.rcvlowat = 1;
	s->file = NULL;
}

void socket_get(struct socket *s)
{
	refs_get(&s->refs);
}

void socket_put(struct socket *s)
{
	struct net_ns *ns;

	if (!s || !refs_put(&s->refs))
		return;
	ns = s->net_ns;
	s->ops->free(s);
	if (ns)
		ns_put(&ns->head);
}

static void enter_ns(struct task *t, struct socket *s)
{
	s->net_ns = netns_of_task(t);
	if (s->net_ns)
		ns_get(&s->net_ns->head);
}

static int create(struct task *t, int family, int type, int protocol, struct socket **ret)
{
	int err;

	if (type < 0 || type > SOCK_PACKET)
		return -EINVAL;
	switch (family) {
	case AF_UNIX:
		return unix_create(t, type, protocol, ret);
	case AF_INET:
	case AF_INET6:
	case AF_NETLINK:
		err = net_await(t);
		if (err)
			return err;
		return family == AF_NETLINK ? netlink_create(t, type, protocol, ret) : inet_create(t, family, type, protocol, ret);
	case AF_PACKET:
		return -EPERM;
	default:
		return -EAFNOSUPPORT;
	}
}

int socket_create(struct task *t, int family, int type, int protocol, struct socket **ret)
{
	int err = create(t, family, type, protocol, ret);

	if (!err)
		enter_ns(t, *ret);
	return err;
}

int socket_create_pair(struct task *t, int family, int type, int protocol, struct socket *ret[2])
{
	struct socket *probe;
	int err;

	if (family == AF_UNIX) {
		err = unix_create_pair(t, type, protocol, ret);
		for (int i = 0; !err && i < 2; i++)
			enter_ns(t, ret[i]);
		return err;
	}
	err = socket_create(t, family, type, protocol, &probe);
	if (err)
		return err;
	probe->ops->release(probe);
	socket_put(probe);
	return -EOPNOTSUPP;
}

/* --- sleeping ---------------------------------------------------------------------------------------------------- */

void socket_wait_init(struct socket_wait *w, struct task *t, uint32_t events, int64_t timeo_ns, bool nonblock)
{
	task_waiter_init(&w->waiter, t, events | EPOLLRDHUP);
	w->task = t;
	w->nonblock = nonblock || !t;
	w->deadline_ns = timeo_ns < 0 || w->nonblock ? -1 : kernel_now_mono() + timeo_ns;
}

int socket_wait_on(struct socket_wait *w, struct wait_queue *q)
{
	int err;

	if (w->nonblock)
		return -EAGAIN;
	if (w->waiter.waiter.queue != q) {
		wait_queue_remove(&w->waiter.waiter);
		wait_queue_add(q, &w->waiter.waiter);
		return 0;
	}
	err = task_block(w->task, w->deadline_ns);
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err == -ERESTARTSYS && w->deadline_ns >= 0 ? -EINTR : err;
}

void socket_wait_done(struct socket_wait *w)
{
	wait_queue_remove(&w->waiter.waiter);
}

/* One more try of a send that may be partial: the total, and whether to go on. */
static bool send_step(struct task *t, struct socket *s, struct net_msg *m, int flags, ssize_t *total, ssize_t *res)
{
	ssize_t n = s->ops->send(t, s, m, flags);

	*res = n;
	if (n < 0)
		return false;
	*total += n;
	m->control_len = 0; /* goes with the first byte only */
	return n > 0 && s->type == SOCK_STREAM && m->uio->left > 0;
}

ssize_t socket_send(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct socket *waited = NULL;
	struct socket_wait w;
	ssize_t total = 0, res;

	if (!s->ops->send)
		return -EOPNOTSUPP;
	socket_wait_init(&w, t, EPOLLOUT, s->sndtimeo_ns, flags & MSG_DONTWAIT);
	for (;;) {
		if (send_step(t, s, m, flags, &total, &res))
			continue;
		if (res != -EAGAIN)
			break;
		res = socket_wait_on(&w, m->full ? &m->full->room : &s->waiters);
		socket_put(waited);
		waited = m->full;
		m->full = NULL;
		if (res)
			break;
	}
	socket_wait_done(&w);
	socket_put(waited);
	if (total > 0)
		return total;
	if (res == -EPIPE && s->type == SOCK_STREAM && !(flags & MSG_NOSIGNAL) && t)
		signal_kernel_task(t, SIGPIPE);
	return res;
}

ssize_t socket_recv(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	bool all = s->type == SOCK_STREAM && (flags & MSG_WAITALL) && !(flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB));
	struct socket_wait w;
	ssize_t total = 0, res;

	if (!s->ops->recv)
		return -EOPNOTSUPP;
	socket_wait_init(&w, t, EPOLLIN, s->rcvtimeo_ns, flags & (MSG_DONTWAIT | MSG_ERRQUEUE));
	for (;;) {
		res = s->ops->recv(t, s, m, flags);
		if (res > 0)
			total += res;
		if (res > 0 && all && !m->stop && m->uio->left)
			continue;
		if (res != -EAGAIN)
			break;
		res = socket_wait_on(&w, &s->waiters);
		if (res)
			break;
	}
	socket_wait_done(&w);
	return total > 0 ? total : res;
}

int socket_accept(struct task *t, struct socket *s, bool nonblock, struct socket **ret)
{
	struct socket_wait w;
	int err;

	if (!s->ops->accept)
		return -EOPNOTSUPP;
	socket_wait_init(&w, t, EPOLLIN, s->rcvtimeo_ns, nonblock);
	do {
		err = s->ops->accept(t, s, ret);
		if (err != -EAGAIN)
			break;
		err = socket_wait_on(&w, &s->waiters);
	} while (!err);
	socket_wait_done(&w);
	if (!err && s->net_ns) {
		ns_get(&s->net_ns->head);
		(*ret)->net_ns = s->net_ns;
	}
	return err;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

/* read(2) and write(2): the file layer sleeps, and sends SIGPIPE for streams. */
static ssize_t sock_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct socket *s = f->priv;
	struct net_msg m = {.uio = dst};

	if (!dst->left)
		return 0;
	return s->ops->recv ? s->ops->recv(dst->task, s, &m, f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0) : -EOPNOTSUPP;
}

static ssize_t sock_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct socket *s = f->priv;
	struct net_msg m = {.uio = src};
	ssize_t n = s->ops->send ? s->ops->send(src->task, s, &m, 0) : -EOPNOTSUPP;

	/* A full receiver of datagrams wakes its connected senders too. */
	socket_put(m.full);
	return n;
}

static uint32_t sock_poll(struct file *f, struct waiter *w)
{
	struct socket *s = f->priv;

	if (w)
		wait_queue_add(&s->waiters, w);
	return s->ops->poll(s);
}

static int64_t sock_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	struct socket *s = f->priv;

	return s->ops->ioctl ? s->ops->ioctl(t, s, cmd, arg) : -ENOTTY;
}

static void sock_release(struct file *f)
{
	struct socket *s = f->priv;

	s->file = NULL;
	s->ops->release(s);
	socket_put(s);
}

static const struct file_ops socket_file_ops = {
	.async = EPOLLIN | EPOLLOUT,
	.read = sock_read,
	.write = sock_write,
	.poll = sock_poll,
	.ioctl = sock_ioctl,
	.release = sock_release,
};

struct socket *socket_of_file(const struct file *f)
{
	return f->ops == &socket_file_ops ? f->priv : NULL;
}

int socket_file(struct socket *s, int flags, struct file **ret)
{
	struct inode *inode = inode_alloc(s->kernel->sockfs, NULL, &socket_file_ops, S_IFSOCK | 0777);
	struct path path = {0};
	struct file *f = NULL;
	char name[32];

	if (!inode)
		return -ENOMEM;
	if (s->ino)
		inode->ino = s->ino;
	snprintf(name, sizeof(name), "socket:[%llu]", (unsigned long long)inode->ino);
	path.dentry = d_alloc_anon(inode, name);
	if (path.dentry) {
		f = file_alloc(&path, inode, &socket_file_ops, O_RDWR | flags);
		dentry_put(path.dentry);
	} else {
		inode_put(inode);
	}
	if (!f)
		return -ENFILE;
	f->stream = true;
	f->write_all = s->type == SOCK_STREAM;
	f->no_sigpipe = s->type != SOCK_STREAM;
	f->rcv_timeout_ns = s->rcvtimeo_ns < 0 ? 0 : s->rcvtimeo_ns;
	f->snd_timeout_ns = s->sndtimeo_ns < 0 ? 0 : s->sndtimeo_ns;
	f->priv = s;
	s->ino = inode->ino;
	s->file = f;
	*ret = f;
	return 0;
}

/* --- options ----------------------------------------------------------------------------------------------------- */

static int set_timeout(struct socket *s, bool receive, const void *val, uint32_t len)
{
	struct file *f = s->file; /* of the descriptor the caller works on, or not there yet */
	struct timeval tv;
	int64_t ns;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, val, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if ((tv.tv_sec == 0 && tv.tv_usec == 0) || tv.tv_sec > INT64_MAX / 1000000000 / 4)
		ns = -1;
	else
		ns = tv.tv_sec < 0 ? 0 : tv.tv_sec * 1000000000 + tv.tv_usec * 1000;
	if (receive)
		s->rcvtimeo_ns = ns;
	else
		s->sndtimeo_ns = ns;
	if (f)
		*(receive ? &f->rcv_timeout_ns : &f->snd_timeout_ns) = ns < 0 ? 0 : ns ? ns : 1;
	return 0;
}

int socket_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len)
{
	/* On 64-bit the old and the new form of the time-outs have one layout. */
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_RCVTIMEO_NEW))
		return set_timeout(s, true, val, len);
	if (level == SOL_SOCKET && (name == SO_SNDTIMEO || name == SO_SNDTIMEO_NEW))
		return set_timeout(s, false, val, len);
	return s->ops->setsockopt ? s->ops->setsockopt(t, s, level, name, val, len) : -ENOPROTOOPT;
}

int socket_getsockopt(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len)
{
	struct timeval tv = {0};
	int64_t ns;

	if (level != SOL_SOCKET)
		return s->ops->getsockopt ? s->ops->getsockopt(t, s, level, name, val, len) : -ENOPROTOOPT;
	switch (name) {
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		ns = name == SO_RCVTIMEO || name == SO_RCVTIMEO_NEW ? s->rcvtimeo_ns : s->sndtimeo_ns;
		if (ns > 0)
			tv = (struct timeval){.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000};
		return sockopt_put(val, len, &tv, sizeof(tv));
	case SO_TYPE:
		return sockopt_put_int(val, len, s->type);
	case SO_DOMAIN:
		return sockopt_put_int(val, len, s->family);
	case SO_PROTOCOL:
		return sockopt_put_int(val, len, s->protocol);
	default:
		return s->ops->getsockopt ? s->ops->getsockopt(t, s, level, name, val, len) : -ENOPROTOOPT;
	}
}
