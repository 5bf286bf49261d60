/* SPDX-License-Identifier: MIT */
/* Binding low ports on behalf of a sentry. */
#include "cmd/runtime/low_port.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define LOW_PORTS 1024

int low_port_bind(int fd, const void *message, size_t len)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} addr = {.sa = {.sa_family = AF_UNSPEC}};
	int domain = -1, protocol = -1;
	socklen_t size = sizeof(int);
	uint16_t port;

	if (len > sizeof(addr))
		return -EINVAL;
	memcpy(&addr, message, len);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
		return -EACCES;
	if (len != (addr.sa.sa_family == AF_INET ? sizeof(addr.in) : sizeof(addr.in6)) || domain != addr.sa.sa_family ||
	    (domain != AF_INET && domain != AF_INET6) || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return -EACCES;
	port = ntohs(domain == AF_INET ? addr.in.sin_port : addr.in6.sin6_port);
	if (port == 0 || port >= LOW_PORTS)
		return -EACCES;
	return bind(fd, &addr.sa, (socklen_t)len) < 0 ? -errno : 0;
}
