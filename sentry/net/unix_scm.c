/* SPDX-License-Identifier: MIT */
/*
 * What travels beside the data of unix sockets: descriptors and credentials.
 *
 * A file in a message is *in flight*. A socket whose every reference is a message in flight, held by queues that nobody
 * can read any more, would live for ever; unix_collect() finds such sockets: it counts, for each candidate (all
 * references are in flight), the references that come from the queues of candidates. What is left over comes from
 * outside and is alive, and so is all that it reaches. The rest is garbage.
 *
 * Files of dead messages are put from one loop (unix_drain), not from within each other's release: a guest can nest
 * sockets in sockets as deep as it likes.
 */
#include "kernel/pid_ns.h"
#include "net/unix.h"

#include <stdlib.h>
#include <string.h>

static int parse_rights(struct task *t, const uint8_t *data, size_t len, struct unix_rights **r)
{
	size_t n = len / sizeof(int);

	if (n == 0)
		return 0;
	if (n > UNIX_FD_MAX || (*r && (*r)->n + n > UNIX_FD_MAX))
		return -EINVAL;
	if (!*r) {
		*r = calloc(1, sizeof(**r));
		if (!*r)
			return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		struct file *f;
		int fd;

		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		f = fd_get_path(t, fd);
		if (!f)
			return -EBADF;
		(*r)->files[(*r)->n++] = f;
	}
	return 0;
}

