/* SPDX-License-Identifier: MIT */
/* --pid-file and --pidfd-socket. */
#include "cmd/runtime/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/lib/packet.h"
#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"

static int write_number(const char *path, pid_t pid)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666), r = 0;

	if (fd < 0 || dprintf(fd, "%d", (int)pid) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

/* runc's name for the file in between: in the same directory, with a dot in front. */
static int write_file(const char *path, pid_t pid)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash + 1 - path) : 0;
	char *new = xasprintf("%.*s.%s", dir, path, path + dir);
	int r = write_number(new, pid);

	if (r == 0 && rename(new, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(new);
	free(new);
	return r < 0 ? fail("cannot write the pid file %s: %s", path, strerror(-r)) : 0;
}

static int send_pidfd(const char *path, pid_t pid)
{
	struct sockaddr_un to;
	int dir = -1, pidfd = (int)syscall(SYS_pidfd_open, pid, 0), sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = pidfd < 0 || sock < 0 ? -errno : socket_address(path, &to, &dir);

	if (r == 0 && connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	if (r == 0)
		r = packet_send(sock, "pidfd", 5, &pidfd, 1, 0);
	if (dir >= 0)
		close(dir);
	if (sock >= 0)
		close(sock);
	if (pidfd >= 0)
		close(pidfd);
	return r < 0 ? fail("cannot send the pidfd to %s: %s", path, strerror(-r)) : 0;
}

int pid_tell(pid_t pid, const char *file, const char *socket)
{
	if (socket && *socket && send_pidfd(socket, pid) < 0)
		return -1;
	return file && *file ? write_file(file, pid) : 0;
}
