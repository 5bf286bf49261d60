/* SPDX-License-Identifier: MIT */
/*
 * Sockets: the object behind a descriptor, whatever its family. A family is a table of operations (struct socket_ops);
 * the layer above it sleeps, loops, and speaks to the guest. Operations never sleep but where they say so: they return
 * -EAGAIN, and the caller waits on the socket's queue.
 *
 * Life: the open file holds one reference; peers, messages in flight and waiters hold others. ops->release() is called
 * once, when the file is closed; ops->free() when the last reference goes.
 */
#pragma once

#include "kernel/task.h"
#include "lib/refs.h"
#include "lib/wait.h"
#include "vfs/uio.h"
#include "vfs/vfs.h"

#include <netinet/in.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

struct net_addr { /* a socket address, copied from the guest or to be copied to it */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_nl nl;
		struct sockaddr_storage ss;
	};
	uint32_t len; /* 0: no address */
};

/*
 * Control messages towards the guest, as put_cmsg() of Linux: what does not fit is cut and MSG_CTRUNC is set in
 * *flags*. cap is what the guest offered, bounded by NET_CONTROL_OUT_MAX, which no family ever fills.
 */
struct cmsg_sink {
	uint8_t *buf;
	size_t cap, used;
	int flags; /* MSG_CTRUNC */
};

#define NET_CONTROL_IN_MAX 20480 /* as net.core.optmem_max: longer control data is -ENOBUFS */
#define NET_CONTROL_OUT_MAX 4096

struct net_msg {
	struct uio *uio;
	struct net_addr *addr;	/* send: destination, NULL or len 0: none; receive: filled in, NULL: not wanted */
	const uint8_t *control; /* send: sentry memory */
	size_t control_len;
	struct cmsg_sink *sink; /* receive: NULL when the caller has no room for control data (read(2)) */
	int flags;		/* receive: MSG_TRUNC, MSG_CTRUNC, MSG_EOR … for msg_flags */
	bool stop;		/* receive: a boundary (passed descriptors): MSG_WAITALL ends here */
	/* send returned -EAGAIN: wait on the room of this socket (held) instead of one's own queue */
	struct socket *full;
};

struct net_ns;
struct socket;
struct socket_ops { /* NULL: -EOPNOTSUPP; getsockopt, setsockopt NULL: -ENOPROTOOPT; ioctl NULL: -ENOTTY */
	int (*bind)(struct task *t, struct socket *s, const struct net_addr *addr);
	/* Sleeps by itself, by the socket's send time-out, unless nonblock. */
	int (*connect)(struct task *t, struct socket *s, const struct net_addr *addr, bool nonblock);
	int (*listen)(struct task *t, struct socket *s, int backlog);
	int (*accept)(struct task *t, struct socket *s, struct socket **ret);
	int (*getname)(struct socket *s, bool peer, struct net_addr *ret);
	/*
	 * Bytes moved, which may be fewer than asked for on streams; t may be NULL (then no credentials, no
	 * descriptors).
	 */
	ssize_t (*send)(struct task *t, struct socket *s, struct net_msg *m, int flags);
	ssize_t (*recv)(struct task *t, struct socket *s, struct net_msg *m, int flags);
	int (*shutdown)(struct socket *s, int how);
	uint32_t (*poll)(struct socket *s);
	int (*setsockopt)(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len);
	/* *len: room in val on entry, bytes written on return. */
	int (*getsockopt)(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len);
	int64_t (*ioctl)(struct task *t, struct socket *s, uint32_t cmd, uint64_t arg);
	void (*release)(struct socket *s);
	void (*free)(struct socket *s);
};

/* Options of SOL_SOCKET that are only remembered for families the sentry implements itself. */
struct socket_soft {
	_Atomic int reuseaddr, reuseport, keepalive, broadcast, oobinline, dontroute, priority, timestamp, passcred;
	_Atomic int linger_on, linger_s, sndbuf, rcvbuf, rcvlowat, err;
};

