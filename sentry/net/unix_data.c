/* SPDX-License-Identifier: MIT */
/*
 * Messages of unix sockets: queues of buffers in the receiver, accounted to the sender's send buffer and the sandbox's
 * memory.
 */
#include "net/unix.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_CHUNK 32768u

bool unix_writable(struct unix_sock *u)
{
	return u->wmem * 4 <= (uint64_t)u->sock.soft.sndbuf;
}

/*
 * What Linux would account: the data in a slab of a power of two, and its descriptors of it. Small messages cost too.
 */
static uint32_t truesize_of(size_t len)
{
	uint32_t need = (uint32_t)len + 320, size = 512;

	if (need > 16384)
		return 256 + 512 + (uint32_t)((len + 4095) & ~4095ull);
	while (size < need)
		size *= 2;
	return 256 + size;
}

/* A message of *u* for *len* bytes. The caller has looked at the room in u's send buffer. */
static int skb_alloc(struct unix_sock *u, size_t len, struct unix_skb **ret)
{
	uint32_t truesize = truesize_of(len);
	struct unix_skb *skb;
	int err = kernel_charge(u->sock.kernel, truesize);

	if (err)
		return err;
	skb = malloc(sizeof(*skb) + len);
	if (!skb) {
		kernel_uncharge(u->sock.kernel, truesize);
		return -ENOMEM;
	}
	*skb = (struct unix_skb){.sender = u, .truesize = truesize, .len = (uint32_t)len};
	list_init(&skb->link);
	unix_get(u);
	u->wmem += truesize;
	*ret = skb;
	return 0;
}

