/* SPDX-License-Identifier: MIT */
/* Unix stream and seqpacket sockets: names, connections, shutdown, poll, errors. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static void show_poll(const char *what, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
	int n = poll(&p, 1, 0);

	printf("%s: poll %d%s%s%s%s%s\n", what, n, p.revents & POLLIN ? " IN" : "", p.revents & POLLOUT ? " OUT" : "",
		p.revents & POLLHUP ? " HUP" : "", p.revents & POLLRDHUP ? " RDHUP" : "", p.revents & POLLERR ? " ERR" : "");
}

static socklen_t abstract(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path + 1, name, strlen(name));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static void pairs(int type)
{
	char buf[64];
	int s[2], n;

	say("socketpair", socketpair(AF_UNIX, type, 0, s));
	show_poll("fresh", s[0]);
	say("recv empty", recv(s[0], buf, 4, MSG_DONTWAIT));
	say("send", send(s[0], "hello", 5, 0));
	say("send 2", send(s[0], "world", 5, 0));
	ioctl(s[1], FIONREAD, &n);
	printf("FIONREAD %d\n", n);
	show_poll("readable", s[1]);
	say("peek", recv(s[1], buf, 3, MSG_PEEK));
	say("peek trunc", recv(s[1], buf, 3, MSG_PEEK | MSG_TRUNC));
	say("recv", recv(s[1], buf, sizeof(buf), 0));
	say("recv", recv(s[1], buf, sizeof(buf), MSG_DONTWAIT));
	say("oob", send(s[0], "x", 1, MSG_OOB | MSG_NOSIGNAL) < 0 && errno != EOPNOTSUPP ? -1 : 0);
	recv(s[1], buf, sizeof(buf), MSG_DONTWAIT);
	say("shutdown wr", shutdown(s[0], SHUT_WR));
	show_poll("peer of half closed", s[1]);
	show_poll("half closed", s[0]);
	say("recv eof", recv(s[1], buf, sizeof(buf), 0));
	say("send closed", send(s[0], "x", 1, MSG_NOSIGNAL));
	say("send back", send(s[1], "back", 4, 0));
	say("recv back", recv(s[0], buf, sizeof(buf), 0));
	say("send unread", send(s[1], "lost", 4, 0));
	close(s[0]);
	show_poll("peer reset", s[1]);
	say("recv reset", recv(s[1], buf, sizeof(buf), 0));
	say("recv again", recv(s[1], buf, sizeof(buf), 0));
	say("send gone", send(s[1], "x", 1, MSG_NOSIGNAL));
	close(s[1]);
}

static void names(void)
{
	struct sockaddr_un a, b;
	socklen_t len = abstract(&a, "picket-diff-stream"), got;
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), d, e;
	char path[] = "/tmp/picket-diff-XXXXXX";
	struct stat st;

	show_poll("unconnected", c);
	say("listen unbound", listen(l, 1));
	say("accept not listening", accept(l, NULL, NULL));
	say("recv unconnected", recv(c, path, 0, 0));
	say("send unconnected", send(c, "x", 1, MSG_NOSIGNAL));
	say("connect nobody", connect(c, (void *)&a, len));
	say("bind", bind(l, (void *)&a, len));
	say("bind again", bind(l, (void *)&a, len));
	say("bind taken", bind(c, (void *)&a, len));
	say("connect not listening", connect(c, (void *)&a, len));
	say("listen", listen(l, 0));
	fcntl(l, F_SETFL, O_NONBLOCK);
	say("accept nothing", accept(l, NULL, NULL));
	show_poll("listening", l);
	say("connect", connect(c, (void *)&a, len));
	show_poll("pending", l);
	e = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("connect full", connect(e, (void *)&a, len));
	got = sizeof(b);
	say("accept", (d = accept4(l, (void *)&b, &got, SOCK_CLOEXEC)) < 0 ? -1 : 0);
	printf("client name length %u, cloexec %d\n", got, fcntl(d, F_GETFD));
	say("connect again", connect(c, (void *)&a, len));
	got = sizeof(b);
	say("getsockname", getsockname(d, (void *)&b, &got));
	printf("length %u same %d\n", got, got == len && !memcmp(&a, &b, len));
	got = 5;
	say("getpeername cut", getpeername(c, (void *)&b, &got));
	printf("length %u\n", got);
	say("sendto connected", sendto(c, "x", 1, 0, (void *)&a, len));
	say("connect seqpacket to stream", connect(socket(AF_UNIX, SOCK_SEQPACKET, 0), (void *)&a, len));
	close(d);
	close(c);
	close(e);
	close(l);

	close(mkstemp(path));
	memset(&a, 0, sizeof(a));
	a.sun_family = AF_UNIX;
	strcpy(a.sun_path, path);
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	say("bind existing", bind(l, (void *)&a, sizeof(a)));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	say("connect to a file", connect(c, (void *)&a, sizeof(a)));
	unlink(path);
	umask(027);
	say("bind path", bind(l, (void *)&a, sizeof(a)));
	stat(path, &st);
	printf("mode %o\n", st.st_mode);
	say("open socket", open(path, O_RDWR));
	say("listen", listen(l, 5));
	say("connect", connect(c, (void *)&a, sizeof(a)));
	got = sizeof(b);
	getpeername(c, (void *)&b, &got);
	printf("path %d\n", (int)got - (int)offsetof(struct sockaddr_un, sun_path) - (int)strlen(path));
	close(l);
	show_poll("listener closed", c);
	close(c);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	say("connect dead node", connect(c, (void *)&a, sizeof(a)));
	unlink(path);
	say("connect no node", connect(c, (void *)&a, sizeof(a)));
	say("short address", bind(c, (void *)&a, 1));
	say("wrong family", bind(c, (void *)&(struct sockaddr_un){.sun_family = AF_INET}, sizeof(a)));
	say("autobind", bind(c, (void *)&a, sizeof(sa_family_t)));
	got = sizeof(b);
	getsockname(c, (void *)&b, &got);
	printf("autobound length %u, first %d\n", got, b.sun_path[0]);
}

static void blocking(void)
{
	struct timeval tv = {.tv_usec = 30000};
	static char big[1 << 20];
	int s[2], status;
	long total = 0, n;
	char buf[4096];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	if (fork() == 0) {
		close(s[0]);
		while ((n = read(s[1], buf, sizeof(buf))) > 0)
			total += n;
		printf("child got %ld\n", total);
		exit(0);
	}
	close(s[1]);
	say("write 1 MiB", write(s[0], big, sizeof(big)));
	close(s[0]);
	wait(&status);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	say("read times out", read(s[0], buf, 1));
	signal(SIGPIPE, SIG_IGN);
	close(s[1]);
	say("write broken", write(s[0], "x", 1));
	signal(SIGPIPE, SIG_DFL);
	if (fork() == 0) {
		write(s[0], "x", 1);
		exit(0);
	}
	wait(&status);
	printf("killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	pairs(SOCK_STREAM);
	pairs(SOCK_SEQPACKET);
	names();
	blocking();
	say("bad type", socket(AF_UNIX, 9, 0));
	say("bad protocol", socket(AF_UNIX, SOCK_STREAM, 6));
	say("bad flags", socket(AF_UNIX, SOCK_STREAM | 0x100000, 0));
	say("bad family", socket(45, SOCK_STREAM, 0));
	say("not a socket", listen(1, 1));
	say("bad fd", listen(999, 1));
	return 0;
}
