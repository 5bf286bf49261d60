/* SPDX-License-Identifier: MIT */
/* Datagrams with descriptors, and JSON objects in them. */
#include "cmd/lib/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/lib/str.h"

int socket_address(const char *path, struct sockaddr_un *at, int *dir)
{
	const char *name = strrchr(path, '/');
	char *parent;

	*dir = -1;
	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) < sizeof(at->sun_path)) {
		memcpy(at->sun_path, path, strlen(path) + 1);
		return 0;
	}
	parent = xstrndup(path, name ? (size_t)(name - path) : 0);
	*dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (*dir < 0)
		return -errno;
	snprintf(at->sun_path, sizeof(at->sun_path), "/proc/self/fd/%d%.40s", *dir, name);
	return 0;
}

int packet_send(int sock, const void *data, size_t len, const int *fds, size_t count, int flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * ASK_FDS_MAX)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (count > ASK_FDS_MAX)
		return -E2BIG;
	if (count) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | flags);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Take the descriptors out of a message; those beyond `max` are closed. */
static size_t take_fds(struct msghdr *msg, int *fds, size_t max)
{
	size_t got = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (fds && got < max)
				fds[got++] = fd;
			else
				close(fd);
		}
	}
	return got;
}

ssize_t packet_receive(int sock, void *buf, size_t size, int *fds, size_t *count, int flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * ASK_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf)};
	bool reset = false;
	size_t got;
	ssize_t n;

	/* The other end was closed with messages of ours unread: that is told once, and before what it had sent us. */
	for (;;) {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | flags);
		if (n >= 0 || (errno != EINTR && (errno != ECONNRESET || reset)))
			break;
		reset = reset || errno == ECONNRESET;
	}
	if (n < 0)
		return -errno;
	got = take_fds(&msg, fds, count ? ASK_FDS_MAX : 0);
	if (count)
		*count = got;
	if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;
	for (size_t i = 0; count && i < got; i++)
		close(fds[i]);
	return -EMSGSIZE;
}

int keeper_send(int sock, const json_t *request, const int *fds, size_t count)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int r;

	if (!text)
		return -ENOMEM;
	r = strlen(text) > ASK_SIZE_MAX ? -E2BIG : packet_send(sock, text, strlen(text), fds, count, 0);
	free(text);
	return r;
}

int keeper_receive(int sock, json_t **answer)
{
	char *text = xrealloc(NULL, ASK_SIZE_MAX + 1);
	ssize_t n = packet_receive(sock, text, ASK_SIZE_MAX, NULL, NULL, 0);
	json_t *got = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
	int r;

	free(text);
	if (answer)
		*answer = NULL;
	if (n == 0 || n == -ECONNRESET)
		return -EPIPE;
	if (n < 0)
		return (int)n;
	if (!json_is_object(got)) {
		json_decref(got);
		return -EPROTO;
	}
	r = json_is_true(json_object_get(got, "ok")) ? 0 : -EREMOTEIO;
	if (answer)
		*answer = got;
	else
		json_decref(got);
	return r;
}

int keeper_exchange(int sock, json_t *request, const int *fds, size_t count, json_t **answer)
{
	int r = sock < 0 ? sock : 0;

	if (answer)
		*answer = NULL;
	if (r == 0)
		r = keeper_send(sock, request, fds, count);
	if (r == 0)
		r = keeper_receive(sock, answer);
	if (sock >= 0)
		close(sock);
	json_decref(request);
	return r;
}
