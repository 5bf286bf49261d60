/* SPDX-License-Identifier: MIT */
/* Asking a container's monitor, and waiting for its end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/lib/packet.h"
#include "cmd/runtime/state.h"

int container_connect(const struct container *c)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int sock, r = 0;

	if (c->dir < 0)
		return -ESRCH;
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/" CONTAINER_SOCKET, c->dir);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	do {
		r = connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
	} while (r == -EINTR);
	if (r == 0)
		return sock;
	close(sock);
	return r == -ENOENT || r == -ECONNREFUSED ? -ESRCH : r;
}

int container_ask(const struct container *c, json_t *request, const int *fds, size_t count, json_t **answer)
{
	int r = keeper_exchange(container_connect(c), request, fds, count, answer);

	return r == -EPIPE ? -ESRCH : r;
}

pid_t container_listener(const struct container *c)
{
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	int sock = container_connect(c);

	if (sock < 0)
		return 0;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid != geteuid())
		who.pid = 0;
	close(sock);
	return who.pid;
}

const char *container_ask_error(int result, const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "error"));

	return text ? text : result == -ESRCH ? "container not running" : strerror(-result);
}

bool container_wait(const struct container *c, int ms)
{
	int fd = c->pid > 0 ? (int)syscall(SYS_pidfd_open, c->pid, 0) : -1;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (container_lives(c) && fd >= 0)
		while (poll(&p, 1, ms) < 0 && errno == EINTR)
			;
	if (fd >= 0)
		close(fd);
	return !container_lives(c);
}
