/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX, wholly in the sentry's memory: no host call is made for it. unix(7).
 *
 * unix_names.c: addresses; unix.c: connections, closing, options; unix_data.c: messages; unix_scm.c: descriptors and
 * credentials that travel, and the collection of sockets that only messages still reach.
 *
 * Locks: io_lock (one reader) < lock (the rest; two of them by lock_two()) < names_lock, flight_lock, room.
 */
#pragma once

#include "net/net.h"
#include "net/socket.h"

#define UNIX_FD_MAX 253		/* SCM_MAX_FD: descriptors in one message */
#define UNIX_FLIGHT_MAX 65536	/* files in flight in one sandbox: -ETOOMANYREFS */
#define UNIX_OVERFLOW_ID 65534	/* shown for credentials nobody recorded */
#define UNIX_DGRAM_QUEUE_MAX 10 /* net.unix.max_dgram_qlen */

struct unix_name { /* a bound address; immutable, shared by connections */
	struct refs refs;
	uint32_t len;
	struct sockaddr_un un;
	char nul; /* a path may fill sun_path */
};

struct unix_creds {
	int pid; /* 0 with set == false: not recorded */
	uint32_t uid, gid;
	bool set;
};

struct unix_skb;
struct unix_rights {
	struct list_head link; /* unix_sock.flight_in of the receiver, or net_state.doomed; guarded by flight_lock */
	struct unix_skb *skb;  /* that carries it; set before it is accounted as in flight */
	unsigned n;
	struct file *files[UNIX_FD_MAX];
};

struct unix_skb {		  /* a message, or a piece of a stream */
	struct list_head link;	  /* unix_sock.queue, or net_state.doomed */
	struct unix_sock *sender; /* held: accounting of its send buffer, its name */
	struct unix_creds creds;
	struct unix_rights *rights; /* NULL: none. Only the collector takes it away, and then nobody can receive */
	uint32_t len, off, truesize;
	uint8_t data[];
};

enum unix_state { UNIX_CLOSED, UNIX_LISTEN, UNIX_CONNECTED };

struct unix_sock {
	struct socket sock;
	struct net_state *net;

	struct lock io_lock; /* RANK_SOCKET_IO: one reader at a time, so that the head of the queue stays */

	struct lock lock; /* RANK_SOCKET; guards what follows */
	enum unix_state state;
	bool dead;		/* released */
	int shut;		/* SHUT bits: 1 receive, 2 send */
	struct unix_sock *peer; /* held */
	struct unix_name *name; /* held; NULL: unnamed. Set once. */
	struct list_head queue; /* struct unix_skb */
	unsigned n_queue;
	uint64_t bytes; /* unread, in the queue */
	struct list_head
		embryos; /* listening: connections not accepted yet, each held; changed under lock and flight_lock */
	struct list_head embryo_link;
	unsigned n_embryos, backlog;
	struct waiter relay;	/* datagram: tells our pollers that the connected peer has room again */
	struct cred *peer_cred; /* held; of the peer at connect, of the listener's owner at listen */
	int peer_pid;

	/* Guarded by net->names_lock. */
	struct list_head name_link; /* abstract names */
	struct list_head all_link;
	struct path path; /* held: the node this socket is bound to */

	/* Guarded by net->flight_lock. */
	struct list_head flight_link; /* net->flight, while n_flight > 0 */
	struct list_head flight_in;   /* struct unix_rights of the messages on their way to this socket */
	unsigned n_flight;	      /* how often this socket's file is in flight */
	unsigned gc_left;
	bool gc_candidate;

	_Atomic uint64_t wmem; /* bytes sent and not yet received, with overhead */
};

static inline struct unix_sock *unix_of(struct socket *s)
{
	return container_of(s, struct unix_sock, sock);
}

static inline void unix_get(struct unix_sock *u)
{
	socket_get(&u->sock);
}

static inline void unix_put(struct unix_sock *u)
{
	if (u)
		socket_put(&u->sock);
}

int unix_create(struct task *t, int type, int protocol, struct socket **ret);
int unix_create_pair(struct task *t, int type, int protocol, struct socket *ret[2]);

/* unix_names.c */
int unix_bind(struct task *t, struct socket *s, const struct net_addr *addr);
int unix_autobind(struct unix_sock *u);
/* Give up the name and leave the list of all sockets; at close. */
void unix_unbind(struct unix_sock *u);
/* The socket of that name and type, held. -ECONNREFUSED, -EPROTOTYPE, errors of the path. */
int unix_find(struct task *t, const struct net_addr *addr, int type, struct unix_sock **ret);
struct unix_name *unix_name_get(struct unix_name *n);
void unix_name_put(struct unix_name *n);

/* unix_data.c */
bool unix_writable(struct unix_sock *u);
/*
 * A datagram may not be queued to *to* by *from* now: its queue is full and they are not each other's peers. to->lock
 * held or not.
 */
bool unix_dgram_full(const struct unix_sock *from, const struct unix_sock *to);
ssize_t unix_stream_send(struct task *t, struct socket *s, struct net_msg *m, int flags);
ssize_t unix_dgram_send(struct task *t, struct socket *s, struct net_msg *m, int flags);
ssize_t unix_stream_recv(struct task *t, struct socket *s, struct net_msg *m, int flags);
ssize_t unix_dgram_recv(struct task *t, struct socket *s, struct net_msg *m, int flags);
/* Free a message that is in no queue; its files are put. No lock held. */
void unix_skb_free(struct unix_skb *skb);
void unix_purge(struct list_head *queue);

/* unix_scm.c */
struct unix_scm {
	struct unix_creds creds;
	struct unix_rights *rights;
};
/* Read the control messages of a send. On success the caller owns scm->rights. */
int unix_scm_parse(struct task *t, const struct net_msg *m, struct unix_scm *scm);
void unix_rights_free(struct unix_rights *r);
/*
 * Account for *r* as in flight to *to*, before its message is queued. -ETOOMANYREFS. And no longer: the message's files
 * are put by the next unix_drain().
 */
int unix_flight_add(struct unix_sock *to, struct unix_rights *r);
void unix_flight_retire(struct net_state *net, struct unix_skb *skb);
/* SCM_CREDENTIALS and SCM_TIMESTAMP of a message, where the receiver asked for them. */
void unix_deliver_creds(struct task *t, struct unix_sock *u, struct net_msg *m, const struct unix_skb *skb);
/*
 * Hand a message's files to the receiver: install descriptors and write SCM_RIGHTS. With MSG_PEEK the message keeps
 * them too. Sets m->stop: the caller calls unix_drain() when it has let go of its locks.
 */
void unix_deliver_rights(struct task *t, struct unix_sock *u, struct net_msg *m, struct unix_skb *skb, int flags);
void unix_collect(struct net_state *net);
/* The same, called for each closed socket: not more often than the number in flight makes worth it. */
void unix_collect_some(struct net_state *net);
/* Put the files of dead messages, without recursion. No lock held. */
void unix_drain(struct net_state *net);