struct socket {
	struct refs refs;
	const struct socket_ops *ops;
	struct kernel *kernel;
	int family, type, protocol;
	struct wait_queue waiters; /* readiness: pollers and sleepers */
	struct wait_queue room;	   /* a full queue of messages or connections has room again; rank RANK_SOCKET_PEER */
	_Atomic int64_t rcvtimeo_ns, sndtimeo_ns; /* -1: for ever */
	struct socket_soft soft;
	_Atomic(struct file *) file; /* not held; NULL before and after */
	struct net_ns *net_ns;	     /* held; an accepted one has its listener's; NULL: none */
	uint64_t ino;		     /* of the file; set before it is made where /proc/net tells another */
};

void socket_init(struct socket *s, struct kernel *k, const struct socket_ops *ops, int family, int type, int protocol);
void socket_get(struct socket *s);
void socket_put(struct socket *s);

/* socket(2), socketpair(2). type without SOCK_CLOEXEC and SOCK_NONBLOCK. */
int socket_create(struct task *t, int family, int type, int protocol, struct socket **ret);
int socket_create_pair(struct task *t, int family, int type, int protocol, struct socket *ret[2]);
/* An open file on *s* (the reference is taken over on success). flags: O_NONBLOCK. */
int socket_file(struct socket *s, int flags, struct file **ret);
/* The socket of an open file, borrowed from it; NULL: not a socket. */
struct socket *socket_of_file(const struct file *f);

/*
 * Send or receive, asleep unless flags has MSG_DONTWAIT. SIGPIPE is sent unless MSG_NOSIGNAL. Errors are -ERESTARTSYS,
 * -EINTR …
 */
ssize_t socket_send(struct task *t, struct socket *s, struct net_msg *m, int flags);
ssize_t socket_recv(struct task *t, struct socket *s, struct net_msg *m, int flags);
int socket_accept(struct task *t, struct socket *s, bool nonblock, struct socket **ret);
int socket_setsockopt(struct task *t, struct socket *s, int level, int name, const void *val, uint32_t len);
int socket_getsockopt(struct task *t, struct socket *s, int level, int name, void *val, uint32_t *len);

/* One sleep on a socket: initialise, try; on -EAGAIN call socket_wait_on() and try again while it returns 0. */
struct socket_wait {
	struct task_waiter waiter;
	struct task *task;
	int64_t deadline_ns; /* -1: none */
	bool nonblock;
};
/* timeo_ns: -1 for ever. */
void socket_wait_init(struct socket_wait *w, struct task *t, uint32_t events, int64_t timeo_ns, bool nonblock);
/* 0: try again; -EAGAIN: time is over or nonblock; -ERESTARTSYS, or -EINTR where there is a time-out (signal(7)). */
int socket_wait_on(struct socket_wait *w, struct wait_queue *q);
void socket_wait_done(struct socket_wait *w);

/* sockopt.c: SOL_SOCKET for families the sentry implements itself. */
int soft_setsockopt(struct task *t, struct socket *s, int name, const void *val, uint32_t len);
int soft_getsockopt(struct task *t, struct socket *s, int name, void *val, uint32_t *len);
/* Store an int as getsockopt(2) does: cut to *len. */
int sockopt_put(void *val, uint32_t *len, const void *data, size_t size);
int sockopt_put_int(void *val, uint32_t *len, int v);
/* An int argument; -EINVAL when shorter. */
int sockopt_int(const void *val, uint32_t len, int *ret);

/* msg.c: control messages. */
struct cmsg_iter {
	const uint8_t *buf;
	size_t len, off;
};
/* Next message: 1 with level, type, data and data length; 0 at the end; -EINVAL for lengths that lie. */
int cmsg_next(struct cmsg_iter *it, int *level, int *type, const uint8_t **data, size_t *len);
void cmsg_put(struct cmsg_sink *sink, int level, int type, const void *data, size_t len);
/* Room for n more ints in one message of the sink. */
size_t cmsg_room_ints(const struct cmsg_sink *sink);
