/* SPDX-License-Identifier: MIT */
/* Sockets at their limits: no descriptors left, too many in a message, sockets in sockets, dup and fork, exec and close-on-exec. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static ssize_t send_fds(int s, int fd, int n)
{
	static char control[CMSG_SPACE(300 * sizeof(int))];
	char c = 'x';
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (int i = 0; i < n; i++)
		memcpy(CMSG_DATA(h) + i * sizeof(int), &fd, sizeof(int));
	return sendmsg(s, &m, MSG_DONTWAIT);
}

/* Returns the first descriptor. */
static int recv_fds(int s, int show)
{
	static char control[CMSG_SPACE(300 * sizeof(int))];
	char c;
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s, &m, MSG_DONTWAIT);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int fd = -1;

	if (show)
		printf("received %zd flags %#x descriptors %zu\n", n, m.msg_flags,
			m.msg_controllen ? (h->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0);
	if (n > 0 && m.msg_controllen)
		memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

static void limits(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0picket-diff-limits"};
	struct rlimit old, few = {20, 20};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), s[2], n = 0, fd, last = -1;

	getrlimit(RLIMIT_NOFILE, &old);
	few.rlim_max = old.rlim_max;
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	bind(l, (void *)&a, sizeof(a));
	listen(l, 5);
	say("connect", connect(c, (void *)&a, sizeof(a)));
	say("send 4", send_fds(s[0], 1, 4));
	setrlimit(RLIMIT_NOFILE, &few);
	while ((fd = dup(1)) >= 0) {
		last = fd;
		n++;
	}
	say("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	say("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}));
	say("accept", accept(l, NULL, NULL));
	close(last);
	recv_fds(s[1], 1);
	for (fd = s[1] + 1; fd < 20; fd++)
		close(fd);
	say("accept after all", (fd = accept(l, NULL, NULL)) >= 0 ? 0 : -1);
	close(fd);
	setrlimit(RLIMIT_NOFILE, &old);
	say("send 253", send_fds(s[0], 1, 253));
	say("send 254", send_fds(s[0], 1, 254));
	recv_fds(s[1], 1);
	for (fd = s[1] + 1; fd < 300; fd++)
		close(fd);
}

/* A thousand pairs, each in the queue of the next: closing must end, and free what it holds. */
static void nesting(void)
{
	int in[2], out[2], p[2];
	char c;

	pipe(p);
	socketpair(AF_UNIX, SOCK_STREAM, 0, in);
	send_fds(in[0], p[1], 1);
	close(p[1]);
	for (int i = 0; i < 1000; i++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, out);
		if (send_fds(out[0], in[1], 1) != 1)
			printf("send %d: %s\n", i, strerror(errno));
		close(in[0]);
		close(in[1]);
		memcpy(in, out, sizeof(in));
	}
	close(in[1]);
	close(in[0]);
	say("the pipe's last writer is gone", read(p[0], &c, 1));
	close(p[0]);
}

static void sharing(void)
{
	int s[2], d, n = 1, status;
	char buf[8];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	d = dup(s[0]);
	close(s[0]);
	say("open by dup", send(s[1], "x", 1, 0));
	say("FIONBIO", ioctl(d, FIONBIO, &n));
	printf("O_NONBLOCK %d\n", !!(fcntl(d, F_GETFL) & O_NONBLOCK));
	recv(d, buf, 1, 0);
	say("recv", recv(d, buf, 1, 0));
	if (fork() == 0) {
		close(s[1]);
		write(d, "child", 5);
		_exit(0);
	}
	close(d);
	say("from child", recv(s[1], buf, sizeof(buf), MSG_WAITALL));
	wait(&status);
	say("end", recv(s[1], buf, 1, 0));
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	for (n = 0; n < 2; n++)
		s[n] = fcntl(s[n], F_DUPFD_CLOEXEC, 20);
	closefrom(40);
	for (n = 3; n < 20; n++)
		close(n);
	dup3(s[0], 8, O_CLOEXEC);
	d = dup2(s[0], 9);
	fflush(stdout);
	if (fork() == 0) {
		char cmd[100];

		snprintf(cmd, sizeof(cmd), "echo exec >&9; (echo no >&8) 2>/dev/null; exit 3");
		execl("/bin/sh", "sh", "-c", cmd, NULL);
		_exit(1);
	}
	close(d);
	close(8);
	close(s[0]);
	say("exec", recv(s[1], buf, sizeof(buf), MSG_WAITALL));
	wait(&status);
	printf("status %d\n", WEXITSTATUS(status));
	say("file in sockfs", lseek(s[1], 0, SEEK_CUR));
	say("fcntl", fcntl(s[1], F_GETFL) & O_ACCMODE);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	limits();
	nesting();
	sharing();
	return 0;
}
