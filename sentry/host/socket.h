/* SPDX-License-Identifier: MIT */
/*
 * Host sockets, for sentry/net: thin wrappers that return a negative errno. Every descriptor is non-blocking and
 * close-on-exec; nothing here sleeps. The filter of host calls (host/calls.h) allows what stands here and no more.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* AF_INET, AF_INET6: SOCK_STREAM (TCP), SOCK_DGRAM (UDP, ICMP echo). AF_NETLINK: NETLINK_ROUTE, at start only. */
int host_socket(int family, int type, int protocol);
int host_bind(int fd, const void *addr, uint32_t len);
/*
 * Let the one behind *broker* (a SOCK_SEQPACKET socket with a time limit) bind *fd*: ports that are not everybody's in the host's network. Waits
 * for his answer; one request at a time.
 */
int host_bind_by(int broker, int fd, const void *addr, uint32_t len);
int host_connect(int fd, const void *addr, uint32_t len);
int host_listen(int fd, int backlog);
int host_accept(int fd);
int host_shutdown(int fd, int how);
/* *len: room on entry, length of the address on return (cut to the room). */
int host_getname(int fd, int peer, void *addr, uint32_t *len);
int host_setsockopt(int fd, int level, int name, const void *val, uint32_t len);
int host_getsockopt(int fd, int level, int name, void *val, uint32_t *len);
/* MSG_DONTWAIT is added to flags; MSG_NOSIGNAL when sending. */
ssize_t host_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t host_recvmsg(int fd, struct msghdr *m, int flags);
/* FIONREAD, SIOCOUTQ, SIOCATMARK and SIOCGIF* only. */
int host_sock_ioctl(int fd, uint32_t cmd, void *arg);
/* Inode number, by which /proc/net/tcp names the socket; 0: unknown. */
uint64_t host_sock_ino(int fd);
void host_sock_close(int fd);
