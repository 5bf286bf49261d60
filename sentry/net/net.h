/* SPDX-License-Identifier: MIT */
/*
 * The network of one sandbox: its state, and what procfs and sysfs show of it. The interfaces are those of the network
 * namespace the sentry lives in (docs/sockets.md).
 */
#pragma once

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/wait.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kernel;
struct task;
struct net_addr;

#define UNIX_HASH_SIZE 256

struct net_proc_file {
	const char *name; /* below /proc/net */
	int fd;		  /* the host's file of the sandbox's namespace; -1: not there */
};
#define NET_PROC_MAX 20

struct net_state {
	bool inet; /* AF_INET and AF_INET6 may be opened: a namespace of our own, or the host's by --network host */
	/* Who may what, that the host allows the sentry in any case: */
	_Atomic uint32_t port_start; /* the lowest port for those without CAP_NET_BIND_SERVICE */
	_Atomic uint64_t ping_range; /* groups that get ICMP echo sockets, the lowest << 32 | the highest */
	int ports_fd;		     /* who binds low ports of the host's network for the guest's root; -1: nobody */
	struct lock ports_lock;	     /* RANK_SOCKET_IO: one request to him at a time */
	_Atomic uint32_t n_inet; /* host sockets of the guest … */
	uint32_t max_inet;	 /* … and their limit: half of the sentry's descriptors */
	int ioctl_fd;		 /* host socket for interface ioctls, -1 without inet */
	int route_fd;		 /* host netlink socket for vetted requests, -1 without inet */
	struct lock route_lock;	 /* RANK_SOCKET_PEER: one exchange on route_fd at a time */
	uint32_t route_seq;
	struct net_proc_file proc[NET_PROC_MAX];
	size_t n_proc;

	/* AF_UNIX */
	struct lock names_lock; /* RANK_SOCKET_PEER: the table of abstract names, inode->bound of socket nodes, all
				   sockets */
	struct list_head names[UNIX_HASH_SIZE];
	struct list_head unix_all;
	_Atomic uint32_t autobind_next;

	struct lock flight_lock; /* RANK_SOCKET_PEER: files in flight (unix_scm.c) */
	struct list_head flight; /* unix sockets whose files are in flight */
	uint64_t n_flight;	 /* files in flight, of any kind */
	uint64_t n_flight_socks; /* length of that list */
	uint64_t n_released;	 /* sockets closed since the last collection */
	struct list_head doomed; /* struct unix_rights whose files are to be put outside all locks */
	bool draining;

	struct list_head netlink_all; /* netlink sockets; guarded by names_lock */
	uint32_t next_port_id;
	struct wait_queue settle_wait; /* who waits for the network to be made: net_await() */
	struct netlink_events *events; /* netlink_event.c; NULL: nothing changes from outside */
};

/*
 * Make and tear down k->net. Opens host descriptors: call after the namespaces are entered and before the sentry locks
 * itself down; k->loop and k->config must be there. -ENOMEM, or what the host says.
 */
int net_create(struct kernel *k);
void net_destroy(struct kernel *k);

/* --- a network that is still being made (settle.c) ------------------------------------------------------------- */

void net_settle_init(struct kernel *k);
/* picket has said how it came out: who waits goes on. */
void net_settled(struct kernel *k);
/* Wait for that, before a call that would see whether there is a network. Not 0: SIGKILL. No lock is held. */
int net_await(struct task *t);
/*
 * The same where no call can be broken off: what reads of /proc and /sys tell. Locks of the file systems may be held; picket answers within
 * ten seconds, and nothing that it waits for takes any of them.
 */
void net_await_unbroken(struct kernel *k);
/* Before the first program runs, where it may count on what others find of its network (published ports). */
void net_await_first(struct kernel *k);

/* --- for /proc/net and /sys/class/net ---------------------------------------------------------------------------- */

/* Names of the files of /proc/net, by index; NULL behind the last. */
const char *net_proc_name(struct kernel *k, size_t i);
/* Content of the file, malloc'ed and NUL-terminated; its length, -ENOENT, -ENOMEM. */
ssize_t net_proc_read(struct kernel *k, const char *name, char **ret);

struct net_device {
	char name[16];
	int index;
	uint32_t flags; /* IFF_* */
	uint32_t mtu, tx_queue_len;
	uint16_t type; /* ARPHRD_* */
	uint8_t addr_len, addr[32], broadcast[32];
	uint8_t operstate; /* IF_OPER_* */
	bool carrier;
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped, collisions,
		multicast;
};
/* All interfaces, malloc'ed (NULL when there are none). 0 or a negative errno: -ENOENT without a network. */
int net_devices(struct kernel *k, struct net_device **ret, size_t *ret_n);
/* The one of that name; without a name, of that index. -ENODEV, or as net_devices(). */
int net_device_find(struct kernel *k, const char *name, int index, struct net_device *ret);
/* The one with the lowest index that is at least *from*. */
int net_device_next(struct kernel *k, uint64_t from, struct net_device *ret);