/* unix(7): a sender may claim its own ids, or any with the capability. */
static int parse_creds(struct task *t, const uint8_t *data, size_t len, struct unix_creds *creds)
{
	const struct cred *c = t->cred;
	struct thread_group *tg;
	uint32_t kuid, kgid;
	struct ucred u;
	int pid;

	if (len != sizeof(u))
		return -EINVAL;
	memcpy(&u, data, sizeof(u));
	kuid = make_kuid(c->user_ns, u.uid);
	kgid = make_kgid(c->user_ns, u.gid);
	if (kuid == ID_INVALID || kgid == ID_INVALID)
		return -EINVAL;
	if (u.pid != tg_vnr(t, t->tg) && !ns_capable(t, t->tg->pid_ns->head.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (kuid != c->uid && kuid != c->euid && kuid != c->suid && !ns_capable(t, c->user_ns, CAP_SETUID))
		return -EPERM;
	if (kgid != c->gid && kgid != c->egid && kgid != c->sgid && !ns_capable(t, c->user_ns, CAP_SETGID))
		return -EPERM;
	pid = pid_from_vnr(t, u.pid);
	if (pid != t->tg->pid) {
		tg = tg_find(t->kernel, pid);
		if (!tg)
			return -ESRCH;
		tg_put(tg);
	}
	*creds = (struct unix_creds){.pid = pid, .uid = kuid, .gid = kgid, .set = true};
	return 0;
}

static int parse_one(struct task *t, int level, int type, const uint8_t *data, size_t len, struct unix_scm *scm)
{
	if (level != SOL_SOCKET)
		return 0;
	switch (type) {
	case SCM_RIGHTS:
		return parse_rights(t, data, len, &scm->rights);
	case SCM_CREDENTIALS:
		return parse_creds(t, data, len, &scm->creds);
	default:
		return -EINVAL;
	}
}

int unix_scm_parse(struct task *t, const struct net_msg *m, struct unix_scm *scm)
{
	struct cmsg_iter it = {.buf = m->control, .len = m->control_len};
	const uint8_t *data;
	int level, type, err;
	size_t len;

	*scm = (struct unix_scm){0};
	if (!m->control_len || !t)
		return 0;
	while ((err = cmsg_next(&it, &level, &type, &data, &len)) > 0) {
		err = parse_one(t, level, type, data, len, scm);
		if (err)
			break;
	}
	if (err) {
		unix_rights_free(scm->rights);
		scm->rights = NULL;
	}
	return err;
}

void unix_rights_free(struct unix_rights *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n; i++)
		file_put(r->files[i]);
	free(r);
}

/* --- accounting -------------------------------------------------------------------------------------------------- */

static struct unix_sock *unix_of_file(const struct file *f)
{
	struct socket *s = socket_of_file(f);

	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

int unix_flight_add(struct unix_sock *to, struct unix_rights *r)
{
	struct net_state *net = to->net;

	LOCK_SCOPE(&net->flight_lock);
	if (net->n_flight + r->n > UNIX_FLIGHT_MAX)
		return -ETOOMANYREFS;
	net->n_flight += r->n;
	list_add_tail(&r->link, &to->flight_in);
	for (unsigned i = 0; i < r->n; i++) {
		struct unix_sock *u = unix_of_file(r->files[i]);

		if (u && u->n_flight++ == 0) {
			list_add_tail(&u->flight_link, &net->flight);
			net->n_flight_socks++;
		}
	}
	return 0;
}

/* flight_lock held. */
static void flight_del(struct net_state *net, struct unix_rights *r)
{
	net->n_flight -= r->n;
	list_del(&r->link);
	for (unsigned i = 0; i < r->n; i++) {
		struct unix_sock *u = unix_of_file(r->files[i]);

		if (u && --u->n_flight == 0) {
			list_del(&u->flight_link);
			net->n_flight_socks--;
		}
	}
}

void unix_flight_retire(struct net_state *net, struct unix_skb *skb)
{
	LOCK_SCOPE(&net->flight_lock);
	if (!skb->rights) /* the collector was first */
		return;
	flight_del(net, skb->rights);
	list_add_tail(&skb->rights->link, &net->doomed);
	skb->rights = NULL;
}

void unix_drain(struct net_state *net)
{
	lock_acquire(&net->flight_lock);
	if (net->draining) { /* by a caller of ours, or another thread, which takes what was added too */
		lock_release(&net->flight_lock);
		return;
	}
	net->draining = true;
	while (!list_empty(&net->doomed)) {
		struct unix_rights *r = list_first(&net->doomed, struct unix_rights, link);

		list_del(&r->link);
		lock_release(&net->flight_lock);
		unix_rights_free(r);
		lock_acquire(&net->flight_lock);
	}
	net->draining = false;
	lock_release(&net->flight_lock);
}

/* --- delivery ---------------------------------------------------------------------------------------------------- */

void unix_deliver_creds(struct task *t, struct unix_sock *u, struct net_msg *m, const struct unix_skb *skb)
{
	struct ucred c = {
		.pid = pid_vnr(t, skb->creds.pid),
		.uid = show_kuid(t->cred->user_ns, skb->creds.uid),
		.gid = show_kgid(t->cred->user_ns, skb->creds.gid),
	};
	int64_t now = kernel_now_real();
	struct timeval tv = {.tv_sec = now / 1000000000, .tv_usec = now % 1000000000 / 1000};

	if (!m->sink)
		return;
	if (!skb->creds.set)
		c = (struct ucred){.pid = 0, .uid = UNIX_OVERFLOW_ID, .gid = UNIX_OVERFLOW_ID};
	if (u->sock.soft.timestamp)
		cmsg_put(m->sink, SOL_SOCKET, SCM_TIMESTAMP, &tv, sizeof(tv));
	if (u->sock.soft.passcred)
		cmsg_put(m->sink, SOL_SOCKET, SCM_CREDENTIALS, &c, sizeof(c));
}

/*
 * References to the files of *skb* for a receiver, in *files*; their number. Under flight_lock: a message may be looked at
 * (MSG_PEEK) while the collector, which counted its socket's references before the reader came by one, takes its files; and the
 * collector's counts stand only as long as nobody takes references out of the queues.
 */
static unsigned rights_get(struct net_state *net, struct unix_skb *skb, struct file *files[UNIX_FD_MAX])
{
	struct unix_rights *r;

	LOCK_SCOPE(&net->flight_lock);
	r = skb->rights;
	if (!r)
		return 0;
	for (unsigned i = 0; i < r->n; i++) {
		files[i] = r->files[i];
		file_get(files[i]);
	}
	return r->n;
}

/* Takes over the references of *files*. */
static unsigned install_rights(struct task *t, struct cmsg_sink *sink, struct file **files, unsigned n_files, bool cloexec)
{
	size_t room = cmsg_room_ints(sink);
	int fds[UNIX_FD_MAX];
	unsigned n = 0;

	for (; n < n_files && n < room; n++) {
		fds[n] = fd_install(t, files[n], cloexec, 0);
		if (fds[n] < 0)
			break;
	}
	for (unsigned i = n; i < n_files; i++)
		file_put(files[i]);
	if (n)
		cmsg_put(sink, SOL_SOCKET, SCM_RIGHTS, fds, n * sizeof(int));
	return n;
}

void unix_deliver_rights(struct task *t, struct unix_sock *u, struct net_msg *m, struct unix_skb *skb, int flags)
{
	struct file *files[UNIX_FD_MAX];
	unsigned n;

	if (!skb->rights)
		return;
	if (!m->sink || !t) {
		m->flags |= MSG_CTRUNC;
	} else {
		n = rights_get(u->net, skb, files);
		if (install_rights(t, m->sink, files, n, flags & MSG_CMSG_CLOEXEC) < n)
			m->flags |= MSG_CTRUNC;
	}
	m->stop = true;
	if (flags & MSG_PEEK)
		return;
	unix_flight_retire(u->net, skb);
}

/* --- collection -------------------------------------------------------------------------------------------------- */

/* All of it under flight_lock. */
typedef void (*child_fn)(struct unix_sock *u, void *arg);

static void for_rights(struct unix_sock *u, child_fn fn, void *arg)
{
	struct unix_rights *r;

	list_for_each_entry(r, &u->flight_in, link) {
		for (unsigned i = 0; i < r->n; i++) {
			struct unix_sock *c = unix_of_file(r->files[i]);

			if (c)
				fn(c, arg);
		}
	}
}

/* Call fn for each unix socket that *u* keeps alive by messages to it, and to its connections not accepted yet. */
static void for_children(struct unix_sock *u, child_fn fn, void *arg)
{
	struct unix_sock *e;

	list_for_each_entry(e, &u->embryos, embryo_link)
		for_rights(e, fn, arg);
	for_rights(u, fn, arg);
}

static void count_child(struct unix_sock *c, void *arg)
{
	if (c->gc_candidate)
		c->gc_left--;
}

/* Reached from outside: alive, and what it holds is to be walked (arg: the list for that). */
static void rescue_child(struct unix_sock *c, void *arg)
{
	struct list_head *todo = arg;

	if (!c->gc_candidate)
		return;
	c->gc_candidate = false;
	list_del(&c->flight_link);
	list_add_tail(&c->flight_link, todo);
}

static void mark_candidates(struct net_state *net)
{
	struct unix_sock *u;

	list_for_each_entry(u, &net->flight, flight_link) {
		struct file *f = u->sock.file;

		u->gc_candidate = f && refs_read(&f->refs) == (int)u->n_flight;
		u->gc_left = u->n_flight;
	}
	list_for_each_entry(u, &net->flight, flight_link)
		if (u->gc_candidate)
			for_children(u, count_child, NULL);
}

static void rescue(struct net_state *net)
{
	struct list_head todo, done;
	struct unix_sock *u, *tmp;

	list_init(&todo);
	list_init(&done);
	list_for_each_entry_safe(u, tmp, &net->flight, flight_link)
		if (u->gc_candidate && u->gc_left > 0)
			rescue_child(u, &todo);
	while (!list_empty(&todo)) {
		u = list_first(&todo, struct unix_sock, flight_link);
		list_del(&u->flight_link);
		list_add_tail(&u->flight_link, &done);
		for_children(u, rescue_child, &todo);
	}
	list_splice_tail(&done, &net->flight);
}

/*
 * Take the files of all messages to *u*, which nobody will ever receive. The messages themselves go when the socket
 * does.
 */
static void doom(struct unix_sock *u, struct list_head *garbage)
{
	struct unix_rights *r;

	list_for_each_entry(r, &u->flight_in, link)
		r->skb->rights = NULL;
	list_splice_tail(&u->flight_in, garbage);
}

static void doom_garbage(struct net_state *net)
{
	struct list_head garbage;
	struct unix_sock *u, *e;
	struct unix_rights *r;

	list_init(&garbage);
	list_for_each_entry(u, &net->flight, flight_link) {
		if (!u->gc_candidate)
			continue;
		doom(u, &garbage);
		list_for_each_entry(e, &u->embryos, embryo_link)
			doom(e, &garbage);
	}
	/* Accounts come last: they change the list that was walked. */
	while (!list_empty(&garbage)) {
		r = list_first(&garbage, struct unix_rights, link);
		flight_del(net, r);
		list_add_tail(&r->link, &net->doomed);
	}
}

void unix_collect_some(struct net_state *net)
{
	bool now;

	lock_acquire(&net->flight_lock);
	now = ++net->n_released > net->n_flight_socks / 16;
	lock_release(&net->flight_lock);
	if (now)
		unix_collect(net);
}

void unix_collect(struct net_state *net)
{
	lock_acquire(&net->flight_lock);
	net->n_released = 0;
	if (!list_empty(&net->flight)) {
		mark_candidates(net);
		rescue(net);
		doom_garbage(net);
	}
	lock_release(&net->flight_lock);
	unix_drain(net);
}
