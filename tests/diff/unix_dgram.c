/* SPDX-License-Identifier: MIT */
/* Unix datagrams, ancillary data: descriptors, credentials, truncation; sendmmsg and recvmmsg. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static socklen_t abstract(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path + 1, name, strlen(name));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static void addresses(void)
{
	struct sockaddr_un a, b, from;
	socklen_t la = abstract(&a, "picket-diff-a"), lb = abstract(&b, "picket-diff-b"), got;
	int x = socket(AF_UNIX, SOCK_DGRAM, 0), y = socket(AF_UNIX, SOCK_DGRAM, 0), z = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct pollfd p = {.fd = y, .events = POLLOUT};
	char buf[32];
	int n = 0;

	say("bind", bind(x, (void *)&a, la));
	say("bind", bind(y, (void *)&b, lb));
	say("sendto", sendto(y, "one", 3, 0, (void *)&a, la));
	got = sizeof(from);
	say("recvfrom", recvfrom(x, buf, sizeof(buf), 0, (void *)&from, &got));
	printf("from %d\n", got == lb && !memcmp(&from, &b, lb));
	say("sendto from unnamed", sendto(z, "two", 3, 0, (void *)&a, la));
	got = sizeof(from);
	say("recvfrom", recvfrom(x, buf, sizeof(buf), 0, (void *)&from, &got));
	printf("length %u\n", got);
	say("send unconnected", send(y, "x", 1, 0));
	say("connect", connect(y, (void *)&a, la));
	while (send(y, "x", 1, MSG_DONTWAIT) == 1)
		n++;
	printf("queue is bounded: %d, %s, poll %d\n", n > 5, strerror(errno), poll(&p, 1, 0));
	recv(x, buf, 1, 0);
	printf("room again: poll %d\n", poll(&p, 1, 0));
	while (recv(x, buf, 1, MSG_DONTWAIT) > 0)
		;
	say("connect back", connect(x, (void *)&b, lb));
	say("stranger", sendto(z, "x", 1, 0, (void *)&a, la));
	say("too long", send(y, buf, 1 << 22, 0));
	close(x);
	say("send to closed", send(y, "x", 1, 0));
	say("send again", send(y, "x", 1, 0));
	say("listen", listen(y, 1));
	close(y);
	close(z);
}

static ssize_t send_fds(int s, const int *fds, int n, const char *data)
{
	char control[CMSG_SPACE(10 * sizeof(int))] = {0};
	struct iovec iov = {(void *)(size_t)data, strlen(data)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return sendmsg(s, &m, 0);
}

static void receive(int s, size_t room, int flags)
{
	char control[256], buf[32];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
	ssize_t n = recvmsg(s, &m, flags);
	struct cmsghdr *c;

	printf("recvmsg %zd %s flags %#x controllen %zu\n", n, n < 0 ? strerror(errno) : "", n < 0 ? 0 : m.msg_flags,
		n < 0 ? 0 : m.msg_controllen);
	for (c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		printf(" cmsg %d %d len %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
		if (c->cmsg_type == SCM_RIGHTS) {
			for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
				printf(" fd cloexec %d", fcntl(fd, F_GETFD));
				close(fd);
			}
		} else if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
			struct ucred u;

			memcpy(&u, CMSG_DATA(c), sizeof(u));
			printf(" pid %d uid %d gid %d", u.pid == getpid() ? 1 : u.pid ? 2 : 0, (int)u.uid, (int)u.gid);
		}
		printf("\n");
	}
}

static void ancillary(int type)
{
	int s[2], p[2], fds[8], one = 1;
	char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
	struct iovec iov = {control, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct ucred u = {.pid = getpid(), .uid = getuid(), .gid = getgid()};

	socketpair(AF_UNIX, type, 0, s);
	pipe(p);
	for (int i = 0; i < 8; i++)
		fds[i] = p[i & 1];
	say("send 2", send_fds(s[0], fds, 2, "ab"));
	receive(s[1], 256, 0);
	say("send 2", send_fds(s[0], fds, 2, "ab"));
	receive(s[1], 256, MSG_PEEK | MSG_CMSG_CLOEXEC);
	receive(s[1], CMSG_LEN(sizeof(int)), MSG_CMSG_CLOEXEC);
	say("send 8", send_fds(s[0], fds, 8, "ab"));
	receive(s[1], 0, 0);
	say("send 8", send_fds(s[0], fds, 8, "ab"));
	receive(s[1], 7, 0);
	fds[1] = 999;
	say("bad descriptor", send_fds(s[0], fds, 2, "ab"));
	say("passcred", setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	send(s[0], "x", 1, 0);
	receive(s[1], 256, 0);
	send(s[0], "x", 1, 0);
	receive(s[1], 20, 0);
	say("fds and creds", send_fds(s[0], fds, 1, "y"));
	receive(s[1], 256, 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(u));
	memcpy(CMSG_DATA(c), &u, sizeof(u));
	say("own creds", sendmsg(s[0], &m, 0));
	receive(s[1], 256, 0);
	c->cmsg_len = CMSG_LEN(sizeof(u)) - 4;
	say("short creds", sendmsg(s[0], &m, 0));
	c->cmsg_len = 5;
	say("lying length", sendmsg(s[0], &m, 0));
	c->cmsg_len = 1000;
	say("lying length", sendmsg(s[0], &m, 0));
	c->cmsg_len = CMSG_LEN(0);
	c->cmsg_type = 77;
	say("unknown type", sendmsg(s[0], &m, 0));
	m.msg_controllen = 1 << 20;
	say("huge control", sendmsg(s[0], &m, 0));
	m.msg_controllen = 0;
	m.msg_iovlen = 2000;
	say("many iovecs", sendmsg(s[0], &m, 0));
	say("bad msghdr", sendmsg(s[0], (void *)8, 0));
	close(s[0]);
	close(s[1]);
	close(p[0]);
	close(p[1]);
}

static void many(void)
{
	struct mmsghdr v[4];
	struct iovec iov[4];
	struct timespec ts = {.tv_nsec = 20000000};
	char buf[4][8];
	int s[2];

	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	memset(v, 0, sizeof(v));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){buf[i], (size_t)i + 1};
		v[i].msg_hdr.msg_iov = &iov[i];
		v[i].msg_hdr.msg_iovlen = 1;
	}
	say("sendmmsg", sendmmsg(s[0], v, 4, 0));
	for (int i = 0; i < 4; i++) {
		printf("%u ", v[i].msg_len);
		iov[i].iov_len = 3;
	}
	say("\nrecvmmsg", recvmmsg(s[1], v, 4, MSG_WAITFORONE, NULL));
	for (int i = 0; i < 4; i++)
		printf("%u/%#x ", v[i].msg_len, v[i].msg_hdr.msg_flags);
	say("\nempty", recvmmsg(s[1], v, 4, MSG_DONTWAIT, NULL));
	send(s[0], "x", 1, 0);
	say("one of two", recvmmsg(s[1], v, 2, MSG_WAITFORONE, &ts));
	say("bad timeout", recvmmsg(s[1], v, 2, 0, &(struct timespec){.tv_nsec = -1}));
	close(s[0]);
	close(s[1]);
}

static void peers(void)
{
	struct ucred u;
	socklen_t len = sizeof(u);
	int s[2], v, d = socket(AF_UNIX, SOCK_DGRAM, 0);

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	say("SO_PEERCRED", getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len));
	printf("%d %d %d\n", u.pid == getpid(), u.uid == getuid(), u.gid == getgid());
	getsockopt(d, SOL_SOCKET, SO_PEERCRED, &u, &len);
	printf("%d %d %d\n", u.pid, (int)u.uid, (int)u.gid);
	len = sizeof(v);
	for (int opt = 1; opt <= 16; opt++) {
		v = 0;
		len = sizeof(v);
		if (opt == SO_PASSCRED || opt == SO_PRIORITY || opt == SO_NO_CHECK)
			continue;
		say("option", getsockopt(s[0], SOL_SOCKET, opt, &v, &len));
		if (opt != SO_SNDBUF && opt != SO_RCVBUF)
			printf(" %d: %d (%u)\n", opt, v, len);
	}
	v = 1;
	say("tcp option", setsockopt(s[0], 6, 1, &v, sizeof(v)));
	say("short option", setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, &v, 2));
	say("bad pointer", setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, NULL, 4));
	say("negative length", setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, &v, -1));
	len = (socklen_t)-1;
	say("negative length", getsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, &v, &len));
	v = 5000;
	setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v));
	len = sizeof(v);
	getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, &len);
	printf("SO_SNDBUF %d\n", v);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	addresses();
	ancillary(SOCK_DGRAM);
	ancillary(SOCK_STREAM);
	many();
	peers();
	return 0;
}
