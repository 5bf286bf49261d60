/* SPDX-License-Identifier: MIT */
/* Wrappers of the host's socket calls. */
#include "host/socket.h"

#include <errno.h>
#include <string.h>
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

int host_bind_by(int broker, int fd, const void *addr, uint32_t len)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)addr, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int32_t answer = 0;
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	while (recv(broker, &answer, sizeof(answer), MSG_DONTWAIT) > 0)
		; /* to who has given up waiting */
	if (sendmsg(broker, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -EACCES;
	do {
		n = recv(broker, &answer, sizeof(answer), 0);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(answer) && answer <= 0 && answer >= -4095 ? answer : -EACCES;
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
