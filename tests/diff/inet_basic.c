/* SPDX-License-Identifier: MIT */
/* TCP and UDP on loopback: connect in its forms, shutdown, resets, poll, truncation, options, control messages. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static void show_poll(const char *what, int fd, int wait_for)
{
	struct pollfd p = {.fd = fd, .events = (short)wait_for};

	poll(&p, 1, 2000);
	p.events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI;
	poll(&p, 1, 0);
	printf("%s: poll%s%s%s%s%s%s\n", what, p.revents & POLLIN ? " IN" : "", p.revents & POLLOUT ? " OUT" : "",
		p.revents & POLLHUP ? " HUP" : "", p.revents & POLLRDHUP ? " RDHUP" : "", p.revents & POLLERR ? " ERR" : "",
		p.revents & POLLPRI ? " PRI" : "");
}

static int option(int fd, int level, int name)
{
	int v = 0;
	socklen_t len = sizeof(v);

	return getsockopt(fd, level, name, &v, &len) < 0 ? -errno : v;
}

static void tcp(int family)
{
	struct sockaddr_storage a = {.ss_family = (sa_family_t)family}, b;
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6), got = sizeof(a);
	int l = socket(family, SOCK_STREAM, 0), c, d, n, one = 1;
	struct linger linger = {1, 0};
	struct timeval tv = {.tv_usec = 20000};
	char buf[64];

	if (family == AF_INET)
		((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
	show_poll("fresh", l, POLLOUT);
	say("bind", bind(l, (void *)&a, len));
	say("bind again", bind(l, (void *)&a, len));
	getsockname(l, (void *)&a, &got);
	printf("length %u\n", got);
	c = socket(family, SOCK_STREAM, 0);
	say("refused", connect(c, (void *)&a, len));
	say("listen", listen(l, 5));
	printf("acceptconn %d\n", option(l, SOL_SOCKET, SO_ACCEPTCONN));
	say("accept nothing", (fcntl(l, F_SETFL, O_NONBLOCK), accept(l, NULL, NULL)));
	fcntl(l, F_SETFL, 0);
	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	say("accept times out", accept(l, NULL, NULL));
	close(c);
	c = socket(family, SOCK_STREAM, 0);
	say("connect", connect(c, (void *)&a, len));
	say("connect again", connect(c, (void *)&a, len));
	got = sizeof(b);
	d = accept(l, (void *)&b, &got);
	say("accept", d < 0 ? -1 : 0);
	printf("family %d length %u\n", b.ss_family, got);
	say("recv empty", recv(d, buf, 1, MSG_DONTWAIT));
	setsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	say("recv times out", recv(d, buf, 1, 0));
	say("send", send(c, "0123456789", 10, 0));
	show_poll("readable", d, POLLIN);
	ioctl(d, FIONREAD, &n);
	printf("FIONREAD %d\n", n);
	say("peek", recv(d, buf, 4, MSG_PEEK));
	say("recv", recv(d, buf, 4, 0));
	say("discard", recv(d, buf, 3, MSG_TRUNC));
	say("recv rest", recv(d, buf, sizeof(buf), 0));
	printf("rest %.3s\n", buf);
	say("oob", send(c, "!", 1, MSG_OOB));
	show_poll("urgent", d, POLLPRI);
	say("recv oob", recv(d, buf, 1, MSG_OOB));
	say("shutdown", shutdown(c, SHUT_WR));
	show_poll("half closed", d, POLLRDHUP);
	say("eof", recv(d, buf, 1, 0));
	say("send after shutdown", send(c, "x", 1, MSG_NOSIGNAL));
	say("nodelay", setsockopt(d, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	printf("nodelay %d keepalive %d type %d domain %d protocol %d error %d\n", option(d, IPPROTO_TCP, TCP_NODELAY) != 0,
		option(d, SOL_SOCKET, SO_KEEPALIVE), option(d, SOL_SOCKET, SO_TYPE), option(d, SOL_SOCKET, SO_DOMAIN),
		option(d, SOL_SOCKET, SO_PROTOCOL), option(d, SOL_SOCKET, SO_ERROR));
	setsockopt(d, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(d);
	show_poll("reset", c, POLLERR);
	say("recv reset", recv(c, buf, 1, 0));
	close(c);

	c = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	n = connect(c, (void *)&a, len);
	say("connect nonblocking", n < 0 && errno == EINPROGRESS ? 0 : n);
	show_poll("connected", c, POLLOUT);
	printf("error %d\n", option(c, SOL_SOCKET, SO_ERROR));
	d = accept(l, NULL, NULL);
	close(l);
	if (fork() == 0) {
		long total = 0;
		static char sink[10000];

		close(c);
		setsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0}, sizeof(tv));
		while ((n = (int)recv(d, sink, sizeof(sink), MSG_WAITALL)) > 0)
			total += n;
		printf("child got %ld\n", total);
		exit(0);
	}
	close(d);
	fcntl(c, F_SETFL, 0);
	{
		static char big[3 << 20];

		say("write 3 MiB", write(c, big, sizeof(big)));
	}
	close(c);
	wait(NULL);
}

static void udp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
	socklen_t len = sizeof(a);
	int x = socket(AF_INET, SOCK_DGRAM, 0), y = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
	char control[256], buf[64];
	struct iovec iov = {buf, 4};
	struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
			   .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	say("bind", bind(x, (void *)&a, len));
	getsockname(x, (void *)&a, &len);
	say("send nowhere", send(y, "x", 1, 0));
	say("pktinfo", setsockopt(x, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)));
	say("ttl", setsockopt(x, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)));
	say("sendto", sendto(y, "datagram", 8, 0, (void *)&a, len));
	say("recvmsg", recvmsg(x, &m, 0));
	printf("flags %#x namelen %u\n", m.msg_flags, m.msg_namelen);
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		printf(" cmsg %d %d %zu\n", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
	sendto(y, "datagram", 8, 0, (void *)&a, len);
	say("real length", recv(x, buf, 2, MSG_TRUNC));
	sendto(y, "", 0, 0, (void *)&a, len);
	say("empty", recv(x, buf, 2, 0));
	say("none", recv(x, buf, 2, MSG_DONTWAIT));
	say("too long", sendto(y, buf, 70000, 0, (void *)&a, len));
	say("connect", connect(y, (void *)&a, len));
	say("send", send(y, "x", 1, 0));
	close(x);
	say("send to closed", send(y, "x", 1, 0));
	show_poll("unreachable", y, POLLERR);
	say("refused", recv(y, buf, 1, MSG_DONTWAIT));
	say("disconnect", connect(y, (void *)&(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)));
	say("send nowhere", send(y, "x", 1, 0));
	say("listen", listen(y, 1));
	say("bad family", connect(y, (void *)&(struct sockaddr){.sa_family = 77}, sizeof(struct sockaddr)));
	say("short", connect(y, (void *)&a, 1));
	say("long", connect(y, (void *)&a, 4096));
	close(y);
}

static volatile sig_atomic_t got_signal;

static void handler(int sig)
{
	got_signal = sig;
}

/* recv in the face of a signal: restarted or not, and never restarted with a time-out. */
static void interrupted(int flags, long timeout)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval it = {.it_value.tv_usec = 30000};
	struct timeval tv = {.tv_sec = timeout};
	int s[2];
	char c;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	sigaction(SIGALRM, &sa, NULL);
	setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	got_signal = 0;
	if (fork() == 0) {
		usleep(120000);
		write(s[1], "x", 1);
		exit(0);
	}
	setitimer(ITIMER_REAL, &it, NULL);
	say(flags & SA_RESTART ? "restarting" : "interrupted", recv(s[0], &c, 1, 0));
	printf("signal %d\n", got_signal == SIGALRM);
	wait(NULL);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	tcp(AF_INET);
	tcp(AF_INET6);
	udp();
	interrupted(SA_RESTART, 0);
	interrupted(0, 0);
	interrupted(SA_RESTART, 5);
	say("bad protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	say("bad type", socket(AF_INET, SOCK_SEQPACKET, 0));
	say("pair", socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}));
	return 0;
}
