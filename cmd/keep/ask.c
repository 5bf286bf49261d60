/* SPDX-License-Identifier: MIT */
/* The client's side of a keeper's control socket. */
#include "cmd/keep/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/lib/str.h"

int keeper_connect(const struct entry *e)
{
	struct sockaddr_un to;
	char *path = entry_socket(e);
	int dir, sock = -1, r = *path ? socket_address(path, &to, &dir) : -ENOENT;

	free(path);
	if (r < 0)
		return r;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		r = -errno;
	while (sock >= 0 && connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0) {
		if (errno == EINTR)
			continue;
		r = -errno;
		close(sock);
		sock = -1;
	}
	if (dir >= 0)
		close(dir);
	return sock >= 0 ? sock : r;
}

int keeper_ask(const struct entry *e, json_t *request, const int *fds, size_t count, json_t **answer)
{
	return keeper_exchange(keeper_connect(e), request, fds, count, answer);
}

const char *keeper_error(int result, const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "error"));

	if (text)
		return text;
	if (result == -EPIPE)
		return "its keeper ended";
	if (result == -ENOENT || result == -ECONNREFUSED)
		return "it is not running";
	return strerror(-result);
}
