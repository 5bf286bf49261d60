/* SPDX-License-Identifier: MIT */
/* Wrappers of the host's socket calls. */
#include "host/socket.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int result(int r)
{
	return r < 0 ? -errno : r;
}

int host_socket(int family, int type, int protocol)
{
	return result(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int host_bind(int fd, const void *addr, uint32_t len)
{
	return result(bind(fd, addr, len));
}

int host_connect(int fd, const void *addr, uint32_t len)
{
	return result(connect(fd, addr, len));
}

int host_listen(int fd, int backlog)
{
	return result(listen(fd, backlog));
}

int host_accept(int fd)
{
	return result(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int host_shutdown(int fd, int how)
{
	return result(shutdown(fd, how));
}

int host_getname(int fd, int peer, void *addr, uint32_t *len)
{
	socklen_t room = *len, got = room;
	int err = result(peer ? getpeername(fd, addr, &got) : getsockname(fd, addr, &got));

	if (!err)
		*len = got < room ? got : room;
	return err;
}

int host_setsockopt(int fd, int level, int name, const void *val, uint32_t len)
{
	return result(setsockopt(fd, level, name, val, len));
}

int host_getsockopt(int fd, int level, int name, void *val, uint32_t *len)
{
	socklen_t room = *len, got = room;
	int err = result(getsockopt(fd, level, name, val, &got));

	if (!err)
		*len = got < room ? got : room;
	return err;
}

ssize_t host_sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t n = sendmsg(fd, m, flags | MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

ssize_t host_recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t n = recvmsg(fd, m, flags | MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

int host_sock_ioctl(int fd, uint32_t cmd, void *arg)
{
	return result(ioctl(fd, (unsigned long)cmd, arg));
}

uint64_t host_sock_ino(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

void host_sock_close(int fd)
{
	close(fd);
}