/* Free all but the files in flight. */
static void skb_release(struct unix_skb *skb)
{
	struct unix_sock *u = skb->sender;

	kernel_uncharge(u->sock.kernel, skb->truesize);
	u->wmem -= skb->truesize;
	if (unix_writable(u))
		wait_queue_wake(&u->sock.waiters, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	free(skb);
	unix_put(u);
}

void unix_skb_free(struct unix_skb *skb)
{
	struct net_state *net = skb->sender->net;
	bool rights = skb->rights;

	if (rights)
		unix_flight_retire(net, skb);
	skb_release(skb);
	if (rights)
		unix_drain(net);
}

void unix_purge(struct list_head *queue)
{
	while (!list_empty(queue)) {
		struct unix_skb *skb = list_first(queue, struct unix_skb, link);

		list_del(&skb->link);
		unix_skb_free(skb);
	}
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static struct unix_sock *peer_get(struct unix_sock *u)
{
	struct unix_sock *p;

	LOCK_SCOPE(&u->lock);
	p = u->peer;
	if (p)
		unix_get(p);
	return p;
}

static void fill_creds(
	struct task *t, struct unix_sock *u, struct unix_sock *to, struct unix_skb *skb, const struct unix_scm *scm)
{
	if (scm->creds.set)
		skb->creds = scm->creds;
	else if (t && (u->sock.soft.passcred || to->sock.soft.passcred))
		skb->creds =
			(struct unix_creds){.pid = t->tg->pid, .uid = t->cred->uid, .gid = t->cred->gid, .set = true};
}

/* Queue *skb* to *to*, whose lock is held; takes over scm->rights. */
static int enqueue(struct unix_sock *to, struct unix_skb *skb, struct unix_scm *scm)
{
	int err;

	lock_assert_held(&to->lock);
	if (scm->rights) {
		scm->rights->skb = skb;
		err = unix_flight_add(to, scm->rights);
		if (err)
			return err;
		skb->rights = scm->rights;
		scm->rights = NULL;
	}
	list_add_tail(&skb->link, &to->queue);
	to->n_queue++;
	to->bytes += skb->len;
	return 0;
}

static void wake_reader(struct unix_sock *to)
{
	wait_queue_wake(&to->sock.waiters, EPOLLIN | EPOLLRDNORM);
}

/* One piece of a stream: bytes, -EAGAIN when the send buffer is full. */
static ssize_t stream_piece(
	struct task *t, struct unix_sock *u, struct unix_sock *to, struct net_msg *m, struct unix_scm *scm)
{
	uint32_t sndbuf = (uint32_t)u->sock.soft.sndbuf;
	size_t want = m->uio->left;
	struct unix_skb *skb;
	ssize_t n;
	int err;

	if (u->wmem >= sndbuf)
		return -EAGAIN;
	if (want > STREAM_CHUNK)
		want = STREAM_CHUNK;
	if (want > sndbuf / 2)
		want = sndbuf / 2;
	err = skb_alloc(u, want, &skb);
	if (err)
		return err;
	n = uio_take(m->uio, skb->data, want);
	if (n < 0) {
		skb_release(skb);
		return n;
	}
	skb->len = (uint32_t)n;
	fill_creds(t, u, to, skb, scm);

	lock_acquire(&to->lock);
	err = to->dead || (to->shut & 1) ? -EPIPE : enqueue(to, skb, scm);
	lock_release(&to->lock);
	if (err) {
		uio_rewind(m->uio, (size_t)n);
		skb_release(skb);
		return err;
	}
	wake_reader(to);
	return n;
}

static ssize_t stream_pieces(
	struct task *t, struct unix_sock *u, struct unix_sock *to, struct net_msg *m, struct unix_scm *scm)
{
	ssize_t total = 0, n;

	while (m->uio->left) {
		n = stream_piece(t, u, to, m, scm);
		if (n == -ETOOMANYREFS && !total) {
			unix_collect(u->net);
			n = stream_piece(t, u, to, m, scm);
		}
		if (n < 0)
			return total ? total : n;
		total += n;
	}
	return total;
}

ssize_t unix_stream_send(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct unix_sock *u = unix_of(s), *to;
	struct unix_scm scm;
	ssize_t res;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	res = unix_scm_parse(t, m, &scm);
	if (res)
		return res;
	to = peer_get(u);
	if (m->addr && m->addr->len)
		res = u->state == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	else if (!to)
		res = -ENOTCONN;
	else if (u->shut & 2)
		res = -EPIPE;
	else
		res = stream_pieces(t, u, to, m, &scm);
	unix_rights_free(scm.rights);
	unix_put(to);
	return res;
}

bool unix_dgram_full(const struct unix_sock *from, const struct unix_sock *to)
{
	return to->peer != from && to->n_queue > UNIX_DGRAM_QUEUE_MAX;
}

/* The connected receiver is closed: forget it. */
static void dgram_forget(struct unix_sock *u, struct unix_sock *to)
{
	bool was;

	lock_acquire(&u->lock);
	was = u->peer == to;
	if (was) {
		u->peer = NULL;
		u->state = UNIX_CLOSED;
		wait_queue_remove(&u->relay);
	}
	lock_release(&u->lock);
	if (was)
		unix_put(to);
}

/*
 * Is there no room at *to*? Asked before the message is made: freeing one that was not queued wakes the sender's own
 * queue, where the caller may sleep.
 */
static bool dgram_no_room(struct unix_sock *u, struct unix_sock *to)
{
	LOCK_SCOPE(&to->lock);
	return u != to && !to->dead && !(to->shut & 1) && (!to->peer || to->peer == u) && unix_dgram_full(u, to);
}

static int dgram_wait_for(struct net_msg *m, struct unix_sock *to)
{
	unix_get(to);
	m->full = &to->sock;
	return -EAGAIN;
}

/* to->lock held. */
static int dgram_queue(struct unix_sock *u, struct unix_sock *to, struct unix_skb *skb, struct unix_scm *scm)
{
	if (to->dead)
		return u->sock.type == SOCK_SEQPACKET ? -EPIPE : -ECONNREFUSED;
	if (u->sock.type == SOCK_DGRAM && to->peer && to->peer != u)
		return -EPERM;
	if (to->shut & 1)
		return -EPIPE;
	if (u != to && unix_dgram_full(u, to))
		return -EAGAIN;
	return enqueue(to, skb, scm);
}

static ssize_t dgram_to(
	struct task *t, struct unix_sock *u, struct unix_sock *to, struct net_msg *m, struct unix_scm *scm)
{
	struct unix_skb *skb;
	size_t len = m->uio->left;
	ssize_t n;
	int err;

	if (len + 32 > (size_t)u->sock.soft.sndbuf)
		return -EMSGSIZE;
	if (u->shut & 2)
		return -EPIPE;
	if (u->wmem >= (uint64_t)u->sock.soft.sndbuf)
		return -EAGAIN;
	if (dgram_no_room(u, to))
		return dgram_wait_for(m, to);
	err = skb_alloc(u, len, &skb);
	if (err)
		return err;
	n = len ? uio_take(m->uio, skb->data, len) : 0;
	if (n < 0 || (size_t)n < len) {
		skb_release(skb);
		return -EFAULT;
	}
	fill_creds(t, u, to, skb, scm);
	lock_acquire(&to->lock);
	err = dgram_queue(u, to, skb, scm);
	lock_release(&to->lock);
	if (!err) {
		wake_reader(to);
		return n;
	}
	uio_rewind(m->uio, len);
	skb_release(skb);
	if (err == -EAGAIN)
		return dgram_wait_for(m, to);
	if (err == -ECONNREFUSED)
		dgram_forget(u, to);
	return err;
}

static int dgram_receiver(struct task *t, struct unix_sock *u, struct net_msg *m, struct unix_sock **ret)
{
	if (u->sock.type == SOCK_SEQPACKET && u->state != UNIX_CONNECTED)
		return -ENOTCONN;
	if (u->sock.type == SOCK_DGRAM && m->addr && m->addr->len)
		return t ? unix_find(t, m->addr, SOCK_DGRAM, ret) : -EINVAL;
	*ret = peer_get(u);
	return *ret ? 0 : -ENOTCONN;
}

ssize_t unix_dgram_send(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct unix_sock *u = unix_of(s), *to;
	struct unix_scm scm;
	ssize_t res;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	res = unix_scm_parse(t, m, &scm);
	if (res)
		return res;
	res = dgram_receiver(t, u, m, &to);
	if (!res && s->soft.passcred && !u->name)
		res = unix_autobind(u);
	if (!res) {
		res = dgram_to(t, u, to, m, &scm);
		if (res == -ETOOMANYREFS) {
			unix_collect(u->net);
			res = dgram_to(t, u, to, m, &scm);
		}
		unix_put(to);
	}
	unix_rights_free(scm.rights);
	return res;
}

/* --- receiving --------------------------------------------------------------------------------------------------- */

/*
 * The first message, or the one behind *after*; the reader's lock keeps it there. NULL: none. *shut*: the sides that were
 * shut at that moment; looked at later, a message that came just before the end would be taken for none.
 */
static struct unix_skb *queue_next(struct unix_sock *u, struct unix_skb *after, int *shut)
{
	struct list_head *l;

	LOCK_SCOPE(&u->lock);
	*shut = u->shut;
	l = after ? after->link.next : u->queue.next;
	return l == &u->queue ? NULL : container_of(l, struct unix_skb, link);
}

/* What an empty queue means. */
static ssize_t nothing_there(struct unix_sock *u, int shut, int flags)
{
	int err = atomic_exchange(&u->sock.soft.err, 0);

	if (err)
		return -err;
	if (!(shut & 1))
		return -EAGAIN;
	return u->sock.type == SOCK_DGRAM && (flags & MSG_DONTWAIT) ? -EAGAIN : 0;
}

static void sender_address(const struct unix_skb *skb, struct net_msg *m)
{
	struct unix_sock *from = skb->sender;

	if (!m->addr)
		return;
	LOCK_SCOPE(&from->lock);
	m->addr->len = 0;
	if (from->name) {
		memcpy(&m->addr->ss, &from->name->un, from->name->len);
		m->addr->len = from->name->len;
	}
}

/* Unlink *skb*, which was received, and free it. */
static void consume(struct unix_sock *u, struct unix_skb *skb)
{
	bool room;

	lock_acquire(&u->lock);
	list_del(&skb->link);
	u->bytes -= skb->len - skb->off;
	u->n_queue--;
	room = u->n_queue == UNIX_DGRAM_QUEUE_MAX;
	lock_release(&u->lock);
	unix_skb_free(skb);
	if (room && u->sock.type == SOCK_DGRAM)
		wait_queue_wake(&u->sock.room, EPOLLOUT | EPOLLWRNORM);
}

static bool same_creds(const struct unix_creds *a, const struct unix_creds *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid && a->set == b->set;
}

static void advance(struct unix_sock *u, struct unix_skb *skb, size_t n)
{
	lock_acquire(&u->lock);
	skb->off += (uint32_t)n;
	u->bytes -= n;
	lock_release(&u->lock);
}

static ssize_t stream_read(struct task *t, struct unix_sock *u, struct net_msg *m, int flags)
{
	struct unix_skb *skb = NULL;
	struct unix_creds creds = {0};
	ssize_t total = 0, n;
	bool first = true;
	int shut;

	for (; first || m->uio->left; first = false) {
		skb = queue_next(u, flags & MSG_PEEK ? skb : NULL, &shut);
		if (!skb)
			return total ? total : nothing_there(u, shut, flags);
		if (!first && u->sock.soft.passcred && !same_creds(&creds, &skb->creds))
			break;
		n = skb->len - skb->off;
		if ((size_t)n > m->uio->left)
			n = (ssize_t)m->uio->left;
		n = n ? uio_put(m->uio, skb->data + skb->off, (size_t)n) : 0;
		if (n < 0)
			return total ? total : n;
		total += n;
		if (first) {
			creds = skb->creds;
			unix_deliver_creds(t, u, m, skb);
			sender_address(skb, m);
		}
		unix_deliver_rights(t, u, m, skb, flags);
		if (!(flags & MSG_PEEK)) {
			advance(u, skb, (size_t)n);
			if (skb->off < skb->len)
				break;
			consume(u, skb);
		}
		if (m->stop)
			break;
	}
	return total;
}

ssize_t unix_stream_recv(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct unix_sock *u = unix_of(s);
	ssize_t res;

	if (u->state != UNIX_CONNECTED)
		return -EINVAL;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	lock_acquire(&u->io_lock);
	res = stream_read(t, u, m, flags);
	lock_release(&u->io_lock);
	if (m->stop)
		unix_drain(u->net);
	return res;
}

static ssize_t dgram_read(struct task *t, struct unix_sock *u, struct net_msg *m, int flags)
{
	int shut;
	struct unix_skb *skb = queue_next(u, NULL, &shut);
	size_t n, len;
	ssize_t done = 0;

	if (!skb)
		return nothing_there(u, shut, flags);
	len = n = skb->len;
	if (n > m->uio->left) {
		n = m->uio->left;
		m->flags |= MSG_TRUNC;
	}
	if (n)
		done = uio_put(m->uio, skb->data, n);
	if (done < 0 || (size_t)done < n)
		return -EFAULT;
	unix_deliver_creds(t, u, m, skb);
	sender_address(skb, m);
	unix_deliver_rights(t, u, m, skb, flags);
	if (!(flags & MSG_PEEK))
		consume(u, skb);
	return (ssize_t)(flags & MSG_TRUNC ? len : n);
}

ssize_t unix_dgram_recv(struct task *t, struct socket *s, struct net_msg *m, int flags)
{
	struct unix_sock *u = unix_of(s);
	ssize_t res;

	if (s->type == SOCK_SEQPACKET && u->state != UNIX_CONNECTED)
		return -ENOTCONN;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	lock_acquire(&u->io_lock);
	res = dgram_read(t, u, m, flags);
	lock_release(&u->io_lock);
	if (m->stop)
		unix_drain(u->net);
	return res;
}
