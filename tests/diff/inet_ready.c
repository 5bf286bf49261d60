/* SPDX-License-Identifier: MIT */
/* Readiness of TCP and UDP sockets as epoll, poll and blocked readers see it: after short and full reads, peeks, ends, urgent data, full buffers. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int ep, a, b;
static char buf[1 << 20];

static void pair(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	bind(l, (struct sockaddr *)&in, sizeof(in));
	listen(l, 4);
	getsockname(l, (struct sockaddr *)&in, &len);
	a = socket(AF_INET, SOCK_STREAM, 0);
	connect(a, (struct sockaddr *)&in, sizeof(in));
	b = accept(l, NULL, NULL);
	setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(l);
	fcntl(b, F_SETFL, O_NONBLOCK);
}

static void control(int op, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (epoll_ctl(ep, op, fd, &e))
		printf("ctl: %s\n", strerror(errno));
}

static void show(const char *what, int ms)
{
	struct epoll_event e[4];
	int n = epoll_wait(ep, e, 4, ms);
	struct pollfd p = {b, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
	int k = poll(&p, 1, 0);

	printf("%s: epoll %d", what, n);
	for (int i = 0; i < n; i++)
		printf(" %x", e[i].events);
	printf(", poll %d %x\n", k, p.revents);
}

static void get(size_t n, int flags)
{
	ssize_t r = recv(b, buf, n, flags);

	if (r < 0)
		printf("recv %zu: %s\n", n, strerror(errno));
	else
		printf("recv %zu: %zd\n", n, r);
}

static void streams(void)
{
	pair();
	control(EPOLL_CTL_ADD, b, EPOLLIN | EPOLLRDHUP);
	show("nothing", 0);
	send(a, "hello", 5, 0);
	show("five bytes", 1000);
	show("again", 0);
	get(2, 0);
	show("two read", 0);
	get(3, 0);
	show("exactly read", 0);
	send(a, "hello", 5, 0);
	show("five more", 1000);
	get(100, MSG_PEEK);
	show("peeked", 0);
	get(100, 0);
	show("all read", 0);
	get(100, 0);
	show("nothing left", 0);
	control(EPOLL_CTL_MOD, b, EPOLLIN | EPOLLOUT);
	show("room", 0);
	control(EPOLL_CTL_MOD, b, EPOLLIN);
	send(a, "x", 1, 0);
	send(a, "y", 1, 0);
	show("two sends", 1000);
	get(100, MSG_WAITALL | MSG_DONTWAIT);
	show("read", 0);
	send(a, "end", 3, 0);
	shutdown(a, SHUT_WR);
	show("data and end", 1000);
	get(100, 0);
	show("data read", 0);
	get(100, 0);
	show("end read", 0);
	send(b, "z", 1, 0);
	close(a);
	close(b);
}

static void edges(void)
{
	pair();
	control(EPOLL_CTL_ADD, b, EPOLLIN | EPOLLET);
	send(a, "hello", 5, 0);
	show("edge", 1000);
	show("no edge", 0);
	get(2, 0);
	show("no edge after a read", 0);
	send(a, "more", 4, 0);
	show("edge", 1000);
	get(100, 0);
	send(a, "more", 4, 0);
	show("edge after all was read", 1000);
	control(EPOLL_CTL_MOD, b, EPOLLIN | EPOLLET);
	show("armed again", 0);
	get(100, 0);
	control(EPOLL_CTL_MOD, b, EPOLLIN | EPOLLET);
	show("armed with nothing", 0);
	control(EPOLL_CTL_MOD, b, EPOLLIN | EPOLLONESHOT);
	send(a, "once", 4, 0);
	show("one shot", 1000);
	send(a, "twice", 5, 0);
	show("no second", 20);
	close(a);
	close(b);
}

static void urgent(void)
{
	char c = 0;

	pair();
	control(EPOLL_CTL_ADD, b, EPOLLIN | EPOLLPRI);
	send(a, "before", 6, 0);
	send(a, "!", 1, MSG_OOB);
	send(a, "behind", 6, 0);
	usleep(20000);
	show("urgent", 1000);
	get(100, 0);
	show("up to the mark", 0);
	printf("oob %zd %c\n", recv(b, &c, 1, MSG_OOB), c);
	show("urgent byte read", 0);
	get(100, 0);
	show("all read", 0);
	close(a);
	close(b);
}

static void room(void)
{
	ssize_t n;

	pair();
	memset(buf, 0, sizeof(buf));
	control(EPOLL_CTL_ADD, b, EPOLLOUT);
	show("writable", 0);
	for (int i = 0; i < 20; i++)
		send(b, "small", 5, 0);
	show("after small sends", 0);
	while ((n = send(b, buf, sizeof(buf), 0)) > 0)
		;
	printf("send: %s\n", n < 0 ? strerror(errno) : "?");
	show("full", 0);
	fcntl(a, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 200; i++) {
		while (recv(a, buf, sizeof(buf), 0) > 0)
			;
		usleep(1000);
	}
	show("emptied", 2000);
	close(a);
	show("peer gone", 1000);
	close(b);
}

static void *send_later(void *arg)
{
	usleep(30000);
	send(*(int *)arg, "late", 4, 0);
	return NULL;
}

static void sleepers(void)
{
	pthread_t t;
	int outer = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	struct pollfd p;

	pair();
	control(EPOLL_CTL_ADD, b, EPOLLIN);
	for (int way = 0; way < 4; way++) {
		pthread_create(&t, NULL, send_later, &a);
		if (way == 0) {
			printf("epoll %d\n", epoll_wait(ep, &e, 1, 5000));
		} else if (way == 1) {
			p = (struct pollfd){b, POLLIN, 0};
			printf("poll %d %x\n", poll(&p, 1, 5000), p.revents);
		} else if (way == 2) {
			fcntl(b, F_SETFL, 0);
			printf("read %zd\n", read(b, buf, 4));
			fcntl(b, F_SETFL, O_NONBLOCK);
			send(a, "late", 4, 0);
		} else {
			e.events = EPOLLIN;
			printf("nest %d\n", epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e));
			p = (struct pollfd){outer, POLLIN, 0};
			printf("nested poll %d %x\n", poll(&p, 1, 5000), p.revents);
			printf("nested epoll %d\n", epoll_wait(outer, &e, 1, 0));
		}
		pthread_join(t, NULL);
		usleep(5000);
		get(100, 0);
	}
	close(a);
	close(b);
	close(outer);
}

static void datagrams(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	b = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	a = socket(AF_INET, SOCK_DGRAM, 0);
	bind(b, (struct sockaddr *)&in, sizeof(in));
	getsockname(b, (struct sockaddr *)&in, &len);
	connect(a, (struct sockaddr *)&in, sizeof(in));
	control(EPOLL_CTL_ADD, b, EPOLLIN);
	show("nothing", 0);
	send(a, "one", 3, 0);
	send(a, "two", 3, 0);
	show("two", 1000);
	get(2, 0);
	show("one", 0);
	get(100, 0);
	show("none", 0);
	get(100, 0);
	send(a, "", 0, 0);
	show("empty one", 1000);
	get(100, 0);
	show("none", 0);
	close(b);
	b = -1;
	send(a, "x", 1, 0);
	usleep(10000);
	b = a;
	control(EPOLL_CTL_ADD, b, EPOLLIN);
	show("refused", 1000);
	{
		int err = 0;
		socklen_t l = sizeof(err);

		getsockopt(b, SOL_SOCKET, SO_ERROR, &err, &l);
		printf("error %s\n", strerror(err));
	}
	show("error read", 0);
	close(b);
}

static void listeners(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int c1, c2;

	b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	bind(b, (struct sockaddr *)&in, sizeof(in));
	control(EPOLL_CTL_ADD, b, EPOLLIN);
	show("not listening", 0);
	listen(b, 4);
	show("listening", 0);
	getsockname(b, (struct sockaddr *)&in, &len);
	c1 = socket(AF_INET, SOCK_STREAM, 0);
	c2 = socket(AF_INET, SOCK_STREAM, 0);
	connect(c1, (struct sockaddr *)&in, sizeof(in));
	connect(c2, (struct sockaddr *)&in, sizeof(in));
	show("two wait", 1000);
	close(accept(b, NULL, NULL));
	show("one waits", 0);
	close(accept(b, NULL, NULL));
	show("none waits", 0);
	printf("accept %d %s\n", accept(b, NULL, NULL), strerror(errno));
	close(c1);
	close(c2);
	close(b);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	ep = epoll_create1(0);
	streams();
	edges();
	urgent();
	room();
	sleepers();
	datagrams();
	listeners();
	return 0;
}
