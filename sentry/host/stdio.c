/* SPDX-License-Identifier: MIT */
/* Descriptors shared with Picket's caller. */
#include "host/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

ssize_t host_stdio_read(int fd, void *buf, size_t len, int64_t off)
{
	struct iovec iov = {buf, len};
	ssize_t n;

	do
		n = preadv2(fd, &iov, 1, off < 0 ? -1 : off, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	/* EAGAIN of a regular file means only that its page is not cached. */
	if (errno == EAGAIN && !ready(fd, POLLIN))
		return -EAGAIN;
	if (errno != EAGAIN && errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	if (!ready(fd, POLLIN))
		return -EAGAIN;
	n = off < 0 ? read(fd, buf, len) : pread(fd, buf, len, off);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return n;
}

ssize_t host_stdio_write(int fd, const void *buf, size_t len, int64_t off)
{
	union {
		const void *c;
		void *v;
	} p = {.c = buf};
	struct iovec iov = {p.v, len};
	ssize_t n;

	do
		n = pwritev2(fd, &iov, 1, off < 0 ? -1 : off, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN && !ready(fd, POLLOUT))
		return -EAGAIN;
	if (errno != EAGAIN && errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	if (!ready(fd, POLLOUT))
		return -EAGAIN;
	/* A pipe or terminal that is ready takes this much without blocking. */
	if (off < 0 && len > PIPE_BUF && lseek(fd, 0, SEEK_CUR) < 0)
		len = PIPE_BUF;
	n = off < 0 ? write(fd, buf, len) : pwrite(fd, buf, len, off);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return n;
}

bool host_stdio_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_NONBLOCK;
}

ssize_t host_stdio_read_now(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

ssize_t host_stdio_write_now(int fd, const void *buf, size_t len)
{
	ssize_t n = write(fd, buf, len);

	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

int64_t host_stdio_seek(int fd, int64_t off, int whence)
{
	off_t r = lseek(fd, off, whence);

	return r < 0 ? -errno : r;
}

int host_stdio_truncate(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

int host_stdio_stat(int fd, struct stat *st)
{
	return fstat(fd, st) < 0 ? -errno : 0;
}

int host_stdio_pending(int fd, int *ret)
{
	return ioctl(fd, FIONREAD, ret) < 0 ? -errno : 0;
}

void host_stdio_close(int fd)
{
	close(fd);
}

void host_stdio_wait_writable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	poll(&p, 1, ms);
}

int host_turn_create(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void host_turn_ring(int fd)
{
	/* Fails only when it is rung already as often as can be. */
	(void)eventfd_write(fd, 1);
}

bool host_turn_taken(int fd)
{
	eventfd_t n;

	return eventfd_read(fd, &n) == 0;
}
